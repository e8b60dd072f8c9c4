"""Picture values: where they may come from, how big they may be, and what nobody may read through them."""

import base64
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairwright.schemas.codec import decode, read_image
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.sources import RawRow
from pairwright.sources.pictures import Pictures, from_base64
from pairwright.sources.rows import Reading, parse_row
from pairwright.sources.settings import SourceSettings

from .conftest import FORMS, image_path


def place(root: Path, *, max_pixels: int = 10**6, max_bytes: int = 10**6, min_side: int = 1) -> Pictures:
    return Pictures(root.resolve(), False, max_pixels, max_bytes, min_side)


def reason(call: Callable[[], Any]) -> str:
    with pytest.raises(RowError) as caught:
        call()
    assert caught.value.field == "image"
    return caught.value.reason


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("form", [form for form in FORMS if not form.startswith("list")])
def test_every_form_gives_the_original_bytes(
    form: str, number: int, root: Path, pictures: tuple[bytes, ...]
) -> None:
    image = place(root).read(FORMS[form](number, pictures[number]), field="image")
    assert image == read_image(pictures[number], source_uri=image.source_uri)
    in_file = form in ("path", "struct", "struct_of_path")
    assert image.source_uri == (image_path(number) if in_file else None)


def test_other_shapes_of_the_same(root: Path, pictures: tuple[bytes, ...]) -> None:
    data = pictures[0]
    text = base64.encodebytes(data).decode()  # with line breaks
    shapes = (
        bytearray(data),
        memoryview(data),
        text,
        {"bytes": text, "path": "x"},
        {"file_name": "imgs/0.jpeg"},
    )
    for value in shapes:
        assert place(root).read(value, field="image").data == data
    assert place(root).read(str((root / "imgs/0.jpeg").resolve()), field="image").source_uri == "imgs/0.jpeg"
    assert place(root).read("0.jpeg", field="image", folder="imgs").source_uri == "imgs/0.jpeg"
    assert place(root).read("../imgs/./0.jpeg", field="image", folder="imgs").source_uri == "imgs/0.jpeg"


def test_a_machines_own_folders_are_not_kept(root: Path, pictures: tuple[bytes, ...]) -> None:
    value = {"bytes": pictures[0], "path": "/home/someone/0.jpeg"}
    assert place(root).read(value, field="image").source_uri == "0.jpeg"


@pytest.mark.parametrize(
    "value",
    [
        "../secret.png",
        "imgs/../../secret.png",
        "link.png",
        "linked/secret.png",
        "{outside}",
        {"bytes": None, "path": "../secret.png"},
    ],
    ids=str,
)
def test_nothing_outside_the_root_is_read(value: Any, root: Path, pictures: tuple[bytes, ...]) -> None:
    secret = root.parent / "secret.png"
    secret.write_bytes(pictures[1])
    (root / "link.png").symlink_to(secret)
    (root / "linked").symlink_to(root.parent)
    value = value if isinstance(value, dict) else value.replace("{outside}", str(secret))
    assert reason(lambda: place(root).read(value, field="image")) == "image_outside_root"
    assert reason(lambda: place(root).read("/etc/passwd", field="image")) == "image_outside_root"


def test_links_inside_the_root_are_followed(root: Path, pictures: tuple[bytes, ...]) -> None:
    (root / "again.jpg").symlink_to(root / "imgs" / "0.jpeg")
    assert place(root).read("again.jpg", field="image").data == pictures[0]


def test_a_root_that_is_a_link_itself(root: Path, pictures: tuple[bytes, ...]) -> None:
    (root.parent / "alias").symlink_to(root)
    assert place(root.parent / "alias").read("imgs/0.jpeg", field="image").data == pictures[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("none.png", "image_missing"),
        ("imgs", "image_missing"),
        ("imgs/0.jpeg/x", "image_missing"),
        ("a\0b.png", "image_missing"),
        ("x" * 5000 + ".png", "image_missing"),
        ("loop", "image_missing"),
        ("pipe", "image_unreadable"),
        ("empty.png", "image_unreadable"),
        ("text.png", "image_unreadable"),
        (b"", "image_unreadable"),
        ("data:image/png;base64,!!!", "image_unreadable"),
        ("data:image/png", "image_unreadable"),
        ("https://example.org/cat.jpg", "image_url"),
        ("s3://bucket/cat.jpg", "image_url"),
        ("zip://cat.jpg::hf://x", "image_url"),
        ({"bytes": None, "path": "http://example.org/cat.jpg"}, "image_url"),
        ({"bytes": 3}, "bad_value"),
        ({}, "bad_value"),
        ([1], "bad_value"),
        (1.5, "bad_value"),
        ("\ud800.png", "bad_value"),
    ],
    ids=repr,
)
def test_values_that_are_no_picture(value: Any, expected: str, root: Path) -> None:
    (root / "loop").symlink_to(root / "loop")
    os.mkfifo(root / "pipe")
    (root / "empty.png").write_bytes(b"")
    (root / "text.png").write_text("no picture")
    assert reason(lambda: place(root).read(value, field="image")) == expected


def test_a_missing_file_is_named_with_the_place_it_was_looked_for(root: Path) -> None:
    with pytest.raises(RowError, match=r"no imgs/none\.png under the image root \(No such file") as caught:
        place(root).read("none.png", field="image", folder="imgs")
    assert str(root) not in str(caught.value), "rejects must not tell where the source lies"


def test_big_files_are_refused_before_they_are_read(root: Path) -> None:
    with (root / "big.png").open("wb") as file:
        file.truncate(10**10)  # sparse: reading it would fill the memory
    assert reason(lambda: place(root).read("big.png", field="image")) == "image_too_large"


def test_sizes_in_pixels(root: Path, pictures: tuple[bytes, ...]) -> None:
    assert (
        reason(lambda: place(root, max_pixels=12 * 20 - 1).read(pictures[0], field="image"))
        == "image_too_large"
    )
    assert reason(lambda: place(root, min_side=13).read(pictures[0], field="image")) == "image_too_small"
    place(root, max_pixels=12 * 20, min_side=12).read(pictures[0], field="image")


def test_a_source_without_a_folder_reads_no_path(pictures: tuple[bytes, ...]) -> None:
    nowhere = Pictures(None, False, 10**6, 10**6, 1)
    assert reason(lambda: nowhere.read("/etc/passwd", field="image")) == "image_missing"
    assert nowhere.read(pictures[0], field="image").data == pictures[0]


def test_the_extension_is_not_trusted(root: Path, pictures: tuple[bytes, ...]) -> None:
    (root / "jpeg.png").write_bytes(pictures[0])
    image = place(root).read("jpeg.png", field="image")
    assert image.header.format == "JPEG"
    assert image.path.endswith(".jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF"])
def test_base64_is_told_from_a_path_by_what_it_holds(kind: str) -> None:
    file = io.BytesIO()
    PIL.Image.new("RGB", (1, 1)).save(file, kind)
    text = base64.b64encode(file.getvalue()).decode()
    assert from_base64(text) == file.getvalue()


@pytest.mark.parametrize(
    "path",
    ["9j/cat", "train/" * 20 + "cat", "a" * 64, "iVBORw0KGgo", "COCO/val2014/000000000000000000000000000042"],
)
def test_paths_without_an_extension_are_paths(path: str) -> None:
    assert from_base64(path) is None


def values() -> st.SearchStrategy[Any]:
    """Anything that a file could hold in a cell."""
    texts = st.text() | st.sampled_from(
        ["<image>", "imgs/0.jpeg", "data:,x", "[", "[{", '["a"]', "../x", "/", "\0"]
    )
    plain = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=80)
    keys = st.sampled_from(["role", "from", "content", "value", "bytes", "path", "type", "text", "image"])
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=8,
    )


COLUMNS = (
    "question",
    "prompt",
    "conversations",
    "chosen",
    "rejected",
    "image",
    "history",
    "system",
    "text",
    "id",
    "x",
)


@given(fields=st.dictionaries(st.sampled_from(COLUMNS), values(), max_size=6))
def test_no_row_does_more_than_become_a_reject(fields: dict[str, Any], tmp_path_factory: Any) -> None:
    reading = Reading("t", SourceSettings(), place(tmp_path_factory.getbasetemp()))
    try:
        row = parse_row(RawRow("t:0", fields), reading)
    except RowError as error:
        str(error).encode()
        return
    assert row.chosen is None or row.chosen  # a prompt alone is a row as well
    assert row.prompt.markers() == len(row.prompt.images)
    for text in (row.prompt.question, row.chosen, row.rejected, row.extra, row.source_id):
        (text or "").encode()


STARTS = [
    b"",
    b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"GIF89a",
    b"BM",
    b"RIFF\x20\0\0\0WEBPVP8 ",
]


@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=200))
def test_no_bytes_do_more_than_become_a_reject(start: bytes, rest: bytes) -> None:
    _read_and_decode(start + rest)


@given(number=st.integers(0, 4), place=st.floats(0, 1), junk=st.binary(max_size=4), cut=st.booleans())
def test_no_damage_does_more_than_make_a_reject(
    number: int, place: float, junk: bytes, cut: bool, pictures: tuple[bytes, ...]
) -> None:
    data = pictures[number]
    at = int(place * len(data))
    _read_and_decode(data[:at] + junk + (b"" if cut else data[at + len(junk) :]))


def _read_and_decode(data: bytes) -> None:
    refused: RowError | None = None
    try:
        image: Image = read_image(data, max_pixels=10**6)
        pixels = decode(image)
    except RowError as error:
        refused = error
    if refused is not None:
        assert refused.reason.startswith("image_")
        assert "0x" not in refused.message  # no memory address: messages are the same in every run
        return
    assert pixels.dtype == np.uint8
    assert pixels.shape == (image.header.height, image.header.width, 3)
