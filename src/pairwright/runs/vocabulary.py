"""How far two sets of texts are from each other in length and in words. By NumPy and counting, without any model."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pairwright.pairings._lengths import TOKEN


@dataclass(slots=True)
class Texts:
    """A set of texts, counted."""

    lengths: Counter[int] = field(default_factory=Counter)
    """Texts by their number of words, at least 1."""
    words: Counter[str] = field(default_factory=Counter)
    """How often each word is used, whatever its case."""

    @property
    def number(self) -> int:
        """Texts counted."""
        return self.lengths.total()

    def add(self, text: str) -> None:
        """Count a text."""
        words = words_of(text)
        self.lengths[max(1, len(words))] += 1
        self.words.update(words)


@dataclass(frozen=True, slots=True)
class TextsSummary:
    """One set of texts by itself."""

    texts: int
    words: int
    """Words of all of them."""
    median_words: float
    """Of a text, as is the next."""
    mean_words: float
    type_token: float | None
    """Type-token ratio: different words among so many drawn from all, 0 to 1. None where there are no words."""


@dataclass(frozen=True, slots=True)
class Apart:
    """How far a set of texts is from a reference."""

    length_ratio: float
    """Mean words of a text, over that of the reference."""
    length_distance: float
    """Kolmogorov-Smirnov distance of the numbers of words: 0 for the same lengths, 1 where no two overlap."""
    divergence: float | None
    """Jensen-Shannon divergence of the words, in bits: 0 for the same frequencies, 1 where no word is shared."""
    unseen: float | None
    """Share of the words, each as often as it is used, that the reference never uses."""


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, as ``pairings._lengths.length`` counts them.

    >>> words_of("It's a Cat, isn't it?")
    ["it's", 'a', 'cat', "isn't", 'it']
    """
    return [token for token in TOKEN.findall(text.casefold()) if token[0].isalnum()]


def together(one: Texts, other: Texts) -> Texts:
    """Return two sets as one."""
    return Texts(one.lengths + other.lengths, one.words + other.words)


def apart(texts: Texts, reference: Texts) -> Apart:
    """Return how far texts are from a reference; both hold at least one."""
    return Apart(
        length_ratio=_mean(texts.lengths) / _mean(reference.lengths),
        length_distance=kolmogorov_smirnov(texts.lengths, reference.lengths),
        divergence=jensen_shannon(texts.words, reference.words),
        unseen=unseen(texts.words, reference.words),
    )


def summary_of(texts: Texts, equal_size: int) -> TextsSummary:
    """Return the numbers of a set of at least one text; ``equal_size`` is what its type-token ratio is taken of."""
    return TextsSummary(
        texts=texts.number,
        words=texts.words.total(),
        median_words=_median(texts.lengths),
        mean_words=_mean(texts.lengths),
        type_token=type_token(texts.words, equal_size),
    )


def kolmogorov_smirnov(one: Mapping[int, int], other: Mapping[int, int]) -> float:
    """Return the largest distance between two distributions of numbers, given as value to count.

    >>> kolmogorov_smirnov({1: 1, 2: 1}, {2: 1, 3: 1})
    0.5
    """
    values = np.array(sorted(one.keys() | other.keys()))
    shares = [np.cumsum([counts.get(value, 0) for value in values.tolist()]) for counts in (one, other)]
    first, second = (ends / ends[-1] for ends in shares)
    return float(np.abs(first - second).max())


def jensen_shannon(one: Mapping[str, int], other: Mapping[str, int]) -> float | None:
    """Return the divergence of two distributions of words in bits, 0 to 1; None where one of them is empty.

    J. Lin, Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Theory 37(1), 1991.

    >>> jensen_shannon({"a": 1, "b": 1}, {"a": 3, "b": 3}), jensen_shannon({"a": 1}, {"b": 1})
    (0.0, 1.0)
    """
    totals = sum(one.values()), sum(other.values())
    if not all(totals):
        return None

    def part(word: str) -> float:
        shares = one.get(word, 0) / totals[0], other.get(word, 0) / totals[1]
        middle = sum(shares) / 2
        return sum(share / 2 * math.log2(share / middle) for share in shares if share)

    # fsum: the same sum in whatever order the words come.
    return max(0.0, math.fsum(part(word) for word in one.keys() | other.keys()))


def unseen(words: Mapping[str, int], reference: Mapping[str, int]) -> float | None:
    """Return the share of words, counted as often as they are used, that the reference never uses.

    >>> unseen({"a": 3, "b": 1}, {"a": 1})
    0.25
    """
    total = sum(words.values())
    return sum(count for word, count in words.items() if word not in reference) / total if total else None


def type_token(words: Mapping[str, int], size: int) -> float | None:
    """Return how many different words ``size`` words have on average that are drawn from all, over ``size``.

    Longer sets repeat more, so sets are only to be compared at one size. The mean over all draws is exact (rarefaction by
    the hypergeometric distribution), so nothing is drawn.

    >>> round(type_token({"a": 2, "b": 1}, 2), 6), type_token({"a": 2, "b": 1}, 3)
    (0.833333, 0.6666666666666666)
    """
    total = sum(words.values())
    if not 0 < size <= total:
        return None
    often = Counter(words.values())
    # A word that stands there c times is not drawn with probability (1 - size/total) … (1 - size/(total - c + 1)).
    places = np.arange(min(max(often), total - size))
    missed = np.cumsum(np.log1p(-size / (total - places)))

    def drawn(count: int) -> float:
        return 1.0 if count > total - size else -math.expm1(missed[count - 1])

    return math.fsum(number * drawn(count) for count, number in often.items()) / size


def _mean(lengths: Mapping[int, int]) -> float:
    return sum(length * count for length, count in lengths.items()) / sum(lengths.values())


def _median(lengths: Mapping[int, int]) -> float:
    values: NDArray[np.int64] = np.array(sorted(lengths))
    return float(np.median(np.repeat(values, [lengths[value] for value in values.tolist()])))
