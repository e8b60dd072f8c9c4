"""The crop keeps the drawn share of the picture and fits into it."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairwright.perturbations.random_resized_crop import PART, Params, apply, box
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import plan

share = st.floats(0, 1)
side = st.integers(1, 4000)


@given(
    height=side,
    width=side,
    params=st.builds(Params, area=st.floats(0.001, 1), aspect=st.floats(0.1, 10), top=share, left=share),
)
def test_every_crop_lies_inside_and_keeps_its_area(height: int, width: int, params: Params) -> None:
    top, left, rows, columns = box(height, width, params)
    assert 0 <= top <= top + rows <= height
    assert 0 <= left <= left + columns <= width
    assert rows >= 1
    assert columns >= 1
    wanted = params.area * height * width
    off_by_rounding = (
        rows + columns + 1
    ) / 2 + 1  # half a pixel on either side, or a side of one pixel at least
    assert abs(rows * columns - wanted) <= max(off_by_rounding, rows, columns)


def test_default_crops_are_those_of_mdpo() -> None:
    defaults = plan("random_resized_crop", PART.params, {})
    boxes = [box(480, 640, defaults.draw(np.random.default_rng(seed))) for seed in range(500)]
    areas = np.array([rows * columns / (480 * 640) for _, _, rows, columns in boxes])
    aspects = np.array([columns / rows for _, _, rows, columns in boxes])
    assert 0.0095 < areas.min() < 0.02
    assert 0.19 < areas.max() < 0.201
    assert areas.mean() == pytest.approx(0.105, abs=0.01)
    assert 0.7 < aspects.min() < 0.8
    assert 1.25 < aspects.max() < 1.4
    assert np.log(aspects).mean() == pytest.approx(0, abs=0.03)


def test_the_crop_is_enlarged(photo: Pixels) -> None:
    params = Params(area=0.0625, aspect=1.0, top=0.25, left=0.5)
    assert box(512, 512, params) == (96, 192, 128, 128)
    back = cv2.resize(apply(photo, params), (128, 128), interpolation=cv2.INTER_AREA)
    assert cv2.PSNR(back, np.ascontiguousarray(photo[96:224, 192:320])) > 28


def test_a_crop_too_wide_for_the_picture_keeps_its_area_instead_of_its_shape() -> None:
    assert box(400, 100, Params(area=0.5, aspect=4 / 3, top=0.0, left=0.0)) == (0, 0, 200, 100)
