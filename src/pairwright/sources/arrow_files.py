"""Parquet and Arrow files, read a few rows at a time. Readers are as in ``text_files``; rows before ``start`` are left out."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pairwright.schemas.errors import RowError, SourceError
from pairwright.sources.text_files import Row

_PIECE_BYTES = 4 * 2**20
"""Rows are turned into Python objects in pieces of about this size."""
_PIECE_ROWS = 256
_BUFFER = 2**20
"""Bytes read at once from a column; without a buffer Arrow holds the whole row group, pictures and all."""


def read_parquet(path: Path, start: int = 0) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a Parquet file from ``start`` on; row groups before it are not read.

    Raises:
        SourceError: the file is not Parquet, or breaks off.
    """
    with _told(path):
        footer = _footer(path)
        with _parquet(path, footer.metadata) as file:
            for group in range(bisect_right(footer.ends, start), len(footer.ends)):
                told = footer.metadata.row_group(group)
                size = _piece_rows(told.num_rows, told.total_byte_size)
                batches = file.iter_batches(batch_size=size, row_groups=[group], use_threads=False)
                yield from _rows(batches, footer.ends[group] - told.num_rows, start, path)


def read_arrow(path: Path, start: int = 0) -> Iterator[tuple[int, Row]]:
    """Yield the rows of an Arrow file, of the file format or the stream format, from ``start`` on.

    Raises:
        SourceError: the file is neither, or breaks off.
    """
    with _told(path), pa.memory_map(str(path)) as mapped:
        yield from _rows(_batches(mapped), 0, start, path)


def parquet_names(path: Path) -> Sequence[str]:
    """Return the column names of a Parquet file."""
    with _told(path), _parquet(path) as file:
        return _unique(file.schema_arrow.names, path)


def arrow_names(path: Path) -> Sequence[str]:
    """Return the column names of an Arrow file."""
    with _told(path), pa.memory_map(str(path)) as mapped:
        reader = pa.ipc.open_file(mapped) if _is_file_format(mapped) else pa.ipc.open_stream(mapped)
        return _unique(reader.schema.names, path)


def parquet_count(path: Path) -> int:
    """Return the number of rows of a Parquet file, from its footer."""
    with _told(path):
        return int(_footer(path).metadata.num_rows)


def arrow_count(path: Path) -> int | None:
    """Return the number of rows of an Arrow file; None for the stream format, which has no index."""
    with _told(path), pa.memory_map(str(path)) as mapped:
        return int(pa.ipc.open_file(mapped).count_rows()) if _is_file_format(mapped) else None


def _parquet(path: Path, footer: Any = None) -> Any:
    return pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False, metadata=footer)


@dataclass(frozen=True, slots=True)
class _Footer:
    """What the end of a Parquet file says of it."""

    metadata: Any
    ends: tuple[int, ...]
    """Number of the row behind each row group."""


def _footer(path: Path) -> _Footer:
    state = path.stat()
    return _read_footer(path, state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1)
def _read_footer(path: Path, *state: int) -> _Footer:
    """Read a file's footer. Whoever jumps from shard to shard would else read it each time, all row groups in it."""
    with _parquet(path) as file:
        rows = (file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
        return _Footer(file.metadata, tuple(accumulate(rows)))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Name the file in Arrow's errors."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"{path}: cannot be read to its end ({error}); write or fetch the file again"
        ) from error


def _is_file_format(mapped: Any) -> bool:
    magic: bytes = mapped.read(6)
    mapped.seek(0)
    return magic == b"ARROW1"


def _batches(mapped: Any) -> Iterator[Any]:
    if not _is_file_format(mapped):
        yield from pa.ipc.open_stream(mapped)
        return
    reader = pa.ipc.open_file(mapped)
    for number in range(reader.num_record_batches):
        yield reader.get_batch(number)


def _rows(batches: Iterator[Any], first: int, start: int, path: Path) -> Iterator[tuple[int, Row]]:
    for batch in batches:
        at = max(0, start - first)
        size = _piece_rows(batch.num_rows, batch.nbytes) if at < batch.num_rows else 1
        while at < batch.num_rows:
            piece = batch.slice(at, size)
            yield from enumerate(_plain(piece, first + at, path), first + at)
            at += size
        first += batch.num_rows


def _plain(piece: Any, first: int, path: Path) -> list[Row]:
    """Return rows as Python values. Some values cannot become any (text that is not UTF-8): those rows are rejects."""
    try:
        rows: list[Row] = piece.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException) as error:
        if piece.num_rows == 1:
            return [RowError("bad_row", None, f"{path.name} row {first}: {error}")]
        return [_plain(piece.slice(at, 1), first + at, path)[0] for at in range(piece.num_rows)]
    return rows


def _piece_rows(rows: int, size: int) -> int:
    """Return how many rows make a piece.

    >>> _piece_rows(1000, 10**9), _piece_rows(1000, 10**5)
    (4, 256)
    """
    return max(1, min(_PIECE_ROWS, _PIECE_BYTES * rows // max(1, size)))


def _unique(names: Sequence[str], path: Path) -> Sequence[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(f"{path}: column {', '.join(map(repr, twice))} is there more than once")
    return names
