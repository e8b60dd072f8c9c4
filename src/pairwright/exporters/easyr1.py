"""EasyR1: problems with answers for reinforcement learning."""

import shlex
from collections.abc import Sequence

import pyarrow as pa

from pairwright.exporters import Exporter, Extent, Page, PairRow, Row, Table, Written
from pairwright.exporters._layouts import features, like_prompt, refused, stored
from pairwright.schemas.arrow import IMAGES
from pairwright.schemas.settings import Settings


class EasyR1(Settings):
    """EasyR1's layout has no settings."""


def refuse(row: PairRow, settings: EasyR1) -> Sequence[str]:
    """Refuse what one string and its right answer cannot hold."""
    return refused(
        ("no_ground_truth", row.ground_truth is None),
        ("system", row.system is not None),
        ("history", bool(row.history)),
    )


def layout(settings: EasyR1, extent: Extent) -> Table:
    """Strings with markers; no column of images where there are none."""
    images = [("images", IMAGES)] if extent.images else []
    texts = [(name, pa.string()) for name in ("problem", "answer", "id")]
    schema = pa.schema([*texts, *images], metadata=features((), ["images"]) if images else None)
    return Table(schema, _rows, like_prompt)


def _rows(pair: PairRow, split: str, number: int) -> Sequence[Row]:
    images = [stored(picture) for picture in pair.images]
    return [{"problem": pair.question, "answer": pair.ground_truth, "id": pair.id, "images": images}]


def loading(settings: EasyR1, written: Written) -> Sequence[Page]:
    """The options that name files and columns."""
    options = [shlex.quote(f"data.train_files={written.folder}/train")]
    options += [shlex.quote(f"data.val_files={written.folder}/test")] if written.split("test") else []
    options += ["data.prompt_key=problem", "data.answer_key=answer"]
    options += ["data.image_key=images"] if written.extent.images else []
    return (
        Page(
            "options.txt", "# Options for EasyR1 (python -m verl.trainer.main):\n" + "\n".join(options) + "\n"
        ),
    )


PART = Exporter(
    settings=EasyR1,
    refuse=refuse,
    refusals={
        "no_ground_truth": "without a right answer there is no reward",
        "system": "a problem is one string",
        "history": "a problem is one string",
    },
    layout=layout,
    loading=loading,
    summary="EasyR1: Parquet of problems with pictures and right answers, one row for each problem",
    source="EasyR1 at b44b311, verl/utils/dataset.py",
)
