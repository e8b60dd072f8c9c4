"""Data-Juicer's ``image_blur_mapper`` on its own dataset class, one process per core.

Three things are in its favour: pictures lie ready as files, which it prefers to Parquet; the radius is fixed at the
middle of the range; and it saves at Pillow's default quality of 75. It has no pixelation.
"""

from statistics import mean

import pyarrow.parquet as pq
import torch  # noqa: F401  # Data-Juicer imports it after its first operator; here it is outside the clock
from data_juicer.core.data import NestedDataset
from data_juicer.ops.mapper.image_blur_mapper import ImageBlurMapper
from datasets import Dataset, disable_progress_bars

from peers import RADIUS, Job, Timed, Work


def prepare(job: Job) -> Timed:
    """Unpack the pictures and return the timed function."""
    disable_progress_bars()
    names = _unpack(job)
    blur = ImageBlurMapper(
        p=1.0,
        blur_type="gaussian",
        radius=mean(RADIUS),
        save_dir=str(job.out / "blurred"),
        num_proc=job.workers,
    )

    def run() -> Work:
        rows = NestedDataset(Dataset.from_dict({"text": names, "images": [[name] for name in names]}))
        changed = blur.run(rows)
        changed.to_parquet(job.out / "pairs.parquet")
        written = sum(1 for _ in (job.out / "blurred").rglob("*.jpg"))
        if written != len(names):
            raise RuntimeError(f"Data-Juicer wrote {written} pictures for {len(names)} rows")
        return Work(written)

    return run


def _unpack(job: Job) -> list[str]:
    folder = job.out / "originals"
    folder.mkdir()
    names = []
    for picture in pq.read_table(job.source, columns=["image"])["image"].to_pylist():
        path = folder / picture["path"]
        path.write_bytes(picture["bytes"])
        names.append(str(path))
    return names
