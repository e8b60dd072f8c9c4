"""Noise of the forward process of a diffusion model, at one of its 1,000 steps.

x_t = sqrt(abar_t) x + sqrt(1 - abar_t) e, with abar_t the product of 1 - beta_0 to 1 - beta_t and
beta_t = sigmoid(s_t) (0.005 - 0.00001) + 0.00001, where s_t runs evenly from -6 to 6. POVID and CHiP take step 500, BPO
step 900. CHiP and BPO add the noise to the tensor that enters the model (mean and standard deviation of its processor
taken off), POVID to values from 0 to 1 and then casts to 8 bits, where what lies outside wraps around. A file has no
such tensor: here the noise is added to values from -1 to 1, as in diffusion models themselves, and the sum is clipped.
"""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from pairwright.perturbations import Perturbation
from pairwright.perturbations._random_fields import normal
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob, noise_seed

STEPS = 1000
"""Length of the schedule."""

_BETA = (0.5e-2 - 1e-5) / (1 + np.exp(-np.linspace(-6, 6, STEPS))) + 1e-5
_ALPHA_BAR = np.cumprod(1 - _BETA)


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    step: Annotated[
        int,
        Knob(
            default=500,
            low=0,
            high=STEPS - 1,
            unit="step",
            about="how far the diffusion has gone",
            stronger="up",
        ),
    ]
    noise_seed: Annotated[int, noise_seed()]


def apply(image: Pixels, params: Params) -> Pixels:
    """Return the picture at the given step.

    >>> grey = np.full((100, 100, 3), 127, np.uint8)
    >>> round(float(apply(grey, Params(step=100, noise_seed=1)).std()), 1)  # 0.0584 × 127.5 and rounding
    7.5
    """
    signal, noise = weights(params.step)
    field = normal(image.shape, params.noise_seed)
    middle = 255 / 2  # 0 on the scale from -1 to 1
    shift = (1 - signal) * middle
    return cv2.addWeighted(image, signal, field, noise * middle, shift, dtype=cv2.CV_8U)  # type: ignore[return-value]


def weights(step: int) -> tuple[float, float]:
    """Return what the picture and what the noise are multiplied by at ``step``, 0 to 999.

    >>> [round(weight, 4) for weight in weights(500)]
    [0.863, 0.5052]
    """
    return float(np.sqrt(_ALPHA_BAR[step])), float(np.sqrt(1 - _ALPHA_BAR[step]))


PART = Perturbation(
    params=Params,
    apply=apply,
    summary="adds the noise of a diffusion model's forward process",
    source="POVID (arXiv 2402.11411) and CHiP (arXiv 2501.16629): step 500; BPO (arXiv 2403.08730): step 900",
)
