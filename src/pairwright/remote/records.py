"""Commit records: one small object per finished shard or patch. What a record names is done, nothing else is."""

import json
from collections.abc import Iterable
from dataclasses import replace

from pairwright.remote.keys import name_of, record_key, shard_of, with_keys
from pairwright.remote.prefix import Prefix
from pairwright.runs import manifest
from pairwright.runs.manifest import Entry, ShardEntry
from pairwright.runs.slices import Slice
from pairwright.schemas.errors import RunError


def commit(prefix: Prefix, entry: Entry) -> None:
    """Create the record of a shard, or of a patch, whose parts are all there.

    Raises:
        RunError: there is another record of it: somebody else builds into the prefix.
    """
    if not prefix.create(record_key(entry), line_of(entry)):
        raise RunError(
            f"{prefix.url}/{record_key(entry)} is there already and names other files: another run builds into this "
            "address, or its rows came out differently. End one of the two, then run again"
        )


def line_of(entry: Entry) -> bytes:
    """Return the line of a manifest whose files are named by their keys."""
    return json.dumps(manifest.to_line(with_keys(entry))).encode() + b"\n"


def records_in(keys: Iterable[str], part: Slice | None) -> list[str]:
    """Return those of the keys that are records, of a slice or of all."""
    numbered = ((key, shard_of(key)) for key in keys)
    return [key for key, shard in numbered if shard is not None and (part is None or part.has(shard))]


def read_records(prefix: Prefix, keys: Iterable[str]) -> tuple[ShardEntry, ...]:
    """Return the shards of some records by number, with their patches; files are named as in a run folder.

    Raises:
        RunError: one of them is no record, or a patch lacks what it follows.
    """
    told = prefix.read_all(keys)
    in_order = sorted(told, key=lambda key: (shard_of(key) or 0, len(key), key))  # a shard, then its patches
    return entries_of(prefix, b"".join(told[key] for key in in_order))


def entries_of(prefix: Prefix, content: bytes) -> tuple[ShardEntry, ...]:
    """Return the shards of records or of a manifest as they stand in a prefix, files named as in a run folder."""
    shards = manifest.parsed(content, f"{prefix.url}: its commit records, taken together").shards
    return tuple(
        replace(shard, files=tuple(replace(file, name=name_of(file)) for file in shard.files))
        for shard in shards
    )
