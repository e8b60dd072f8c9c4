"""Noise has the size asked for and never wraps."""

import numpy as np
import pytest

from pairwright.perturbations.gaussian_noise import Params, apply
from pairwright.schemas.image import Pixels


@pytest.mark.parametrize("sigma", [2.0, 10.0, 25.0])
def test_noise_on_grey_has_the_given_deviation(sigma: float) -> None:
    noisy = apply(np.full((200, 200, 3), 128, np.uint8), Params(sigma, 1))
    assert noisy.mean() == pytest.approx(128, abs=0.3)
    assert noisy.std() == pytest.approx(sigma, rel=0.02)


@pytest.mark.parametrize(("level", "inwards"), [(250, -1), (5, 1)])
def test_near_the_ends_noise_is_clipped_and_never_wraps(level: int, inwards: int) -> None:
    noisy = apply(np.full((200, 200, 3), level, np.uint8), Params(20.0, 1)).astype(int)
    assert ((noisy - level) * inwards).max() < 20 * 4.4
    assert (np.abs(noisy - level) > 20 * 4).mean() < 1e-3
    assert (noisy == (255 if inwards < 0 else 0)).mean() == pytest.approx(
        0.4, abs=0.02
    )  # beyond 5 levels, 0.25 sigma


def test_channels_get_noise_of_their_own() -> None:
    noisy = apply(np.full((200, 200, 3), 128, np.uint8), Params(20.0, 1)).reshape(-1, 3)
    assert np.abs(np.corrcoef(noisy.T) - np.eye(3)).max() < 0.02


def test_the_same_noise_on_another_picture(photo: Pixels) -> None:
    dark, bright = photo // 4 + 80, photo // 4 + 100
    params = Params(10.0, 1)
    difference = apply(bright, params).astype(int) - apply(dark, params)
    assert np.abs(difference - 20).max() <= 1  # halves are rounded to even
