"""A small run with every shape of pair, and what exports it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pairwright.exporters._export import export
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.image import Image
from pairwright.schemas.pair import FOLDERS, Pair, PairKind, group_id, pair_id
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.span import Span
from pairwright.schemas.validate_file import require_valid
from pairwright.writer import PAIRS, PartWriter, publish

Export = Callable[..., Path]
Write = Callable[..., Path]


def picture(seed: int, kind: str = "jpeg") -> Image:
    rng = np.random.default_rng(seed)
    return read_image(encode(rng.integers(0, 256, (12, 16, 3), np.uint8), kind))


RED, GREEN, GREY, DARK = picture(1), picture(2, "png"), picture(3), picture(4, "png")


def make_pair(
    name: str,
    prompt: Prompt,
    chosen: str = "It is red.",
    rejected: str = "It is blue.",
    negatives: tuple[Image, ...] | None = None,
    **further: Any,
) -> Pair:
    kind: PairKind = "text" if negatives is None else "image" if chosen == rejected else "both"
    told = {"source": "colors", "source_id": name, "group_id": group_id(prompt)} | further
    return Pair(
        id=pair_id(name, prompt, chosen, rejected, negatives),
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        rejected_images=negatives,
        kind=kind,
        **told,
    )


SHAPES: dict[str, Pair] = {
    "one": make_pair(
        "one",
        Prompt("<image>\nWhat color is it?", (RED,)),
        ground_truth="red",
        score_chosen=4.5,
        score_rejected=1.0,
        rejected_spans=(Span(6, 10, 5.0, "changed"),),
        tags=("color",),
    ),
    "several": make_pair(
        "several", Prompt("<image>\nor\n<image>\nWhich is red?", (RED, GREEN)), "The first.", "The second."
    ),
    "none": make_pair(
        "none", Prompt("What is red and blue mixed?"), "Purple.", "Green.", ground_truth="purple"
    ),
    "turns": make_pair(
        "turns",
        Prompt("Is it red?", (GREEN,), None, (("<image>\nWhat color is it?", "It is green."),)),
        "No.",
        "Yes.",
    ),
    "told": make_pair(
        "told", Prompt("<image>\nDescribe it.", (GREY,), "Be brief."), "A grey square.", "A long story."
    ),
    "image": make_pair("image", Prompt("<image>\nIs it bright?", (RED,)), "Yes.", "Yes.", (DARK,)),
    "two_images": make_pair(
        "two_images", Prompt("<image>\n<image>\nSame?", (RED, GREEN)), "No.", "No.", (RED, DARK)
    ),
    "both": make_pair("both", Prompt("<image>\nHow dark?", (GREEN,)), "Not very.", "Very.", (DARK,)),
}
"""Pairs by what is special about them."""


def write_run(folder: Path, pairs: Sequence[Pair], files: int = 1) -> Path:
    """Write pairs as a run has them, some into each file, and check them."""
    folder.mkdir(parents=True, exist_ok=True)
    for config in dict.fromkeys(FOLDERS.values()):
        own = [pair for pair in pairs if FOLDERS[pair.kind] == config]
        step = max(1, -(-len(own) // files))
        for number, start in enumerate(range(0, len(own), step)):
            with PartWriter(folder / config, f"train-{number:05d}", PAIRS) as parts:
                parts.add(own[start : start + step])
                publish([file.name for file in parts.close()], folder / config)
    require_valid(folder)
    return folder


@pytest.fixture
def shapes() -> dict[str, Pair]:
    """Pairs by what is special about them."""
    return SHAPES


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Function that writes pairs, all shapes if none are given, and returns their folder."""
    return lambda *pairs, files=1: write_run(tmp_path / "run", pairs or tuple(SHAPES.values()), files)


@pytest.fixture
def exported(written: Write, tmp_path: Path) -> Export:
    """Function that exports some shapes, all if none are named, and returns the export's folder."""

    def run(to: str, *names: str, **choices: Any) -> Path:
        folder = written(*(SHAPES[name] for name in names))
        return export(folder, to, out=tmp_path / "out", **choices).folder

    return run


def table(folder: Path, split: str = "train") -> list[dict[str, Any]]:
    """Return the rows of the Parquet files of a split."""
    return [
        row for path in sorted((folder / split).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def lines(folder: Path, name: str = "train.jsonl") -> list[dict[str, Any]]:
    """Return the rows of a file of JSON Lines."""
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def bytes_at(folder: Path, name: str) -> bytes:
    """Return a picture's file, which must be named by a path within the folder."""
    path = (folder / name).resolve()
    assert path.is_relative_to(folder.resolve())
    return path.read_bytes()


@pytest.fixture
def rows_of() -> Callable[..., list[dict[str, Any]]]:
    """Function that returns the rows of the Parquet files of an export."""
    return table


@pytest.fixture
def lines_of() -> Callable[..., list[dict[str, Any]]]:
    """Function that returns the rows of a file of JSON Lines of an export."""
    return lines


@pytest.fixture
def same_file() -> Callable[[Path, str, Image], bool]:
    """Function that tells whether a picture's file in an export is the picture, byte for byte."""
    return lambda folder, name, image: bytes_at(folder, name) == image.data
