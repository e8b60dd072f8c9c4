"""Change of brightness, contrast, saturation and hue.

One of STIC's two corruptions: torchvision's ``ColorJitter(brightness=0.5, hue=0.3)``, which draws a brightness factor
from 0.5 to 1.5 and a shift of hue of up to 0.3 of the colour circle either way. The knobs here are those factors
themselves, so the record says what was done. Contrast and saturation are knobs too and stay at 1 unless set.
Torchvision does the four in a drawn order; here the order is always the one above.
"""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from pairwright.perturbations import Perturbation
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    brightness: Annotated[
        float,
        Knob(default=(0.5, 1.5), low=0.0, high=4.0, unit="factor", about="0 is black, 1 changes nothing"),
    ]
    hue: Annotated[
        float,
        Knob(
            default=(-0.3, 0.3),
            low=-0.5,
            high=0.5,
            unit="turns",
            about="shift of hue; 0.5 is the opposite colour",
        ),
    ]
    contrast: Annotated[
        float, Knob(default=1.0, low=0.0, high=4.0, unit="factor", about="0 is even grey, 1 changes nothing")
    ]
    saturation: Annotated[
        float,
        Knob(default=1.0, low=0.0, high=4.0, unit="factor", about="0 is a grey picture, 1 changes nothing"),
    ]


def apply(image: Pixels, params: Params) -> Pixels:
    """Return the picture in other colours.

    >>> red = np.zeros((1, 1, 3), np.uint8); red[..., 0] = 200
    >>> apply(red, Params(brightness=0.5, hue=0.0, contrast=1.0, saturation=1.0))[0, 0].tolist()
    [100, 0, 0]
    >>> apply(red, Params(brightness=1.0, hue=1 / 3, contrast=1.0, saturation=1.0))[0, 0].tolist()
    [0, 200, 0]
    """
    changed = image.copy()
    if params.brightness != 1:
        changed = _away_from(changed, 0.0, params.brightness)
    if params.contrast != 1:
        grey = cv2.mean(cv2.cvtColor(changed, cv2.COLOR_RGB2GRAY))[0]
        changed = _away_from(changed, float(round(grey)), params.contrast)
    if params.saturation != 1:
        changed = _saturated(changed, params.saturation)
    if params.hue != 0:
        changed = _shifted(changed, params.hue)
    return changed


def _away_from(image: Pixels, level: float, factor: float) -> Pixels:
    """Return the picture with each value's distance from ``level`` times ``factor``."""
    table = np.clip(np.rint(level + (np.arange(256) - level) * factor), 0, 255).astype(np.uint8)
    return cv2.LUT(image, table)  # type: ignore[return-value]  # uint8 in, uint8 out


def _saturated(image: Pixels, factor: float) -> Pixels:
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(image, factor, grey, 1 - factor, 0)  # type: ignore[return-value]  # uint8 in, uint8 out


def _shifted(image: Pixels, turns: float) -> Pixels:
    hsv = cv2.cvtColor(
        image, cv2.COLOR_RGB2HSV_FULL
    )  # hue in 256 steps, so that a sum wraps as the circle does
    hsv[..., 0] += np.uint8(round(turns * 256) % 256)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)  # type: ignore[return-value]  # uint8 in, uint8 out


PART = Perturbation(
    params=Params,
    apply=apply,
    summary="changes brightness, hue and, if asked to, contrast and saturation",
    source="STIC (arXiv 2405.19716): brightness 0.5, hue 0.3",
)
