"""Lengths of answers: their ratio in a pair, and their balance over many pairs.

Judges and people like longer answers, so chosen answers come out longer, and a model trained on them learns to write
more. RLAIF-V (arXiv 2405.17220) balances the lengths of the two sides before training.
"""

import re
from collections.abc import Sequence

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
TOKEN = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:['’][^\W_{_CJK}]+)*|\S")
"""A word, a number, a Chinese or Japanese sign, or any other sign that is not space."""

_CUTS = tuple(step / 50 for step in range(50))
"""0, 0.02, …, 0.98: the cuts that RLAIF-V tries."""


def length(text: str) -> int:
    """Return the number of words, at least 1. Chinese and Japanese signs count one each; punctuation does not count.

    >>> length("It's a cat, isn't it?"), length("一只猫"), length("")
    (5, 3, 1)
    """
    tokens: list[str] = TOKEN.findall(text)
    return max(1, sum(token[0].isalnum() for token in tokens))


def ratio(one: int, other: int) -> float:
    """Return how many times as long as the shorter of two lengths (at least 1) the longer one is.

    >>> ratio(2, 4), ratio(1, 1)
    (2.0, 1.0)
    """
    shorter, longer = sorted((one, other))
    return longer / shorter


def balanced(lengths: Sequence[tuple[int, int]]) -> tuple[bool, ...]:
    """Say which pairs to keep so that chosen and rejected answers are about equally long on average.

    As in RLAIF-V's code, a pair is dropped when the side that is too long on average is longer in this pair by more
    than a share ``cut`` of its own length, and the cut is taken from 0, 0.02, …, 0.98 so that the means of what is left
    are nearest. Different from it:

    - RLAIF-V drops only pairs whose rejected side is longer, which does nothing when chosen answers are the long ones,
      the common case with judges. Here it is whichever side is longer on average.
    - The distance of the means is relative to their sum, not to the mean of the rejected side, so that both sides count
      alike.
    - Where cuts do equally well, the one that keeps most pairs is taken; where none does better than no cut, none is
      made. At least one pair is always kept.

    Args:
        lengths: (chosen, rejected) length of each pair, in any one unit.

    >>> balanced([(10, 10), (30, 10), (12, 14), (11, 11)])
    (True, False, True, True)
    """
    if not lengths:
        return ()
    turned = sum(chosen - rejected for chosen, rejected in lengths) < 0
    sides = [(rejected, chosen) if turned else (chosen, rejected) for chosen, rejected in lengths]
    shares = [(long - short) / long if long > short else 0.0 for long, short in sides]
    best, least = 1.0, _distance(sides)
    for cut in reversed(_CUTS):
        left = [side for side, share in zip(sides, shares, strict=True) if share <= cut]
        if left and _distance(left) < least:
            best, least = cut, _distance(left)
    return tuple(share <= best for share in shares)


def _distance(sides: Sequence[tuple[int, int]]) -> float:
    """Return how far apart the sides' mean lengths are, from 0 (equal) to 1 (one of them is empty)."""
    total = sum(one + other for one, other in sides)
    return abs(sum(one - other for one, other in sides)) / total if total else 0.0
