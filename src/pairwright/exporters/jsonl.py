"""JSON Lines with everything: the rows of the shared schema, pictures as files."""

from collections.abc import Sequence

from pairwright.exporters import Exporter, Extent, Lines, Page, PairRow, Place, Row, Written
from pairwright.exporters._layouts import PLAIN_COLUMNS
from pairwright.schemas.arrow import SCHEMA
from pairwright.schemas.settings import Settings


class JsonLines(Settings):
    """The layout has no settings."""


def refuse(row: PairRow, settings: JsonLines) -> Sequence[str]:
    """Refuse nothing."""
    return ()


def layout(settings: JsonLines, extent: Extent) -> Lines:
    """All columns."""
    return Lines(_rows, columns=PLAIN_COLUMNS)


def _rows(pair: PairRow, place: Place) -> Sequence[Row]:
    images = [place(picture) for picture in pair.images]
    negatives = pair.rejected_images
    placed = {
        "images": images,
        "rejected_images": None if negatives is None else [place(picture) for picture in negatives],
    }
    return [{name: placed[name] if name in placed else pair.further[name] for name in SCHEMA.names}]


def loading(settings: JsonLines, written: Written) -> Sequence[Page]:
    """A script that reads rows and pictures."""
    return (Page("load.py", _SCRIPT),)


_SCRIPT = '''"""Reads the rows beside this file, one at a time; images are paths relative to this folder."""

import json
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent


def rows(split: str = "train") -> Iterator[dict]:
    """Yield the rows of a split."""
    with (HERE / f"{split}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


first = next(rows())
print(first["question"], [len((HERE / name).read_bytes()) for name in first["images"]])
'''

PART = Exporter(
    settings=JsonLines,
    refuse=refuse,
    refusals={},
    layout=layout,
    loading=loading,
    summary="JSON Lines with all columns of the shared schema, and picture files",
    source="docs/schema.md",
)
