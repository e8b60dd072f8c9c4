"""Fetching a run from an object store: a copy on this machine that every verb works on."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pairwright.card import NAME as CARD
from pairwright.encoding.store import NAME as VECTORS
from pairwright.remote import run_json
from pairwright.remote.answers import fetch_answers
from pairwright.remote.keys import key_of
from pairwright.remote.prefix import Prefix, open_prefix
from pairwright.remote.records import entries_of, read_records, records_in
from pairwright.responses.layout import NAME as RESPONSES
from pairwright.runs import folder as run_folder
from pairwright.runs import manifest, run_file
from pairwright.runs.disk import replace_whole, temporary, writing
from pairwright.runs.manifest import FileEntry, ShardEntry
from pairwright.schemas.errors import RunError

AT_ONCE = 8
"""Files that are fetched at the same time."""

_TRIES = 2
"""Times that a file is fetched which came with another hash: the network is to blame once, the store twice."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What :func:`fetch` did."""

    folder: Path
    files: int
    """Files of the run."""
    new: int
    """Files that this go fetched; the others were there already, whole."""
    bytes: int
    """Size of the new ones."""
    finished: bool
    """Whether the run is finished; of one that is not, the finished shards were fetched."""


def fetch(url: str, folder: Path, watch: Callable[[int, int], None] | None = None) -> Fetched:
    """Copy a run from an object store into a folder, comparing every SHA-256; called again, it goes on where it was.

    Args:
        url: address of the run.
        folder: where to; made if need be. It may hold an earlier copy of the same run.
        watch: called with the number of files that are there, and of all.

    Raises:
        MissingExtraError: the package for this kind of store is not installed.
        RunError: the address holds no run, or one in slices that are not joined yet; the folder holds something else; a file is
            gone, or is not what it was when it was written; the run was finished, or begun again, meanwhile.
    """
    prefix = open_prefix(url)
    content = prefix.read(run_file.NAME)
    if content is None:
        raise run_json.none_at(prefix)
    told = run_json.parsed(prefix, content)
    run_folder.refuse_strangers(folder, "another folder")
    with run_folder.locked(folder):
        _check_same(folder, prefix.url, told.name)
        entries = _entries(prefix, finished=told.status == "finished")
        _check_not_ahead(folder, prefix.url, entries)
        replace_whole(folder / run_file.NAME, run_file.unfinished(content))
        files = [file for entry in entries for file in entry.files]
        lacking = [file for file in files if not _is_there(folder, file)]
        _fetch_all(prefix, folder, lacking, len(files), watch)
        manifest.replace(folder, entries)
        _fetch_rest(prefix, folder)
        run_folder.clean(folder)  # parts of shards that were built again meanwhile
        if (
            prefix.read(run_file.NAME) != content
        ):  # it was begun again, or finished: this copy may be something in between
            raise RunError(f"{prefix.url} has changed while it was fetched: give the same command again")
        replace_whole(folder / run_file.NAME, run_file.placed_at(content, str(folder)))
    return Fetched(
        folder, len(files), len(lacking), sum(file.bytes for file in lacking), told.status == "finished"
    )


def _check_same(folder: Path, url: str, name: str) -> None:
    here = run_file.read(folder)
    if here is not None and here.name != name:
        raise RunError(f"{folder} holds another run than {url}: choose another folder")


def _check_not_ahead(folder: Path, url: str, entries: Sequence[ShardEntry]) -> None:
    """Raise RunError where shards or patches were built in an earlier copy: they would be removed."""
    try:
        here = manifest.read(folder)
    except RunError:
        return  # damaged: it is fetched anew
    there = {entry.shard: entry.patches for entry in entries}
    ahead = [entry.shard for entry in here if entry.patches > there.get(entry.shard, -1)]
    if ahead:
        raise RunError(
            f"{folder} has finished more than {url} (shard {ahead[0]}): it was built on, or tried again, here. Choose another "
            f"folder, or remove {folder / manifest.NAME} to have what is there in place of it"
        )


def _entries(prefix: Prefix, *, finished: bool) -> Sequence[ShardEntry]:
    whole = prefix.read(manifest.NAME) if finished else None
    if whole is not None:
        return entries_of(prefix, whole)
    return read_records(prefix, records_in(prefix.sizes(), None))


def _is_there(folder: Path, file: FileEntry) -> bool:
    """Tell whether a file is there: it gets its name only once its hash was compared, and its size says whether it was cut since."""
    path = folder / file.name
    return path.is_file() and path.stat().st_size == file.bytes and _hash(path) == file.sha256


def _fetch_all(
    prefix: Prefix,
    folder: Path,
    lacking: Sequence[FileEntry],
    total: int,
    watch: Callable[[int, int], None] | None,
) -> None:
    there = total - len(lacking)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch") as threads:
        try:
            for _ in threads.map(lambda file: _fetch_part(prefix, folder, file), lacking):
                there += 1
                if watch is not None:
                    watch(there, total)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch_part(prefix: Prefix, folder: Path, file: FileEntry) -> None:
    path = folder / file.name
    for _ in range(_TRIES):
        try:
            prefix.get_file(key_of(file), temporary(path))
        except FileNotFoundError as error:
            raise RunError(
                f"{prefix.url}/{key_of(file)} is gone: fetch again where the run has changed meanwhile; else the command that "
                "built the run builds its shard again"
            ) from error
        with writing(path):
            if _hash(temporary(path)) == file.sha256:
                temporary(path).replace(path)
                return
            temporary(path).unlink()
    raise RunError(
        f"{prefix.url}/{key_of(file)} is not what was written: its SHA-256 is another. Remove it, and the command that built "
        "the run builds its shard again"
    )


def _fetch_rest(prefix: Prefix, folder: Path) -> None:
    """Fetch the stores and the card, of a run that has them."""
    fetch_answers(prefix, folder / RESPONSES)
    for name in (VECTORS, CARD):
        if prefix.got_file(name, temporary(folder / name)):
            temporary(folder / name).replace(folder / name)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
