"""Tables: one or many files of CSV, TSV, JSON lines, JSON, Parquet or Arrow."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from pairwright.schemas.errors import RowError, SourceError
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import FileMark, RawRow
from pairwright.sources.arrow_files import (
    arrow_count,
    arrow_names,
    parquet_count,
    parquet_names,
    read_arrow,
    read_parquet,
)
from pairwright.sources.cells import utf8
from pairwright.sources.columns import check_said
from pairwright.sources.marks import mark_files
from pairwright.sources.rows import Reading, parse_row
from pairwright.sources.text_files import (
    Format,
    csv_names,
    first_names,
    read_csv,
    read_json,
    read_jsonl,
    read_keyed,
)


def _not_counted(_: Path) -> None:
    return None


_LINES = Format(read_jsonl, first_names(read_jsonl), _not_counted)

FORMATS: Mapping[str, Format] = {
    ".csv": Format(read_csv, csv_names, _not_counted),
    ".tsv": Format(partial(read_csv, delimiter="\t"), partial(csv_names, delimiter="\t"), _not_counted),
    ".jsonl": _LINES,
    ".ndjson": _LINES,
    ".json": Format(read_json, first_names(read_json), _not_counted),
    ".parquet": Format(read_parquet, parquet_names, parquet_count),
    ".arrow": Format(read_arrow, arrow_names, arrow_count),
}
"""Formats by file extension in small letters."""

_PUBLISHED = {**FORMATS, ".json": Format(read_keyed, first_names(read_keyed), _not_counted)}
"""The same for files in a published layout, some of which are one JSON object of rows."""

_LOOKED_AT = 8
"""Files whose column names are looked at before a run."""


class TableSource:
    """Rows of one or many files of tables, the files in the order of their names."""

    def __init__(self, files: Sequence[Path], base: Path, reading: Reading) -> None:
        """``base`` is the folder that names in record ids are relative to.

        Raises:
            SourceError: no rows, an unreadable file, or a column that the recipe names and no file has.
        """
        self.name = reading.name
        self.local = True
        self._files = tuple((path, utf8(path.relative_to(base).as_posix())) for path in files)
        self._reading = reading
        self._formats = FORMATS if reading.layout is None else _PUBLISHED
        self._names = self._first_names()
        self._counts: dict[Path, int | None] = {}
        """Rows of each file that was looked at: files before a shard are not opened again for every shard."""

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        """Yield all rows from number ``start`` on. Parquet files and row groups before it are not read."""
        for path, name in self._files:
            format = self._formats[path.suffix.lower()]
            count = self._count(path) if start else None
            if count is not None and count <= start:
                start -= count
                continue
            folder, number = name.rpartition("/")[0], -1
            for number, row in format.read(path, start):
                if row is not None:
                    yield _raw(f"{name}:{number}", row, folder)
            start = max(0, start - number - 1)

    def parse(self, raw: RawRow) -> SourceRow:
        """Return a row's prompt, answers and images. Raises RowError for a reject."""
        return parse_row(raw, self._reading)

    def marks(self) -> tuple[FileMark, ...]:
        """Return a mark of every file."""
        return mark_files(self._files)

    def count(self) -> int | None:
        """Return the number of rows if every file says its own, else None."""
        counts = [self._count(path) for path, _ in self._files]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def _count(self, path: Path) -> int | None:
        if path not in self._counts:
            self._counts[path] = self._formats[path.suffix.lower()].count(path)
        return self._counts[path]

    def columns(self) -> Mapping[str, str]:
        """Return which column was taken for which field."""
        return dict(self._reading.columns(self._names).taken)

    def _first_names(self) -> tuple[str, ...]:
        seen: dict[str, None] = {}
        for path, _ in self._files[:_LOOKED_AT]:
            try:
                seen.update(dict.fromkeys(self._formats[path.suffix.lower()].names(path)))
            except OSError as error:
                raise SourceError(f"{path}: cannot be read ({error})") from error
        where = self._files[0][1] if len(self._files) == 1 else f"{self._files[0][1]} and the files beside it"
        if not seen:
            raise SourceError(f"{self._files[0][0]}: no rows with columns in it")
        check_said(self._reading.settings.columns, seen, where)
        return tuple(seen)


def _raw(record_id: str, row: Mapping[str, object] | RowError, folder: str) -> RawRow:
    if isinstance(row, RowError):
        return RawRow(record_id, {}, row, folder)
    return RawRow(record_id, row, None, folder)
