"""A picture as it travels through pairwright: its bytes, untouched, and what its header says."""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
"""Decoded picture: uint8, height × width × 3, sRGB, the right way up."""

EXTENSIONS = {
    "AVIF": "avif",
    "BMP": "bmp",
    "GIF": "gif",
    "JPEG": "jpg",
    "PNG": "png",
    "TIFF": "tiff",
    "WEBP": "webp",
}
"""Formats that are read (all that trainers read through Pillow), with the extension each is stored under."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes of a picture file tell."""

    format: str
    """One of :data:`EXTENSIONS`, from the content; a file's own extension is not trusted."""
    mode: str
    """Pillow's pixel mode, for example ``RGB``, ``L``, ``CMYK``, ``I;16``."""
    width: int
    """Pixels, after the EXIF rotation was applied."""
    height: int
    """Pixels, after the EXIF rotation was applied."""
    orientation: int = 1
    """EXIF orientation, 1 (upright) to 8."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture of a row: original bytes and where they came from."""

    data: bytes
    """The encoded file, byte for byte as it was read."""
    sha256: str
    """Hex digest of ``data``."""
    header: Header
    source_uri: str | None = None
    """Path or locator it was read from, relative to the source."""
    license: str | None = None
    edit: str | None = None
    """How a negative was made, for example ``gaussian_blur radius=27.3 px``; None for an original."""

    @property
    def path(self) -> str:
        """File name stored beside the bytes: from the content, so that the extension is always right."""
        return f"{self.sha256[:16]}.{EXTENSIONS[self.header.format]}"

    def with_edit(self, edit: str) -> "Image":
        """Return the same picture with ``edit`` said of it."""
        return replace(self, edit=edit)


def digest(data: bytes) -> str:
    """Return the SHA-256 of ``data`` in hex."""
    return sha256(data).hexdigest()
