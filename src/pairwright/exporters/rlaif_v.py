"""RLAIF-V and RLHF-V: the Parquet that their trainer (muffin) reads."""

import json
import shlex
from collections.abc import Sequence

import pyarrow as pa

from pairwright.exporters import Exporter, Extent, Page, PairRow, Row, Table, Written
from pairwright.exporters._layouts import PICTURE, bare, features, image_inside, refused, stored
from pairwright.schemas.settings import Settings


class RlaifV(Settings):
    """RLAIF-V's layout has no settings."""


def refuse(row: PairRow, settings: RlaifV) -> Sequence[str]:
    """Refuse what one question with one picture cannot hold."""
    return refused(
        ("rejected_images", row.rejected_images is not None),
        ("several_images", len(row.images) > 1),
        ("no_image", not row.images),
        ("image_inside", len(row.images) == 1 and image_inside(row.question)),
        ("system", row.system is not None),
        ("history", bool(row.history)),
    )


def layout(settings: RlaifV, extent: Extent) -> Table:
    """One picture to a row, the question without its marker: the trainer puts one in front."""
    texts = ("question", "chosen", "rejected", "origin_dataset", "origin_split", "idx", "image_path")
    columns = [("ds_name", pa.string()), ("image", PICTURE), *((name, pa.string()) for name in texts)]
    return Table(pa.schema(columns, metadata=features(["image"])), _rows)


def _rows(pair: PairRow, split: str, number: int) -> Sequence[Row]:
    picture = pair.images[0]
    return [
        {
            "ds_name": pair.source,
            "image": stored(picture),
            "question": bare(pair.question),
            "chosen": pair.chosen,
            "rejected": pair.rejected,
            "origin_dataset": pair.source,
            "origin_split": json.dumps({"split": split}),
            "idx": pair.id,
            "image_path": picture.name,
        }
    ]


def loading(settings: RlaifV, written: Written) -> Sequence[Page]:
    """The option that names the folder."""
    told = "# RLAIF-V (muffin/train/train_llava15.py); it writes log-probabilities into logps/ there.\n"
    return (Page("options.txt", f"{told}--data_dir {shlex.quote(f'{written.folder}/train')}\n"),)


PART = Exporter(
    settings=RlaifV,
    refuse=refuse,
    refusals={
        "rejected_images": "it has one picture for both sides",
        "several_images": "it has one picture to a row",
        "no_image": "it needs a picture",
        "image_inside": "it puts the picture in front of the question, and the words around its place would not fit",
        "system": "it takes the system text of its conversation template",
        "history": "a row is one question",
    },
    layout=layout,
    loading=loading,
    summary="RLAIF-V and RLHF-V: Parquet with one picture to a question",
    source="RLAIF-V (arXiv 2405.17220) at 83d917b, muffin/data/datasets.py",
)
