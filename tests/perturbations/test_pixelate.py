"""Blocks are true means, by whichever way they are computed."""

import cv2
import numpy as np
import pytest

from pairwright.perturbations.pixelate import PART, Params, apply, reduction
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.image import Pixels

BLOCKS = [2, 4, 5, 6, 8, 12, 16, 31, 32, 64, 300]


def exact(image: Pixels, block: int) -> np.ndarray:
    """Return the pixelated picture in floating point, block by block."""
    result = np.empty(image.shape, np.float32)
    for top in range(0, image.shape[0], block):
        for left in range(0, image.shape[1], block):
            square = np.s_[top : top + block, left : left + block]
            result[square] = image[square].mean(axis=(0, 1))
    return result


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat", "page", "odd"])
def test_each_block_is_its_mean(photos: dict[str, Pixels], name: str, block: int) -> None:
    photo = photos[name]
    assert cv2.PSNR(apply(photo, Params(block)).astype(np.float32), exact(photo, block)) >= 45


@pytest.mark.parametrize("block", [block for block in BLOCKS if reduction(Params(block)) > 1])
@pytest.mark.parametrize("name", ["coffee", "cat", "odd"])
def test_a_reduced_decode_gives_the_same_blocks(photos: dict[str, Pixels], name: str, block: int) -> None:
    file = read_image(encode(photos[name], "jpeg", 90))
    whole, params = decode(file), Params(block)
    factor = reduction(params)
    assert PART.reduced is not None
    result = PART.reduced.apply(decode(file, factor), whole.shape[:2], params, factor)
    assert result.shape == whole.shape
    assert cv2.PSNR(result.astype(np.float32), exact(whole, block)) >= 45


@pytest.mark.parametrize("block", [31, 32])
def test_blocks_are_squares_of_one_colour_from_the_corner(photo: Pixels, block: int) -> None:
    result = apply(photo, Params(block))
    for top in range(0, 512, block):
        for left in range(0, 512, block):
            square = result[top : top + block, left : left + block].reshape(-1, 3)
            assert (square == square[0]).all()
    assert len(np.unique(result.reshape(-1, 3), axis=0)) > 100


def test_reduced_blocks_stay_on_the_grid() -> None:
    assert {block: reduction(Params(block)) for block in BLOCKS} == {
        2: 1, 4: 2, 5: 1, 6: 2, 8: 4, 12: 4, 16: 8, 31: 1, 32: 8, 64: 8, 300: 4
    }  # fmt: skip
