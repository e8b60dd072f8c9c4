"""Each factor does what torchvision's does; Pillow's enhancers, which torchvision calls, are the reference."""

import colorsys

import numpy as np
import PIL.Image
import PIL.ImageEnhance
import pytest

from pairwright.perturbations.color_jitter import PART, Params, apply
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import plan

NEUTRAL = {"brightness": 1.0, "hue": 0.0, "contrast": 1.0, "saturation": 1.0}
ENHANCERS = {
    "brightness": PIL.ImageEnhance.Brightness,
    "contrast": PIL.ImageEnhance.Contrast,
    "saturation": PIL.ImageEnhance.Color,
}


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.9, 1.5, 3.0])
@pytest.mark.parametrize("name", list(ENHANCERS))
def test_factors_are_those_of_pillow(photo: Pixels, name: str, factor: float) -> None:
    result = apply(photo, Params(**(NEUTRAL | {name: factor})))
    reference = np.asarray(ENHANCERS[name](PIL.Image.fromarray(photo)).enhance(factor))
    error = np.abs(result.astype(int) - reference)
    assert error.max() <= 3  # grey is rounded differently by the two libraries, and the factor enlarges it
    assert error.mean() < 0.6


@pytest.mark.parametrize("turns", [-0.5, -0.3, 0.1, 0.3])
def test_hue_turns_and_the_rest_stays(turns: float) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (1, 300, 3), np.uint8)
    result = apply(colours, Params(**(NEUTRAL | {"hue": turns})))
    for before, after in zip(colours[0] / 255, result[0] / 255, strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        expected = colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value)
        assert np.abs(np.array(expected) - after).max() < 0.05  # 256 steps of hue and of saturation


def test_neutral_values_change_nothing(photo: Pixels) -> None:
    assert np.array_equal(apply(photo, Params(**NEUTRAL)), photo)


def test_defaults_are_those_of_stic() -> None:
    draws = [plan("color_jitter", PART.params, {}).draw(np.random.default_rng(seed)) for seed in range(300)]
    assert 0.5 <= min(d.brightness for d in draws) < 0.52
    assert 1.48 < max(d.brightness for d in draws) <= 1.5
    assert -0.3 <= min(d.hue for d in draws) < -0.28
    assert 0.28 < max(d.hue for d in draws) <= 0.3
    assert {(d.contrast, d.saturation) for d in draws} == {(1.0, 1.0)}
