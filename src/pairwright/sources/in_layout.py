"""Rows in a published layout: a row that holds several prompts becomes several."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from pairwright.layouts import ROOM as LAYOUTS
from pairwright.layouts import Columns, no_split
from pairwright.schemas.errors import RowError
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import FileMark, RawRow, Source

PLAIN = "plain"
"""The layout of tables whose columns the recipe names."""


class LayoutSource:
    """The rows of another source, which reads them by a layout."""

    def __init__(self, source: Source, name: str) -> None:
        """``name`` is the layout that ``source`` reads by. Raises UnknownPartError where there is no such one."""
        self.name = source.name
        self._source, self._layout, self._told = source, LAYOUTS.get(name), name
        self._whole = self._layout.split is no_split
        self.local = source.local

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        """Yield all rows from number ``start`` on; where rows hold several prompts, those before are read over."""
        return self._source.rows(start) if self._whole else islice(self._parts(), start, None)

    def parse(self, raw: RawRow) -> SourceRow:
        """Return a row's prompt, answers and what was said of them. Raises RowError for a reject."""
        return self._source.parse(raw)

    def marks(self) -> tuple[FileMark, ...]:
        """Return the marks of the source."""
        return self._source.marks()

    def count(self) -> int | None:
        """Return the number of rows where each is one prompt, and the source knows it; else None."""
        return self._source.count() if self._whole else None

    def columns(self) -> Mapping[str, str]:
        """Return the layout, and the columns that it takes in the first row."""
        first = next((raw for raw in self.rows() if raw.problem is None), None)
        if first is None:
            return {"layout": self._told}
        try:
            return {"layout": self._told, **self._layout.read(Columns(first.fields)).taken}
        except RowError:
            return {"layout": self._told}

    def _parts(self) -> Iterator[RawRow]:
        for raw in self._source.rows():
            if raw.problem is not None:
                yield raw
                continue
            try:
                parts = self._layout.split(Columns(raw.fields))
            except RowError as error:
                yield replace(raw, problem=error)
                continue
            for number, fields in enumerate(parts):
                record_id = f"{raw.record_id}.{number}"
                yield replace(raw, record_id=record_id, fields=fields, whole=raw.fields, part=number)
