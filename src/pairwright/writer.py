"""Parquet parts of a shard: rows in, files under temporary names out, published by rename.

How the files are laid out, and what was measured for it, is in ``docs/schema.md``. The same pairs give the same bytes
(with the same release of pyarrow), however they are handed over.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from pairwright.runs.disk import temporary, writing
from pairwright.schemas.arrow import SCHEMA, to_table
from pairwright.schemas.candidate_table import CANDIDATES_SCHEMA, to_candidate_table
from pairwright.schemas.image import Image
from pairwright.schemas.pair import Pair
from pairwright.schemas.source_row import SourceRow

R = TypeVar("R")

GROUP_ROWS = 100
"""Most rows of a row group."""

GROUP_BYTES = 64_000_000
"""A row group ends when its pictures, each different original counted once, have this many bytes."""

GROUP_BYTES_IN_MEMORY = 256_000_000
"""A row group ends when its pictures, repeats counted, have this many bytes: what a reader holds once it is decoded."""

PART_BYTES = 400_000_000
"""A part ends after the row group with which its pictures reach this many bytes; the Hub's tools aim below 500 MB."""

_PICTURES = ("images.list.element.bytes", "rejected_images.list.element.bytes")
_FILTERED_BY = (
    "id",
    "pair_kind",
    "source",
    "source_id",
    "group_id",
    "score_chosen",
    "score_rejected",
    "language",
)


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A finished part."""

    name: str
    """File name; until :func:`publish` the file is called ``.{name}.tmp``."""
    rows: int
    bytes: int
    """Size of the file."""
    sha256: str
    """Hex digest of the file."""


@dataclass(frozen=True, slots=True)
class Config(Generic[R]):
    """What the rows of a config are, to the writer."""

    schema: pa.Schema
    to_table: Callable[[Sequence[R]], pa.Table]
    originals: Callable[[R], Sequence[Image]]
    """Images of the prompt: stored once per row group, however often they stand in it."""
    negatives: Callable[[R], Sequence[Image]]
    """Images that hardly ever repeat."""


PAIRS: Config[Pair] = Config(
    SCHEMA, to_table, lambda pair: pair.prompt.images, lambda pair: pair.rejected_images or ()
)
CANDIDATES: Config[SourceRow] = Config(
    CANDIDATES_SCHEMA, to_candidate_table, lambda row: row.prompt.images, lambda row: ()
)


class PartWriter(Generic[R]):
    """Writes the rows of one config of one shard. Not for several threads at once.

    Holds one row group in memory. Nothing is written where no row is added. As a context manager it removes its
    files when the block fails::

        with PartWriter(folder, "train-00007", PAIRS) as writer:
            writer.add(pairs)
            written = writer.close()
        publish((file.name for file in written), folder)
    """

    def __init__(self, folder: Path, stem: str, config: Config[R]) -> None:
        """Parts are named ``{stem}-00.parquet``, ``{stem}-01.parquet`` and so on, so that their names sort as they were
        written; ``folder`` is made when needed, in a folder that is there: what a run wrote and removed must not come back."""
        self._folder = folder
        self._stem = stem
        self._config = config
        self._group = _Group(config)
        self._part: _Part[R] | None = None
        self._written: list[WrittenFile] = []

    def add(self, rows: Sequence[R]) -> None:
        """Add rows, in this order. Raises RunError if the disk is full or the folder cannot be written."""
        for row in rows:
            self._group.add(row)
            if self._group.full():
                self._flush()

    def close(self) -> tuple[WrittenFile, ...]:
        """Finish the files, force them to disk, and return them. Raises RunError as :meth:`add` does."""
        if self._group.rows:
            self._flush()
        if self._part is not None:
            self._finish(self._part)
        return tuple(self._written)

    def abort(self) -> None:
        """Remove every file that was not published. May be called at any time, more than once."""
        if self._part is not None:
            self._part.drop()
            self._part = None
        for file in self._written:
            temporary(self._folder / file.name).unlink(missing_ok=True)
        self._written.clear()
        self._group = _Group(self._config)

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abort if the block failed."""
        if kind is not None:
            self.abort()

    def _flush(self) -> None:
        group, self._group = self._group, _Group(self._config)
        part = self._part or self._open()
        with writing(part.path):
            part.write(group)
        if part.picture_bytes >= PART_BYTES:
            self._finish(part)

    def _open(self) -> "_Part[R]":
        name = f"{self._stem}-{len(self._written):02d}.parquet"
        path = temporary(self._folder / name)
        with writing(path):
            self._folder.mkdir(exist_ok=True)
            self._part = _Part(path, name, self._config)
        return self._part

    def _finish(self, part: "_Part[R]") -> None:
        with writing(part.path):
            self._written.append(part.finish())
        self._part = None


def publish(names: Iterable[str], folder: Path) -> None:
    """Give finished parts their names, replacing files of the same name, and force the names to disk.

    Raises:
        RunError: the folder cannot be written.
    """
    finished = tuple(names)
    if not finished:
        return  # then the folder need not exist either
    with writing(folder):
        for name in finished:
            os.replace(temporary(folder / name), folder / name)
        _sync(folder)


class _Group(Generic[R]):
    """The rows of one row group."""

    def __init__(self, config: Config[R]) -> None:
        self.rows: list[R] = []
        self.stored = 0
        self.in_memory = 0
        self._config = config
        self._known: set[str] = set()

    def add(self, row: R) -> None:
        self.rows.append(row)
        for image in self._config.originals(row):  # stored once, in the column's dictionary
            self.stored += 0 if image.sha256 in self._known else len(image.data)
            self._known.add(image.sha256)
            self.in_memory += len(image.data)
        for image in self._config.negatives(row):
            self.stored += len(image.data)
            self.in_memory += len(image.data)

    def full(self) -> bool:
        return (
            len(self.rows) >= GROUP_ROWS
            or self.stored >= GROUP_BYTES
            or self.in_memory >= GROUP_BYTES_IN_MEMORY
        )


class _Part(Generic[R]):
    """One open file."""

    def __init__(self, path: Path, name: str, config: Config[R]) -> None:
        self.path = path
        self.picture_bytes = 0
        self._name = name
        self._rows = 0
        self._to_table = config.to_table
        self._parquet = pq.ParquetWriter(path, config.schema, **_layout(config.schema))

    def write(self, group: _Group[R]) -> None:
        self._parquet.write_table(self._to_table(group.rows), row_group_size=GROUP_ROWS)
        self.picture_bytes += group.stored
        self._rows += len(group.rows)

    def finish(self) -> WrittenFile:
        self._parquet.close()
        with self.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        return WrittenFile(self._name, self._rows, self.path.stat().st_size, sha256)

    def drop(self) -> None:
        try:
            self._parquet.close()
        except (OSError, pa.ArrowException):
            self._parquet.is_open = False  # a full disk also refuses the footer; do not try again at exit
        self.path.unlink(missing_ok=True)


@cache
def _layout(schema: pa.Schema) -> dict[str, Any]:
    """Return the options of ``ParquetWriter``."""
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    columns = pq.ParquetFile(sink.getvalue()).schema
    leaves = [columns.column(number).path for number in range(len(columns))]
    return {
        # Pictures are compressed files already; stored as they are, equal ones can be found again by chunk.
        "compression": {leaf: "zstd" for leaf in leaves if leaf not in _PICTURES},
        # Each different original once per row group. The limit must hold all of a group's pictures: above it Arrow
        # falls back to writing each repeat. Negatives hardly ever repeat, and a dictionary costs a copy of each.
        "use_dictionary": [leaf for leaf in leaves if leaf != _PICTURES[1]],
        "dictionary_pagesize_limit": 2**30,
        # Smallest and largest value of pictures or long texts would only swell the footer.
        "write_statistics": [name for name in _FILTERED_BY if name in schema.names],
        "write_page_index": True,
    }


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
