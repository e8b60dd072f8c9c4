"""Load exports with whatever release of ``datasets`` this interpreter has: as folders, and by the scripts beside them.

Usage: load_exports.py FOLDER, which holds one export for each exporter, named like it. Imports nothing of pairwright.
"""

import json
import runpy
import sys
import tempfile
from pathlib import Path

import datasets
import PIL.Image
import pyarrow.parquet as pq

DECODED = {"trl": "images", "kto": "images", "rlaif_v": "image", "llamafactory": None}
"""Exports as Parquet, each with the column that comes out as pictures, where one does."""


def listed(value: object) -> list:
    """Return the pictures of a cell."""
    return value if isinstance(value, list) else [value]


def check_folder(folder: Path, column: str | None, cache: str) -> None:
    """Assert rows, pictures and untouched bytes of an export that is loaded by its folder."""
    splits = [split["name"] for split in json.loads((folder / "export.json").read_text())["splits"]]
    loaded = datasets.load_dataset(str(folder), cache_dir=cache)
    assert sorted(loaded) == sorted(splits), list(loaded)
    for split in splits:
        rows = [row for file in sorted((folder / split).glob("*")) for row in pq.read_table(file).to_pylist()]
        assert len(loaded[split]) == len(rows)
        if column is None:
            assert loaded[split]["images"] == [row["images"] for row in rows]
            continue
        images = datasets.Image(decode=False)
        raw = loaded[split].cast_column(column, images if column == "image" else datasets.Sequence(images))
        for decoded, untouched, row in zip(loaded[split], raw, rows, strict=True):
            assert all(isinstance(image, PIL.Image.Image) for image in listed(decoded[column]))
            assert [image["bytes"] for image in listed(untouched[column])] == [
                image["bytes"] for image in listed(row[column])
            ]


def check_lines(folder: Path, cache: str) -> None:
    """Assert that JSON Lines are read with a type for every key."""
    path = folder / "train.jsonl"
    loaded = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=cache)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row["images"] for row in loaded] == [line["images"] for line in lines]


def main(folder: Path, cache: str) -> None:
    """Check them all."""
    for name, column in DECODED.items():
        check_folder(folder / name, column, cache)
    check_lines(folder / "ms_swift", cache)
    for name in ("trl", "kto"):
        sys.argv = ["load.py"]
        loaded = runpy.run_path(str(folder / name / "load.py"))
        assert len(loaded["pairs" if name == "trl" else "answers"]["train"])
    print(f"  exports load: {', '.join([*DECODED, 'ms_swift'])}")


if __name__ == "__main__":
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(sys.argv[1]), temporary)
