"""When two answers are the same answer, and when one final answer is part of another."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from pairwright.pairings._lengths import TOKEN

_EDGE = ""
"""Stands before the first and behind the last word, so that a text of one word has neighbours too."""

Profile = frozenset[tuple[str, str, int]]
"""A text as its pairs of neighbouring words, each with the number of its repetition."""


def normalised(text: str) -> str:
    r"""Return the text in lower case, with one space for any white space and none at the ends.

    >>> normalised("  A  Cat.\n")
    'a cat.'
    """
    return " ".join(text.split()).casefold()


def profile(text: str) -> Profile:
    """Return what :func:`similarity` compares."""
    words = [_EDGE, *TOKEN.findall(text.casefold()), _EDGE]
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for neighbours in pairwise(words):
        seen[neighbours] += 1
        found.append((*neighbours, seen[neighbours]))
    return frozenset(found)


def similarity(one: Profile, other: Profile) -> float:
    """Return the share of neighbouring word pairs that two texts have in common, 0 to 1 (Dice's coefficient).

    Symmetric, and sensitive to order. It knows words, not meaning: in a text of 100 words one other word leaves 0.98,
    be it a synonym or the one that makes the answer wrong.

    >>> cat, dog = profile("a black cat on a mat"), profile("a black dog on a mat")
    >>> round(similarity(cat, dog), 2), similarity(cat, cat)
    (0.71, 1.0)
    """
    return 2 * len(one & other) / (len(one) + len(other))


def repeats(texts: Sequence[str], at_least: float) -> dict[int, int]:
    """Return for each text that repeats an earlier one the number of that one.

    An earlier text that is a repeat itself does not count, so that a chain of small changes is not one answer.

    Args:
        texts: in the order in which they are to be kept.
        at_least: similarity from which on two texts are the same; 1 for equal but for space and case.

    >>> repeats(["A cat.", "a  cat.", "A dog."], 1.0)
    {1: 0}
    """
    found: dict[int, int] = {}
    kept: dict[str, int] = {}
    profiles: dict[int, Profile] = {}
    for number, text in enumerate(texts):
        key = normalised(text)
        same = kept.get(key)
        if same is None and at_least < 1:
            same = _near(mine := profile(key), profiles, at_least)
            if same is None:
                profiles[number] = mine
        if same is None:
            kept[key] = number
        else:
            found[number] = same
    return found


def contains(text: str, part: str) -> bool:
    """Tell whether ``part`` stands in ``text`` as whole words and numbers, whatever the case and spacing.

    >>> contains("Three red apples", "red apples"), contains("13", "3"), contains("3.5", "3"), contains("x = 3.", "3")
    (True, False, False, True)
    """
    part = normalised(part)
    if not part:
        return False
    whole = rf"(?<!\w)(?<!\d[.,]){re.escape(part)}(?!\w|[.,]\d)"
    # ASCII: in scripts without spaces between words, a sign's neighbours do not make it another word.
    return re.search(whole, normalised(text), re.ASCII) is not None


def _near(mine: Profile, profiles: dict[int, Profile], at_least: float) -> int | None:
    for number, other in profiles.items():
        shorter, longer = sorted((len(mine), len(other)))
        if 2 * shorter >= at_least * (shorter + longer) and similarity(mine, other) >= at_least:
            return number
    return None
