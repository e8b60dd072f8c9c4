"""A well-written loop by hand: Pillow in a thread pool, pyarrow for both Parquet files."""

import io

from PIL import Image, ImageFilter

from peers import BLOCK, QUALITY, Job, Timed, Work, radius
from peers._threads import change_all


def prepare(job: Job) -> Timed:
    """Return the timed function."""
    change = _blurred if job.operation == "blur" else _pixelated
    return lambda: Work(change_all(job, change))


def _blurred(row: int, data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        return _encoded(picture.filter(ImageFilter.GaussianBlur(radius(row))))


def _pixelated(row: int, data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        return _encoded(picture.reduce(BLOCK).resize(picture.size, Image.Resampling.NEAREST))


def _encoded(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
