"""Axolotl: text pairs for its DPO, whose multimodal part is for supervised training only."""

import json
from collections.abc import Sequence

from pairwright.exporters import Exporter, Extent, Lines, Page, PairRow, Place, Row, Written
from pairwright.exporters._layouts import answer, messages, refused
from pairwright.schemas.settings import Settings


class Axolotl(Settings):
    """Axolotl's layout has no settings."""


def refuse(row: PairRow, settings: Axolotl) -> Sequence[str]:
    """Refuse pictures."""
    return refused(("images", bool(row.images)))


def layout(settings: Axolotl, extent: Extent) -> Lines:
    """Messages of text, one for each answer."""
    return Lines(_rows)


def _rows(pair: PairRow, place: Place) -> Sequence[Row]:
    return [{"prompt": messages(pair), "chosen": answer(pair.chosen), "rejected": answer(pair.rejected)}]


def loading(settings: Axolotl, written: Written) -> Sequence[Page]:
    """The part of a configuration that names the sets."""
    return (
        Page(
            "axolotl.yaml",
            "# Part of an axolotl 0.19 configuration:  axolotl train CONFIG\nrl: dpo\n"
            + "".join(
                _ENTRY.format(key=key, path=json.dumps(f"{written.folder}/{split}.jsonl"))
                for key, split in (("datasets", "train"), ("test_datasets", "test"))
                if written.split(split)
            ),
        ),
    )


_ENTRY = """{key}:
  - path: {path}
    ds_type: json
    split: train
    type: chat_template.default
    field_messages: prompt
    field_chosen: chosen
    field_rejected: rejected
"""

PART = Exporter(
    settings=Axolotl,
    refuse=refuse,
    refusals={
        "images": "its DPO is for texts only: a picture would be a marker in the text and nothing else"
    },
    layout=layout,
    loading=loading,
    summary="axolotl: JSON Lines of text pairs",
    source="axolotl 0.19.0, prompt_strategies/dpo/chat_template.py",
)
