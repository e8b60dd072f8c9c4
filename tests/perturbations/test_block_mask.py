"""Whole blocks take the mean colour, as many as asked for."""

import numpy as np
import pytest

from pairwright.perturbations.block_mask import Params, apply
from pairwright.schemas.image import Pixels


def blocks_masked(image: Pixels, params: Params) -> np.ndarray:
    """Return for each block whether it is masked; fail if only a part of one is. The picture's halves are 0 and 200."""
    mask = (apply(image, params) == 100).all(axis=2)
    found = []
    for top in range(0, mask.shape[0], params.block):
        for left in range(0, mask.shape[1], params.block):
            block = mask[top : top + params.block, left : left + params.block]
            assert block.all() or not block.any()
            found.append(block.all())
    return np.array(found)


@pytest.fixture
def halves() -> Pixels:
    image = np.zeros((143, 200, 3), np.uint8)
    image[:, 100:] = 200
    return image


@pytest.mark.parametrize("share", [0.05, 0.3, 0.75, 1.0])
@pytest.mark.parametrize("block", [1, 14, 50])
def test_the_share_of_blocks_is_exact(halves: Pixels, share: float, block: int) -> None:
    masked = blocks_masked(halves, Params(share, block, 1))
    assert masked.sum() == max(1, round(share * masked.size))


def test_one_block_is_masked_at_least(halves: Pixels) -> None:
    assert blocks_masked(halves, Params(0.001, 50, 1)).sum() == 1


def test_a_greater_share_masks_the_same_blocks_and_more(halves: Pixels) -> None:
    few, many = (blocks_masked(halves, Params(share, 14, 1)) for share in (0.2, 0.5))
    assert (many | ~few).all()


def test_pixels_outside_the_blocks_are_untouched(photo: Pixels) -> None:
    masked = apply(photo, Params(0.3, 14, 1))
    mean = np.rint(photo.mean(axis=(0, 1))).astype(np.uint8)
    assert (masked[(masked != photo).any(axis=2)] == mean).all()
    assert (masked != photo).any(axis=2).mean() == pytest.approx(0.3, abs=0.02)
