"""Pairs of answers that have their side before anybody judges: by what their writers were shown."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from pairwright.annotators import Case
from pairwright.builders import Asks, Built
from pairwright.builders._candidates import Line, Truncated, in_line, why_too_few
from pairwright.builders._guarding import GuardChoice
from pairwright.builders._kept import Kept, marked
from pairwright.builders._pairer import Pairer
from pairwright.builders._text_pair import Judged, refused
from pairwright.builders._writers import Wrote
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import RowError
from pairwright.schemas.reject import Reject
from pairwright.schemas.source_row import SourceRow

OF_SPOILT = (GuardChoice(kind="damage_talk"), GuardChoice(kind="near_equal"), GuardChoice(kind="repetition"))
"""What pairs are looked at for whose rejected answer is of a spoilt picture, where a recipe says nothing."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers to a row beside those that it has already."""

    wrote: Wrote
    gold: tuple[Candidate, ...] = ()
    """The row's own answer, where it stands on a side."""
    kept: Kept = field(default_factory=dict)
    """Changed pictures that stand beside rejected answers."""


async def sided_pairs(
    pairer: Pairer[Comparison],
    row: SourceRow,
    answered: Answered,
    *,
    truncated: Truncated,
    case: Case,
    asks: Asks,
) -> Built:
    """Return the pairs of a row whose answers have their sides, or why there are none.

    A call that failed makes the whole row a reject: with its answers, other pairs would come out. Where a side has no usable
    answer, the reason is what became of its answers.
    """
    line = await asyncio.to_thread(
        in_line,
        row,
        gold=answered.gold,
        written=[marked(one, answered.kept) for one in answered.wrote.candidates],
        truncated=truncated,
    )
    judged = Judged(
        row=row,
        line=line,
        candidates=line.candidates[: line.usable],
        comparisons=line.comparisons,
        negatives=answered.kept,
    )
    rejects = [*answered.wrote.rejects, *line.rejects]
    if lost := answered.wrote.lost():
        return refused(judged, lost, rejects)
    why = _why_a_side_is_empty(line, answered.wrote.rejects)
    return await pairer.pairs(judged, case=case, asks=asks, rejects=rejects, why_none=why)


def _why_a_side_is_empty(line: Line, failed: Sequence[Reject]) -> RowError | None:
    """Return why there are no usable answers for a side, where there are none."""
    sides = {one.side for one in line.candidates[: line.usable]}
    return None if sides.issuperset({"chosen", "rejected"}) else why_too_few(line, failed)
