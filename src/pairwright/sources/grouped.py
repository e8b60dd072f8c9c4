"""Rows that hold one candidate each, put together by a column: those of one prompt, question or state become one row."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import blake2b
from itertools import islice
from typing import Any

from pairwright.schemas.errors import RowError, SourceError
from pairwright.schemas.room import unknown
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import FileMark, RawRow, Source

_MODEL = ("chosen_model", "model", "model_id")
_OF_PROMPT = ("question", "prompt", "conversations", "images", "system", "history")
"""Fields in which the rows of a group must be the same."""


class GroupedSource:
    """The rows of another source, neighbours with the same value in one column made one.

    One column holds the candidates' texts; every number in a row that no field takes becomes a judgement on its candidate,
    under the column's name. All else is taken from the first row of a group. The values seen so far are remembered,
    some hundred bytes for each group, to notice a group that does not stand together.
    """

    def __init__(self, source: Source, column: str, text: str | None) -> None:
        """``text`` is the column of answers; if it is None, the one that the source would take for the chosen one.

        Raises:
            SourceError: no column holds an answer, or one of the two is not there.
        """
        self.name, self.local = source.name, False
        self._source, self._column = source, column
        self._taken = source.columns()
        found = text or self._taken.get("chosen")
        if found is None:
            known = ", ".join(self._taken.values())
            raise SourceError(
                f"source.group_by: no column with answers; name it in source.columns.chosen (recognised: {known})"
            )
        self._text = found
        first = next((raw for raw in source.rows() if raw.problem is None), None)
        for key, wanted in (("group_by", column), ("columns.chosen", found)):
            if first is not None and wanted not in first.fields:
                raise SourceError(f"source.{key}: {unknown('the columns', wanted, sorted(first.fields))}")

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        """Yield groups from number ``start`` on; the rows before are read over."""
        return islice(self._groups(), start, None)

    def parse(self, raw: RawRow) -> SourceRow:
        """Return a group as a row with candidates. Raises RowError for a reject."""
        return self._source.parse(raw)

    def marks(self) -> tuple[FileMark, ...]:
        """Return the marks of the source."""
        return self._source.marks()

    def count(self) -> int | None:
        """Return None: how many groups there are shows only when all rows are read."""
        return None

    def columns(self) -> Mapping[str, str]:
        """Return which column was taken for which field."""
        others = {field: column for field, column in self._taken.items() if column != self._text}
        return {**others, "group": self._column, "candidates": self._text}

    def _groups(self) -> Iterator[RawRow]:
        seen: set[bytes] = set()
        rows: list[RawRow] = []
        key: bytes | None = None
        for raw in self._source.rows():
            if raw.problem:  # told by itself, and no end of the group that it stands in
                yield raw
                continue
            own = self._key(raw)
            if own is None or own != key:
                yield from self._closed(rows)
                rows, key = [], None
                if own is None or own in seen:
                    yield self._refused(raw, split=own is not None)
                    continue
                seen.add(own)
                key = own
            rows.append(raw)
        yield from self._closed(rows)

    def _key(self, raw: RawRow) -> bytes | None:
        value = raw.fields.get(self._column)
        empty = value is None or (isinstance(value, str) and not value.strip())
        if empty or (isinstance(value, float) and math.isnan(value)):
            return None
        return blake2b(repr(value).encode(), digest_size=16).digest()

    def _refused(self, raw: RawRow, *, split: bool) -> RawRow:
        if split:
            told = "rows of its group stand before, with others between them; sort the source by this column"
            return replace(raw, problem=RowError("group_split", self._column, told))
        told = "source.group_by names it, and it is empty here"
        return replace(raw, problem=RowError("missing_column", self._column, told))

    def _closed(self, rows: list[RawRow]) -> Iterator[RawRow]:
        if not rows:
            return
        first = rows[0]
        for field in _OF_PROMPT:
            column = self._taken.get(field)
            if column is not None and any(raw.fields.get(column) != first.fields.get(column) for raw in rows):
                told = f"the rows of this group differ in it; {self._column} does not tell prompts apart"
                yield replace(first, problem=RowError("bad_value", column, told))
                return
        candidates = [self._candidate(raw.fields) for raw in rows]
        of_one = {self._text, *(name for candidate in candidates for name in candidate)}
        shared = {name: value for name, value in first.fields.items() if name not in of_one}
        yield replace(first, fields=shared | {"candidates": candidates})

    def _candidate(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        free = {*fields} - {*self._taken.values(), self._column, self._text}
        numbers = {
            name: number
            for name, value in fields.items()
            if name in free and (number := _number(value)) is not None
        }
        model = next((fields[name] for name in _MODEL if fields.get(name)), None)
        return {**numbers, "text": fields.get(self._text), "model": model}


def _number(value: object) -> float | int | None:
    """Return a number, also from its text: in a CSV all cells are texts.

    >>> _number("0.5"), _number("left"), _number(True)
    (0.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return None
