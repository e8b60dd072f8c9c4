"""The picture turns about its middle; what comes in from outside is black."""

import cv2
import numpy as np
import pytest

from pairwright.perturbations.rotate import PART, Params, apply
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import plan


@pytest.mark.parametrize(("clockwise", "quarters"), [(0, 1), (1, -1)])
def test_a_quarter_turn_of_a_square_is_exact(photo: Pixels, clockwise: int, quarters: int) -> None:
    assert np.array_equal(apply(photo, Params(90.0, clockwise)), np.rot90(photo, quarters))


def test_half_a_turn_is_exact(photos: dict[str, Pixels]) -> None:
    for photo in photos.values():
        assert np.array_equal(apply(photo, Params(180.0, 0)), photo[::-1, ::-1])


@pytest.mark.parametrize("angle", [10.0, 37.0, 80.0])
def test_turning_back_restores_the_middle(photo: Pixels, angle: float) -> None:
    back = apply(apply(photo, Params(angle, 0)), Params(angle, 1))
    middle = np.s_[156:356, 156:356]
    assert cv2.PSNR(np.ascontiguousarray(back[middle]), np.ascontiguousarray(photo[middle])) > 25


def test_corners_turn_black_and_the_middle_stays() -> None:
    white = np.full((101, 201, 3), 255, np.uint8)
    turned = apply(white, Params(45.0, 1))
    assert not turned[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    assert (turned[50, 100] == 255).all()


def test_both_directions_are_drawn() -> None:
    draws = [plan("rotate", PART.params, {}).draw(np.random.default_rng(seed)) for seed in range(200)]
    assert 60 < sum(draw.clockwise for draw in draws) < 140
    assert 10 <= min(draw.angle for draw in draws) < 12
    assert 78 < max(draw.angle for draw in draws) <= 80
