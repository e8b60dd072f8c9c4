"""Preferences: every two answers of which judges find the same one better.

Goes by verdicts on two answers side by side, not by scores. A tie is a verdict that names neither; where the judge
could not tell (``cannot_judge``, for example when it contradicts itself in the swapped order), there is no verdict.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field, FiniteFloat

from pairwright.pairings import Chosen, Form, Pairing
from pairwright.pairings._contrasts import may_pair, significant, widest_first
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.settings import Settings


class Preferences(Settings):
    """Parameters of the rule."""

    agreement: Annotated[float, Field(gt=0.5, le=1)] = 1.0
    """Share of the verdicts on the same two answers that must name the same one; ties count as verdicts."""
    min_strength: Annotated[FiniteFloat, Field(ge=0)] = 0.0
    """Smallest mean strength of the verdicts, those for the other side counted as negative: 2 asks for much better."""


def prepare(settings: Preferences) -> Form:
    """Return the rule."""

    def form(candidates: Sequence[Candidate], comparisons: Sequence[Comparison]) -> tuple[Chosen, ...]:
        pairs = (_pair(votes, settings) for votes in _by_two(comparisons))
        return widest_first(
            pair for pair in pairs if pair and may_pair(candidates[pair.chosen], candidates[pair.rejected])
        )

    return form


def _by_two(comparisons: Sequence[Comparison]) -> Iterator[list[Comparison]]:
    """Yield the verdicts on the same two answers, in whichever order these were shown."""
    votes: dict[frozenset[int], list[Comparison]] = {}
    for one in comparisons:
        if one.outcome != "cannot_judge" and one.first != one.second:
            votes.setdefault(frozenset((one.first, one.second)), []).append(one)
    yield from votes.values()


def _pair(votes: Sequence[Comparison], settings: Preferences) -> Chosen | None:
    wins: dict[int, int] = {}
    strengths: dict[int, float] = {}
    for one in votes:
        if one.outcome != "tie":
            winner = one.first if one.outcome == "first" else one.second
            wins[winner] = wins.get(winner, 0) + 1
            strengths[winner] = strengths.get(winner, 0.0) + one.strength
    if not wins:
        return None
    better = max(wins, key=lambda number: (wins[number], -number))
    worse = votes[0].first + votes[0].second - better
    strength = significant((strengths[better] - strengths.get(worse, 0.0)) / len(votes))
    agreed = significant(wins[better] / len(votes)) >= significant(settings.agreement)
    return Chosen(better, worse, strength) if agreed and strength >= settings.min_strength else None


PART = Pairing(
    settings=Preferences,
    prepare=prepare,
    summary="every two answers of which judges find the same one better",
    source="LLaVA-RLHF (arXiv 2309.14525): people compare two answers; SIMA (arXiv 2405.15973): the model itself does",
    basis="comparisons",
)
