"""The schedule is the published one; the picture is noised on the scale from -1 to 1 and clipped."""

import numpy as np
import pytest

from pairwright.perturbations.diffusion_noise import Params, apply, weights

SCHEDULE = {
    0: (1.0000, 0.0047),
    100: (0.9983, 0.0584),
    250: (0.9891, 0.1470),
    500: (0.8630, 0.5052),
    700: (0.5927, 0.8054),
    900: (0.3649, 0.9311),
    999: (0.2850, 0.9585),
}


@pytest.mark.parametrize("step", list(SCHEDULE))
def test_weights_are_those_of_the_schedule(step: int) -> None:
    assert weights(step) == pytest.approx(SCHEDULE[step], abs=5e-5)


def test_weights_keep_the_power_and_only_fall() -> None:
    signal, noise = np.array([weights(step) for step in range(1000)]).T
    assert np.allclose(signal**2 + noise**2, 1)
    assert (np.diff(signal) < 0).all()


@pytest.mark.parametrize("level", [100, 128, 160])
def test_an_even_picture_becomes_signal_and_noise(level: int) -> None:
    noisy = apply(np.full((200, 200, 3), level, np.uint8), Params(250, 1))
    signal, noise = weights(250)
    assert noisy.mean() == pytest.approx(signal * level + (1 - signal) * 127.5, abs=0.3)
    assert noisy.std() == pytest.approx(noise * 127.5, rel=0.02)


def test_a_white_picture_does_not_wrap() -> None:
    noisy = apply(np.full((200, 200, 3), 255, np.uint8), Params(300, 1)).astype(int)
    signal, noise = weights(300)
    assert noisy.min() > 255 * signal - 4.4 * noise * 127.5
    assert (noisy == 255).mean() > 0.35


def test_the_first_step_is_all_but_the_picture() -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)
    assert np.abs(apply(image, Params(0, 1)).astype(int) - image).max() <= 3
