"""Load a published set back with ``pairwright.load`` and compare it with the run that it was pushed from.

Usage: load_published.py RUN OWNER/NAME. The Hub is that of HF_ENDPOINT.
"""

import sys
from pathlib import Path

import datasets
import pyarrow.parquet as pq

import pairwright
from pairwright.schemas.errors import PublishError

FOLDERS = {"default": "data", "visual_negative": "visual_negative", "candidates": "candidates"}


def equal(loaded: datasets.Dataset, files: list[Path]) -> bool:
    """Tell whether all columns are equal, pictures by their bytes."""
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    pictures = [name for name in ("images", "rejected_images") if name in loaded.column_names]
    for name in pictures:
        loaded = loaded.cast_column(name, datasets.Sequence(datasets.Image(decode=False)))
    for found, row in zip(loaded, rows, strict=True):
        for name in pictures:
            if [one["bytes"] for one in found.pop(name) or ()] != [
                one["bytes"] for one in row.pop(name) or ()
            ]:
                return False
        if found != row:
            return False
    return True


def main(run: Path, repo: str) -> None:
    """Compare every config that the run has."""
    datasets.disable_progress_bars()
    for config, folder in FOLDERS.items():
        files = sorted((run / folder).glob("*.parquet"))
        if files:
            loaded = pairwright.load(repo, config=config)
            assert equal(loaded, files), config
            print(f"{config}: {len(loaded)} rows, equal")
    try:
        pairwright.load(repo + "-of-somebody-else")
    except PublishError:
        print("nothing else of the kind")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
