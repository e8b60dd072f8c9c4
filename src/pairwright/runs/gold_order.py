"""Whether judges prefer the rows' own gold answers to answers that models wrote for the run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pairwright.runs.candidates import levels_of

_MOST_SHOWN = 10
_MOST_KEPT = 1000
"""Judges that are counted apart."""

Winner = Literal["gold", "own", "tie"]
"""Which of two answers a judge prefers."""

Row = Mapping[str, Any]
"""A candidate or a comparison as Arrow gives it."""


@dataclass(frozen=True, slots=True)
class GoldOrder:
    """What one judge says of gold answers beside answers that a model wrote for the same prompts."""

    scorer: str
    gold: int
    """Times that it prefers the gold answer, over one written answer each."""
    own: int
    """Times that it prefers the written one."""
    ties: int
    prefers_gold: float
    """Share in which it prefers the gold answer, ties counted half, 0 to 1."""
    agrees: float | None
    """Share of its preferences that are the gold order, 0 to 1; None where it prefers neither."""


def is_written(candidate: Row) -> bool:
    """Tell whether a model wrote a candidate for the run or for an earlier round of it."""
    return candidate.get("round") is not None or candidate.get("request") is not None


def add_gold_order(
    counts: dict[str, Counter[Winner]], gold: str, answers: Sequence[Row], comparisons: Sequence[Row]
) -> None:
    """Count what judges say of the candidates of one row.

    Args:
        counts: by judge.
        gold: the row's own answer.
        answers: the candidates.
        comparisons: what was said of two of them.
    """
    golden = {
        number for number, one in enumerate(answers) if not is_written(one) and one["text"] == gold.strip()
    }
    own = {number for number, one in enumerate(answers) if is_written(one)}
    if not golden or not own:
        return
    levels: dict[str, dict[int, float]] = {}
    for scorer, number, level in levels_of(answers):
        levels.setdefault(scorer, {})[number] = level
    for scorer, known in levels.items():
        for best in golden & known.keys():
            for other in own & known.keys():
                _count(counts, scorer, _winner(known[best] - known[other]))
    for said in comparisons:
        first, second = said["first"], said["second"]
        if said["outcome"] == "tie" and _are_both(first, second, golden, own):
            _count(counts, said["scorer"], "tie")
        elif said["outcome"] in ("first", "second") and _are_both(first, second, golden, own):
            preferred = first if said["outcome"] == "first" else second
            _count(counts, said["scorer"], "gold" if preferred in golden else "own")


def gold_orders(counts: Mapping[str, Counter[Winner]]) -> tuple[GoldOrder, ...]:
    """Return what was counted, the judge who said most first.

    >>> gold_orders({"j": Counter({"gold": 2, "own": 1, "tie": 1})})[0].prefers_gold
    0.625
    """
    told = (_order(scorer, count) for scorer, count in counts.items())
    return tuple(sorted(told, key=lambda one: -(one.gold + one.own + one.ties))[:_MOST_SHOWN])


def _order(scorer: str, count: Counter[Winner]) -> GoldOrder:
    gold, own, ties = count["gold"], count["own"], count["tie"]
    return GoldOrder(
        scorer=scorer,
        gold=gold,
        own=own,
        ties=ties,
        prefers_gold=(gold + ties / 2) / (gold + own + ties),
        agrees=gold / (gold + own) if gold + own else None,
    )


def _winner(difference: float) -> Winner:
    return "tie" if difference == 0 else "gold" if difference > 0 else "own"


def _are_both(first: int, second: int, golden: set[int], own: set[int]) -> bool:
    return (first in golden and second in own) or (first in own and second in golden)


def _count(counts: dict[str, Counter[Winner]], scorer: str, winner: Winner) -> None:
    if scorer in counts or len(counts) < _MOST_KEPT:
        counts.setdefault(scorer, Counter())[winner] += 1
