"""Best and worst: one pair per prompt, the answer of the highest score over that of the lowest.

Where several answers share the highest or the lowest score, the two nearest in length are taken, then the alphabetically
first: an answer's place in the list says which model was asked first, and should not decide.
"""

from collections.abc import Sequence

from pairwright.pairings import Chosen, Form, Pairing
from pairwright.pairings._contrasts import contrasts, widest
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.settings import Settings


class BestWorst(Settings):
    """This rule has no parameters."""


def prepare(settings: BestWorst) -> Form:
    """Return the rule."""
    return _form


def _form(candidates: Sequence[Candidate], comparisons: Sequence[Comparison]) -> tuple[Chosen, ...]:
    return widest(contrasts(candidates), candidates)


PART = Pairing(
    settings=BestWorst,
    prepare=prepare,
    summary="the best answer over the worst, one pair per prompt",
    source="LLaVA-OneVision-Chat (LLaVA-NeXT's repository): 5 answers scored by a reward model or LLaVA-Critic",
)
