"""The measures are what their names say: scikit-image's and plain NumPy are the references."""

import math

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pairwright.annotators.pixels import CHANGED_LEVELS, RANGES, Measures, measure, scale
from pairwright.schemas.image import Pixels

PHOTOS = {
    "astronaut": cv2.resize(skimage.data.astronaut(), (128, 128), interpolation=cv2.INTER_AREA),
    "coffee": cv2.resize(skimage.data.coffee(), (150, 100), interpolation=cv2.INTER_AREA),
    "cat": np.ascontiguousarray(skimage.data.chelsea()[50:151, 60:197]),
    "bright": np.full((96, 120, 3), 250, np.uint8),
}
ALL_SAME = Measures(changed=0.0, psnr=99.0, ssim=1.0, entropy_ratio=1.0)


def noisy(image: Pixels, sigma: float) -> Pixels:
    noise = np.random.default_rng(1).normal(0, sigma, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


CHANGES = {
    "blur": lambda image: cv2.GaussianBlur(image, (0, 0), 3),
    "slight noise": lambda image: noisy(image, 2),
    "noise": lambda image: noisy(image, 50),
    "inverted": lambda image: 255 - image,
    "black": np.zeros_like,
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
}


def grey(image: Pixels) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


@pytest.mark.parametrize("change", list(CHANGES))
@pytest.mark.parametrize("name", list(PHOTOS))
def test_ssim_is_that_of_scikit_image(name: str, change: str) -> None:
    photo = PHOTOS[name]
    negative = CHANGES[change](photo)
    expected = structural_similarity(grey(photo), grey(negative), data_range=255)
    assert measure(photo, negative).ssim == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("change", list(CHANGES))
@pytest.mark.parametrize("name", list(PHOTOS))
def test_psnr_is_that_of_scikit_image(name: str, change: str) -> None:
    photo = PHOTOS[name]
    negative = CHANGES[change](photo)
    if np.array_equal(photo, negative):  # an even picture, mirrored
        return
    expected = peak_signal_noise_ratio(photo, negative, data_range=255)
    assert measure(photo, negative).psnr == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", list(PHOTOS))
def test_the_same_picture_measures_as_the_same(name: str) -> None:
    photo = PHOTOS[name]
    expected = ALL_SAME if name != "bright" else Measures(0.0, 99.0, 1.0, None)
    assert measure(photo, photo.copy()) == expected


@pytest.mark.parametrize(("levels", "changed"), [(CHANGED_LEVELS, 0.0), (CHANGED_LEVELS + 1, 0.25)])
def test_a_pixel_counts_as_changed_above_20_levels(levels: int, changed: float) -> None:
    image = np.full((100, 100, 3), 100, np.uint8)
    for sign in (1, -1):
        negative = image.copy()
        negative[:50, :50] = 100 + sign * levels
        assert measure(image, negative).changed == changed


def test_entropy_is_that_of_the_grey_levels() -> None:
    four = np.repeat((np.arange(64, dtype=np.uint8) % 4 * 60).reshape(8, 8, 1), 3, axis=2)  # 2 bits
    two = np.where(four >= 120, np.uint8(200), np.uint8(0))  # 1 bit
    assert measure(four, two).entropy_ratio == pytest.approx(0.5)
    assert measure(two, four).entropy_ratio == pytest.approx(2.0)
    assert measure(four, np.zeros_like(four)).entropy_ratio == 0.0
    assert measure(np.zeros_like(four), four).entropy_ratio is None


@given(height=st.integers(1, 12), width=st.integers(1, 12), seed=st.integers(0, 99))
def test_any_size_has_measures_in_their_ranges(height: int, width: int, seed: int) -> None:
    one, other = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), np.uint8)
    for judgement in measure(one, other).judgements("rejected_images[0]"):
        low, high = RANGES[judgement.aspect]  # type: ignore[index]
        value = judgement.value
        assert value is None or (math.isfinite(value) and (low is None or value >= low - 1e-6))
        assert value is None or high is None or value <= high + 1e-6


def test_one_pixel_works() -> None:
    black, white = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)
    assert measure(black, black) == Measures(0.0, 99.0, 1.0, None)
    apart = measure(black, white)
    assert (apart.changed, apart.psnr) == (1.0, 0.0)
    assert apart.ssim == pytest.approx(0.0, abs=1e-3)


def test_a_negative_of_another_size_is_stretched() -> None:
    photo = PHOTOS["coffee"]
    half = cv2.resize(photo, (75, 50), interpolation=cv2.INTER_AREA)
    again = cv2.resize(half, (150, 100), interpolation=cv2.INTER_AREA)
    assert measure(photo, half) == measure(photo, again)


def test_judgements_name_target_scorer_aspect_and_range() -> None:
    made = {judgement.aspect: judgement for judgement in ALL_SAME.judgements("rejected_images[0]")}
    assert list(made) == ["changed", "psnr", "ssim", "entropy_ratio"]
    assert made["ssim"].target == "rejected_images[0]"
    assert (made["ssim"].scorer, made["ssim"].value, made["ssim"].low, made["ssim"].high) == (
        "pixels",
        1.0,
        -1.0,
        1.0,
    )


@given(width=st.integers(1, 20_000), height=st.integers(1, 20_000))
def test_pictures_are_reduced_to_a_short_side_of_96_to_191(width: int, height: int) -> None:
    factor = scale(width, height)
    assert factor & (factor - 1) == 0
    short = min(width, height) / factor
    assert 96 <= short < 192 or (factor == 1 and short < 192)
