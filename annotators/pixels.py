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

from pairwright.annotators import Measurer
from pairwright.schemas.image import Pixels
from pairwright.schemas.judgement import Judgement

MeasureName = Literal["changed", "psnr", "ssim", "entropy_ratio"]

Grey = NDArray[np.uint8]
"""Grey levels, height × width."""

SCORER = "pixels"
"""Who judged, in judgements of these measures."""

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
            Judgement(target, SCORER, name, getattr(self, name), *RANGES[name])
            for name in (field.name for field in fields(self))
        )


RANGES: dict[str, tuple[float | None, float | None]] = {
    "changed": (0.0, 1.0),
    "psnr": (0.0, 99.0),
    "ssim": (-1.0, 1.0),
    "entropy_ratio": (0.0, None),
}
"""Smallest and largest value of each measure."""

PART = Measurer(
    ranges=RANGES,
    summary="Measures how far a changed picture is from its original: changed pixels, PSNR, SSIM, entropy.",
    source="PSNR and SSIM as in scikit-image; the changed pixels are ImageDPO's test of an edit, arXiv 2501.00569",
)


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
    before, after = _grey(original), _grey(negative)
    moved = cv2.threshold(cv2.absdiff(before, after), CHANGED_LEVELS, 1, cv2.THRESH_BINARY)[1]
    entropy_before, entropy_after = _entropies(before, after)
    return Measures(
        changed=cv2.countNonZero(moved) / moved.size,
        psnr=_psnr(original, negative),
        ssim=_ssim(before, after),
        entropy_ratio=entropy_after / entropy_before if entropy_before else None,
    )


def _grey(image: Pixels) -> Grey:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]  # uint8 in, uint8 out


def _psnr(original: Pixels, negative: Pixels) -> float:
    total = cv2.norm(original, negative, cv2.NORM_L2SQR)
    return 99.0 if total == 0 else min(99.0, float(10 * np.log10(255.0**2 * original.size / total)))


def _entropies(*greys: Grey) -> list[float]:
    """Return the Shannon entropy of each picture's grey levels, in bits."""
    counts = np.stack([cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel() for grey in greys])
    shares = counts / greys[0].size
    bits = shares * np.log2(np.maximum(shares, 1e-12))
    return [-float(total) + 0.0 for total in bits.sum(axis=1, dtype=np.float64)]


def _ssim(before: Grey, after: Grey) -> float:
    """SSIM as scikit-image computes it by default: uniform 7 × 7 window, sample covariance, borders left out.

    Means, variances and covariance are never formed. With both fractions of SSIM times n² or n (n - 1), n pixels to a
    window, all that is needed are four sums over the window, of whole numbers, which OpenCV adds fast and exactly.
    """
    side = min(_WINDOW, *before.shape)
    n = side * side

    def window_sums(x: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.float32]:
        return cv2.boxFilter(x, cv2.CV_32F, (side, side), normalize=False)  # type: ignore[return-value]  # as asked

    difference = cv2.absdiff(before, after)
    squares = window_sums(np.multiply(difference, difference, dtype=np.uint16))
    products = window_sums(np.multiply(before, after, dtype=np.uint16))
    sum_before, sum_after = window_sums(before), window_sums(after)
    of_sums = sum_before * sum_after
    apart = (sum_before - sum_after) ** 2  # so that a² + b² = apart + 2ab, for sums and for pixels
    luminance = 2 * of_sums + (0.01 * 255) ** 2 * n * n
    structure = 2 * (n * products - of_sums) + (0.03 * 255) ** 2 * max(n * (n - 1), 1)
    values = luminance / (luminance + apart) * (structure / (structure + n * squares - apart))
    edge = (side - 1) // 2
    inner = values[edge : values.shape[0] - edge, edge : values.shape[1] - edge]
    return float(inner.mean(dtype=np.float64))
