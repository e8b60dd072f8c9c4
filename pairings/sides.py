"""Sides: each answer written for the chosen side over each one written for the rejected side.

Where the two sides come from different prompts, pictures or models, the way they were written says which is better, and
no judge is needed. ``min_margin`` lets one have its say anyway: a model's own answer can be better than the gold one.
"""

from collections.abc import Sequence
from itertools import product
from typing import Annotated

from pydantic import Field, FiniteFloat

from pairwright.pairings import Chosen, Form, Pairing
from pairwright.pairings._contrasts import score_of, significant, widest_first
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.settings import Settings


class Sides(Settings):
    """Parameters of the rule."""

    min_margin: Annotated[FiniteFloat, Field(gt=0)] | None = None
    """By how much the chosen answer's score must be higher, both having one. If not given, scores are not looked at."""


def prepare(settings: Sides) -> Form:
    """Return the rule."""

    def form(candidates: Sequence[Candidate], comparisons: Sequence[Comparison]) -> tuple[Chosen, ...]:
        numbered = list(enumerate(candidates))
        good = [number for number, one in numbered if one.side == "chosen"]
        bad = [number for number, one in numbered if one.side == "rejected"]
        pairs = widest_first(
            Chosen(*two, _margin(candidates[two[0]], candidates[two[1]])) for two in product(good, bad)
        )
        if settings.min_margin is None:
            return pairs
        return tuple(pair for pair in pairs if pair.margin is not None and pair.margin >= settings.min_margin)

    return form


def _margin(chosen: Candidate, rejected: Candidate) -> float | None:
    """Return by how much the chosen answer's score is higher: negative where it is lower, None without two scores."""
    high, low = score_of(chosen), score_of(rejected)
    return None if high is None or low is None else 0.0 if high == low else significant(high - low)


PART = Pairing(
    settings=Sides,
    prepare=prepare,
    summary="each answer written for the chosen side over each one written for the rejected side",
    source="STIC (arXiv 2405.19716): a step-by-step prompt over a misleading prompt or a spoilt picture; "
    "SQuBa (OpenReview zOMa82W1HV): the gold answer over the model's own",
    basis="sides",
    scores_by=lambda settings: None if settings.min_margin is None else "min_margin",
)
