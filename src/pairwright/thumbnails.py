"""Small copies of pictures for a page that stands alone."""

from base64 import b64encode
from dataclasses import dataclass

import cv2
import numpy as np

from pairwright.schemas.codec import Reduction, can_reduce, decode, largest_reduction, read_image, swapped
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image, Pixels

SIDE = 360
"""Longest side of a thumbnail, in pixels: fine enough for the text of a screenshot to be recognised."""

_TRIES = ((SIDE, 84), (SIDE, 70), (SIDE, 50), (280, 50), (200, 40), (120, 30))
"""(longest side, WebP quality), tried in this order until the thumbnail is small enough."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small copy of a picture."""

    webp: bytes
    """A WebP file; empty where the picture could not be read."""
    width: int
    """Pixels of the thumbnail, as is ``height``."""
    height: int
    original: str
    """Size and format of the picture itself, or why it cannot be shown."""

    @property
    def uri(self) -> str:
        """The file as a ``data:`` URI; empty where there is none."""
        return "data:image/webp;base64," + b64encode(self.webp).decode() if self.webp else ""


def thumbnail(data: bytes, budget: int) -> Thumbnail:
    """Return a thumbnail of an encoded picture, in at most ``budget`` bytes where that can be reached."""
    try:
        image = read_image(data)
        pixels = decode(image, _reduction(image))
    except RowError as error:
        return Thumbnail(b"", 0, 0, f"cannot be shown: {error.message}")
    header = image.header
    encoded, small = b"", pixels
    for side, quality in _TRIES:
        small = _fit(pixels, side)
        encoded = _webp(small, quality)
        if len(encoded) <= budget:
            break
    return Thumbnail(
        encoded, small.shape[1], small.shape[0], f"{header.width}×{header.height} {header.format}"
    )


def _reduction(image: Image) -> Reduction:
    """Return the largest reduction that leaves twice the pixels that are shown."""
    longest = max(image.header.width, image.header.height)
    return largest_reduction(lambda factor: can_reduce(image.header) and longest >= 2 * SIDE * factor)


def _fit(pixels: Pixels, side: int) -> Pixels:
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]  # uint8 in and out


def _webp(pixels: Pixels, quality: int) -> bytes:
    done, buffer = cv2.imencode(".webp", swapped(pixels), [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise ValueError(f"OpenCV could not write {pixels.shape} pixels as WebP")
    return np.asarray(buffer).tobytes()
