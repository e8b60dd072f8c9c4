"""Reading and writing picture files: headers, pixels, and bytes.

What counts as a readable picture is decided here. Pillow's reading is the reference, because ``datasets`` and every
trainer read through Pillow. Plain JPEGs (8 bit, RGB or grey) go through OpenCV, which decodes them to the same
pixels within rounding, faster, and at a half, a quarter or an eighth of the size where that is enough.
"""

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps
import PIL.TiffImagePlugin

from pairwright.schemas.errors import RowError
from pairwright.schemas.image import EXTENSIONS, Header, Image, Pixels, digest

Reduction = Literal[1, 2, 4, 8]
"""How many times smaller than the file a picture is decoded, along each side."""

Encoding = Literal["jpeg", "png", "webp"]
"""Formats in which negatives are stored; ``webp`` is lossless here."""

DEFAULT_MAX_PIXELS = 89_478_485
"""Pillow's own warning limit: a picture of a quarter of a gibibyte once decoded."""

_LONGEST_SIDE: dict[Encoding, int] = {"jpeg": 65_500, "webp": 16_383, "png": 1_000_000}
"""Pixels: the limits of libjpeg, of the WebP format, and of libpng."""

_FLAGS: dict[int, int] = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_ORIENTATION_TAG = 0x0112
_TIFF_WIDTH, _TIFF_HEIGHT = 0x0100, 0x0101
_PNG_EXIF = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")
"""Where a PNG may keep its orientation: the chunk for it, ImageMagick's text, and XMP."""


@dataclass(slots=True)
class _Warnings:
    """State of :func:`_unwarned`: who is reading, and what puts the filters back."""

    lock: threading.Lock
    undo: ExitStack
    readers: int = 0


_WARNINGS = _Warnings(threading.Lock(), ExitStack())


def read_image(
    data: bytes,
    *,
    field: str | None = None,
    source_uri: str | None = None,
    license: str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    min_side: int = 1,
) -> Image:
    """Return the :class:`Image` of an encoded file, reading no more than its header.

    Args:
        data: the file.
        field: column to name in errors.
        source_uri: where the bytes came from.
        license: licence of the picture.
        max_pixels: refuse bigger ones before anything is decoded.
        min_side: refuse pictures with a shorter side, in pixels.

    Raises:
        RowError: ``image_unreadable``, ``image_format``, ``image_too_large`` or ``image_too_small``.
    """
    try:
        header = read_header(data, field=field, max_pixels=max_pixels)
        if min(header.width, header.height) < min_side:
            size = f"{header.width}×{header.height}"
            raise RowError("image_too_small", field, f"{size} pixels; no side may be below {min_side}")
    except RowError as error:
        raise error.naming(source_uri) from error
    return Image(data, digest(data), header, source_uri, license)


def read_header(data: bytes, *, field: str | None = None, max_pixels: int = DEFAULT_MAX_PIXELS) -> Header:
    """Return format, mode, upright size and orientation of an encoded picture without decoding its pixels.

    Raises:
        RowError: ``image_unreadable``, ``image_format`` or ``image_too_large``.
    """
    if not data:
        raise RowError("image_unreadable", field, "the file is empty")
    header = plain_jpeg_header(data) or _header_by_pillow(data, field, max_pixels)
    if header.format not in EXTENSIONS:
        raise RowError(
            "image_format", field, f"{header.format} is not one of {', '.join(sorted(EXTENSIONS))}"
        )
    if header.width * header.height > max_pixels:
        raise RowError(
            "image_too_large", field, f"{header.width}×{header.height} pixels, more than {max_pixels}"
        )
    return header


def plain_jpeg_header(data: bytes) -> Header | None:
    """Return the header of a JPEG that has nothing but its picture, or None for everything else.

    Most pictures of most sets are such files: 8 bits, grey or three components, no EXIF, one frame. Pillow takes a
    tenth of a millisecond for what stands in a few bytes; whatever is out of the ordinary is left to it.
    """
    if data[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (0xC0, 0xC1, 0xC2):
            bits, components = data[at + 4], data[at + 9]
            height, width = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (5, 7))
            if bits != 8 or components not in (1, 3) or not width or not height:
                return None
            return Header("JPEG", "RGB" if components == 3 else "L", width, height)
        if marker not in (0xC4, 0xDB, 0xDD, 0xE0, 0xEE, 0xFE) or length < 2:  # tables, JFIF, Adobe, comments
            return None
        at += 2 + length
    return None


def _header_by_pillow(data: bytes, field: str | None, max_pixels: int) -> Header:
    with _unwarned():  # broken EXIF and big pictures only warn; size is decided on below
        try:
            with PIL.Image.open(io.BytesIO(data)) as opened:
                name, mode = str(opened.format), opened.mode
                width, height = _stored_size(opened)
                too_large = width * height > max_pixels  # to look for an orientation may mean to decode it
                orientation = 1 if too_large else _orientation(opened, name, data)
        except PIL.UnidentifiedImageError as error:  # its own text holds a memory address
            raise RowError("image_unreadable", field, "not a picture in any known format") from error
        except PIL.Image.DecompressionBombError as error:
            raise RowError("image_too_large", field, str(error)) from error
        except Exception as error:  # hostile bytes make decoders raise nearly anything; each is a reject
            raise RowError("image_unreadable", field, f"no decoder reads it ({error})") from error
    if name == "MPO":  # two-eyed JPEG of some cameras: every reader shows its first JPEG
        name = "JPEG"
    if orientation >= 5:
        width, height = height, width
    return Header(name, mode, width, height, orientation)


def can_reduce(header: Header) -> bool:
    """Tell whether a picture can be decoded smaller than it is: an upright 8-bit JPEG."""
    return header.format == "JPEG" and header.mode in ("RGB", "L") and header.orientation == 1


def decode(image: Image, reduction: Reduction = 1, *, field: str | None = None) -> Pixels:
    """Return the pixels of a picture, upright, the first frame of an animation, transparency over white.

    16-bit pictures are scaled to 8 bit (Pillow would clip them); palettes and CMYK are converted as Pillow does.

    Args:
        image: the picture.
        reduction: decode this many times smaller. Only for pictures that :func:`can_reduce` allows. The result is
            ``ceil(height / reduction)`` × ``ceil(width / reduction)`` × 3; pixel (y, x) stands for the square that
            starts at (y * reduction, x * reduction).
        field: column to name in errors.

    Raises:
        RowError: ``image_truncated`` or ``image_unreadable``.
    """
    header = image.header
    plain_jpeg = header.format == "JPEG" and header.mode in ("RGB", "L")
    if reduction != 1 and not can_reduce(header):
        raise ValueError(f"a {header.format} {header.mode} picture cannot be decoded smaller")
    # libjpeg fills what is missing with grey and only warns, so a file without its end goes to Pillow, which is strict.
    if plain_jpeg and header.orientation == 1 and image.data.rstrip(b"\0").endswith(b"\xff\xd9"):
        decoded = cv2.imdecode(
            np.frombuffer(image.data, np.uint8), _FLAGS[reduction] | cv2.IMREAD_IGNORE_ORIENTATION
        )
        if decoded is not None:
            return swapped(decoded)  # type: ignore[arg-type]  # uint8 by the flags
    try:
        pixels = _decode_with_pillow(image.data, field)
    except RowError as error:
        raise error.naming(image.source_uri) from error
    return shrink(pixels, reduction) if reduction != 1 else pixels


def largest_reduction(fits: Callable[[Reduction], bool]) -> Reduction:
    """Return the largest reduction that fits, 1 if none does.

    >>> largest_reduction(lambda factor: 640 / factor >= 100)
    4
    """
    allowed: tuple[Reduction, ...] = (8, 4, 2)
    return next((factor for factor in allowed if fits(factor)), 1)


def shrink(pixels: Pixels, factor: int) -> Pixels:
    """Return the picture ``factor`` times smaller along each side, by the mean of each square.

    Sides that are no multiple of ``factor`` are padded with their edge, as JPEG does, so the result is
    ``ceil(height / factor)`` × ``ceil(width / factor)`` and lies on the same grid as a reduced decode.

    >>> shrink(np.full((5, 8, 3), 7, np.uint8), 4).shape
    (2, 2, 3)
    """
    if factor == 1:
        return pixels
    height, width = pixels.shape[:2]
    down, right = -height % factor, -width % factor
    if down or right:
        pixels = np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="edge")
    while factor % 2 == 0:  # OpenCV has a fast path for halves
        factor //= 2
        pixels = _resized(pixels, 2)
    return _resized(pixels, factor) if factor > 1 else pixels


def encode(pixels: Pixels, encoding: Encoding, quality: int = 95) -> bytes:
    """Return a picture as a file.

    Args:
        pixels: uint8, height × width × 3, RGB.
        encoding: ``jpeg`` (4:2:0, lossy), ``png`` or ``webp`` (both lossless).
        quality: JPEG quality, 1 to 100; the lossless formats ignore it.

    Raises:
        RowError: ``image_too_large``, a side longer than the format holds: 65,500 pixels in JPEG, 16,383 in WebP,
            1,000,000 in PNG.
    """
    return encode_bgr(swapped(pixels), encoding, quality)


def encode_bgr(pixels: Pixels, encoding: Encoding, quality: int = 95) -> bytes:
    """Do as :func:`encode` for pixels with blue first, OpenCV's own order."""
    longest = _LONGEST_SIDE[encoding]
    if max(pixels.shape[:2]) > longest:
        told = (
            f"{pixels.shape[1]}×{pixels.shape[0]} pixels; {encoding} holds at most {longest:,} along a side"
        )
        advice = "" if encoding == "png" else f", png {_LONGEST_SIDE['png']:,}: use png for such pictures"
        raise RowError("image_too_large", "encoding", told + advice)
    extension, options = {
        "jpeg": (".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality]),
        "png": (".png", [cv2.IMWRITE_PNG_COMPRESSION, 3]),
        "webp": (".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
    }[encoding]
    done, buffer = cv2.imencode(extension, pixels, options)
    if not done:
        raise ValueError(f"OpenCV could not write {pixels.shape} pixels as {encoding}")
    return buffer.tobytes()


def swapped(pixels: Pixels) -> Pixels:
    """Return the picture with its first and third channel exchanged: RGB as BGR, BGR as RGB."""
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)  # type: ignore[return-value]  # uint8 in, uint8 out


def _resized(pixels: Pixels, factor: int) -> Pixels:
    size = (pixels.shape[1] // factor, pixels.shape[0] // factor)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]  # uint8 in, uint8 out


def _stored_size(opened: PIL.Image.Image) -> tuple[int, int]:
    """Return width and height before the EXIF rotation: of a TIFF, newer Pillows tell those after it."""
    if isinstance(opened, PIL.TiffImagePlugin.TiffImageFile):
        return int(opened.tag_v2[_TIFF_WIDTH]), int(opened.tag_v2[_TIFF_HEIGHT])
    return opened.size


def _orientation(opened: PIL.Image.Image, name: str, data: bytes) -> int:
    if name == "PNG" and not any(key in data for key in _PNG_EXIF):
        return 1  # Pillow would decode the whole PNG to look behind its pixels
    value = opened.getexif().get(_ORIENTATION_TAG, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _decode_with_pillow(data: bytes, field: str | None) -> Pixels:
    with _unwarned():
        try:
            with PIL.Image.open(io.BytesIO(data)) as opened:
                opened.load()
                upright = PIL.ImageOps.exif_transpose(opened)
                return np.asarray(_as_rgb(upright, field))
        except RowError:
            raise
        except PIL.UnidentifiedImageError as error:  # its own text holds a memory address
            raise RowError("image_unreadable", field, "only its header is that of a picture") from error
        except Exception as error:  # see read_header
            cut = "truncated" in str(error).lower()
            raise RowError("image_truncated" if cut else "image_unreadable", field, str(error)) from error


@contextmanager
def _unwarned() -> Iterator[None]:
    """Silence warnings while any thread reads a picture.

    ``warnings.catch_warnings`` alone must not be entered by two threads at once: whoever leaves last would put the
    other's filters back for good. So the first thread in sets the filter, and the last one out takes it away.
    """
    with _WARNINGS.lock:
        if not _WARNINGS.readers:
            _WARNINGS.undo.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _WARNINGS.readers += 1
    try:
        yield
    finally:
        with _WARNINGS.lock:
            _WARNINGS.readers -= 1
            if not _WARNINGS.readers:
                _WARNINGS.undo.close()


def _as_rgb(picture: PIL.Image.Image, field: str | None) -> PIL.Image.Image:
    if picture.mode == "RGB":
        return picture
    if picture.mode.startswith("I"):
        deep = np.asarray(picture).astype(np.int64)
        scaled = deep if deep.max(initial=0) <= 255 else deep // 257
        return PIL.Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        raise RowError(
            "image_format", field, "floating-point pixels have no agreed range; store it as 8 or 16 bit"
        )
    if picture.has_transparency_data:
        over = picture.convert("RGBA")
        paper = PIL.Image.new("RGBA", over.size, "white")
        return PIL.Image.alpha_composite(paper, over).convert("RGB")
    return picture.convert("RGB")
