"""Single pixels, scattered over the picture, take the picture's mean colour.

One of OPA-DPO's two image negatives: 30 percent of the pixels. OPA-DPO masks an exact count of them and fills in one
number, the mean over all three channels of the tensor that enters the model, which is nearly grey; here each pixel is
masked with that probability, and the fill is the picture's mean colour.
"""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from pairwright.perturbations import Perturbation
from pairwright.perturbations._random_fields import LEVELS, uniform
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob, noise_seed


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    share: Annotated[
        float,
        Knob(
            default=0.3,
            low=0.001,
            high=1.0,
            unit="share of pixels",
            about="how many are masked",
            stronger="up",
        ),
    ]
    noise_seed: Annotated[int, noise_seed()]


def apply(image: Pixels, params: Params) -> Pixels:
    """Return the masked picture.

    >>> halves = np.zeros((64, 64, 3), np.uint8); halves[:, 32:] = 200
    >>> masked = apply(halves, Params(share=0.3, noise_seed=1))
    >>> round(float((masked == 100).mean()), 1)
    0.3
    """
    return fill_mean(image, uniform(image.shape[:2], params.noise_seed) < round(params.share * LEVELS))


def fill_mean(image: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """Return the picture with its mean colour where ``mask``, height × width, is true."""
    mean = np.empty_like(image)
    mean[:] = np.rint(cv2.mean(image)[:3])
    return cv2.copyTo(mean, mask.view(np.uint8), image.copy())  # type: ignore[return-value]  # uint8 in, uint8 out


PART = Perturbation(
    params=Params,
    apply=apply,
    summary="masks scattered pixels with the picture's mean colour",
    source="OPA-DPO (arXiv 2501.09695): 30 % of the pixels",
)
