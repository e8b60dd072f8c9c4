"""Threshold: good answers over bad ones, where a fixed score says what is good.

Unlike best and worst, it never prefers the less bad of two bad answers.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import FiniteFloat, model_validator

from pairwright.pairings import Chosen, Form, Pairing
from pairwright.pairings._contrasts import across, widest
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.settings import Settings


class Threshold(Settings):
    """Parameters of the rule."""

    at_least: FiniteFloat = 3.0
    """Lowest score of a chosen answer."""
    below: FiniteFloat = 3.0
    """A rejected answer's score is below this. Less than ``at_least`` leaves a band whose answers are not used."""
    pairs: Literal["one", "all"] = "one"
    """``one``: the best of the good over the worst of the bad. ``all``: each good one over each bad one."""

    @model_validator(mode="after")
    def _ordered(self) -> "Threshold":
        if self.below > self.at_least:
            raise ValueError(
                f"below {self.below:g} is above at_least {self.at_least:g}, so an answer could be good and bad"
            )
        return self


def prepare(settings: Threshold) -> Form:
    """Return the rule."""

    def form(candidates: Sequence[Candidate], comparisons: Sequence[Comparison]) -> tuple[Chosen, ...]:
        pairs = across(candidates, at_least=settings.at_least, below=settings.below)
        return pairs if settings.pairs == "all" else widest(pairs, candidates)

    return form


PART = Pairing(
    settings=Threshold,
    prepare=prepare,
    summary="answers of a good score over answers of a bad one",
    source="LLaVA-Hound (arXiv 2404.01258): at least 3 of 5 over less, one pair per question; "
    "3D-CT-GPT++ (OpenReview LzycEbgLoi): the same cut, all pairs",
)
