"""The drawn share of pixels takes the mean colour, and no other pixel changes."""

import numpy as np
import pytest

from pairwright.perturbations.random_pixel_mask import Params, apply
from pairwright.schemas.image import Pixels


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 1.0])
def test_masked_pixels_are_the_mean_and_the_rest_is_untouched(photo: Pixels, share: float) -> None:
    masked = apply(photo, Params(share, 1))
    mean = np.rint(photo.mean(axis=(0, 1))).astype(np.uint8)
    changed = (masked != photo).any(axis=2)
    assert (masked[changed] == mean).all()
    assert (masked == mean).all(axis=2).mean() == pytest.approx(share, abs=0.004)


def test_a_greater_share_masks_the_same_pixels_and_more() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    image[:, 30:] = 200
    few, many = (apply(image, Params(share, 1)) == 100 for share in (0.2, 0.5))
    assert (many | ~few).all()


def test_the_mask_has_no_pattern() -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    image[:, 150:] = 200
    mask = (apply(image, Params(0.3, 1)) == 100)[..., 0]
    assert np.abs(mask.mean(axis=0) - 0.3).max() < 0.15
    assert np.abs(mask.mean(axis=1) - 0.3).max() < 0.15
    assert (mask[:, 1:] & mask[:, :-1]).mean() == pytest.approx(0.09, abs=0.01)
