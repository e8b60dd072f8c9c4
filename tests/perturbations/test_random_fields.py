"""Noise is normal, even noise is even, and both are the same for ever."""

from statistics import NormalDist

import numpy as np
import pytest

from pairwright.perturbations._random_fields import normal, uniform


def test_normal_noise_is_normal() -> None:
    noise = normal((1000, 1000), seed=3)
    assert noise.dtype == np.float32
    assert noise.mean() == pytest.approx(0, abs=0.004)
    assert noise.std() == pytest.approx(1, abs=0.004)
    for quantile in (0.001, 0.1, 0.5, 0.9, 0.999):
        assert (noise < NormalDist().inv_cdf(quantile)).mean() == pytest.approx(quantile, abs=0.002)


def test_neighbours_do_not_depend_on_each_other() -> None:
    noise = normal((1000, 1000), seed=4)
    for shift in [(0, 1), (0, 3), (0, 4), (1, 0)]:
        assert (noise * np.roll(noise, shift, axis=(0, 1))).mean() == pytest.approx(0, abs=0.005)


def test_even_noise_is_even() -> None:
    counts = np.bincount(uniform((1 << 20,), seed=5) >> 8, minlength=256)
    assert counts.min() > 4096 - 6 * 64
    assert counts.max() < 4096 + 6 * 64


def test_a_seed_gives_the_numbers_it_always_gave() -> None:
    assert uniform((5,), seed=7).tolist() == [19083, 61925, 16809, 40966, 27285]


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3), (5, 7, 3)])
def test_any_shape_is_filled(shape: tuple[int, ...]) -> None:
    assert normal(shape, seed=1).shape == shape
