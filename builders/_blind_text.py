"""The blind test by text alone: whether the longer answer, or the more usual one, is the chosen one. It costs nothing.

Of one pair this says little. Over a set it says what a model can learn without ever looking: where the longer answer is the
chosen one in 71 % of the pairs, writing more is worth as much as looking. "More usual" is what priors of VQA sets are made
of: an answer that is chosen more often than not, wherever else it stands.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pairwright.annotators.vqa_score import normalised
from pairwright.pairings._lengths import length
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair

Cue = Literal["length", "frequency"]
"""What is gone by."""

TEXT = "text"
"""Scorer of what the texts alone say."""

LONGER, FREQUENT = "longer", "frequent"
"""Aspects: 1 where the chosen answer is the longer, or the more usual one, 0 where the rejected one is, 0.5 where neither."""

_SURE = 1.96
"""Standard deviations that chance alone passes in one case of twenty."""

MOST_WORDS = 5
"""Words of the longest answer that counts as short: sentences of two pairs are hardly ever the same."""


def verdict(target: str, scorer: str, aspect: str, difference: float | None, why: str) -> Judgement:
    """Return what a cue says of a pair: 1 where a difference is for the chosen answer, 0 where against it, 0.5 for none.

    >>> verdict("pair", "text", "longer", -2, "3 words over 5").value
    0.0
    """
    value = None if difference is None else 0.5 if difference == 0 else float(difference > 0)
    return Judgement(target, scorer, aspect, value, 0.0, 1.0, why)


def by_length(pair: Pair) -> Judgement:
    """Return whether the chosen answer is the longer one, in words."""
    chosen, rejected = length(pair.chosen), length(pair.rejected)
    words = "1 word" if chosen == 1 else f"{chosen} words"
    return verdict("pair", TEXT, LONGER, chosen - rejected, f"{words} over {rejected}")


@dataclass(slots=True)
class _Stands:
    """How often answers stand on a side."""

    chosen: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    def count(self, sides: tuple[str, str]) -> None:
        self.chosen[sides[0]] += 1
        self.rejected[sides[1]] += 1


def by_frequency(pairs: Sequence[Pair]) -> list[Judgement]:
    """Return for each pair of a shard whether its chosen answer is the more usual one on the chosen side elsewhere.

    Answers are compared as VQA's evaluation does, those of at most :data:`MOST_WORDS` words alone. An answer is as usual as the
    share of its other stands that are on the chosen side, (chosen + 1) / (all + 2); two that differ by less than chance explains
    (95 %) are equally usual: of a balanced set this pair's own answer is always one short. Pairs about the same pictures (or,
    without pictures, the same question) are left out of the count, not this pair alone: they repeat its answers.

    The value is None where an answer is not short, or neither stands anywhere else.
    """
    sides = [_short(pair) for pair in pairs]
    everyone, by_group = _Stands(), dict[str, _Stands]()
    for pair, two in zip(pairs, sides, strict=True):
        if two is not None:
            everyone.count(two)
            by_group.setdefault(pair.group_id, _Stands()).count(two)
    return [
        _frequent(two, everyone, by_group.get(pair.group_id, _Stands()))
        for pair, two in zip(pairs, sides, strict=True)
    ]


def _short(pair: Pair) -> tuple[str, str] | None:
    """Return both answers as they are compared; None where one is not short, or they differ in nothing that counts."""
    if max(length(pair.chosen), length(pair.rejected)) > MOST_WORDS:
        return None
    two = normalised(pair.chosen), normalised(pair.rejected)
    return two if all(two) and two[0] != two[1] else None


def _frequent(two: tuple[str, str] | None, everyone: _Stands, own: _Stands) -> Judgement:
    if two is None:
        return verdict(
            "pair", TEXT, FREQUENT, None, "the answers are not short, or the same but for their spelling"
        )
    counts = [_elsewhere(text, everyone, own) for text in two]
    told = "; ".join(
        f"{text!r} chosen {chosen} of {stands} times elsewhere"
        for text, (chosen, stands) in zip(two, counts, strict=True)
    )
    if not any(stands for _, stands in counts):
        return verdict("pair", TEXT, FREQUENT, None, told)
    one, other = ((chosen + 1) / (stands + 2) for chosen, stands in counts)
    chance = _SURE * math.sqrt(sum(0.25 / (stands + 2) for _, stands in counts))
    return verdict("pair", TEXT, FREQUENT, one - other if abs(one - other) > chance else 0.0, told)


def _elsewhere(text: str, everyone: _Stands, own: _Stands) -> tuple[int, int]:
    """Return how often an answer is chosen in pairs of other groups, and how often it stands in them at all."""
    chosen = everyone.chosen[text] - own.chosen[text]
    return chosen, chosen + everyone.rejected[text] - own.rejected[text]


def cues_of(cues: Sequence[Cue]) -> Mapping[Cue, str]:
    """Return the aspect of each cue that is gone by."""
    aspects: dict[Cue, str] = {"length": LONGER, "frequency": FREQUENT}
    return {cue: aspects[cue] for cue in cues}
