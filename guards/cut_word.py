"""Cut word: a rejected answer was continued in the middle of a word, or its given beginning was not kept.

A writer that is given the first half of the chosen answer and is to go on may finish a half word ("The dog is run" +
"ning"), add to a whole one ("The dog" + "s"), begin anew, or stop at once. Then the answers differ where the cut was
made, and not where the writer erred.
"""

import re
import unicodedata

from pairwright.guards import Contrast, Guard, Watch
from pairwright.guards._given import behind
from pairwright.schemas.settings import Settings

_SPACELESS = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
)
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese signs: no space tells where a word ends."""
_APOSTROPHES = "'’"


class CutWord(Settings):
    """The guard has no parameters."""


def prepare(settings: CutWord) -> Watch:
    """Return the guard; it lets through what was written without a given beginning.

    >>> watch = prepare(CutWord())
    >>> watch(Contrast("What is it?", "A dog runs.", "A dogs sleep.", prefix="A dog"))
    'the given beginning ends inside a word of the rejected answer: dog|s'
    >>> watch(Contrast("What is it?", "A dog runs.", "A cat.", prefix="A dog"))
    'the rejected answer does not begin as it was given'
    >>> watch(Contrast("What is it?", "A dog runs.", "A dog sleeps.", prefix="A dog"))
    """

    def watch(contrast: Contrast) -> str | None:
        prefix = contrast.prefix.strip()
        if not prefix:
            return None
        rest = behind(prefix, contrast.rejected)
        if rest is None:
            return "the rejected answer does not begin as it was given"
        if not any(_of_word(sign) for sign in rest):
            return "no word follows the given beginning of the rejected answer"
        true_rest = behind(prefix, contrast.chosen) or ""
        for side, end in (("rejected", rest), ("chosen", true_rest)):
            if inside_word(prefix, end):
                told = f"{prefix.split()[-1]}|{end.split()[0]}"
                return f"the given beginning ends inside a word of the {side} answer: {told}"
        return None

    return watch


def inside_word(before: str, after: str) -> bool:
    """Tell whether a text that is cut in two is cut inside a word or a number.

    >>> inside_word("The dog is run", "ning"), inside_word("The dog", " runs"), inside_word("3.", "5 cm")
    (True, False, True)
    >>> inside_word("don", "'t"), inside_word("一只", "猫"), inside_word("well", "-known")
    (True, False, False)
    """
    last, first = before[-1:], after[:1]
    if not last or not first or _SPACELESS.match(last) or _SPACELESS.match(first):
        return False
    if _of_word(last) and _of_word(first):
        return True
    # "don|'t", "don'|t", "3|.5", "3.|5": the sign between belongs to the word
    if _of_word(last) and first in (*_APOSTROPHES, *".,"):
        return _joined(last, first, after[1:2])
    if _of_word(first) and last in (*_APOSTROPHES, *".,"):
        return _joined(before[-2:-1], last, first)
    return False


def _joined(before: str, mark: str, after: str) -> bool:
    """Tell whether a mark between two signs makes one word or number of them."""
    return (
        before.isalpha() and after.isalpha() if mark in _APOSTROPHES else before.isdigit() and after.isdigit()
    )


def _of_word(sign: str) -> bool:
    return sign.isalnum() or unicodedata.category(sign).startswith("M")


PART = Guard(
    settings=CutWord,
    prepare=prepare,
    reason="cut_word",
    summary="the rejected answer goes on inside a word of its given beginning, or does not begin with it",
    source="pairwright; for continuations as in MMPR (arXiv 2411.10442) and BDHS (2407.02477)",
)
