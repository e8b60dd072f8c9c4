"""JPEG compression at a quality low enough to show.

No published preference set that we know of makes its negatives this way; the operation and its default are ours.
At a quality of 5 to 15 the blocks of 8 pixels show, colours come in patches, and text and faces suffer first.
"""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from pairwright.perturbations import Perturbation
from pairwright.schemas.codec import encode
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob


@dataclass(frozen=True, slots=True)
class Params:
    """Drawn values."""

    quality: Annotated[
        int,
        Knob(
            default=(5, 15),
            low=1,
            high=100,
            unit="of 100",
            about="quality as libjpeg counts it, 4:2:0",
            stronger="down",
        ),
    ]


def apply(image: Pixels, params: Params) -> Pixels:
    """Return the picture after one compression.

    >>> flat = np.full((16, 16, 3), 128, np.uint8)
    >>> bool((apply(flat, Params(quality=5)) == flat).all())
    True
    """
    file = np.frombuffer(encode(image, "jpeg", params.quality), np.uint8)
    decoded = cv2.imdecode(file, cv2.IMREAD_COLOR)
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)  # type: ignore[return-value, arg-type]  # encoded a line above


PART = Perturbation(
    params=Params,
    apply=apply,
    summary="compresses the picture until blocks show",
    source="pairwright: no published source; quality 5 to 15 is where the damage is plain",
)
