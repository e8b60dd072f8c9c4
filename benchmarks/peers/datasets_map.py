"""What people write today: ``datasets.map`` with a Pillow function that returns pictures, one process per core.

``datasets`` stores a picture that a function returns as PNG, because the result of a Pillow filter has no format.
"""

from functools import partial
from typing import Any

import datasets
from PIL import Image, ImageFilter

from peers import BLOCK, Job, Operation, Timed, Work, radius


def prepare(job: Job) -> Timed:
    """Return the timed function."""
    datasets.disable_progress_bars()
    return lambda: _map(job)


def _map(job: Job) -> Work:
    rows = datasets.load_dataset(
        "parquet", data_files=str(job.source), split="train", cache_dir=str(job.out / "cache")
    )
    rows = rows.cast_column("image", datasets.Image())
    changed = rows.map(partial(_changed, operation=job.operation), with_indices=True, num_proc=job.workers)
    changed.to_parquet(job.out / "pairs.parquet")
    return Work(len(changed))


def _changed(row: dict[str, Any], number: int, operation: Operation) -> dict[str, Image.Image]:
    picture: Image.Image = row["image"]
    if operation == "blur":
        return {"rejected_image": picture.filter(ImageFilter.GaussianBlur(radius(number)))}
    small = picture.resize((picture.width // BLOCK, picture.height // BLOCK), Image.Resampling.BOX)
    return {"rejected_image": small.resize(picture.size, Image.Resampling.NEAREST)}
