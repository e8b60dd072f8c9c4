"""Repetition: an answer goes round in circles.

Models that lose the picture, or sample too hot, end in a loop: one phrase, one sentence, one word without end. As
rejected answer a loop teaches nothing but not to loop; as chosen answer it teaches to. Three rules, each enough:

- much of a stretch of the text stands in runs of words that were said before;
- the last sentence stands right before itself too, or some sentence three times in a row;
- one word stands often, and makes up more of the text than any common word does.

Code, tables and, for the second rule, rows of lists are not looked at: they repeat as they should. Case by case reasoning
("Point A lies ... Point B lies ...") stays below, as its runs are short; loops that count up ("3 dogs. 4 dogs. 5 dogs.")
do so too.
"""

import re
from collections import Counter
from itertools import groupby
from typing import Annotated, Literal

from pydantic import Field

from pairwright.guards import Contrast, Guard, Watch
from pairwright.pairings._lengths import TOKEN
from pairwright.pairings._similarity import normalised
from pairwright.schemas.settings import Settings

_RUN = 12
"""Words of a run. Runs of 5 words make up 0.9 of sound answers that go through the options of a question one by one."""
_CJK_RUN = 24
"""The same in Chinese and Japanese signs."""
_STRETCH = 100
"""Words over which the share of repeated runs is taken: a loop may follow a long and sound beginning. In a text below 200
words it is half of them, as of a text that is told twice no more than half was said before."""
_LEAST = 30
"""Words of the shortest text that is looked at for runs."""
_SENTENCE_WORDS = 4
"""Words of the shortest sentence that counts: "Yes." and "Step 2." may stand often."""
_IN_A_ROW = 3
_WORD_SHARE = 0.25
"""Formulas and geometry come to 0.22 with their commonest word."""
_SIGNS = re.compile(r"([^\W_]|[!?])\1{29,}")
"""One sign 30 times in a row; rows of dashes, dots and underlines are rules and blanks."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_ROW = re.compile(r"^[ \t]*(?:[-*+•>]|\d+[.)])\s.*$", re.MULTILINE)
_NUMBERING = re.compile(r"(?:^[ \t]*|(?<=[.,!?:;]\s))\d{1,3}[.)](?=\s)", re.MULTILINE)
_CODE = re.compile(r"^[ \t]*```.*?(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"^.*(?:\|.*\||\t.*\t|<t[dhr]\b|&.*&).*$", re.MULTILINE)


class Repetition(Settings):
    """Parameters of the guard."""

    side: Literal["both", "rejected", "chosen"] = "both"
    """Which answers are looked at."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.75
    """A text is caught where more than this share of some 100 words in a row (of half its words, if it has fewer than 200)
    stands in runs of twelve words that were said before. Texts below 30 words are not looked at for this."""
    word_times: Annotated[int, Field(ge=2)] = 30
    """A text is caught where one word stands more often than this, and makes up more than a quarter of it."""


def prepare(settings: Repetition) -> Watch:
    """Return the guard.

    >>> watch = prepare(Repetition())
    >>> loop = "A dog. " + "The dog lies on the sofa. " * 3
    >>> watch(Contrast("What is it?", "A dog on a sofa.", loop))
    'the rejected answer: a sentence stands 3 times in a row at the end: "the dog lies on the sofa."'
    >>> watch(Contrast("What is it?", "A dog on a sofa.", "A red car, a blue car, a green car and a red bus."))
    """
    sides = [settings.side] if settings.side != "both" else ["rejected", "chosen"]

    def watch(contrast: Contrast) -> str | None:
        texts = {"chosen": contrast.chosen, "rejected": contrast.rejected}
        for side in sides:
            told = _circles(texts[side], settings)
            if told:
                return f"the {side} answer: {told}"
        return None

    return watch


def repeated_share(text: str) -> float:
    """Return the largest share of a stretch of the text that stands in runs of words which were said before, 0 to 1.

    >>> repeated_share("one two three four five six " * 10)
    1.0
    >>> repeated_share(" ".join(str(number) for number in range(100)))
    0.0
    """
    words = _words(_NUMBERING.sub("", _prose(text)))
    run = _CJK_RUN if sum(not word.isascii() and len(word) == 1 for word in words) > len(words) / 2 else _RUN
    if len(words) < _LEAST:
        return 0.0
    before: set[tuple[str, ...]] = set()
    said = [False] * len(words)
    for start in range(len(words) - run + 1):
        here = tuple(words[start : start + run])
        if here in before:
            said[start : start + run] = [True] * run
        before.add(here)
    stretch = min(_STRETCH, len(words) // 2)
    count = most = sum(said[:stretch])
    for leaving, coming in zip(said, said[stretch:], strict=False):
        count += coming - leaving
        most = max(most, count)
    return most / stretch


def _circles(text: str, settings: Repetition) -> str | None:
    """Return how a text goes round in circles; None where it does not."""
    found = _SIGNS.search(text)
    if found:
        return f"one sign stands {len(found[0])} times in a row: {found[1]}"
    sentences = [normalised(one) for one in _SENTENCE.split(_ROW.sub("", _prose(text)))]
    told = _same_in_a_row([one for one in sentences if one])
    if told:
        return told
    words = _words(_prose(text))
    for word, times in Counter(words).most_common(1):
        if times > settings.word_times and times > _WORD_SHARE * len(words):
            return f'one word stands {times} times among {len(words)}: "{word}"'
    share = repeated_share(text)
    if share > settings.share:
        return f"{share:.0%} of a stretch of it was said before, word by word"
    return None


def _same_in_a_row(sentences: list[str]) -> str | None:
    if len(sentences) > 1 and _is_beginning(sentences[-1], sentences[-2]):
        sentences = [*sentences[:-1], sentences[-2]]  # where the loop was cut off
    rows = [(sentence, len(list(same))) for sentence, same in groupby(sentences)]
    for number, (sentence, times) in enumerate(rows, 1):
        last = number == len(rows)
        if len(_words(sentence)) >= _SENTENCE_WORDS and times >= (2 if last else _IN_A_ROW):
            return f'a sentence stands {times} times in a row{" at the end" * last}: "{sentence}"'
    return None


def _is_beginning(part: str, whole: str) -> bool:
    return whole.startswith(part) and len(_words(part)) >= _SENTENCE_WORDS


def _prose(text: str) -> str:
    return _TABLE.sub("", _CODE.sub("", text))


def _words(text: str) -> list[str]:
    return [word for word in TOKEN.findall(text.casefold()) if word[0].isalnum()]


PART = Guard(
    settings=Repetition,
    prepare=prepare,
    reason="repetition",
    summary="an answer goes round in circles: runs of words, a sentence or a word again and again",
    source="OPA-DPO (arXiv 2501.09695) drops answers whose last sentence is repeated, or with one word more than 30 times",
)
