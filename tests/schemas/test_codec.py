"""What counts as a readable picture, and that what is read is what Pillow, and so every trainer, reads."""

import io
import threading
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import PIL.PngImagePlugin
import pytest

from pairwright.schemas.codec import Encoding, can_reduce, decode, encode, read_image, shrink
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Pixels

REFUSED = {
    "bmp_b_badpalettesize.bmp": "image_unreadable",
    "broken.png": "image_unreadable",
    "broken_data_stream.png": "image_unreadable",
    "crash-5762152299364352.fli": "image_format",
    "decompression_bomb.gif": "image_too_large",
    "truncated_image.png": "image_truncated",
    "truncated_jpeg.jpg": "image_truncated",
}
"""Files of the collection of bad and odd pictures that must be refused; all others must be read."""

OTHERWISE = {"16bit.cropped.tif", "transparent.png"}
"""Read on purpose otherwise than Pillow's ``convert("RGB")`` does: 16 bit scaled, transparency over white."""


def with_pillow(data: bytes) -> Pixels:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with PIL.Image.open(io.BytesIO(data)) as opened:
            return np.asarray(PIL.ImageOps.exif_transpose(opened).convert("RGB"))


def saved(picture: PIL.Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def blocks(height: int = 48, width: int = 80) -> PIL.Image.Image:
    """A picture of coarse blocks without any symmetry."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return PIL.Image.fromarray(coarse.repeat(8, 0).repeat(8, 1))


def test_every_bad_or_odd_picture_is_read_as_pillow_reads_it_or_refused(shared_data: Path) -> None:
    files = sorted(path for path in (shared_data / "bad-and-odd-images").rglob("*.*") if path.suffix != ".md")
    assert len(files) > 35
    refused = {}
    for path in files:
        data = path.read_bytes()
        try:
            image = read_image(data)
            pixels = decode(image)
        except RowError as error:
            refused[path.name] = error.reason
            continue
        assert pixels.shape == (image.header.height, image.header.width, 3), path.name
        if path.name not in OTHERWISE:
            distance = np.abs(pixels.astype(int) - with_pillow(data).astype(int)).max()
            assert distance <= 3, path.name  # OpenCV's libjpeg may round otherwise than Pillow's
    assert refused == REFUSED


def test_rotated_photographs_are_turned_upright(shared_data: Path) -> None:
    files = sorted((shared_data / "cc0-coco-objects" / "exif_orientation").glob("*.jpg"))
    assert len(files) == 10
    orientations = set()
    for path in files:
        image = read_image(path.read_bytes())
        pixels = decode(image)
        orientations.add(image.header.orientation)
        assert pixels.shape == (image.header.height, image.header.width, 3)
        assert np.abs(pixels.astype(int) - with_pillow(image.data).astype(int)).max() <= 3
        assert can_reduce(image.header) == (image.header.orientation == 1)
    assert orientations == set(range(1, 9))


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_reduced_decode_is_near_the_shrunk_picture(factor: int, shared_data: Path) -> None:
    for path in sorted((shared_data / "cc0-coco-objects" / "exif_orientation").glob("*.jpg")):
        image = read_image(path.read_bytes())
        if not can_reduce(image.header):
            with pytest.raises(ValueError, match="cannot be decoded smaller"):
                decode(image, factor)  # type: ignore[arg-type]
            continue
        small, mean = decode(image, factor), shrink(decode(image), factor)  # type: ignore[arg-type]
        assert small.shape == mean.shape
        assert np.abs(small.astype(int) - mean.astype(int)).mean() < 2.0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_header_knows_the_upright_size(kind: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    data = saved(blocks(), kind, exif=exif)
    image = read_image(data)
    assert (image.header.width, image.header.height) == ((48, 80) if orientation >= 5 else (80, 48))
    assert np.array_equal(decode(image), with_pillow(data))


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_in_xmp_counts_too(kind: str) -> None:
    options: dict[str, object] = {"xmp": XMP.encode()}
    if kind == "PNG":
        info = PIL.PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP)
        options = {"pnginfo": info}
    data = saved(blocks(), kind, **options)
    image = read_image(data)
    assert (image.header.width, image.header.height, image.header.orientation) == (48, 80, 6)
    assert np.array_equal(decode(image), with_pillow(data))


MODES = {
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA"],
    "TIFF": ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"],
    "JPEG": ["1", "L", "RGB", "CMYK", "YCbCr"],
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
def test_pixel_modes(kind: str, mode: str) -> None:
    picture = (
        PIL.Image.new("LAB", (8, 8), (99, 20, 30)) if mode == "LAB" else blocks().convert("LA").convert(mode)
    )
    data = saved(picture, kind)
    assert np.abs(decode(read_image(data)).astype(int) - with_pillow(data).astype(int)).max() <= 3


def test_sixteen_bits_are_scaled() -> None:
    deep = np.linspace(0, 65535, 16 * 16).reshape(16, 16).astype(np.uint16)
    for kind in ("PNG", "TIFF"):
        pixels = decode(read_image(saved(PIL.Image.fromarray(deep), kind)))
        assert np.array_equal(pixels[..., 0], deep // 257)
        assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_floating_point_pixels_are_refused() -> None:
    data = saved(PIL.Image.fromarray(np.ones((4, 4), np.float32)), "TIFF")
    with pytest.raises(RowError) as caught:
        decode(read_image(data))
    assert caught.value.reason == "image_format"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_transparency_lies_over_white(kind: str) -> None:
    picture = PIL.Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 4, 8))
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels = decode(read_image(saved(picture, kind, **options)))
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, 7].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame_is_read(kind: str) -> None:
    frames = [PIL.Image.new("RGB", (8, 6), color) for color in ("#ff0000", "#00ff00")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    pixels = decode(read_image(data))
    assert pixels.shape == (6, 8, 3)
    assert (pixels == [255, 0, 0]).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_picture_that_is_cut_short_is_refused(kind: str) -> None:
    rng = np.random.default_rng(0)
    data = saved(PIL.Image.fromarray(rng.integers(0, 256, (200, 200, 3), np.uint8)), kind)
    with pytest.raises(RowError) as caught:
        decode(read_image(data[: len(data) // 2]))
    assert caught.value.reason in ("image_truncated", "image_unreadable")


def test_messages_are_the_same_in_every_run() -> None:
    told = set()
    for _ in range(3):
        with pytest.raises(RowError) as caught:
            read_image(b"not a picture", field="image")
        told.add(str(caught.value))
    assert told == {"image: not a picture in any known format"}


def test_threads_leave_the_warning_filters_as_they_were(shared_data: Path) -> None:
    data = (shared_data / "bad-and-odd-images" / "pillow" / "hopper_bad_exif.jpg").read_bytes()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(50):
                decode(read_image(data))
        except BaseException as error:  # noqa: BLE001  # shown below
            errors.append(error)

    before = list(warnings.filters)
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors  # a warning that came through would be an error here
    assert list(warnings.filters) == before


@pytest.mark.parametrize("encoding", ["png", "webp"])
def test_lossless_encodings_keep_every_pixel(encoding: str) -> None:
    pixels = np.asarray(blocks())
    assert np.array_equal(decode(read_image(encode(pixels, encoding))), pixels)  # type: ignore[arg-type]


def test_jpeg_keeps_the_picture_nearly() -> None:
    red, green = np.meshgrid(np.arange(0, 240, 2), np.arange(0, 180, 2))
    pixels = np.dstack([red, green, 255 - red]).astype(np.uint8)
    again = decode(read_image(encode(pixels, "jpeg", 95)))
    assert np.abs(again.astype(int) - pixels.astype(int)).mean() < 1


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_shrinking_takes_the_mean_of_squares(factor: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (24, 48, 3), np.uint8)
    squares = pixels.reshape(24 // factor, factor, 48 // factor, factor, 3).mean((1, 3))
    assert np.abs(shrink(pixels, factor) - squares).max() <= 1.5
    assert shrink(pixels[:23, :47], factor).shape == (-(-23 // factor), -(-47 // factor), 3)


@pytest.mark.parametrize(("encoding", "longest"), [("jpeg", 65_500), ("webp", 16_383), ("png", 1_000_000)])
def test_a_side_too_long_for_the_format_is_a_reject(encoding: Encoding, longest: int) -> None:
    assert encode(np.zeros((1, longest, 3), np.uint8), encoding)
    for shape in ((1, longest + 1, 3), (longest + 1, 1, 3)):
        with pytest.raises(RowError, match=f"{longest:,} along a side") as caught:
            encode(np.zeros(shape, np.uint8), encoding)
        assert (caught.value.reason, caught.value.field) == ("image_too_large", "encoding")
        assert ("use png" in str(caught.value)) == (encoding != "png")


def test_errors_name_the_picture() -> None:
    with pytest.raises(RowError, match=r"imgs/a\.jpg: not a picture"):
        read_image(b"no picture", source_uri="imgs/a.jpg")
    cut = read_image(encode(np.zeros((64, 64, 3), np.uint8), "png")[:-30], source_uri="imgs/b.png")
    with pytest.raises(RowError, match=r"imgs/b\.png: "):
        decode(cut)


def test_a_picture_that_is_too_large_is_not_decoded_to_find_its_orientation(monkeypatch):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    data = saved(PIL.Image.new("L", (300, 200)), "PNG", exif=exif)
    assert read_image(data, max_pixels=60_000).header.height == 300
    monkeypatch.setattr(PIL.PngImagePlugin.PngImageFile, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(RowError) as caught:
        read_image(data, max_pixels=59_999)
    assert caught.value.reason == "image_too_large"
