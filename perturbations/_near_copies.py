"""Near copies: the same picture again, flipped, turned, resized, blurred or encoded again. A copy is no negative.

They are told by a perceptual hash: the signs of the 8 × 8 lowest frequencies of the grey picture's cosine
transform, 64 bits, of which blurring, resizing and re-encoding move few and a flip or a quarter turn moves bits in a
known way. A second hash, of the disc in the middle, is compared at every 5 degrees for pictures turned by any other
angle. On 29 photographs, copies that were blurred, shrunk, squashed, turned, brightened or encoded again at quality 10
lay at 9 bits or less and the 812 ordered pairs of different photographs at 11 to 30. Two changes at once (turned and
squashed) or a cut-off border of 5 percent on each side can reach 13.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob

_SIDE = 32
"""Side to which a picture is shrunk for its hash."""
_KEPT = 8
_TURNS = range(0, 90, 5)
"""Angles at which discs are compared, degrees; flips and quarter turns give the others."""
_FLAT = 0.5
"""A frequency weaker than this counts as absent, so that the hash of an even picture is not made of rounding errors."""

Square = NDArray[np.float32]
Frequencies = NDArray[np.float32]
Hashes = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Ways:
    """A picture's hashes in all the ways in which a copy of it may lie: made once, compared with many others."""

    whole: Hashes
    disc: Hashes


def min_distance() -> Knob:
    """Return the knob of the distance from which on two pictures are no copies of each other."""
    return Knob(
        default=12, low=1, high=64, unit="bits of 64", about="hashes closer than this are of near copies"
    )


def all_ways(image: Pixels) -> Ways:
    """Return the hashes of a picture, flipped, turned by quarters, and its middle turned by every 5 degrees."""
    return Ways(_hashes(_all_ways(_whole(image)[None])), _hashes(_all_ways(_discs(image, _TURNS))))


def distance(ways: Ways, other: Pixels) -> int:
    """Return in how many bits of 64 another picture differs from the nearest of these ways; 0 for a flipped copy.

    The two may have been reduced before, each by another factor.

    >>> picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    >>> distance(all_ways(picture), picture[:, ::-1])
    0
    """
    return min(
        _bits_apart(ways.whole, _hashes(_whole(other)[None])),
        _bits_apart(ways.disc, _hashes(_discs(other, range(1)))),
    )


def _bits_apart(ways: Hashes, other: Hashes) -> int:
    return int((ways != other).sum(axis=1).min())


def _hashes(frequencies: Frequencies) -> Hashes:
    return frequencies.reshape(len(frequencies), -1) > _FLAT


def _all_ways(frequencies: Frequencies) -> Frequencies:
    """Return the frequencies, n × 8 × 8, of the picture in all its 8 flips and quarter turns, 8n × 8 × 8.

    A flip changes the sign of every other frequency along its axis.
    """
    signs = np.where(np.arange(_KEPT) % 2, np.float32(-1), np.float32(1))
    ways = np.concatenate([frequencies, frequencies.transpose(0, 2, 1)])
    ways = np.concatenate([ways, ways * signs])
    return np.concatenate([ways, ways * signs[:, None]])


def _whole(image: Pixels) -> Frequencies:
    """Return the lowest frequencies of the whole picture, stretched to a square."""
    return _lowest(_shrunk(image))


def _discs(image: Pixels, turns: range) -> Frequencies:
    """Return the lowest frequencies of the disc in the middle of the picture, turned by each of ``turns``."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = _shrunk(image[top : top + side, left : left + side])
    middle = (_SIDE - 1) / 2
    down, right = np.ogrid[:_SIDE, :_SIDE]
    outside = np.hypot(down - middle, right - middle) > middle
    square = square - square[~outside].mean()
    square[outside] = 0
    return np.stack([_lowest(_turned(square, angle)) for angle in turns])


def _turned(square: Square, angle: float) -> Square:
    middle = (_SIDE - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), angle, 1.0)
    return cv2.warpAffine(square, matrix, (_SIDE, _SIDE))  # type: ignore[return-value]  # float32 in, float32 out


def _shrunk(image: Pixels) -> Square:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)


def _lowest(square: Square) -> Frequencies:
    return cv2.dct(square)[:_KEPT, :_KEPT]  # type: ignore[return-value]  # float32 in, float32 out
