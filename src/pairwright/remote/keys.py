"""What a run's files are called in an object store."""

import re
from dataclasses import replace
from pathlib import PurePosixPath

from pairwright.runs.manifest import Entry, FileEntry, PatchEntry

RECORDS = "shards"
"""Folder of the commit records."""

RESPONSES = "responses"
"""Folder of received answers, while a run is at work."""

_DIGITS = 8
_RECORD = re.compile(rf"{RECORDS}/(\d{{5,}})(?:-p(\d{{2,}}))?\.json")


def key_of(file: FileEntry) -> str:
    """Return the key of a part: its name with the first digits of its SHA-256, so that other bytes have another key.

    >>> key_of(FileEntry("data/train-00005-00.parquet", 9, 4096, "1a2b3c4d" + 56 * "0"))
    'data/train-00005-00-1a2b3c4d.parquet'
    """
    path = PurePosixPath(file.name)
    return str(path.with_name(f"{path.stem}-{file.sha256[:_DIGITS]}{path.suffix}"))


def name_of(file: FileEntry) -> str:
    """Return the name that a file has in a run folder whose name here is its key.

    >>> name_of(FileEntry("data/train-00005-00-1a2b3c4d.parquet", 9, 4096, "1a2b3c4d" + 56 * "0"))
    'data/train-00005-00.parquet'
    """
    path = PurePosixPath(file.name)
    return str(path.with_name(path.stem.removesuffix(f"-{file.sha256[:_DIGITS]}") + path.suffix))


def with_keys(entry: Entry) -> Entry:
    """Return an entry whose files have their keys for names."""
    return replace(entry, files=tuple(replace(file, name=key_of(file)) for file in entry.files))


def record_key(entry: Entry) -> str:
    """Return the key of the commit record of a shard, or of a patch.

    >>> from pairwright.runs.manifest import Counts, ShardEntry
    >>> record_key(ShardEntry(5, 1250, Counts(), ())), record_key(PatchEntry(5, 1, Counts(), ()))
    ('shards/00005.json', 'shards/00005-p01.json')
    """
    patch = f"-p{entry.number:02d}" if isinstance(entry, PatchEntry) else ""
    return f"{RECORDS}/{entry.shard:05d}{patch}.json"


def shard_of(key: str) -> int | None:
    """Return which shard a key is a commit record of, its own or that of a patch; None for any other key.

    >>> shard_of("shards/00005.json"), shard_of("shards/00005-p01.json"), shard_of("run.json")
    (5, 5, None)
    """
    found = _RECORD.fullmatch(key)
    return int(found[1]) if found else None


def patch_of(key: str) -> int:
    """Return which patch of its shard a commit record is of; 0 for the shard's own.

    >>> patch_of("shards/00005.json"), patch_of("shards/00005-p01.json")
    (0, 1)
    """
    found = _RECORD.fullmatch(key)
    return int(found[2]) if found and found[2] else 0
