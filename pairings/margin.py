"""Margin: every two answers whose scores differ by at least so much."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, FiniteFloat

from pairwright.pairings import Chosen, Form, Pairing
from pairwright.pairings._contrasts import contrasts
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.settings import Settings


class Margin(Settings):
    """Parameters of the rule."""

    at_least: Annotated[FiniteFloat, Field(gt=0)] = 1.0
    """Smallest difference of the two scores, in the scorer's units."""


def prepare(settings: Margin) -> Form:
    """Return the rule."""

    def form(candidates: Sequence[Candidate], comparisons: Sequence[Comparison]) -> tuple[Chosen, ...]:
        return tuple(pair for pair in contrasts(candidates) if (pair.margin or 0) >= settings.at_least)

    return form


PART = Pairing(
    settings=Margin,
    prepare=prepare,
    summary="every two answers whose scores differ by at least so much",
    source="RLAIF-V (arXiv 2405.17220): one rejected claim or more, 2 pairs per prompt drawn; "
    "CLIP-DPO (arXiv 2408.10433): 2 units of 100 × cosine, best and worst",
)
