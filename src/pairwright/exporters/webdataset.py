"""WebDataset: tar files of samples with everything, for training that streams."""

import json
from collections.abc import Iterable, Sequence

from pairwright.exporters import Exporter, Extent, Page, PairRow, Tar, Written
from pairwright.exporters._layouts import PLAIN_COLUMNS
from pairwright.schemas.image import EXTENSIONS
from pairwright.schemas.settings import Settings


class WebDataset(Settings):
    """The layout has no settings."""


def refuse(row: PairRow, settings: WebDataset) -> Sequence[str]:
    """Refuse nothing."""
    return ()


def layout(settings: WebDataset, extent: Extent) -> Tar:
    """A sample for each pair: its columns as ``json``, its pictures as ``0.jpg``, ``rejected.0.jpg`` and so on."""
    return Tar(_members, PLAIN_COLUMNS)


def _members(pair: PairRow) -> Iterable[tuple[str, bytes]]:
    images = {f"{n}.{EXTENSIONS[one.format]}": one.data for n, one in enumerate(pair.images)}
    negatives = {
        f"rejected.{n}.{EXTENSIONS[one.format]}": one.data for n, one in enumerate(pair.rejected_images or ())
    }
    placed = {"images": list(images), "rejected_images": list(negatives) or None}
    yield "json", json.dumps({**pair.further, **placed}, ensure_ascii=False).encode()
    yield from images.items()
    yield from negatives.items()


def loading(settings: WebDataset, written: Written) -> Sequence[Page]:
    """A script that streams the samples."""
    return (Page("load.py", _SCRIPT),)


_SCRIPT = '''"""Streams the samples beside this file; images are named by the endings of their members."""

from pathlib import Path

import webdataset

shards = sorted(map(str, (Path(__file__).parent / "train").glob("*.tar")))
for sample in webdataset.WebDataset(shards, shardshuffle=False).decode("pil"):
    row = sample["json"]
    print(row["question"], [sample[name] for name in row["images"]])
    break
'''

PART = Exporter(
    settings=WebDataset,
    refuse=refuse,
    refusals={},
    layout=layout,
    loading=loading,
    summary="WebDataset: tar files of samples with all columns and pictures",
    source="the WebDataset format of github.com/webdataset/webdataset",
)
