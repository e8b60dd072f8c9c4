"""The reduced way must stay at least 45 dB from the exact Gaussian."""

import cv2
import numpy as np
import pytest

from pairwright.perturbations.gaussian_blur import PART, Params, apply, reduction
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.image import Pixels

RADII = [5.0, 9.7, 20.0, 40.0, 80.0]


def exact(image: Pixels, radius: float) -> np.ndarray:
    """Return the Gaussian blur in floating point, at full size, borders reflected."""
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), radius, borderType=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat", "page", "odd"])
def test_pixels_are_blurred_as_by_the_exact_gaussian(
    photos: dict[str, Pixels], name: str, radius: float
) -> None:
    photo = photos[name]
    assert cv2.PSNR(apply(photo, Params(radius)).astype(np.float32), exact(photo, radius)) >= 45


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("name", ["coffee", "cat", "odd"])
def test_a_reduced_decode_gives_the_same_blur(photos: dict[str, Pixels], name: str, radius: float) -> None:
    file = read_image(encode(photos[name], "jpeg", 90))
    whole, params = decode(file), Params(radius)
    factor = reduction(params)
    assert PART.reduced is not None
    result = PART.reduced.apply(decode(file, factor), whole.shape[:2], params, factor)
    assert result.shape == whole.shape
    assert cv2.PSNR(result.astype(np.float32), exact(whole, radius)) >= 45


def test_the_part_offers_the_reduced_way() -> None:
    assert PART.reduced is not None
    assert [PART.reduced.factor(Params(radius)) for radius in (1.0, 5.0, 10.0, 20.0)] == [1, 2, 4, 8]
