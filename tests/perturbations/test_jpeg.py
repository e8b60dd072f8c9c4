"""The result is what OpenCV's codec gives."""

import cv2
import numpy as np
import pytest

from pairwright.perturbations.jpeg import Params, apply
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Pixels


@pytest.mark.parametrize("quality", [1, 10, 95])
@pytest.mark.parametrize("name", ["cat", "odd"])
def test_the_result_is_one_compression(photos: dict[str, Pixels], name: str, quality: int) -> None:
    bgr = cv2.cvtColor(photos[name], cv2.COLOR_RGB2BGR)
    file = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    expected = cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert np.array_equal(apply(photos[name], Params(quality)), expected)


def test_a_lower_quality_does_more_damage(photo: Pixels) -> None:
    left = [cv2.PSNR(apply(photo, Params(quality)), photo) for quality in (2, 5, 15, 50, 95)]
    assert left == sorted(left)


def test_a_picture_too_long_for_jpeg_is_a_reject():
    with pytest.raises(RowError) as caught:
        apply(np.zeros((1, 65_501, 3), np.uint8), Params(quality=10))
    assert caught.value.reason == "image_too_large"
