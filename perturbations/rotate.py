"""Rotation about the middle; the size stays and the corners turn black.

One of CHiP's image negatives: torchvision's ``RandomRotation`` by 10 to 80 degrees. CHiP always turns anticlockwise and
takes the nearest pixel; here the direction is drawn too and pixels are interpolated.
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

    angle: Annotated[
        float,
        Knob(
            default=(10.0, 80.0),
            low=0.5,
            high=180.0,
            unit="degrees",
            about="how far the picture is turned",
            stronger="up",
        ),
    ]
    clockwise: Annotated[
        int, Knob(default=(0, 1), low=0, high=1, unit="no or yes", about="direction of the turn")
    ]


def apply(image: Pixels, params: Params) -> Pixels:
    """Return the turned picture.

    >>> import numpy as np
    >>> halves = np.zeros((9, 9, 3), np.uint8); halves[:, 5:] = 255
    >>> turned = apply(halves, Params(angle=90.0, clockwise=1))
    >>> int(turned[0, 4, 0]), int(turned[8, 4, 0])
    (0, 255)
    """
    height, width = image.shape[:2]
    angle = -params.angle if params.clockwise else params.angle
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    return cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_LINEAR)  # type: ignore[return-value]  # uint8


PART = Perturbation(
    params=Params,
    apply=apply,
    summary="turns the picture about its middle, corners black",
    source="CHiP (arXiv 2501.16629): 10 to 80 degrees",
)
