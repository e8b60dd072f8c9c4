"""Pictures on their way into a model in this process."""

import io

import numpy as np
import PIL.Image
import pytest

from pairwright.samplers._pictures import picture
from pairwright.samplers._vllm_prompt import identity
from pairwright.schemas.codec import read_image
from pairwright.schemas.image import Image

UPRIGHT = 6
"""EXIF orientation of a camera held on its side."""


def made(width: int, height: int, kind: str = "PNG", mode: str = "RGB", orientation: int = 1) -> Image:
    noise = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    pixels = PIL.Image.fromarray(noise).resize((width, height)).convert(mode)
    exif = PIL.Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    file = io.BytesIO()
    pixels.save(file, kind, exif=exif)
    return read_image(file.getvalue())


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pictures_are_rgb_and_upright(kind: str, mode: str) -> None:
    turned = picture(made(40, 20, kind, mode, orientation=UPRIGHT), None)
    assert (turned.mode, turned.size) == ("RGB", (20, 40))


def test_a_small_picture_is_not_touched() -> None:
    image = made(40, 20)
    exact = np.asarray(PIL.Image.open(io.BytesIO(image.data)))
    assert np.array_equal(np.asarray(picture(image, 40)), exact)
    assert np.array_equal(np.asarray(picture(image, None)), exact)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize(
    ("size", "most", "wanted"),
    [
        ((400, 200), 100, (100, 50)),
        ((203, 1000), 96, (19, 96)),
        ((3000, 40), 64, (64, 1)),
        ((50, 50), 49, (49, 49)),
    ],
)
def test_no_side_is_longer_than_asked(
    kind: str, size: tuple[int, int], most: int, wanted: tuple[int, int]
) -> None:
    image = made(*size, kind)
    small = picture(image, most)
    assert small.size == wanted
    exact = PIL.Image.open(io.BytesIO(image.data)).resize(wanted, PIL.Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(small, float) - np.asarray(exact, float)).mean() < 4


def test_a_picture_is_known_by_its_bytes_and_its_size() -> None:
    one, other = made(40, 20), made(40, 20, "JPEG")
    names = [identity(one, None), identity(one, 32), identity(one, 33), identity(other, None)]
    assert len(set(names)) == 4
    assert identity(one, 32) == identity(made(40, 20), 32)
