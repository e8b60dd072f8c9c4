"""Parquet files of an export, laid out as those of a run: pictures as they are, all else compressed, small row groups."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pairwright.exporters import PairRow, Row, Table
from pairwright.writer import GROUP_BYTES, GROUP_ROWS, PART_BYTES

_PICTURE = "bytes"
"""Leaf that holds a picture's file."""


class ParquetFiles:
    """The files of one split: ``{split}/00000.parquet`` and so on."""

    def __init__(self, folder: Path, split: str, schema: pa.Schema) -> None:
        """``folder`` is the export's; nothing is made before the first rows come."""
        self._folder, self._split, self._schema = folder, split, schema
        self._held: list[pa.Table] = []
        self._open: pq.ParquetWriter | None = None
        self._bytes = 0
        self.rows = 0
        self.names: list[str] = []

    def add(self, table: pa.Table) -> None:
        """Add rows."""
        if table.num_rows:
            self._held.append(table)
            self.rows += table.num_rows
            rows = sum(held.num_rows for held in self._held)
            if rows >= GROUP_ROWS or sum(held.nbytes for held in self._held) >= GROUP_BYTES:
                self._write_group()

    def close(self) -> tuple[str, ...]:
        """Finish the files and force them to disk; return their names relative to the export's folder."""
        if self._held:
            self._write_group()
        self._finish()
        return tuple(self.names)

    def abort(self) -> None:
        """Let go of an open file; nothing to do after :meth:`close`."""
        if self._open is not None:
            try:
                self._open.close()
            except (OSError, pa.ArrowException):
                self._open.is_open = False  # a full disk also refuses the footer; do not try again at exit
            self._open = None

    def _write_group(self) -> None:
        group = pa.concat_tables(self._held) if len(self._held) > 1 else self._held[0]
        self._held = []
        if self._open is None:
            name = f"{self._split}/{len(self.names):05d}.parquet"
            (self._folder / self._split).mkdir(exist_ok=True)
            self._open = pq.ParquetWriter(self._folder / name, self._schema, **layout(self._schema))
            self.names.append(name)
        self._open.write_table(group, row_group_size=GROUP_ROWS)
        self._bytes += group.nbytes
        if self._bytes >= PART_BYTES:
            self._finish()

    def _finish(self) -> None:
        if self._open is not None:
            self._open.close()
            synced(self._folder / self.names[-1])
        self._open, self._bytes = None, 0


class TableFiles:
    """The same, for rows that are made from pairs."""

    def __init__(self, folder: Path, split: str, table: Table) -> None:
        """``table`` says how rows are made."""
        self._files = ParquetFiles(folder, split, table.schema)
        self._split, self._table = split, table
        self._seen: set[int] = set()
        self._made = 0
        self.repeats = 0
        """Rows that were not written because an earlier one is like them."""

    @property
    def rows(self) -> int:
        """Rows written."""
        return self._files.rows

    def add(self, pairs: Sequence[PairRow]) -> None:
        """Add the rows of some pairs."""
        rows = []
        for pair in pairs:
            for row in self._table.rows(pair, self._split, self._made):
                if self._is_new(pair, row):
                    rows.append(row)
                    self._made += 1
        self._files.add(pa.Table.from_pylist(rows, schema=self._table.schema))

    def close(self) -> tuple[str, ...]:
        """As :meth:`ParquetFiles.close`."""
        return self._files.close()

    def abort(self) -> None:
        """As :meth:`ParquetFiles.abort`."""
        self._files.abort()

    def _is_new(self, pair: PairRow, row: Row) -> bool:
        if self._table.once is None:
            return True
        key = hash(
            tuple(self._table.once(pair, row))
        )  # 64 bits; kept instead of texts so that memory stays small
        if key in self._seen:
            self.repeats += 1
            return False
        self._seen.add(key)
        return True


@cache
def layout(schema: pa.Schema) -> dict[str, Any]:
    """Return the options of ``ParquetWriter``."""
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    columns = pq.ParquetFile(sink.getvalue()).schema
    leaves = [columns.column(number).path for number in range(len(columns))]
    return {
        "compression": {leaf: "zstd" for leaf in leaves if leaf.rpartition(".")[2] != _PICTURE},
        # Each different picture once per row group; see the writer of runs.
        "dictionary_pagesize_limit": 2**30,
        "write_statistics": ["id"] if "id" in schema.names else False,
        "write_page_index": True,
    }


def synced(path: Path) -> None:
    """Force a file to disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
