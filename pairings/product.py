"""Product: each right answer over each wrong one.

Made for verifiers, whose scores are 0 (wrong) to 1 (right). Of 32 answers up to 256 pairs come out, so it wants
``per_prompt``.
"""

from collections.abc import Sequence

from pydantic import FiniteFloat

from pairwright.pairings import Chosen, Form, Pairing
from pairwright.pairings._contrasts import across
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.settings import Settings


class Product(Settings):
    """Parameters of the rule."""

    cut: FiniteFloat = 0.5
    """Answers of this score or more are right, all others are wrong."""


def prepare(settings: Product) -> Form:
    """Return the rule."""

    def form(candidates: Sequence[Candidate], comparisons: Sequence[Comparison]) -> tuple[Chosen, ...]:
        return across(candidates, at_least=settings.cut, below=settings.cut)

    return form


PART = Pairing(
    settings=Product,
    prepare=prepare,
    summary="each right answer over each wrong one",
    source="MMPR (arXiv 2411.10442): 32 answers checked by rule, at most 15 pairs per prompt drawn",
)
