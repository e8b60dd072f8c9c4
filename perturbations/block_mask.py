"""Square blocks of the picture take the picture's mean colour.

One of OPA-DPO's two image negatives: 30 percent of the blocks of 14 pixels, the patches of its vision encoder at 336×336
pixels. On a file the same block covers less of a bigger picture: for blocks that matter to a model as much as a patch,
set ``block`` to a 24th of the picture's side. The fill is the picture's mean colour; OPA-DPO's is one number for all
three channels (see ``random_pixel_mask``).
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from pairwright.perturbations import Perturbation
from pairwright.perturbations._random_fields import uniform
from pairwright.perturbations.random_pixel_mask import fill_mean
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob, noise_seed


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    share: Annotated[
        float,
        Knob(
            default=0.3,
            low=0.001,
            high=1.0,
            unit="share of blocks",
            about="how many are masked",
            stronger="up",
        ),
    ]
    block: Annotated[int, Knob(default=14, low=1, high=1024, unit="px", about="side of a block", scale="log")]
    noise_seed: Annotated[int, noise_seed()]


def apply(image: Pixels, params: Params) -> Pixels:
    """Return the masked picture: share × number of blocks of them, rounded, but one at least.

    A greater share masks the same blocks and more.

    >>> halves = np.zeros((40, 40, 3), np.uint8); halves[:, 20:] = 200
    >>> masked = apply(halves, Params(share=0.25, block=10, noise_seed=1))
    >>> float((masked == 100).mean())
    0.25
    """
    height, width = image.shape[:2]
    rows, columns = -(-height // params.block), -(-width // params.block)
    order = np.argsort(uniform((rows * columns,), params.noise_seed), kind="stable")
    blocks = np.zeros(rows * columns, bool)
    blocks[order[: max(1, round(params.share * blocks.size))]] = True
    wide = np.repeat(blocks.reshape(rows, columns), params.block, axis=1)[:, :width]
    return fill_mean(image, np.repeat(wide, params.block, axis=0)[:height])


PART = Perturbation(
    params=Params,
    apply=apply,
    summary="masks square blocks with the picture's mean colour",
    source="OPA-DPO (arXiv 2501.09695): 30 % of the blocks of 14 px",
)
