"""Style: a tiny classifier must not be able to tell chosen from rejected answers by style alone.

Looks at all pairs of a shard. Where a ridge regression over features of style (:mod:`pairwright.guards._style`) finds the
chosen side of more held-out pairs than it may, those that it is surest of are dropped, a slice at a time, and it learns
anew from what is left: the way of AFLite. Differences of length are among the features; to balance lengths alone,
``pairing.balance_length`` is the plainer means.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from pairwright.guards import Contrast, SetGuard, WatchSet
from pairwright.guards._style import Told, differences, told_apart
from pairwright.schemas.settings import Settings

LEAST = 40
"""Fewest pairs of which anything is said: of fewer, forty features find something by chance."""
_SLICE = 0.05
"""Share of the pairs that is dropped before it learns anew."""


class Style(Settings):
    """Parameters of the guard."""

    at_most: Annotated[float, Field(ge=0.5, lt=1)] = 0.7
    """Share of held-out pairs whose chosen side may be found by style. Pairs without any drift come to 0.5, with 99 in 100
    shards of 40 pairs below 0.67, and of 160 pairs below 0.6."""
    min_pairs: Annotated[int, Field(ge=10)] = LEAST
    """A shard with fewer pairs is let through. Where fewer would be left, all are dropped: there are no pairs in it that
    style does not tell apart."""


def prepare(settings: Style) -> WatchSet:
    """Return the guard."""

    def watch(contrasts: Sequence[Contrast]) -> list[str | None]:
        said: list[str | None] = [None] * len(contrasts)
        left = list(range(len(contrasts)))
        apart = differences(contrasts)
        while len(left) >= settings.min_pairs:
            told = told_apart([contrasts[number] for number in left], apart[left])
            if told.accuracy <= settings.at_most:
                break
            surest = _surest(told)
            if len(left) - len(surest) < settings.min_pairs:
                for number in left:
                    said[number] = f"{_share(told)}, and fewer than {settings.min_pairs} pairs would be left"
                break
            for place in surest:
                said[left[place]] = f"{_share(told)}; this one mostly by: {told.mostly[place]}"
            left = [number for place, number in enumerate(left) if place not in surest]
        return said

    return watch


def style_accuracy(contrasts: Sequence[Contrast], least: int = LEAST) -> float | None:
    """Return the share of pairs whose chosen side is found by style alone when they are held out, 0 to 1.

    About 0.5 where style tells nothing. None for fewer than ``least`` pairs, of which it would say nothing reliable.

    >>> style_accuracy([Contrast(f"Question {n}?", f"It is {n}!", f"It is {n}.") for n in range(50)])
    1.0
    >>> style_accuracy([Contrast("What is it?", "A cat!", "A dog.")]) is None
    True
    """
    if len(contrasts) < max(1, least):
        return None
    return told_apart(contrasts, differences(contrasts)).accuracy


def _surest(told: Told) -> set[int]:
    """Return which pairs are dropped next; those that are told apart equally surely go together, whatever their order."""
    bound = np.sort(told.sureness)[-max(1, int(_SLICE * len(told.sureness)))]
    return set(np.flatnonzero(told.sureness >= bound).tolist())


def _share(told: Told) -> str:
    return f"style alone tells {told.accuracy:.0%} of held-out pairs apart"


PART = SetGuard(
    settings=Style,
    prepare=prepare,
    reason="style_drift",
    summary="style alone must not tell chosen from rejected; what it tells most surely is dropped until it does not",
    source="AFLite (Le Bras et al., arXiv 2002.04108); why: HA-DPO (2311.16839) rewrites both sides into one style",
)
