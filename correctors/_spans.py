"""What differs between two texts, word by word, as spans of characters: no tokenizer, so any trainer can use them.

RLHF-V's segment weights (DDPO, arXiv 2312.00849) want to know which words of an answer were corrected. Its map is the
complement of the words that both texts have in the same order; here these are a longest common subsequence, which keeps
as many words as can be kept. (difflib, which RLHF-V's code takes, does not, and needs a minute for texts of 2,000 words
that repeat themselves.)
"""

import re
from collections.abc import Sequence
from itertools import pairwise, takewhile

from pairwright.schemas.span import Span

WEIGHT = 5.0
"""RLHF-V's paper has 5, the code of its successor 3, CHiP (arXiv 2501.16629) 4."""

CHANGED = "changed"
"""Label of a span of which no more is known."""

# Scripts that put no spaces between words: each of their signs is a word of its own.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+(?:['’](?:(?![{_UNSPACED}])\w)+)*|[^\w\s]")


def words(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text stand, as (start, end); a punctuation mark is one by itself.

    >>> text = "It isn't red, is it?"
    >>> [text[start:end] for start, end in words(text)]
    ['It', "isn't", 'red', ',', 'is', 'it', '?']
    """
    return [found.span() for found in _WORD.finditer(text)]


def changed(
    old: str, new: str, weight: float = WEIGHT, label: str = CHANGED
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return what stands in ``old`` alone, and what stands in ``new`` alone: one span for each run of such words.

    Outside of the spans both texts have the same words in the same order. What was only taken out leaves no span in
    the other text.

    >>> old, new = changed("A red cat sits there.", "A black cat and a dog sit there.")
    >>> [(span.start, span.end) for span in old], [(span.start, span.end) for span in new]
    ([(2, 5), (10, 14)], [(2, 7), (12, 25)])
    """
    places = words(old), words(new)
    texts = [[text[start:end] for start, end in of] for text, of in zip((old, new), places, strict=True)]
    kept = _kept(*texts)
    return (
        _outside([one for one, _ in kept], places[0], weight, label),
        _outside([other for _, other in kept], places[1], weight, label),
    )


def relabelled(spans: Sequence[Span], text: str, reasons: Sequence[tuple[str, str]]) -> tuple[Span, ...]:
    """Return spans with the label of the first reason, (label, words), whose words stand in the text where they do.

    >>> relabelled(changed("A cat.", "A blue cat.")[1], "A blue cat.", [("counts", "two"), ("attributes", "Blue cat")])
    (Span(start=2, end=6, weight=5.0, label='attributes'),)
    """
    found: list[tuple[int, int, str]] = []
    for label, said in reasons:
        if said.strip():
            pattern = re.compile(rf"(?<!\w){re.escape(said.strip())}(?!\w)", re.IGNORECASE)
            found += [(*one.span(), label) for one in pattern.finditer(text)]

    def label_of(span: Span) -> str | None:
        return next(
            (label for start, end, label in found if start < span.end and span.start < end), span.label
        )

    return tuple(Span(one.start, one.end, one.weight, label_of(one)) for one in spans)


def _outside(
    kept: Sequence[int], places: Sequence[tuple[int, int]], weight: float, label: str
) -> tuple[Span, ...]:
    """Return spans over all words but those of these numbers, which rise."""
    spans = []
    borders = [-1, *kept, len(places)]
    for before, after in pairwise(borders):
        if after - before > 1:
            spans.append(Span(places[before + 1][0], places[after - 1][1], weight, label))
    return tuple(spans)


def _kept(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Return the words that both texts keep, as pairs of their numbers, both rising."""
    most = min(len(old), len(new))
    head = sum(1 for _ in takewhile(lambda n: old[n] == new[n], range(most)))
    tail = sum(1 for _ in takewhile(lambda n: old[-1 - n] == new[-1 - n], range(most - head)))
    middle = _common(old[head : len(old) - tail], new[head : len(new) - tail])
    return [
        *((n, n) for n in range(head)),
        *((head + one, head + other) for one, other in middle),
        *((len(old) - tail + n, len(new) - tail + n) for n in range(tail)),
    ]


def _common(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Return a longest common subsequence, as pairs of numbers.

    Bit-parallel (Hyyrö 2004): one integer holds a row of the table, and bit i of row j is 0 where the first i + 1 words
    of ``old`` have one more in common with the first j of ``new`` than the first i have.
    """
    full = (1 << len(old)) - 1
    where: dict[str, int] = {}
    for number, word in enumerate(old):
        where[word] = where.get(word, 0) | 1 << number
    row, rows = full, []
    for word in new:
        shared = row & where.get(word, 0)
        row = (row + shared | row - shared) & full
        rows.append(row)
    pairs: list[tuple[int, int]] = []
    one, other = len(old), len(new)
    while one and other:
        if rows[other - 1] >> (one - 1) & 1:
            one -= 1
            continue
        other -= 1
        if not other or rows[other - 1] >> (one - 1) & 1:
            one -= 1
            pairs.append((one, other))
    return pairs[::-1]
