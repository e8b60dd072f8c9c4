"""Pixelation: each square block takes its mean colour.

ImageDPO shrinks by the block size with Pillow's bilinear filter and enlarges with the nearest neighbour. Here a block is
the plain mean of its own pixels, without a share of its neighbours, and the blocks lie on a grid from the upper left
corner, so they are true squares of the wanted size and only the last ones are cut; ImageDPO stretches its blocks until
they fill the picture. A mean of blocks needs no full resolution, so the picture is reduced first where the block size
allows: at least 45 dB from the exact means (a test holds it there).
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from pairwright.perturbations import Perturbation, Reduced
from pairwright.schemas.codec import Reduction, largest_reduction, shrink
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    block: Annotated[
        int,
        Knob(default=32, low=2, high=1024, unit="px", about="side of a block", scale="log", stronger="up"),
    ]


def apply(image: Pixels, params: Params) -> Pixels:
    """Return the pixelated picture.

    >>> ramp = np.repeat(np.arange(7, dtype=np.uint8)[None, :, None], 3, axis=2)
    >>> apply(ramp, Params(block=3))[0, :, 0].tolist()
    [1, 1, 1, 4, 4, 4, 6]
    """
    size, factor = (image.shape[0], image.shape[1]), reduction(params)
    return enlarge(change(shrink(image, factor), size, params, factor), size, params, factor)


def reduction(params: Params) -> Reduction:
    """Return how many times smaller the picture may be taken: blocks must stay on the grid of the reduced pixels."""
    # Two to a block at least: a reduced pixel is no exact mean at the border, and in JPEG's halves and quarters.
    return largest_reduction(lambda factor: params.block % factor == 0 and params.block > factor)


def change(small: Pixels, size: tuple[int, int], params: Params, factor: Reduction) -> Pixels:
    """Return the mean of each block of a picture of ``size`` (height, width), reduced by ``factor``."""
    height, width = size
    down = _sums(small, height, params.block, factor)
    sums = _sums(down.swapaxes(0, 1), width, params.block, factor).swapaxes(0, 1)
    heights, widths = (np.diff(np.arange(0, side, params.block), append=side) for side in size)
    means: Pixels = np.rint(sums / np.outer(heights, widths)[..., None]).astype(np.uint8)
    return means


def enlarge(changed: Pixels, size: tuple[int, int], params: Params, factor: int) -> Pixels:
    """Return the picture of ``size`` (height, width) with a square for each mean."""
    height, width = size
    side = params.block * factor // reduction(params)
    wide = np.repeat(changed, side, axis=1)[:, :width]
    return np.repeat(wide, side, axis=0)[:height]


def _sums(values: NDArray[np.integer], side: int, block: int, factor: Reduction) -> NDArray[np.int64]:
    """Return the sum of each block along the first axis, which stands for ``side`` pixels of the full picture."""
    starts = np.arange(0, len(values), block // factor)
    sums = np.add.reduceat(values, starts, axis=0, dtype=np.int64) * factor
    sums[-1] -= values[-1].astype(np.int64) * (len(values) * factor - side)  # what lies outside the picture
    return sums


PART = Perturbation(
    params=Params,
    apply=apply,
    summary="replaces each square block by its mean colour",
    source="ImageDPO (arXiv 2501.00569): blocks of 32 px, in other runs 16 and 64",
    reduced=Reduced(reduction, change, enlarge),
)
