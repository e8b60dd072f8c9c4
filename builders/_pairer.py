"""The end of a construction: pairs are formed of a row's answers, and guarded."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from pairwright.annotators import Case
from pairwright.builders import Asks, Built
from pairwright.builders._guarding import Guarding, guarded
from pairwright.builders._text_pair import Group, Judged, Making
from pairwright.pairings._forming import Formed
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RowError
from pairwright.schemas.reject import Reject
from pairwright.schemas.seeds import generator

Among = TypeVar("Among")
"""What pairs are formed by beside the answers: comparisons, or families."""


@dataclass(frozen=True, slots=True)
class Pairer(Generic[Among]):
    """Forms the pairs of a row, and guards them; all that it takes was checked."""

    making: Making
    form: Callable[[Sequence[Candidate], Sequence[Among], Random], Formed]
    guarding: Guarding

    async def pairs(
        self,
        judged: Judged,
        among: Sequence[Among] = (),
        *,
        case: Case,
        asks: Asks,
        rejects: Sequence[Reject],
        why_none: RowError | None = None,
        tags: tuple[str, ...] = (),
    ) -> Built:
        """Return what a row gave.

        Args:
            judged: the row and its candidates.
            among: comparisons of them, or families.
            case, asks, rejects, why_none: as for ``_guarding.guarded``.
            tags: what its pairs are tagged with beside the row's tags.
        """
        rng = generator(self.making.run.seed, judged.row.record_id, "pairing")
        formed = await asyncio.to_thread(self.form, judged.candidates, among, rng)
        return await guarded(
            self.guarding,
            self.making,
            judged,
            [Group(formed, tags)],
            case=case,
            asks=asks,
            rejects=rejects,
            why_none=why_none,
        )
