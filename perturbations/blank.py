"""An empty picture of one grey level, black unless set.

Black is one of CHiP's image negatives. CHiP sets the tensor that enters the model to zero, which is the processor's mean
colour, a mid-grey; here the picture itself is black.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from pairwright.perturbations import Perturbation, Reduced
from pairwright.schemas.codec import Reduction
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    level: Annotated[
        int, Knob(default=0, low=0, high=255, unit="grey level", about="0 is black, 255 is white")
    ]


def apply(image: Pixels, params: Params) -> Pixels:
    """Return an empty picture of the same size.

    >>> apply(np.zeros((1, 2, 3), np.uint8), Params(level=255)).tolist()
    [[[255, 255, 255], [255, 255, 255]]]
    """
    return np.full_like(image, params.level)


def reduction(params: Params) -> Reduction:
    """Return how many times smaller the picture may be taken: nothing of it is used."""
    return 8


def change(small: Pixels, size: tuple[int, int], params: Params, factor: Reduction) -> Pixels:
    """Return one pixel of the grey level."""
    return np.full((1, 1, 3), params.level, np.uint8)


def enlarge(changed: Pixels, size: tuple[int, int], params: Params, factor: int) -> Pixels:
    """Return an empty picture of ``size`` (height, width)."""
    return np.full((*size, 3), params.level, np.uint8)


PART = Perturbation(
    params=Params,
    apply=apply,
    summary="shows nothing: one grey level all over",
    source="CHiP (arXiv 2501.16629): black",
    reduced=Reduced(reduction, change, enlarge),
)
