"""The manifest: one JSON line per finished shard, and one per patch of it. What it lists is done; nothing else is.

A line is appended after every file of the shard has its final name, and both are forced to disk. A line cut short by a
crash is dropped when the manifest is opened again: its shard is simply built anew, to the same bytes.

A patch is what came of a shard's failed rows when they were tried again. Its line has counts as differences, and its files
come to those of the shard; of failed rows only the files of the last patch count.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pairwright.runs.disk import append_line, replace_whole, writing
from pairwright.schemas.candidate_table import FAILED
from pairwright.schemas.errors import RunError

NAME = "manifest.jsonl"

Scoped = tuple[str, str]
"""Scope and reason of a reject."""

_FILE = re.compile(r"[a-z_]+/[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a shard."""

    name: str
    """Path relative to the run folder."""
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How source rows ended. ``rows`` is always ``paired`` + ``rejected``."""

    rows: int = 0
    """Source rows read."""
    paired: int = 0
    """Source rows that gave at least one pair."""
    rejected: int = 0
    """Source rows that gave none."""
    pairs: Mapping[str, int] = field(default_factory=dict)
    """Pairs written, by pair kind."""
    rejects: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Rejects by scope (``row``, ``negative``) and reason."""


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """One finished shard."""

    shard: int
    start: int
    """Number of its first source row."""
    counts: Counts
    files: tuple[FileEntry, ...]
    patches: int = 0
    """Patches that it got, counted in ``counts`` and ``files``."""


@dataclass(frozen=True, slots=True)
class PatchEntry:
    """What came of the failed rows of a finished shard when they were tried again."""

    shard: int
    number: int
    """From 1, within its shard."""
    counts: Counts
    """By how much the counts of the shard change: no rows, and rejects that are gone are below 0."""
    files: tuple[FileEntry, ...]


Entry = ShardEntry | PatchEntry


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read."""

    lines: tuple[Entry, ...] = ()
    """What each line says: shards, and patches by themselves."""
    shards: tuple[ShardEntry, ...] = ()
    """What the lines come to: finished shards by number, with their patches."""


def total(entries: Iterable[Entry]) -> Counts:
    """Return the sums over shards or patches."""
    rows = paired = rejected = 0
    pairs: Counter[str] = Counter()
    rejects: Counter[Scoped] = Counter()
    for entry in entries:
        counts = entry.counts
        rows, paired, rejected = rows + counts.rows, paired + counts.paired, rejected + counts.rejected
        pairs.update(counts.pairs)
        rejects.update(by_reason(counts.rejects))
    kinds = {kind: number for kind, number in sorted(pairs.items()) if number}
    return Counts(rows, paired, rejected, kinds, by_scope(rejects))


def by_scope(rejects: Mapping[Scoped, int]) -> dict[str, dict[str, int]]:
    """Return rejects as :class:`Counts` has them: in order, and without those that come to 0.

    >>> by_scope({("row", "tie"): 2, ("row", "call_failed"): 0, ("negative", "no_op"): 1})
    {'negative': {'no_op': 1}, 'row': {'tie': 2}}
    """
    found: dict[str, dict[str, int]] = {}
    for (scope, reason), number in sorted(rejects.items()):
        if number:
            found.setdefault(scope, {})[reason] = number
    return found


def by_reason(rejects: Mapping[str, Mapping[str, int]]) -> Counter[Scoped]:
    """Return the rejects of :class:`Counts` by scope and reason in one.

    >>> by_reason({"row": {"tie": 2}})
    Counter({('row', 'tie'): 2})
    """
    return Counter({(scope, reason): n for scope, found in rejects.items() for reason, n in found.items()})


def read(folder: Path) -> tuple[ShardEntry, ...]:
    """Return the finished shards of a run by number; in the file they stand as they were finished. Raises as :func:`read_whole`."""
    return read_whole(folder).shards


def read_whole(folder: Path) -> Manifest:
    """Return the manifest of a run, line by line too; nothing where there is none.

    Raises:
        RunError: a line other than the last is damaged.
    """
    try:
        content = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return Manifest()
    return parsed(content, str(folder / NAME))


def parsed(content: bytes, path: str) -> Manifest:
    """Return a manifest that was read; ``path`` is its name in errors. Raises RunError."""
    entries: list[Entry] = []
    shards: dict[int, ShardEntry] = {}
    lines = content.split(b"\n")
    for number, line in enumerate(lines[:-1], 1):  # what follows the last newline is empty, or was cut short
        try:
            entry = from_line(json.loads(line))
            entries.append(entry)
            shards[entry.shard] = (
                entry if isinstance(entry, ShardEntry) else _patched(shards.get(entry.shard), entry)
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise RunError(
                f"{path}, line {number}: not a manifest line ({error}). The file was edited or damaged; "
                "restore it, or build into a new folder."
            ) from error
    return Manifest(tuple(entries), tuple(shards[shard] for shard in sorted(shards)))


def file_names(shards: Iterable[ShardEntry]) -> set[str]:
    """Return the names of all files that count: of failed rows, of which a patch came, those of the last patch alone."""
    return {file.name for shard in shards for file in shard.files}


def parquet_files(shards: Iterable[ShardEntry], folders: Collection[str]) -> list[FileEntry]:
    """Return the Parquet files of some shards that lie in some folders of their run, shard by shard."""
    files = (file for shard in shards for file in shard.files if file.name.endswith(".parquet"))
    return [file for file in files if file.name.partition("/")[0] in folders]


def _patched(entry: ShardEntry | None, patch: PatchEntry) -> ShardEntry:
    """Return a shard with one more patch. Raises ValueError where the patch does not follow what is there."""
    if entry is None or patch.number != entry.patches + 1:
        raise ValueError(f"patch {patch.number} of shard {patch.shard} does not follow the line before it")
    kept = (file for file in entry.files if not file.name.startswith(f"{FAILED}/"))
    counts = total([entry, patch])
    if min((counts.rejected, *counts.pairs.values(), *by_reason(counts.rejects).values())) < 0:
        raise ValueError(f"patch {patch.number} of shard {patch.shard} takes away more than there was")
    return ShardEntry(entry.shard, entry.start, counts, (*kept, *patch.files), patch.number)


def begin(folder: Path) -> None:
    """Make sure that there is a manifest, so that a run without one is known to have lost it."""
    with writing(folder / NAME):
        (folder / NAME).touch()


def drop(folder: Path, entries: Iterable[ShardEntry]) -> None:
    """Take shards out of the manifest, so that they are built again."""
    numbers = {entry.shard for entry in entries}
    if not numbers:
        return
    replace(folder, [entry for entry in read(folder) if entry.shard not in numbers])


def replace(folder: Path, entries: Iterable[ShardEntry]) -> None:
    """Write a manifest of these shards, whole or not at all."""
    replace_whole(folder / NAME, b"".join(json.dumps(to_line(entry)).encode() + b"\n" for entry in entries))


def mend(folder: Path) -> None:
    """Cut off a last line that a crash left unfinished."""
    path = folder / NAME
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("rb+") as file:
            file.truncate(whole)
            os.fsync(file.fileno())


def append(folder: Path, entry: Entry) -> None:
    """Add a finished shard or patch and force it to disk."""
    append_line(folder / NAME, json.dumps(to_line(entry)).encode())


def to_line(entry: Entry) -> dict[str, Any]:
    """Return an entry as the plain values of its line."""
    counted = {**asdict(entry.counts), "files": [asdict(file) for file in entry.files]}
    if isinstance(entry, PatchEntry):
        return {"shard": entry.shard, "patch": entry.number, **counted}
    patches = {"patches": entry.patches} if entry.patches else {}
    return {"shard": entry.shard, "start": entry.start, **patches, **counted}


def from_line(line: Mapping[str, Any]) -> Entry:
    """Return the entry of a line; raises KeyError, TypeError, AttributeError, OverflowError or ValueError for anything else.

    A manifest may come with a run that was fetched from somewhere: a file that it names lies in a folder of the run.
    """
    counts = Counts(
        rows=int(line["rows"]),
        paired=int(line["paired"]),
        rejected=int(line["rejected"]),
        pairs=_numbers(line["pairs"]),
        rejects={str(scope): _numbers(reasons) for scope, reasons in line["rejects"].items()},
    )
    files = tuple(_file(**file) for file in line["files"])
    if "patch" in line:
        return PatchEntry(int(line["shard"]), int(line["patch"]), counts, files)
    return ShardEntry(int(line["shard"]), int(line["start"]), counts, files, int(line.get("patches", 0)))


def _numbers(told: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): int(number) for name, number in told.items()}


def _file(name: str, rows: int, bytes: int, sha256: str) -> FileEntry:
    if not _FILE.fullmatch(name):
        raise ValueError(f"{name!r} is no file that a run writes")
    return FileEntry(name, int(rows), int(bytes), str(sha256))
