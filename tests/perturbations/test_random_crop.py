"""The crop is a part of the picture, pixel by pixel."""

import numpy as np
import pytest

from pairwright.perturbations.random_crop import PART, Params, apply
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import plan


@pytest.mark.parametrize(
    ("top", "left", "row", "column"), [(0.0, 0.0, 0, 0), (1.0, 1.0, 192, 272), (0.5, 0.25, 96, 68)]
)
def test_pixels_are_those_of_the_picture(
    photo: Pixels, top: float, left: float, row: int, column: int
) -> None:
    crop = apply(photo, Params(height=320, width=240, top=top, left=left))
    assert np.array_equal(crop, photo[row : row + 320, column : column + 240])


def test_default_size_is_that_of_chip(photo: Pixels) -> None:
    params = plan("random_crop", PART.params, {}).draw(np.random.default_rng(0))
    assert apply(photo, params).shape == (320, 240, 3)


def test_a_small_picture_stays_as_it_is(photo: Pixels) -> None:
    small = photo[:100, :120]
    assert np.array_equal(apply(small, Params(height=320, width=240, top=0.3, left=0.7)), small)
