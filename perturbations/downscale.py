"""Loss of resolution: the picture is shrunk to a few pixels and enlarged again.

One of STIC's two corruptions: the shorter side becomes 20 pixels. STIC hands the tiny picture to the model, whose
processor enlarges it; here it is enlarged at once, so that both sides of a pair have the same size and models that
spend tokens by size get as many for the one as for the other.
"""

from dataclasses import dataclass
from typing import Annotated

import cv2

from pairwright.perturbations import Perturbation
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    short_side: Annotated[
        int,
        Knob(
            default=20,
            low=1,
            high=1024,
            unit="px",
            about="shorter side of the shrunk picture",
            scale="log",
            stronger="down",
        ),
    ]


def apply(image: Pixels, params: Params) -> Pixels:
    """Return the picture at its own size with the detail of the shrunk one; a smaller picture stays as it is.

    >>> import numpy as np
    >>> stripes = np.zeros((80, 60, 3), np.uint8); stripes[:, ::2] = 200
    >>> blurred = apply(stripes, Params(short_side=10))
    >>> blurred.shape, int(blurred.min()), int(blurred.max())
    ((80, 60, 3), 100, 100)
    """
    height, width = image.shape[:2]
    factor = params.short_side / min(height, width)
    if factor >= 1:
        return image.copy()
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]  # uint8


PART = Perturbation(
    params=Params,
    apply=apply,
    summary="keeps only the detail of a tiny copy of the picture",
    source="STIC (arXiv 2405.19716): shorter side of 20 px",
)
