"""Ranks: every two answers of different rank, where scores are ranks: 1 is the best, and equal ranks are ties.

For people's rankings. Judges and verifiers give the better answer the higher number, so that this rule would turn their
preferences over: builders refuse it with them. A margin is a difference of ranks.
"""

from collections.abc import Sequence
from dataclasses import replace

from pairwright.pairings import Chosen, Form, Pairing
from pairwright.pairings._contrasts import contrasts
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.settings import Settings


class Ranks(Settings):
    """This rule has no parameters."""


def prepare(settings: Ranks) -> Form:
    """Return the rule."""
    return _form


def _form(candidates: Sequence[Candidate], comparisons: Sequence[Comparison]) -> tuple[Chosen, ...]:
    return contrasts([_turned(one) for one in candidates])


def _turned(candidate: Candidate) -> Candidate:
    """Return the candidate with a score that is higher where the rank is better."""
    return candidate if candidate.score is None else replace(candidate, score=-candidate.score)


PART = Pairing(
    settings=Ranks,
    prepare=prepare,
    summary="every two answers of different rank, 1 being the best",
    source="MM-RLHF (arXiv 2502.10391): people rank 3 to 5 answers, ties allowed",
    basis="ranks",
)
