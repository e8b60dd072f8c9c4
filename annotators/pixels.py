"""Pixel measures of an image negative: how much of the picture was taken away, and what is left.

All are computed on pictures reduced by a power of two to a shorter side of 96 to 191 pixels (:func:`scale`). SSIM's
authors advise a reduction before comparing, and it makes the measures of a 12-megapixel photograph and of a thumbnail
comparable: both say what remains at the size at which a model looks at the whole. It is also what makes them cheap
enough to be always on.
"""

from dataclasses import dataclass, fields
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pairwright.schemas.image import Pixels
from pairwright.schemas.judgement import Judgement

MeasureName = Literal["changed", "psnr", "ssim", "entropy_ratio"]

CHANGED_LEVELS = 20
"""A pixel counts as changed when its grey level moves by more than this (ImageDPO's test of an edit)."""

_SHORT_SIDE = 96
_WINDOW = 7
"""Side of SSIM's uniform window, scikit-image's default."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What :func:`measure` found."""

    changed: float
    """Share of pixels whose grey level moved by more than 20 of 255, 0 to 1. ImageDPO wants more than 0.1."""
    psnr: float
    """Peak signal-to-noise ratio over the three channels, dB; 99 stands for "no difference at all"."""
    ssim: float
    """Structural similarity of the grey pictures, -1 to 1; 1 is the same picture."""
    entropy_ratio: float | None
    """Entropy of the negative's grey levels over that of the original's; None for an original of one grey level."""

    def judgements(self, target: str) -> tuple[Judgement, ...]:
        """Return the measures as judgements on ``target``, for example ``rejected_images[0]``."""
        return tuple(
            Judgement(target, "pixels", name, getattr(self, name), *RANGES[name])
            for name in (field.name for field in fields(self))
        )


RANGES: dict[str, tuple[float | None, float | None]] = {
    "changed": (0.0, 1.0),
    "psnr": (0.0, 99.0),
    "ssim": (-1.0, 1.0),
    "entropy_ratio": (0.0, None),
}
"""Smallest and largest value of each measure."""


def scale(width: int, height: int) -> int:
    """Return the power of two by which a picture is reduced before it is measured.

    >>> scale(640, 480), scale(150, 100), scale(4000, 3000)
    (4, 1, 16)
    """
    factor = 1
    while min(width, height) / (factor * 2) >= _SHORT_SIDE:
        factor *= 2
    return factor


def measure(original: Pixels, negative: Pixels) -> Measures:
    """Return the measures of a negative against its original, both already reduced by :func:`scale`.

    A negative of another size is stretched to the original's.

    Args:
        original: uint8, height × width × 3, RGB.
        negative: the same type.
    """
    height, width = original.shape[:2]
    if negative.shape[:2] != (height, width):
        negative = cv2.resize(negative, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    before = cv2.cvtColor(original, cv2.COLOR_RGB2GRAY)
    after = cv2.cvtColor(negative, cv2.COLOR_RGB2GRAY)
    moved = cv2.threshold(cv2.absdiff(before, after), CHANGED_LEVELS, 1, cv2.THRESH_BINARY)[1]
    entropy = _entropy(before)
    return Measures(
        changed=cv2.countNonZero(moved) / moved.size,
        psnr=_psnr(original, negative),
        ssim=_ssim(before, after),
        entropy_ratio=_entropy(after) / entropy if entropy else None,
    )


def _psnr(original: Pixels, negative: Pixels) -> float:
    total = cv2.norm(original, negative, cv2.NORM_L2SQR)
    return 99.0 if total == 0 else min(99.0, float(10 * np.log10(255.0**2 * original.size / total)))


def _entropy(grey: NDArray[np.generic]) -> float:
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256])
    shares = counts[counts > 0] / grey.size
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def _ssim(before: NDArray[np.generic], after: NDArray[np.generic]) -> float:
    """SSIM as scikit-image computes it by default: uniform 7 × 7 window, sample covariance, borders left out."""
    a, b = before.astype(np.float32), after.astype(np.float32)
    side = min(_WINDOW, *before.shape)

    def mean(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return cv2.boxFilter(x, -1, (side, side))  # type: ignore[return-value]  # float32 in, float32 out

    unbiased = side * side / max(side * side - 1, 1)
    mean_a, mean_b = mean(a), mean(b)
    both, sum_squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    variances = unbiased * (mean(a * a + b * b) - sum_squares)
    covariance = unbiased * (mean(a * b) - both)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = ((2 * both + c1) * (2 * covariance + c2)) / ((sum_squares + c1) * (variances + c2))
    edge = (side - 1) // 2
    inner = values[edge : values.shape[0] - edge, edge : values.shape[1] - edge]
    return float(inner.mean(dtype=np.float64))
