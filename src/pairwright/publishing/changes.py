"""What a new version has changed: rows by their ids, configs, and keys of the recipe."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pairwright.publishing.items import Item, RemoteFile, same
from pairwright.recipe import decides_rows
from pairwright.runs.summary import CANDIDATES, CONFIGS

Column = Callable[[str, str], list[str]]
"""(path, column) to the column's values in the version before."""

_MOST_KEYS = 6
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class RowChange:
    """Rows of one config."""

    config: str
    added: int
    removed: int
    kept: int

    def short(self) -> str:
        """Return the change as a commit's title has it."""
        return f"{self.config} +{self.added:,} \u2212{self.removed:,} rows"

    def __str__(self) -> str:
        """Return the change as a sentence."""
        before, after = self.kept + self.removed, self.kept + self.added
        told = f"{self.added:,} rows added, {self.removed:,} removed, {self.kept:,} of the same id"
        return f"{self.config}: {told} ({before:,} before, {after:,} now)"


def row_changes(
    data: Collection[Item], before: Mapping[str, RemoteFile], column: Column
) -> Iterator[RowChange]:
    """Yield what changed in each config of which a file did; only the ids of files that differ are read.

    Args:
        data: the Parquet files of the new version.
        before: the files of the version before.
        column: reads an id column of that version.
    """
    for config, folders in CONFIGS.items():
        own = tuple(f"{folder}/" for folder in folders)
        key = "record_id" if config == CANDIDATES else "id"
        here = {item.path: item for item in data if item.path.startswith(own)}
        there = {path for path in before if path.startswith(own) and path.endswith(".parquet")}
        equal = {path for path, item in here.items() if same(item, before.get(path))}
        if here.keys() == equal == there:
            continue
        now = {one for path in here.keys() - equal for one in _ids(here[path].content, key)}
        then = {one for path in sorted(there - equal) for one in column(path, key)}
        untouched = sum(_rows(here[path].content) for path in equal)
        yield RowChange(config, len(now - then), len(then - now), len(now & then) + untouched)


def recipe_changes(before: object, after: object) -> Iterator[str]:
    """Yield a line for each key of two recipes that decides rows and differs.

    >>> list(recipe_changes({"seed": 1, "about": "x"}, {"seed": 2, "about": "y"}))
    ['recipe: seed was 1, is 2']
    """
    old, new = dict(_flat("", before)), dict(_flat("", after))
    keys = sorted(
        key for key in old.keys() | new.keys() if old.get(key) != new.get(key) and decides_rows(key)
    )
    for key in keys[:_MOST_KEYS]:
        yield f"recipe: {key} was {_short(old.get(key))}, is {_short(new.get(key))}"
    if len(keys) > _MOST_KEYS:
        yield f"recipe: {len(keys) - _MOST_KEYS} more keys"


def _short(value: object) -> str:
    told = "not there" if value is None else str(value)
    return told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…"


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _flat(f"{prefix}.{number}", inner)
    else:
        yield prefix, value


def _ids(file: bytes | Path, key: str) -> list[str]:
    ids: list[str] = pq.read_table(file, columns=[key])[key].to_pylist()
    return ids


def _rows(file: bytes | Path) -> int:
    rows: int = pq.read_metadata(file).num_rows
    return rows
