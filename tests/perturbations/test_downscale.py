"""Only the detail of the tiny picture is left."""

import cv2
import numpy as np
import pytest

from pairwright.perturbations.downscale import Params, apply
from pairwright.schemas.image import Pixels


@pytest.mark.parametrize("name", ["coffee", "cat", "odd"])
def test_what_is_left_is_the_tiny_picture(photos: dict[str, Pixels], name: str) -> None:
    photo = photos[name]
    height, width = photo.shape[:2]
    size = (round(width * 20 / min(height, width)), round(height * 20 / min(height, width)))
    assert min(size) == 20
    result = apply(photo, Params(short_side=20))
    tiny, again = (cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (photo, result))
    assert cv2.PSNR(tiny, again) > 25
    assert cv2.Laplacian(result, cv2.CV_32F).std() < cv2.Laplacian(photo, cv2.CV_32F).std() / 5


def test_fewer_pixels_leave_less(photo: Pixels) -> None:
    left = [cv2.PSNR(apply(photo, Params(short_side)), photo) for short_side in (5, 10, 20, 40, 80, 160)]
    assert left == sorted(left)


def test_a_smaller_picture_stays_as_it_is(photo: Pixels) -> None:
    assert np.array_equal(apply(photo[:20, :300], Params(short_side=20)), photo[:20, :300])
