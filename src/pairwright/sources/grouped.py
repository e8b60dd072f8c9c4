"""Rows that hold one candidate each, put together by a column: those of one prompt, question or state become one row."""

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


class GroupedSource:
    """The rows of another source, neighbours with the same value in one column made one.

    The column that would be the chosen answer holds the candidates' texts; every number in a row becomes a judgement on
    its candidate, under the column's name. All else is taken from the first row of a group. The values seen so far are
    remembered, some hundred bytes for each group, to notice a group that does not stand together.
    """

    def __init__(self, source: Source, column: str) -> None:
        """Raises SourceError where no column holds an answer, or ``column`` is not there."""
        self.name, self.local = source.name, False
        self._source, self._column = source, column
        taken = source.columns()
        if "chosen" not in taken:
            raise SourceError(
                f"source.group_by: no column with answers; name it in source.columns.chosen (recognised: {dict(taken)})"
            )
        self._text = taken["chosen"]
        first = next(iter(source.rows()), None)
        if first is not None and first.problem is None and column not in first.fields:
            raise SourceError(f"source.group_by: {unknown('the columns', column, sorted(first.fields))}")

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
        return {
            "candidates" if field == "chosen" else field: column
            for field, column in self._source.columns().items()
        }

    def _groups(self) -> Iterator[RawRow]:
        seen: set[bytes] = set()
        rows: list[RawRow] = []
        key: bytes | None = None
        for raw in self._source.rows():
            own = None if raw.problem else self._key(raw)
            if own is None or own != key:
                yield from self._closed(rows)
                rows, key = [], own
                if own is None or own in seen:
                    yield raw if raw.problem else self._refused(raw, split=own is not None)
                    key = None
                    continue
                seen.add(own)
            rows.append(raw)
        yield from self._closed(rows)

    def _key(self, raw: RawRow) -> bytes | None:
        value = raw.fields.get(self._column)
        return None if value is None else blake2b(repr(value).encode(), digest_size=16).digest()

    def _refused(self, raw: RawRow, *, split: bool) -> RawRow:
        if split:
            told = "rows of its group stand before, with others between them; sort the source by this column"
            return replace(raw, problem=RowError("group_split", self._column, told))
        return replace(
            raw,
            problem=RowError(
                "missing_column", self._column, "source.group_by names it, and it is empty here"
            ),
        )

    def _closed(self, rows: list[RawRow]) -> Iterator[RawRow]:
        if rows:
            shared = {name: value for name, value in rows[0].fields.items() if name != self._text}
            yield replace(
                rows[0], fields=shared | {"candidates": [self._candidate(raw.fields) for raw in rows]}
            )

    def _candidate(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        numbers = {
            name: value
            for name, value in fields.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool) and name != self._column
        }
        model = next((fields[name] for name in _MODEL if fields.get(name)), None)
        return {**numbers, "text": fields.get(self._text), "model": model}
