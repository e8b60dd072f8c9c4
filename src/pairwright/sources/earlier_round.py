"""The prompts of an earlier run as the source of the next round: with their answers, under the record ids they had.

Seeds are drawn from record ids, so that what was asked before is asked in the same words, and the response store has it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from pairwright.builders._told import told_of
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import FileMark, RawRow, Source

SUBSET = "earlier_round"
"""``source.subset`` that means this."""

_MADE_OF_A_ROW = re.compile(r"#\d+$")
"""End of the record id of a prompt that the construction made of a row: it will be made again."""


class EarlierRound:
    """The config ``candidates`` of a run, row by row."""

    def __init__(self, source: Source) -> None:
        """``source`` reads the files of the config."""
        self.name, self.local = source.name, False
        self._source = source

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        """Yield the run's rows from number ``start`` on; the rows before are read over."""
        return islice(self._rows(), start, None)

    def parse(self, raw: RawRow) -> SourceRow:
        """Return a row with the candidates it had, but for its own answer: builders take that from the row again."""
        row = self._source.parse(raw)
        own = [number for number, one in enumerate(row.candidates) if _is_own(one)]
        if not own:
            return row
        left = [number for number in range(len(row.candidates)) if number not in own]
        place = {number: position for position, number in enumerate(left)}
        return replace(
            row,
            candidates=tuple(row.candidates[number] for number in left),
            comparisons=tuple(
                replace(one, first=place[one.first], second=place[one.second])
                for one in row.comparisons
                if one.first in place and one.second in place
            ),
            annotations=tuple(
                replace(one, shown=tuple(place[number] for number in one.shown if number in place))
                for one in row.annotations
            ),
            chosen_model=row.chosen_model or row.candidates[own[0]].model,
        )

    def marks(self) -> tuple[FileMark, ...]:
        """Return the marks of the files."""
        return self._source.marks()

    def count(self) -> int | None:
        """Return None: how many rows of the files are the run's own shows only when all are read."""
        return None

    def columns(self) -> Mapping[str, str]:
        """Return which column was taken for which field."""
        return self._source.columns()

    def _rows(self) -> Iterator[RawRow]:
        for raw in self._source.rows():
            record_id = raw.fields.get("record_id")
            if not isinstance(record_id, str) or not record_id:
                yield raw
            elif not _MADE_OF_A_ROW.search(record_id):
                yield replace(raw, record_id=record_id)


def _is_own(candidate: Candidate) -> bool:
    """Tell whether a candidate was made of the row's own answer.

    >>> _is_own(Candidate("A cat.", params='{"from": "chosen"}')), _is_own(Candidate("A cat."))
    (True, False)
    """
    return told_of(candidate).get("from") == "chosen" and candidate.round is None
