"""Contrasts: two candidates of different score, the start of every rule that goes by scores."""

import math
from collections.abc import Iterable, Sequence
from itertools import permutations

from pairwright.pairings import Chosen
from pairwright.pairings._lengths import length
from pairwright.schemas.candidate import Candidate


def significant(value: float) -> float:
    """Return a score or a margin to nine significant digits.

    Scores are often means of ratings or sums of weights. Their last digits are chance, and must neither make a pair of
    two equal answers nor lose one at a bound.

    >>> 0.1 + 0.2 > 0.3, significant(0.1 + 0.2) > significant(0.3), significant(0.3 - 0.2) >= 0.1
    (True, False, True)
    """
    return float(f"{value:.9g}")


def score_of(candidate: Candidate) -> float | None:
    """Return the score to nine digits; None where there is none, or where it is not a number."""
    if candidate.score is None or math.isnan(candidate.score):
        return None
    return significant(candidate.score)


def may_pair(chosen: Candidate, rejected: Candidate) -> bool:
    """Tell whether the sides let these two stand as chosen and rejected."""
    return chosen.side != "rejected" and rejected.side != "chosen"


def widest_first(pairs: Iterable[Chosen]) -> tuple[Chosen, ...]:
    """Return pairs in the order that every rule keeps: widest margin, then by number; without a margin last."""
    return tuple(sorted(pairs, key=_place))


def contrasts(candidates: Sequence[Candidate]) -> tuple[Chosen, ...]:
    """Return every two candidates of different score, the higher one chosen, as far as their sides allow.

    >>> [(pair.chosen, pair.rejected) for pair in contrasts([Candidate("a", score=2), Candidate("b", score=5)])]
    [(1, 0)]
    """
    numbered = ((number, score_of(one)) for number, one in enumerate(candidates))
    scored = [(number, score) for number, score in numbered if score is not None]
    return widest_first(
        Chosen(better, worse, significant(high - low))
        for (better, high), (worse, low) in permutations(scored, 2)
        if high > low and may_pair(candidates[better], candidates[worse])
    )


def across(candidates: Sequence[Candidate], *, at_least: float, below: float) -> tuple[Chosen, ...]:
    """Return the contrasts whose chosen score is ``at_least`` or more and whose rejected score is under ``below``."""
    return tuple(
        pair
        for pair in contrasts(candidates)
        if _score(candidates[pair.chosen]) >= at_least and _score(candidates[pair.rejected]) < below
    )


def widest(pairs: Sequence[Chosen], candidates: Sequence[Candidate]) -> tuple[Chosen, ...]:
    """Return the one pair of the best chosen and the worst rejected candidate, none where there are no pairs.

    Where several share the best or the worst score, the two that are nearest in length stand for them, so that a pair
    teaches as little as possible about length; of these the alphabetically first. The place in the list does not
    count: it would prefer whatever model was asked first.

    Args:
        pairs: contrasts in which every chosen candidate goes with every worse rejected one.
        candidates: those that the pairs number.
    """
    if not pairs:
        return ()
    best = max(_score(candidates[pair.chosen]) for pair in pairs)
    worst = min(_score(candidates[pair.rejected]) for pair in pairs)
    ties = [
        pair
        for pair in pairs
        if _score(candidates[pair.chosen]) == best and _score(candidates[pair.rejected]) == worst
    ]

    def preferred(pair: Chosen) -> tuple[int, str, str]:
        texts = candidates[pair.chosen].text, candidates[pair.rejected].text
        return abs(length(texts[0]) - length(texts[1])), *texts

    return (min(ties, key=preferred),)


def _place(pair: Chosen) -> tuple[bool, float, int, int]:
    return pair.margin is None, -(pair.margin or 0.0), pair.chosen, pair.rejected


def _score(candidate: Candidate) -> float:
    """Return the score of a candidate that stands in a contrast, and so has one."""
    score = score_of(candidate)
    if score is None:
        raise AssertionError("a contrast of a candidate without a score")
    return score
