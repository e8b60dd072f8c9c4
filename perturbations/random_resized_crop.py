"""Crop of a small part of the picture, enlarged to the picture's size.

mDPO's image negative: torchvision's ``RandomResizedCrop`` with 1 to 20 percent of the area and its default aspect
ratios. mDPO crops the square, padded tensor that enters the model; here the picture itself is cropped, so no padding
gets into the crop. Torchvision draws again when a crop does not fit and falls back to the centre after ten draws; here
the recorded values are the ones used, and a crop that would stick out is made narrower at the same area.
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

    area: Annotated[
        float,
        Knob(
            default=(0.01, 0.20),
            low=0.001,
            high=1.0,
            unit="share of area",
            about="how much of the picture the crop keeps",
            stronger="down",
        ),
    ]
    aspect: Annotated[
        float,
        Knob(
            default=(3 / 4, 4 / 3),
            low=0.1,
            high=10.0,
            unit="width / height",
            about="shape of the crop",
            scale="log",
        ),
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
    """Return the crop at the picture's size.

    >>> import numpy as np
    >>> halves = np.zeros((40, 60, 3), np.uint8); halves[:, 30:] = 255
    >>> crop = apply(halves, Params(area=0.1, aspect=1.0, top=0.5, left=0.0))
    >>> crop.shape, int(crop.max())
    ((40, 60, 3), 0)
    """
    top, left, height, width = box(image.shape[0], image.shape[1], params)
    crop = image[top : top + height, left : left + width]
    size = (image.shape[1], image.shape[0])
    if crop.shape == image.shape:
        return crop.copy()
    return cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]  # uint8 in, uint8 out


def box(height: int, width: int, params: Params) -> tuple[int, int, int, int]:
    """Return the crop of a picture of ``height`` × ``width`` as (top, left, height, width), in pixels.

    >>> box(480, 640, Params(area=0.1, aspect=4 / 3, top=1.0, left=0.0))
    (328, 0, 152, 202)
    """
    area = params.area * height * width
    wide = min(float(width), (area * params.aspect) ** 0.5)
    high = min(float(height), area / wide)
    wide = min(float(width), area / high)
    rows, columns = max(1, round(high)), max(1, round(wide))
    return round(params.top * (height - rows)), round(params.left * (width - columns)), rows, columns


PART = Perturbation(
    params=Params,
    apply=apply,
    summary="shows a small part of the picture, enlarged to its size",
    source="mDPO (arXiv 2406.11839): 1 to 20 % of the area, aspect ratio 3/4 to 4/3",
)
