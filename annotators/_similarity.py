"""Scores of vectors: 100 × cosine, as CLIP's logits are, rounded to 0.01.

Two numbers of different encoders are not on one scale: 30 is high for CLIP ViT-B/32 and out of reach for SigLIP.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pairwright.annotators import Encoding, Vector
from pairwright.schemas.judgement import Judgement

SCALE = 100.0
"""By how much cosines are multiplied: the temperature that CLIP learnt (Radford et al., arXiv 2103.00020), so that
differences are those of its logits."""

_DECIMALS = 2


@dataclass(frozen=True, slots=True)
class Similarity:
    """How well a text fits a picture."""

    value: float
    """100 × cosine, from -100 to 100."""
    cut: bool
    """Whether the text, or a part of it that was scored, is longer than the encoder reads."""
    parts: tuple[float, ...] = ()
    """The value of each sentence, where it was scored sentence by sentence."""


def score(one: Vector, other: Vector) -> float:
    """Return 100 × cosine of two vectors of length 1, rounded to 0.01: of image and text, two texts, or two images.

    Rounding hides what is left of the order in which a machine adds. 0 is never negative.

    >>> import numpy as np
    >>> score(np.array([1, 0], np.float32), np.array([0.6, 0.8], np.float32))
    60.0
    """
    cosine = float(np.dot(one.astype(np.float64), other.astype(np.float64)))
    return rounded(SCALE * max(-1.0, min(1.0, cosine)))


def rounded(value: float) -> float:
    """Return a score as it is written.

    >>> rounded(-0.001), rounded(27.346)
    (0.0, 27.35)
    """
    return round(value, _DECIMALS) + 0.0


def whole(image: Vector, text: Encoding) -> Similarity:
    """Return how well a text as a whole fits a picture."""
    return Similarity(score(image, text.vector), text.cut)


def by_sentence(image: Vector, sentences: Sequence[Encoding], *, worst: bool) -> Similarity:
    """Return how well a text fits a picture sentence by sentence: a way around the 77 tokens that CLIP reads.

    CSR (arXiv 2405.14622) takes the mean; the worst sentence is the one that is most likely made up.

    Args:
        image: the picture.
        sentences: at least one.
        worst: the value is the lowest one, and not the mean.
    """
    values = tuple(score(image, one.vector) for one in sentences)
    value = min(values) if worst else math.fsum(values) / len(values)
    return Similarity(rounded(value), any(one.cut for one in sentences), values)


def gap(image: Vector, better: Vector, worse: Vector) -> float:
    """Return by how much one text fits a picture better than another: CLIP-DPO (arXiv 2408.10433) wants 2 or more."""
    return rounded(score(image, better) - score(image, worse))


def ratio(matching: float, other: float) -> float | None:
    """Return how many times as high one score is as another; None where the other one is not above 0.

    V-DPO (arXiv 2411.02712) keeps an edited picture whose text fits its own picture 1.5 times as well as the other one.

    >>> ratio(30.0, 20.0), ratio(30.0, -1.0)
    (1.5, None)
    """
    return matching / other if other > 0 else None


def judgement(scorer: str, aspect: str, found: Similarity, *, target: str = "candidate") -> Judgement:
    """Return a similarity as a judgement; a text that was cut says so."""
    told = []
    if found.parts:
        told.append("sentences: " + ", ".join(f"{value:g}" for value in found.parts))
    if found.cut:
        told.append("cut: longer than the encoder reads")
    return Judgement(target, scorer, aspect, found.value, -SCALE, SCALE, "; ".join(told) or None)


def agreeing(columns: Sequence[Sequence[float]], better: int, worse: int) -> int:
    """Return how many encoders put one text over another.

    Args:
        columns: for each encoder the scores of all texts.
        better: number of the text that is meant to be the better one.
        worse: number of the other one.

    >>> agreeing([[30.0, 20.0], [11.0, 12.0]], 0, 1)
    1
    """
    return sum(column[better] > column[worse] for column in columns)
