"""Gaussian noise on every value of every pixel.

The default is what MIA-DPO puts on whole picture-in-picture images: a standard deviation of 49 grey levels. MIA-DPO casts
its noise to 8 bits before adding it, so each negative value becomes a large positive one and the picture turns bright
instead of noisy; here the sum is clipped to 0 to 255, and never wraps.
"""

from dataclasses import dataclass
from typing import Annotated

import cv2

from pairwright.perturbations import Perturbation
from pairwright.perturbations._random_fields import normal
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob, noise_seed


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    sigma: Annotated[
        float,
        Knob(
            default=49.0,
            low=0.5,
            high=1000.0,
            unit="grey levels of 255",
            about="standard deviation of the noise",
            stronger="up",
        ),
    ]
    noise_seed: Annotated[int, noise_seed()]


def apply(image: Pixels, params: Params) -> Pixels:
    """Return the noisy picture.

    >>> import numpy as np
    >>> noisy = apply(np.full((100, 100, 3), 128, np.uint8), Params(sigma=20.0, noise_seed=1))
    >>> round(float(noisy.mean())), round(float(noisy.std()))
    (128, 20)
    """
    noise = normal(image.shape, params.noise_seed)
    return cv2.addWeighted(image, 1.0, noise, params.sigma, 0.0, dtype=cv2.CV_8U)  # type: ignore[return-value]  # clips


PART = Perturbation(
    params=Params,
    apply=apply,
    summary="adds Gaussian noise, clipped to the range of grey levels",
    source="MIA-DPO (arXiv 2410.17637): sigma 49 on the whole picture, 225 in a part of it",
)
