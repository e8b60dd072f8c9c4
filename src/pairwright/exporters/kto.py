"""KTO with TRL: each answer by itself, with a label that says whether it is wanted."""

from collections.abc import Sequence

import pyarrow as pa

from pairwright.exporters import Exporter, Extent, Page, PairRow, Row, Table, Written
from pairwright.exporters._layouts import data_files, features, like_answer, stored
from pairwright.exporters._trl_layout import REFUSALS, TrlSettings, refuse
from pairwright.schemas.arrow import IMAGES, SCHEMA, answer_messages, messages


def layout(settings: TrlSettings, extent: Extent) -> Table:
    """Two rows for each pair; what stands in several pairs is written once.

    TRL's own ``unpair_preference_dataset`` would encode JPEGs again.
    """
    images = [("images", IMAGES)] if extent.images else []
    columns = [*images, ("prompt", SCHEMA.field("prompt").type), ("completion", SCHEMA.field("chosen").type)]
    schema = pa.schema([*columns, ("label", pa.bool_()), ("id", pa.string())])
    return Table(
        schema.with_metadata(features((), ["images"]) if images else None), _rows, like_answer("label")
    )


def _rows(pair: PairRow, split: str, number: int) -> Sequence[Row]:
    shared = {
        "images": [stored(picture) for picture in pair.images],
        "prompt": messages(pair.system, pair.history, pair.question),
        "id": pair.id,
    }
    return [
        {**shared, "completion": answer_messages(text), "label": label}
        for text, label in ((pair.chosen, True), (pair.rejected, False))
    ]


def loading(settings: TrlSettings, written: Written) -> Sequence[Page]:
    """A script that loads the answers and trains on them."""
    return (Page("load.py", _SCRIPT.format(files=data_files(written.splits))),)


_SCRIPT = '''"""Loads the answers beside this file, and trains on them with TRL 1.16 where a model is named:  python load.py MODEL"""

import sys
from pathlib import Path

from datasets import load_dataset

answers = load_dataset("parquet", data_dir=str(Path(__file__).parent), data_files={files})
print(answers)

if len(sys.argv) > 1:
    from trl import KTOConfig, KTOTrainer

    trainer = KTOTrainer(
        model=sys.argv[1],
        args=KTOConfig(output_dir="out", max_length=None, per_device_train_batch_size=2),  # KTO needs 2 or more
        train_dataset=answers["train"],
    )
    trainer.train()
'''

PART = Exporter(
    settings=TrlSettings,
    refuse=refuse,
    refusals=REFUSALS,
    layout=layout,
    loading=loading,
    summary="TRL's KTOTrainer: Parquet with one answer to a row, and a label",
    source="KTO (arXiv 2402.01306); trl 1.16.0, kto_trainer.py",
)
