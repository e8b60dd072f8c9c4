"""LLaMA-Factory: the flat columns, with the entry of ``dataset_info.json`` that maps them."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field

from pairwright.exporters import AsTheyStand, Exporter, Extent, Page, PairRow, Row, Table, Written
from pairwright.exporters._layouts import NAME, history_rows, like_answer, refused, stored
from pairwright.schemas.arrow import IMAGES, SCHEMA
from pairwright.schemas.settings import Settings


class LlamaFactory(Settings):
    """Settings of the exporter."""

    stage: Literal["dpo", "kto"] = "dpo"
    """``dpo`` for pairs (dpo, simpo, orpo, rm), ``kto`` for single answers with ``kto_tag``."""
    name: Annotated[str, Field(pattern=NAME)] = "pairs"
    """Name of the set in ``dataset_info.json``; other splits than train get theirs behind it."""


def refuse(row: PairRow, settings: LlamaFactory) -> Sequence[str]:
    """Refuse rejected images."""
    return refused(("rejected_images", row.rejected_images is not None))


def layout(settings: LlamaFactory, extent: Extent) -> AsTheyStand | Table:
    """Flat texts; files that do not say which column holds pictures, because LLaMA-Factory would encode JPEGs again."""
    images = ("images",) if extent.images else ()
    if settings.stage == "dpo":
        columns = ("question", "chosen_text", "rejected_text", *images, "system", "history", "id")
        return AsTheyStand(columns, image_features=False)
    fields = [("question", pa.string()), ("response", pa.string()), ("kto_tag", pa.bool_())]
    fields += [(name, IMAGES) for name in images]
    schema = pa.schema(
        [*fields, SCHEMA.field("system"), SCHEMA.field("history"), ("id", pa.string())], metadata=None
    )
    return Table(schema, _single, like_answer("kto_tag"))


def _single(pair: PairRow, split: str, number: int) -> Sequence[Row]:
    shared = {
        "question": pair.question,
        "images": [stored(picture) for picture in pair.images],
        "system": pair.system,
        "history": history_rows(pair),
        "id": pair.id,
    }
    return [
        {**shared, "response": text, "kto_tag": wanted}
        for text, wanted in ((pair.chosen, True), (pair.rejected, False))
    ]


def loading(settings: LlamaFactory, written: Written) -> Sequence[Page]:
    """The entries of the sets, and a configuration that trains on them."""
    columns = {"prompt": "question", "query": "", "system": "system", "history": "history"}
    if written.extent.images:
        columns["images"] = "images"
    entry: dict[str, Any] = {"formatting": "alpaca"}
    if settings.stage == "dpo":
        entry |= {
            "ranking": True,
            "columns": columns | {"chosen": "chosen_text", "rejected": "rejected_text"},
        }
    else:
        entry["columns"] = columns | {"response": "response", "kto_tag": "kto_tag"}
    names = {split.name: _name(settings.name, split.name) for split in written.splits}
    info = {names[name]: {"file_name": name, **entry} for name in names}
    held = f"eval_dataset: {names['test']}\n" if "test" in names else ""
    config = _CONFIG.format(
        folder=json.dumps(str(written.folder)), name=names["train"], stage=settings.stage, held=held
    )
    return Page("dataset_info.json", json.dumps(info, indent=2) + "\n"), Page("train.yaml", config)


def _name(name: str, split: str) -> str:
    return name if split == "train" else f"{name}_{split}"


_CONFIG = """# llamafactory-cli train train.yaml model_name_or_path=MODEL template=TEMPLATE
dataset_dir: {folder}
dataset: {name}
{held}stage: {stage}
do_train: true
finetuning_type: lora
output_dir: out
remove_unused_columns: false
"""

PART = Exporter(
    settings=LlamaFactory,
    refuse=refuse,
    refusals={
        "rejected_images": "it has no column for them and ignores others, so it would train on equal answers"
    },
    layout=layout,
    loading=loading,
    summary="LLaMA-Factory: Parquet with flat texts and images, and dataset_info.json; dpo, simpo, orpo, rm, kto",
    source="llamafactory 0.9.5, data/converter.py and data/mm_plugin.py",
)
