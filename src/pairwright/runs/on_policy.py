"""Rounds of self-training in a run: how many answers are of each, and how many pairs are the latest model's own."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

Rounds = tuple[int | None, int | None]
"""Round of the chosen and of the rejected answer of a pair; None for one that no model wrote for the run."""

_MOST_KEPT = 1000
"""Rounds that are counted apart: the column may hold what a source had there."""


@dataclass(slots=True)
class RoundTally:
    """The answers of one round, as they are counted."""

    answers: int = 0
    scored: int = 0
    total: float = 0.0
    """Sum of the scores."""


@dataclass(frozen=True, slots=True)
class RoundAnswers:
    """The answers of one round."""

    round: int | None
    """None for answers that no model wrote for the run: the source's own."""
    answers: int
    mean_score: float | None
    """None where none of them has a score."""
    chosen: int
    """Pairs in which one of them is chosen."""
    rejected: int


@dataclass(frozen=True, slots=True)
class RoundsSummary:
    """A run with answers of a later round than the first."""

    latest: int
    pairs: int
    """Pairs with a side that a model wrote for the run."""
    on_policy: int
    """Those of them whose written sides are all of the latest round."""
    share: float | None
    """``on_policy`` of ``pairs``, 0 to 1; None where there are none."""
    answers: tuple[RoundAnswers, ...]
    """By round, the source's own answers last."""


def add_answer(tallies: dict[int | None, RoundTally], number: int | None, score: float | None) -> None:
    """Count one answer."""
    tally = tallies.get(number)
    if tally is None:
        if len(tallies) >= _MOST_KEPT:
            return
        tally = tallies[number] = RoundTally()
    tally.answers += 1
    if score is not None and isfinite(score):
        tally.scored += 1
        tally.total += score


def add_pairs(counts: Counter[Rounds], provenances: Iterable[Mapping[str, Any]]) -> None:
    """Count pairs by the rounds of their sides, as their provenance tells them.

    >>> counts: Counter[Rounds] = Counter()
    >>> add_pairs(counts, [{"chosen": {"round": 2}, "rejected": {"round": 1}}, {"chosen": {"round": 2}}, {}])
    >>> dict(counts)
    {(2, 1): 1, (2, None): 1}
    """
    for told in provenances:
        rounds = (_round(told.get("chosen")), _round(told.get("rejected")))
        if rounds != (None, None) and (rounds in counts or len(counts) < _MOST_KEPT):
            counts[rounds] += 1


def rounds_summary(
    pairs: Counter[Rounds], answers: Mapping[int | None, RoundTally], number: int
) -> RoundsSummary | None:
    """Return what was counted; None for a run that knows one round only.

    Args:
        pairs: pairs by the rounds of their sides.
        answers: answers by round; empty where no candidates are kept.
        number: the round of the run's recipe.
    """
    seen = {one for rounds in pairs for one in rounds} | set(answers)
    latest = max([number, *(one for one in seen if one is not None)])
    if latest < 2:
        return None
    ordered = sorted(seen, key=lambda one: (one is None, one or 0))
    on_policy = sum(n for rounds, n in pairs.items() if set(rounds) <= {latest, None})
    return RoundsSummary(
        latest=latest,
        pairs=pairs.total(),
        on_policy=on_policy,
        share=on_policy / pairs.total() if pairs else None,
        answers=tuple(_answers(one, answers.get(one, RoundTally()), pairs) for one in ordered),
    )


def _answers(number: int | None, tally: RoundTally, pairs: Counter[Rounds]) -> RoundAnswers:
    return RoundAnswers(
        round=number,
        answers=tally.answers,
        mean_score=tally.total / tally.scored if tally.scored else None,
        chosen=sum(n for (chosen, _), n in pairs.items() if chosen == number),
        rejected=sum(n for (_, rejected), n in pairs.items() if rejected == number),
    )


def _round(side: object) -> int | None:
    number = side.get("round") if isinstance(side, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None
