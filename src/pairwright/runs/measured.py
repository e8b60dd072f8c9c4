"""What was measured of pairs as a whole: how many are decided without their pictures, and how much they owe to them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pairwright.builders._blind import PREFERENCE, RIGHT
from pairwright.builders._blind_text import FREQUENT, LONGER, TEXT
from pairwright.builders._dependence import FLUENT, MARGIN, PER_TOKEN
from pairwright.builders._measure_bands import PairMeasure
from pairwright.runs.spread import Axis, Spread, Tally, axis_of

K = TypeVar("K")
V = TypeVar("V")

OF_PAIRS: Mapping[PairMeasure, str] = {
    "blind_decided": "1 where a judge that is shown no picture finds the chosen answer, 0 where it does not; 0 to 1",
    "blind_preference": "its verdict itself: above 0 for the chosen answer",
    "blind_right": "share of right answers to the question by a model that is shown no picture; 0 to 1",
    "longer": "1 where the chosen answer is the longer one, 0 where the rejected one is; 0 to 1",
    "frequent": "1 where the chosen answer is the more usual one in the shard, 0 where the rejected one is; 0 to 1",
    "fluent": "1 where the chosen answer is the likelier one without the picture, 0 where the rejected one is; 0 to 1",
    "dependence": "fall of the chosen answer's log-probability without the picture, in nats per token",
    "dependence_sum": "the same in all, not per token",
    "dependence_rejected": "the same of the rejected answer, per token",
    "dependence_margin": "how far the picture moves the odds towards the chosen answer, in nats",
}
"""Measures of pairs that can be bounded, by the names under which they are; what they say."""

CUES = (LONGER, FREQUENT, FLUENT)
"""Aspects that point to an answer whatever the picture shows: 1 to the chosen one, 0 to the rejected one."""

_EVEN = {PREFERENCE: 0.0, **dict.fromkeys(CUES, 0.5)}
"""Value that points to neither side, by aspect; above it the cue points to the chosen one."""

_OWED = (("chosen", PER_TOKEN), ("rejected", PER_TOKEN), ("pair", MARGIN))
"""Target and aspect of what is owed to the picture."""

_STEP = 1e-4
"""Grid of log-probabilities, in nats."""

_MOST_KEPT = 100
"""Different scorers that are told apart; the column may hold what a source had there."""

_SURE = 1.96
"""Standard deviations on either side that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Cue:
    """How often something that is no look at the picture points to the chosen answer."""

    aspect: str
    scorer: str
    """Who goes by it: a model, or ``text``."""
    chosen: int
    """Pairs in which it points to the chosen answer."""
    rejected: int
    neither: int
    """Pairs in which it points to neither: a tie."""
    undefined: int
    """Pairs of which it says nothing."""
    share: float | None
    """Share of pairs that who goes by it alone gets right, 0 to 1, guessing where it points to neither; 0.5 is chance. None
    where it says something of no pair."""
    low: float
    """Lower end of the 95 % interval of ``share`` (Wilson)."""
    high: float

    @property
    def pairs(self) -> int:
        """Pairs of which it says something."""
        return self.chosen + self.rejected + self.neither

    def turned(self) -> "Cue":
        """Return the same for somebody who goes by the opposite."""
        return replace(
            self,
            chosen=self.rejected,
            rejected=self.chosen,
            share=None if self.share is None else 1 - self.share,
            low=1 - self.high,
            high=1 - self.low,
        )


@dataclass(frozen=True, slots=True)
class BlindRight:
    """How often a model answers right without the picture."""

    scorer: str
    questions: int
    """Pairs whose question was answered and could be checked."""
    undefined: int
    share: float
    """Mean share of right answers, 0 to 1."""
    solved: int
    """Questions of which half of the answers or more are right."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What answers owe to their picture, in nats."""

    target: str
    """``chosen`` or ``rejected`` (fall of the answer's log-probability per token), or ``pair`` (how far the picture moves the
    odds towards the chosen answer)."""
    scorer: str
    spread: Spread


@dataclass(frozen=True, slots=True)
class MeasuredSummary:
    """What was measured."""

    cues: tuple[Cue, ...]
    """Models first, then texts."""
    right: tuple[BlindRight, ...]
    owed: tuple[Owed, ...]

    def cue(self, aspect: str) -> Cue | None:
        """Return the first cue of an aspect."""
        return next((one for one in self.cues if one.aspect == aspect), None)


@dataclass(slots=True)
class _Votes:
    chosen: int = 0
    rejected: int = 0
    neither: int = 0
    undefined: int = 0


@dataclass(slots=True)
class _Right:
    questions: int = 0
    undefined: int = 0
    solved: int = 0
    total: float = 0.0


@dataclass(slots=True)
class MeasuredCounts:
    """Counts over all judgements that were added."""

    votes: dict[tuple[str, str], _Votes] = field(default_factory=dict)
    """By aspect and scorer."""
    right: dict[str, _Right] = field(default_factory=dict)
    owed: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    """By target, aspect and scorer."""

    def add(self, target: str, scorer: str, aspect: str, value: float | None) -> None:
        """Count one judgement of a pair, if it is a measure."""
        if target == "pair" and aspect in _EVEN:
            votes = _of(self.votes, (aspect, scorer), _Votes())
            if votes is not None:
                _vote(votes, value, _EVEN[aspect])
        elif target == "pair" and aspect == RIGHT:
            right = _of(self.right, scorer, _Right())
            if right is not None:
                _answered(right, value)
        elif (target, aspect) in _OWED:
            tally = _of(self.owed, (target, aspect, scorer), Tally(_STEP))
            if tally is not None:
                tally.add(value)


def measured_summary(counts: MeasuredCounts) -> MeasuredSummary | None:
    """Return what was counted, None where nothing was measured."""
    cues = sorted(_cues(counts), key=lambda one: (one.scorer == TEXT, one.aspect, one.scorer))
    right = tuple(
        BlindRight(scorer, one.questions, one.undefined, one.total / one.questions, one.solved)
        for scorer, one in sorted(counts.right.items())
        if one.questions
    )
    owed = tuple(_owed(counts))
    return MeasuredSummary(tuple(cues), right, owed) if cues or right or owed else None


def interval(share: float, number: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of so many pairs, after Wilson (1927).

    >>> [round(end, 3) for end in interval(0.71, 100)]
    [0.615, 0.79]
    >>> [round(end, 3) for end in interval(1.0, 10)]
    [0.722, 1.0]
    """
    square = _SURE**2
    middle = share + square / (2 * number)
    width = _SURE * math.sqrt(share * (1 - share) / number + square / (4 * number**2))
    scale = 1 + square / number
    return max(0.0, (middle - width) / scale), min(1.0, (middle + width) / scale)


def _of(counts: dict[K, V], key: K, new: V) -> V | None:
    """Return what is counted under a key; None for one too many."""
    if key not in counts and len(counts) >= _MOST_KEPT:
        return None
    return counts.setdefault(key, new)


def _vote(votes: _Votes, value: float | None, even: float) -> None:
    if value is None or math.isnan(value):
        votes.undefined += 1
    elif value == even:
        votes.neither += 1
    elif value > even:
        votes.chosen += 1
    else:
        votes.rejected += 1


def _answered(right: _Right, value: float | None) -> None:
    if value is None or not 0 <= value <= 1:
        right.undefined += 1
        return
    right.questions += 1
    right.total += value
    right.solved += value >= 0.5


def _cues(counts: MeasuredCounts) -> Iterator[Cue]:
    for (aspect, scorer), votes in counts.votes.items():
        number = votes.chosen + votes.rejected + votes.neither
        share = (votes.chosen + votes.neither / 2) / number if number else None
        low, high = interval(share, number) if share is not None else (0.0, 1.0)
        told = (votes.chosen, votes.rejected, votes.neither, votes.undefined)
        yield Cue(aspect, scorer, *told, share, low, high)


def _owed(counts: MeasuredCounts) -> Iterator[Owed]:
    axes: dict[str, Axis] = {
        aspect: axis_of(tally for (_, other, _), tally in counts.owed.items() if other == aspect)
        for _, aspect in _OWED
    }
    for target, aspect in _OWED:
        for (of, what, scorer), tally in sorted(counts.owed.items()):
            spread = tally.spread(axes[aspect])
            if (of, what) == (target, aspect) and spread is not None:
                yield Owed(target, scorer, spread)
