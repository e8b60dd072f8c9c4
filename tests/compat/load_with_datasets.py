"""Load a folder of pairs with whatever release of ``datasets`` this interpreter has, and compare it with the files.

Usage: load_with_datasets.py FOLDER. Imports nothing of pairwright: it runs in environments that do not have it.
"""

import sys
import tempfile
from pathlib import Path

import datasets
import PIL.Image
import pyarrow.parquet as pq

IMAGE_COLUMNS = ("images", "rejected_images")


def same_as_file(loaded: datasets.Dataset, files: list[Path]) -> int:
    """Assert pictures, untouched bytes and equal other columns; return the number of pictures."""
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    assert len(loaded) == len(rows), (len(loaded), len(rows))
    raw = loaded
    for column in IMAGE_COLUMNS:
        raw = raw.cast_column(column, datasets.Sequence(datasets.Image(decode=False)))
    pictures = 0
    for decoded, untouched, row in zip(loaded, raw, rows, strict=True):
        for column in IMAGE_COLUMNS:
            expected = [image["bytes"] for image in row[column] or []]
            assert [image["bytes"] for image in untouched[column] or []] == expected, column
            assert all(isinstance(image, PIL.Image.Image) for image in decoded[column] or []), column
            assert len(decoded[column] or []) == len(expected), column
            pictures += len(expected)
        for column in ("prompt", "chosen", "rejected"):
            assert decoded[column] == row[column], (column, decoded[column], row[column])
        assert decoded["question"] == row["question"]
    return pictures


def main(folder: Path, cache: str) -> None:
    """Check the files by themselves, then the folder by its README."""
    configs = {name: sorted((folder / name).glob("*.parquet")) for name in ("data", "visual_negative")}
    for name, files in configs.items():
        if files:
            paths = [str(file) for file in files]
            loaded = datasets.load_dataset("parquet", data_files=paths, split="train", cache_dir=cache)
            print(f"  {name}: {len(loaded)} rows, {same_as_file(loaded, files)} pictures")
    if (folder / "README.md").is_file():
        for config, name in ((None, "data"), ("default", "data"), ("visual_negative", "visual_negative")):
            if configs[name]:
                loaded = datasets.load_dataset(str(folder), config, split="train", cache_dir=cache)
                same_as_file(loaded, configs[name])
        print("  README.md: configs load")


if __name__ == "__main__":
    print(f"datasets {datasets.__version__}")
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(sys.argv[1]), temporary)
