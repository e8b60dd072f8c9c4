"""Crop of at most so many pixels, not enlarged: the negative is smaller than the picture.

One of CHiP's image negatives: at most 320 pixels high and 240 wide (its code swaps the words height and width; these
are the sizes that come out). A picture that is no bigger than the crop stays as it is.
"""

from dataclasses import dataclass
from typing import Annotated

from pairwright.perturbations import Perturbation
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    height: Annotated[
        int, Knob(default=320, low=1, high=10_000, unit="px", about="greatest height of the crop")
    ]
    width: Annotated[
        int, Knob(default=240, low=1, high=10_000, unit="px", about="greatest width of the crop")
    ]
    top: Annotated[
        float,
        Knob(default=(0.0, 1.0), low=0.0, high=1.0, unit="share", about="place of the crop: 0 top, 1 bottom"),
    ]
    left: Annotated[
        float,
        Knob(default=(0.0, 1.0), low=0.0, high=1.0, unit="share", about="place of the crop: 0 left, 1 right"),
    ]


def apply(image: Pixels, params: Params) -> Pixels:
    """Return the crop, min(height, picture's height) × min(width, picture's width) × 3.

    >>> import numpy as np
    >>> apply(np.zeros((480, 200, 3), np.uint8), Params(height=320, width=240, top=0.5, left=0.5)).shape
    (320, 200, 3)
    """
    height, width = min(params.height, image.shape[0]), min(params.width, image.shape[1])
    top = round(params.top * (image.shape[0] - height))
    left = round(params.left * (image.shape[1] - width))
    return image[top : top + height, left : left + width].copy()


PART = Perturbation(
    params=Params,
    apply=apply,
    summary="cuts out a part of at most so many pixels; the only operation that changes the size",
    source="CHiP (arXiv 2501.16629): at most 320 px high and 240 px wide",
)
