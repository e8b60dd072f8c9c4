"""Pictures and their paths: nothing outside the root is opened, and bytes of any kind are a picture or a reject."""

import base64
import io
import os
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairwright.schemas.codec import decode
from pairwright.schemas.errors import RowError
from pairwright.sources.pictures import Pictures, picture_values

FUZZ = settings.get_profile("fuzz")
KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
PIXELS = np.random.default_rng(0).integers(0, 256, (9, 14, 3), np.uint8)
MOST = 10_000
SECRET = b"the secret outside"

_OPENED: list[str] | None = None


def _heard(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _OPENED is not None and isinstance(arguments[0], str | bytes | os.PathLike):
        _OPENED.append(os.path.realpath(os.fsdecode(arguments[0])))


sys.addaudithook(_heard)


@contextmanager
def opened() -> Iterator[list[str]]:
    """Note every file that is opened, by its real path."""
    global _OPENED
    _OPENED = []
    try:
        yield _OPENED
    finally:
        _OPENED = None


def saved(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(PIXELS).save(file, kind, **options)
    return file.getvalue()


def turned(kind: str) -> bytes:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    return saved(kind, exif=exif)


SOUND = [saved(kind) for kind in KINDS] + [turned(kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF")]
SOUND += [
    saved("JPEG", progressive=True),
    saved("GIF", save_all=True, append_images=[PIL.Image.new("RGB", (14, 9))]),
]
NUMBERS = [0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A folder with a picture, links out of it, and things that are no files; beside it a secret."""
    outside = tmp_path_factory.mktemp("outside")
    folder = outside / "root"
    (folder / "sub" / "images").mkdir(parents=True)
    for place in (folder, folder / "sub", folder / "sub" / "images"):
        (place / "a.png").write_bytes(SOUND[1])
    for name in ("secret.png", "root.png", "rootsecret"):
        (outside / name).write_bytes(SECRET)
    (outside / "rootling").mkdir()
    (outside / "rootling" / "secret.png").write_bytes(SECRET)
    (folder / "link.png").symlink_to(outside / "secret.png")
    (folder / "up").symlink_to(outside)
    (folder / "images").symlink_to(outside)
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "loop.png").symlink_to("loop.png")
    os.mkfifo(folder / "pipe.png")
    return folder.resolve()


STEPS = [
    "..", ".", "", "a.png", "sub", "images", "up", "link.png", "secret.png", "root", "rootling", "zero.png", "pipe.png", "loop.png",
    "..%2f", "%2e%2e", "..\\", "~", "$HOME", "\0", "\ud800", "\u202e", "a.png\n", "con", "*", "a" * 300, "…", "．．", "//", "dev",
    "zero", "etc", "passwd", "proc", "self", "environ", "COCO_train2014_000000000009.jpg",
]  # fmt: skip
STARTS = [
    "", "/", "//", "/dev/zero", "/dev/stdin", "/proc/self/environ", "/etc/passwd", "file://", "file:", "FILE:///etc/passwd", "http://",
    "https://x/", "HTTP:", "s3://", "zip://a::", "data:", "data:image/png;base64,", "data:,", "{root}/", "{root}/../", "\\\\x\\",
]  # fmt: skip
PATHS = st.builds(
    lambda start, steps: start + "/".join(steps),
    st.sampled_from(STARTS),
    st.lists(st.sampled_from(STEPS) | st.text(max_size=4), max_size=5),
)
FOLDERS = st.sampled_from(["", "sub", "sub/images", "up", "..", "images"])


def values(path: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    odd = st.none() | st.integers() | st.binary(max_size=4) | st.lists(st.integers(), max_size=2)
    shapes = st.fixed_dictionaries(
        {}, optional={"bytes": odd | path, "path": path | odd, "url": path, "file_name": path}
    )
    return path | shapes | st.lists(path, max_size=2) | odd


def read(pictures: Pictures, value: object, folder: str) -> None:
    """Read a value as a source does, and decode what it stands for."""
    reason = "none"
    try:
        for one, name in picture_values(value, "image"):
            image = pictures.read(one, field=name, folder=folder)
            assert SECRET not in image.data
            assert image.header.width * image.header.height <= MOST
            (image.source_uri or "").encode()
            assert decode(image).size <= 3 * MOST
    except RowError as error:
        reason = error.reason
        assert error.message is not None  # noqa: PT017
    assert reason


@FUZZ
@given(value=values(PATHS), folder=FOLDERS, from_root=st.booleans(), searched=st.booleans())
def test_paths(root, value, folder, from_root, searched):
    pictures = Pictures(root, from_root, MOST, 10**6, 1, searched)
    told = str(root)

    def placed(one: object) -> object:
        match one:
            case str():
                return one.replace("{root}", told)
            case dict():
                return {key: placed(member) for key, member in one.items()}
            case list():
                return [placed(member) for member in one]
        return one

    with opened() as seen:
        read(pictures, placed(value), folder)
    installed = (sys.prefix, sys.base_prefix, str(Path(np.__file__).parents[1]))
    strange = [path for path in seen if not path.startswith((told + "/", *installed)) and path != told]
    assert strange == []


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SOUND)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, min(len(data), draw(st.sampled_from([40, 120, 10_000]))) - 1)))
        match draw(st.sampled_from(["byte", "number", "number", "cut", "insert", "delete", "copy"])):
            case "byte":
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "number":
                number, size = draw(st.sampled_from(NUMBERS)), draw(st.sampled_from([2, 4]))
                data[at : at + size] = (number % 256**size).to_bytes(
                    size, draw(st.sampled_from(["big", "little"]))
                )
            case "cut":
                del data[at:]
            case "insert":
                data[at:at] = draw(
                    st.binary(max_size=8)
                    | st.sampled_from([b"eXIf", b"\xff\xc0", b"\xff\xd8", b"acTL", b"ICCP", b"iCCP"])
                )
            case "delete":
                del data[at : at + draw(st.integers(1, 8))]
            case "copy":
                data[at:at] = data[: draw(st.integers(0, len(data)))]
    return bytes(data)


@FUZZ
@given(
    data=broken() | st.binary(max_size=60), form=st.sampled_from(["bytes", "base64", "uri", "file", "struct"])
)
def test_bytes(root, data, form):
    told = base64.b64encode(data).decode()
    path = root / "broken.png"
    if form == "file":
        path.write_bytes(data)
    forms = {"bytes": data, "base64": told, "uri": f"data:image/png;base64,{told}", "file": "broken.png"}
    value = forms.get(form, {"bytes": data, "path": "../../etc/passwd"})
    read(Pictures(root, True, MOST, 10**6, 1), value, "")


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    parts = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), *chunks, (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


ZEROS = zlib.compress(bytes(64 * 2**20), 9)
JPEG_SIZE = b"\xff\xc0\x00\x11\x08"


def resized(data: bytes, at: int, form: str, *numbers: int) -> bytes:
    return data[:at] + struct.pack(form, *numbers) + data[at + struct.calcsize(form) :]


def jpeg(width: int, height: int) -> bytes:
    return resized(SOUND[0], SOUND[0].index(JPEG_SIZE) + 5, ">HH", height, width)


BOMBS = {
    "png_side": png(2**31 - 1, 2**31 - 1, (b"IDAT", ZEROS)),
    "png_flat": png(8192, 8192, (b"IDAT", ZEROS)),
    "png_exif": png(8192, 8192, (b"IDAT", ZEROS), (b"eXIf", b"II*\0")),
    "png_small_with_much": png(9, 9, (b"IDAT", ZEROS)),
    "png_text": png(9, 9, (b"zTXt", b"a\0\0" + ZEROS), (b"IDAT", zlib.compress(bytes(90)))),
    "png_profile": png(9, 9, (b"iCCP", b"a\0\0" + ZEROS), (b"IDAT", zlib.compress(bytes(90)))),
    "png_international_text": png(9, 9, (b"iTXt", b"a\0\1\0\0\0" + ZEROS), (b"IDAT", zlib.compress(bytes(90)))),
    "jpeg": jpeg(65_500, 65_500),
    "jpeg_sizes_twice": SOUND[0][:2] + jpeg(65_500, 65_500)[2:-2] + SOUND[0][2:],
    "gif_screen": resized(SOUND[3], 6, "<HH", 65_535, 65_535),
    "gif_frame": SOUND[3].replace(struct.pack("<HHHH", 0, 0, 14, 9), struct.pack("<HHHH", 0, 0, 65_535, 65_535)),
    "bmp": resized(SOUND[4], 18, "<ii", 60_000, 60_000),
    "webp_lossless": SOUND[2][:12] + b"VP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f" + bytes(20),
    "webp_canvas": b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\xff\xff\xff\xff\xff\xff" + bytes(40),
}  # fmt: skip


def memory(what: str) -> int:
    """Return a line of the kernel's account of this process, in KiB."""
    [line] = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what))
    return int(line.split()[1])


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the kernel does not tell the peak")
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_take_no_room(name, root):
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = memory("VmRSS")
    read(Pictures(root, True, MOST, 10**6, 1), BOMBS[name], "")
    assert memory("VmHWM") - before < 24 * 2**10  # each would take at least 64 MiB
