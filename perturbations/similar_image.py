"""The most similar other picture of the source in the place of this one: a negative that takes a close look to tell.

Re-Align (arXiv 2502.13146) takes the most similar pictures of the set by the model's own vision encoder. A random picture of a
set differs in everything, and a model need not look twice to tell it; the nearest one shares the scene and differs in
what an answer speaks of. The very nearest are copies, though, which are no negatives: whatever lies above
``max_similarity`` is left out, and so is a near copy in pixels (:mod:`pairwright.perturbations._near_copies`), because no
encoder sees every flip as one.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from pairwright.perturbations import Nearest, Vector, Vectors
from pairwright.perturbations._near_copies import all_ways, distance, min_distance
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    max_similarity: Annotated[
        float,
        Knob(
            default=95.0, low=-100.0, high=100.0, unit="of 100", about="100 × cosine above which it is a copy"
        ),
    ]
    min_similarity: Annotated[
        float,
        Knob(
            default=-100.0,
            low=-100.0,
            high=100.0,
            unit="of 100",
            about="100 × cosine below which it is too easy",
        ),
    ]
    min_distance: Annotated[int, min_distance()]
    tries: Annotated[
        int,
        Knob(default=10, low=1, high=1000, unit="pictures", about="how many of the nearest are looked at"),
    ]


def order(vector: Vector, others: Vectors, own: AbstractSet[int], params: Params) -> Sequence[int]:
    """Return the positions of those that may do, the most similar first; no more than ``tries``, none of ``own``.

    Similarities are rounded to 0.01, and the first of two equal ones comes first: the order does not hang on how a
    machine adds.

    >>> others = np.array([[0.6, 0.8], [1.0, 0.0], [0.8, 0.6], [-1.0, 0.0]], np.float32)
    >>> order(np.array([1.0, 0.0], np.float32), others, {0}, Params(95.0, 0.0, 12, 10))
    [2]
    """
    similar = np.round(100.0 * (others @ vector).astype(np.float64), 2)
    nearest = np.argsort(-similar, kind="stable")
    fit = (similar <= params.max_similarity) & (similar >= params.min_similarity)
    fit[[*own]] = False
    found: list[int] = nearest[fit[nearest]][: params.tries].tolist()
    return found


def near_copy(image: Pixels, other: Pixels, params: Params) -> bool:
    """Tell whether another picture is a near copy of this one; both may have been reduced before."""
    return distance(all_ways(image), other) < params.min_distance


PART = Nearest(
    params=Params,
    order=order,
    near_copy=near_copy,
    summary="takes the most similar other picture of the source that is no near copy, by an encoder's vectors",
    source="Re-Align (arXiv 2502.13146): the most similar picture of the set; the bounds are ours",
)
