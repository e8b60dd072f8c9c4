"""Pictures as models in this process get them."""

import PIL.Image

from pairwright.schemas.codec import can_reduce, decode, largest_reduction
from pairwright.schemas.image import Image


def picture(image: Image, max_side: int | None) -> PIL.Image.Image:
    """Return a picture as the model gets it: RGB, upright, no side longer than ``max_side`` pixels.

    Raises:
        RowError: the picture cannot be decoded.
    """
    header = image.header
    longest = max(header.width, header.height)
    if max_side is None or longest <= max_side:
        return PIL.Image.fromarray(decode(image))
    # A JPEG is decoded at twice the wanted size at least; its last reduced pixel may reach over the picture's edge.
    factor = largest_reduction(lambda factor: longest / factor >= 2 * max_side) if can_reduce(header) else 1
    whole = (0, 0, header.width / factor, header.height / factor)
    width, height = (max(1, round(side * max_side / longest)) for side in (header.width, header.height))
    decoded = PIL.Image.fromarray(decode(image, factor))
    return decoded.resize((width, height), PIL.Image.Resampling.LANCZOS, box=whole, reducing_gap=2.0)
