"""How far style alone tells chosen from rejected answers: features that know nothing of content, and a ridge regression.

A model that is trained on pairs takes the shortest way: if all chosen answers end with a full stop, or begin with "The
image", or are written by another model, it learns that, and nothing of pictures. What a linear model finds in forty
numbers a large one will find too.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from pairwright.guards import Contrast
from pairwright.pairings._lengths import TOKEN

Numbers = NDArray[np.float64]

FOLDS = 5
_PARTITIONS = 4
"""AFLite (arXiv 2002.04108) averages over 64; here each pair is held out once in every one of 4."""
_RIDGE = 0.3
"""Of the number of pairs; features are scaled to a mean square of 1."""

_WORDS = {
    "the": "the",
    "a": "a an",
    "and": "and or but",
    "of": "of",
    "with": "with",
    "places": "in on at by from to",
    "is": "is are was were be been being has have had",
    "pronouns": "it its they them their he she his her",
    "this": "this that these those",
    "there": "there here",
    "i and you": "i i'm i'll you your we our my me",
    "not": "not no n't cannot can't don't doesn't isn't aren't",
    "doubt": "may might could would appears appear seems seem likely possibly probably perhaps suggests suggesting",
    "links": "also additionally however overall furthermore moreover therefore thus so because while",
    "picture words": "image picture photo photograph scene shows depicts features",
}
_MARKS = {
    "commas": ",",
    "full stops": ".",
    "colons": ":;",
    "exclamation marks": "!",
    "question marks": "?",
    "brackets": "()[]",
    "quotation marks": '"“”«»',
    "dashes": "-–—",
    "asterisks": "*",
    "maths signs": "$\\^_=",
    "back quotes": "`",
}
_BEGINNINGS = {
    "begins with yes or no": re.compile(r"\W*(?:yes|no)\b"),
    "begins with the picture": re.compile(
        r"\W*(?:(?:in|the|this|that|from)\s+)*(?:image|picture|photo|scene)"
    ),
    "begins politely": re.compile(
        r"\W*(?:sure|certainly|of course|sorry|i'm sorry|i apologi[sz]e|thank|okay|great)\b"
    ),
    "begins with a number": re.compile(r"\W*\d"),
}
_ENDS = {
    "ends with a full stop": ".。",
    "ends with an exclamation mark": "!！",
    "ends with a question mark": "?？",
}
_LINES = {
    "list rows": re.compile(r"^[ \t]*(?:[-*+•]|\d+[.)])\s", re.MULTILINE),
    "headings": re.compile(r"^[ \t]*(?:#{1,6}\s|[*_]{2}[^*_\n]+[*_]{2}:?\s*$)", re.MULTILINE),
    "line breaks": re.compile(r"\n"),
    "blank lines": re.compile(r"\n[ \t]*\n"),
}
_SENTENCE = re.compile(r"[.!?。！？]+(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Told:
    """How surely each pair is told apart by what was learned from others."""

    accuracy: float
    """Share of the pairs whose chosen side is found when they are held out, 0 to 1."""
    sureness: Numbers
    """Per pair; above 0 where the chosen side is found."""
    mostly: tuple[str, ...]
    """Per pair the feature that tells most."""


def features(text: str) -> dict[str, float]:
    """Return what is known of an answer's style: lengths as logarithms, rates per word, 1 or 0 for what it has or not.

    >>> of = features("The image shows a cat!")
    >>> of["begins with the picture"], of["ends with an exclamation mark"], of["commas"], of["mean length of words"]
    (1.0, 1.0, 0.0, 3.4)
    """
    folded = text.casefold().replace("’", "'").strip()
    tokens = TOKEN.findall(folded)
    words = [token for token in tokens if token[0].isalnum()]
    each, total = Counter(tokens), max(1, len(words))
    sentences = max(1, len(_SENTENCE.findall(folded)))
    first = words[:50]
    found = {
        "number of words": np.log1p(len(words)),
        "number of sentences": np.log(sentences),
        "words per sentence": np.log1p(len(words) / sentences),
        "mean length of words": sum(map(len, words)) / total,
        "different words": len(set(first)) / max(1, len(first)),
        "numbers": sum(word[0].isdigit() for word in words) / total,
        "capitals": sum(sign.isupper() for sign in text) / total,
        "begins with a letter in lower case": float(text.strip()[:1].islower()),
    }
    found |= {name: sum(each[word] for word in of.split()) / total for name, of in _WORDS.items()}
    found |= {name: sum(map(folded.count, marks)) / total for name, marks in _MARKS.items()}
    found |= {name: float(bool(begins.match(folded))) for name, begins in _BEGINNINGS.items()}
    found |= {name: float(folded.endswith(tuple(marks))) for name, marks in _ENDS.items()}
    found |= {name: len(lines.findall(text.strip())) / total for name, lines in _LINES.items()}
    return {name: float(value) for name, value in found.items()}


def differences(contrasts: Sequence[Contrast]) -> Numbers:
    """Return the features of each pair's chosen answer less those of its rejected one, float64[pairs, features]."""
    names = list(features(""))
    sides = [(features(one.chosen), features(one.rejected)) for one in contrasts]
    apart = [[better[name] - worse[name] for name in names] for better, worse in sides]
    return np.array(apart).reshape(len(apart), len(names))


def told_apart(contrasts: Sequence[Contrast], apart: Numbers) -> Told:
    """Return how far style tells chosen from rejected answers in pairs that were held out.

    A ridge regression learns which differences point to the chosen side. Pairs that may be of one prompt (same question,
    and an answer in common) are held out together. The same pairs give the same numbers in any order.

    Args:
        contrasts: the pairs.
        apart: their :func:`differences`.
    """
    order = sorted(range(len(contrasts)), key=lambda number: _key(contrasts[number]))
    inside = _told([contrasts[number] for number in order], apart[order])
    place = np.argsort(order, kind="stable")
    return Told(inside.accuracy, inside.sureness[place], tuple(inside.mostly[number] for number in place))


def _told(contrasts: Sequence[Contrast], apart: Numbers) -> Told:
    """Do what :func:`told_apart` does with pairs in a fixed order."""
    groups = _groups(contrasts)
    sureness = np.zeros(len(contrasts))
    parts = np.zeros_like(apart)
    right = 0.0
    for partition in range(_PARTITIONS):
        fold = _folds(groups, partition)
        for number in range(FOLDS):
            held = fold == number
            if held.any() and not held.all():
                weights = _fitted(apart[~held])
                found = np.round(apart[held] @ weights, 9)
                sureness[held] += found
                parts[held] += apart[held] * weights
                right += float((found > 0).sum() + (found == 0).sum() / 2)
            else:
                right += held.sum() / 2
    names = list(features(""))
    mostly = tuple(names[int(np.argmax(row))] for row in np.round(parts, 9))
    return Told(right / _PARTITIONS / max(1, len(contrasts)), sureness / _PARTITIONS, mostly)


def _fitted(apart: Numbers) -> Numbers:
    """Return the weight of each difference; a pair turned round has the opposite one, so there is no constant."""
    scale = np.sqrt((apart**2).mean(axis=0))
    scale[scale < 1e-9] = np.inf  # what never differs has no weight
    scaled = apart / scale
    inner = scaled.T @ scaled + _RIDGE * len(apart) * np.eye(apart.shape[1])
    weights: Numbers = np.linalg.solve(inner, scaled.sum(axis=0)) / scale
    return weights


def _folds(groups: Sequence[str], partition: int) -> NDArray[np.int_]:
    """Return the fold of each pair: groups in drawn order, each into the fold that has the fewest pairs."""
    sizes = Counter(groups)
    counts, fold = [0] * FOLDS, {}
    for group in sorted(sizes, key=lambda name: _hash(str(partition), name)):
        least = counts.index(min(counts))
        fold[group] = least
        counts[least] += sizes[group]
    return np.array([fold[group] for group in groups])


def _groups(contrasts: Sequence[Contrast]) -> list[str]:
    """Return a name for each pair, equal for pairs of one question that have an answer in common, at first or second hand."""
    first: dict[str, str] = {}

    def root(name: str) -> str:
        while first[name] != name:
            first[name] = first[first[name]]
            name = first[name]
        return name

    ends = [tuple(_hash(one.question, text) for text in (one.chosen, one.rejected)) for one in contrasts]
    for one, other in ends:
        first.setdefault(one, one)
        first.setdefault(other, other)
        low, high = sorted((root(one), root(other)))
        first[high] = low
    return [root(one) for one, _ in ends]


def _key(contrast: Contrast) -> str:
    return _hash(contrast.question, contrast.chosen, contrast.rejected)


def _hash(*texts: str) -> str:
    lengths = " ".join(str(len(text)) for text in texts)
    return blake2b(
        "\x1f".join([lengths, *texts]).encode("utf-8", "surrogatepass"), digest_size=12
    ).hexdigest()
