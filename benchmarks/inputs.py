"""Benchmark input, JPEG in Parquet: photographs of 640 x 480 pixels, cut from scikit-image's own, and small drawn pictures."""

import io
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import skimage.data
from PIL import Image, ImageOps

SIZE = (640, 480)
"""Width and height of every photograph, pixels."""

SIDE = 64
"""Width and height of a drawn picture, pixels, where nothing else is said."""

ROW_GROUP = 100
"""Rows per row group."""

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    ]
)

_PHOTOGRAPHS = {
    "astronaut.png": "a woman in an orange pressure suit",
    "chelsea.png": "a tabby cat seen from close by",
    "coffee.png": "a cup of coffee on a wooden table",
    "motorcycle_left.png": "a motorcycle in a workshop",
    "motorcycle_right.png": "a motorcycle in a workshop",
    "retina.jpg": "the back of an eye",
    "rocket.jpg": "a rocket on its pad in the evening",
}
_QUALITY = 90
_SMALLEST = 0.7
"""Side of the smallest cut, of the largest 4:3 cut that the photograph allows."""
_PIECE = 5_000
"""Drawn pictures held at a time."""


def write_photographs(path: Path, rows: int, threads: int) -> float:
    """Write a Parquet file of distinct photographs, the same ones every time; return their mean size in bytes."""
    originals = _originals()
    with ThreadPoolExecutor(threads) as pool:
        pictures = list(pool.map(partial(_photograph, originals), range(rows)))
    answers = [answer for _, answer in originals]
    _write(path, ((data, answers[row % len(answers)]) for row, data in enumerate(pictures)))
    return sum(map(len, pictures)) / len(pictures)


def write_longer(path: Path, photographs: Path, times: int) -> None:
    """Write a file of ``times`` as many rows, holding little in memory.

    The pictures are those of ``photographs``; a JPEG comment with the row's number makes the bytes of each distinct.
    """
    _write(path, _repeated(photographs, times))


def write_pictures(path: Path, rows: int, side: int = SIDE) -> None:
    """Write a table of drawn pictures, no two alike: soft patches with a bar across them, as JPEG of quality 90."""
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for start in range(0, rows, _PIECE):
            numbers = range(start, min(rows, start + _PIECE))
            table = pa.Table.from_pylist(list(_drawn(numbers, side)), SCHEMA)
            writer.write_table(table, row_group_size=1000)


def _repeated(photographs: Path, times: int) -> Iterator[tuple[bytes, str]]:
    number = 0
    with pq.ParquetFile(photographs) as file:
        for _ in range(times):
            for batch in file.iter_batches(batch_size=ROW_GROUP):
                for row in batch.to_pylist():
                    yield _commented(row["image"]["bytes"], f"row {number}"), row["answer"]
                    number += 1


def _commented(jpeg: bytes, text: str) -> bytes:
    comment = text.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def _originals() -> list[tuple[Image.Image, str]]:
    folder = Path(skimage.data.data_dir)
    opened = []
    for name, answer in _PHOTOGRAPHS.items():
        with Image.open(folder / name) as picture:
            opened.append((picture.convert("RGB"), answer))
    return opened


def _photograph(originals: Sequence[tuple[Image.Image, str]], row: int) -> bytes:
    """Return a cut of a photograph, some of them mirrored, as JPEG."""
    rng = random.Random(row)
    picture = originals[row % len(originals)][0]
    ratio = SIZE[0] / SIZE[1]
    widest = min(picture.width, picture.height * ratio)
    width = rng.uniform(_SMALLEST, 1.0) * widest
    left, top = rng.uniform(0, picture.width - width), rng.uniform(0, picture.height - width / ratio)
    cut = picture.resize(SIZE, Image.Resampling.LANCZOS, box=(left, top, left + width, top + width / ratio))
    if rng.random() < 0.5:
        cut = ImageOps.mirror(cut)
    file = io.BytesIO()
    cut.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _write(path: Path, pictures: Iterator[tuple[bytes, str]]) -> None:
    group: list[dict[str, object]] = []
    with pq.ParquetWriter(path, SCHEMA, compression="none") as writer:
        for number, (data, answer) in enumerate(pictures):
            image = {"bytes": data, "path": f"{number:06}.jpg"}
            question = "What does the photograph show?"
            group.append(
                {"id": f"photograph-{number}", "question": question, "answer": answer, "image": image}
            )
            if len(group) == ROW_GROUP:
                writer.write_table(pa.Table.from_pylist(group, SCHEMA))
                group.clear()
        if group:
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))


def _drawn(numbers: range, side: int) -> Iterator[dict[str, object]]:
    for number in numbers:
        yield {
            "id": f"row-{number}",
            "question": f"Which colours are in picture {number}?",
            "answer": "Soft ones, with a bar across them.",
            "image": {"bytes": _picture(number, side), "path": f"{number}.jpg"},
        }


def _picture(number: int, side: int) -> bytes:
    """Return one picture; the same number gives the same."""
    rng = np.random.default_rng(number)
    rough = rng.integers(0, 255, (max(2, side // 10), max(2, side // 10), 3), np.uint8)
    picture = cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC)
    ends = rng.integers(0, side, 4)
    colour = tuple(map(int, rng.integers(0, 255, 3)))
    cv2.line(picture, tuple(map(int, ends[:2])), tuple(map(int, ends[2:])), colour, max(2, side // 16))
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
