"""A run folder: opened by one process at a time, for one recipe over one source."""

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from pairwright.recipe import Recipe, decides_rows
from pairwright.runs import manifest, run_file
from pairwright.runs.locks import alone, taken, warn_of_no_locks
from pairwright.runs.manifest import FileEntry, ShardEntry
from pairwright.runs.run_file import Identity, RunFile
from pairwright.runs.slices import FOLDER as SLICES
from pairwright.schemas.candidate_table import FOLDERS as CANDIDATES
from pairwright.schemas.errors import RunError
from pairwright.schemas.pair import FOLDERS

REJECTS = "rejects"
WRITTEN = (*dict.fromkeys(FOLDERS.values()), *CANDIDATES, REJECTS)
"""Folders into which shards are written."""

STAGED = ".staged"
"""Folder in which actors of a cluster write shards, before they are moved to where temporary files stand."""

_OURS = re.compile(r"\.?(train|rejects|failed)-\d{5,}(-p\d+)?(-\d+)?\.(parquet|jsonl)(\.tmp)?")

_PATIENCE_S = 2.0
"""How long to wait for the lock, seconds."""


@contextmanager
def locked(folder: Path, patience_s: float = _PATIENCE_S, *, stand_in: Path | None = None) -> Iterator[int]:
    """Hold a run folder, made if need be, against other processes on this machine; yield the lock's descriptor.

    Waits two seconds, if nothing else is said, for a run that was killed: its workers keep the lock until the last of them is
    gone. On a file system that knows no locks nothing is held, which is said once; what must not be done twice there names a
    ``stand_in``, see :func:`pairwright.runs.locks.alone`.

    Raises:
        RunError: another process has it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Not through a link, and not emptied: the folder may come from somebody else.
        file = os.fdopen(os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644), "r+")
    except OSError as error:
        raise RunError(f"cannot write to {folder}: {error.strerror}") from error
    with file:
        deadline = time.monotonic() + patience_s
        while not (got := taken(file, folder / ".lock")):
            if got is None:
                warn_of_no_locks()
                break
            if time.monotonic() > deadline:
                raise RunError(
                    f"another process is building into {folder}; wait for it, or choose another --out"
                )
            time.sleep(0.02)
        with alone(None if got else stand_in):
            yield file.fileno()


def refuse_strangers(folder: Path, instead: str = "another --out") -> None:
    """Raise RunError for a folder that holds something other than a run; ``instead`` is what to choose."""
    if not folder.is_dir() or (folder / run_file.NAME).exists():
        return
    strangers = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if strangers == [manifest.NAME] and not (folder / manifest.NAME).stat().st_size:
        return  # a run that was killed before it had begun
    refuse(str(folder), strangers, sliced=strangers == [SLICES], instead=instead)


def refuse(place: str, strangers: Sequence[str], *, sliced: bool, instead: str = "another --out") -> None:
    """Raise RunError for a place, a folder or an address, that a run is to begin in and that holds something.

    Args:
        place: for the message.
        strangers: names of what is there and belongs to no run.
        sliced: whether a run is being built there in slices, and what is to begin is none of them.
        instead: what to choose.
    """
    if sliced:
        raise RunError(
            f"{place} is being built in slices: give --shard i/n (pairwright status {place} shows which are left), or choose "
            "another --out"
        )
    if strangers:
        shown = ", ".join(strangers[:3]) + (", …" if len(strangers) > 3 else "")
        raise RunError(f"{place} is not empty and not a run of pairwright (it has {shown}); choose {instead}")


def earlier(folder: Path, recipe: Recipe, identity: Identity, *, whole: bool) -> RunFile | None:
    """Return the run that this folder holds, or None for an empty folder. One without a finished shard may be begun anew by
    another recipe: answers of models stay stored.

    Other versions of packages matter only where something is left to build: ``whole`` says that no file is damaged.

    Raises:
        RunError: it holds a run that this one would not continue; the message says what differs.
    """
    found = run_file.read(folder)
    if found is None:
        return None
    if not (folder / manifest.NAME).exists():
        raise RunError(
            f"{folder / manifest.NAME} is missing: without it nobody knows which files are whole. Restore it, or "
            "build into another --out."
        )
    error = _another(str(folder), found, recipe, identity, whole=whole)
    if error is not None and manifest.read(folder):  # where no shard is finished, nothing could be mixed
        raise error
    return found


def check_same(place: str, found: RunFile, recipe: Recipe, identity: Identity, *, whole: bool) -> None:
    """Raise RunError where a run is another than the one that is found in a place; the message says what differs."""
    if (error := _another(place, found, recipe, identity, whole=whole)) is not None:
        raise error


def _another(
    place: str, found: RunFile, recipe: Recipe, identity: Identity, *, whole: bool
) -> RunError | None:
    differences = _differences(found, recipe, identity)
    if found.status != "finished" or not whole:
        differences += _version_differences(found.identity, identity)
    if not differences:
        return None
    shown = differences[:12] + ([f"and {len(differences) - 12} more"] if len(differences) > 12 else [])
    lines = "\n".join(f"  - {line}" for line in shown)
    return RunError(
        f"{place} holds another run; continuing it would mix two data sets:\n{lines}\n"
        "Build into another --out, or undo the change."
    )


def damaged(
    folder: Path, shards: Iterable[ShardEntry], elsewhere: Callable[[FileEntry], bool] | None = None
) -> tuple[ShardEntry, ...]:
    """Return those of a run's finished shards of which a file is gone or has another size, here and ``elsewhere``."""

    def lost(file: FileEntry) -> bool:
        return not _whole(folder, file) and not (elsewhere and elsewhere(file))

    return tuple(entry for entry in shards if any(map(lost, entry.files)))


def damaged_files(folder: Path) -> tuple[FileEntry, ...]:
    """Return the files of the manifest that are gone or have another size."""
    files = (file for entry in manifest.read(folder) for file in entry.files)
    return tuple(file for file in files if not _whole(folder, file))


def _whole(folder: Path, file: FileEntry) -> bool:
    path = f"{folder}/{file.name}"  # as text: of a run of many shards, paths would take longer than looking
    return os.path.isfile(path) and os.path.getsize(path) == file.bytes


def clean(folder: Path) -> None:
    """Remove what a killed run left: temporary files, and shards that never reached the manifest."""
    manifest.mend(folder)
    _clean_staged(folder)
    done = manifest.file_names(manifest.read(folder))
    for name in WRITTEN:
        if not (folder / name).is_dir():
            continue
        for path in (folder / name).iterdir():
            if _OURS.fullmatch(path.name) and f"{name}/{path.name}" not in done:
                path.unlink()


def _clean_staged(folder: Path) -> None:
    """Remove what actors wrote; one that is still dying finds nothing under the old name, so it cannot add to it meanwhile."""
    with suppress(OSError):  # mostly there is none; one that cannot be renamed is removed as it stands
        (folder / STAGED).rename(folder / f"{STAGED}-{uuid4().hex}")
    for left in folder.glob(f"{STAGED}*"):
        shutil.rmtree(left, ignore_errors=True)


def _differences(found: RunFile, recipe: Recipe, identity: Identity) -> list[str]:
    was, lines = found.identity, []
    if was.recipe != identity.recipe:
        changed = [*_changed(found.recipe, recipe.resolved()), *_named_changes(was, identity)]
        lines += changed or ["the recipe, or a file that it names, has changed"]
    if was.limit != identity.limit:
        lines.append(f"--limit was {was.limit or 'not given'}, is {identity.limit or 'not given'}")
    before = {mark.name: mark for mark in was.files}
    after = {mark.name: mark for mark in identity.files}
    if was.source != identity.source:
        lines.append(f"the source was {was.source}, is {identity.source}")
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            how = "is new" if name not in before else "is gone" if name not in after else "has changed"
            lines.append(f"source file {name} {how}")
    return lines


def _named_changes(was: Identity, now: Identity) -> list[str]:
    before, after = dict(was.named), dict(now.named)
    return [
        f"the file that {key} names has changed, or with a packaged one pairwright itself"
        for key in sorted(before.keys() & after.keys())
        if before[key] != after[key]
    ]


def _version_differences(was: Identity, now: Identity) -> list[str]:
    then, today = dict(was.versions), dict(now.versions)
    lines = [
        f"{name} was {then.get(name)}, is {today.get(name)}: pictures might come out differently"
        for name in sorted(then.keys() | today.keys())
        if then.get(name) != today.get(name)
    ]
    if was.pairwright != now.pairwright:
        lines.append(f"it was begun with pairwright {was.pairwright}, this is {now.pairwright}")
    return lines


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    old, new = dict(_flat("", before)), dict(_flat("", after))
    keys = sorted(
        key for key in old.keys() | new.keys() if old.get(key) != new.get(key) and decides_rows(key)
    )
    return [f"{key} was {json.dumps(old.get(key))}, is {json.dumps(new.get(key))}" for key in keys]


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else key, inner)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _flat(f"{prefix}.{number}", inner)
    else:
        yield prefix, value
