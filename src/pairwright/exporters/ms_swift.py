"""ms-swift: its own rows as JSON Lines, rejected images among them."""

from collections.abc import Sequence
from typing import Literal

from pairwright.exporters import Exporter, Extent, Lines, Page, PairRow, Place, Row, Written
from pairwright.exporters._layouts import answer, margin_of, messages, refused
from pairwright.schemas.settings import Settings


class MsSwift(Settings):
    """Settings of the exporter."""

    stage: Literal["dpo", "rm", "kto"] = "dpo"
    """``dpo`` for pairs (dpo, orpo, simpo, cpo), ``rm`` for a reward model, ``kto`` for single answers with ``label``."""
    margin: bool = False
    """Write ``margin``, chosen score minus rejected score, which the loss of ``rm`` subtracts."""


def refuse(row: PairRow, settings: MsSwift) -> Sequence[str]:
    """Refuse what single answers cannot show, and pairs without scores where a margin is wanted."""
    return refused(
        ("rejected_images", settings.stage == "kto" and row.rejected_images is not None),
        ("no_scores", settings.margin and margin_of(row) is None),
    )


def layout(settings: MsSwift, extent: Extent) -> Lines:
    """``rejected_response`` where all pairs have the same images on both sides, else whole ``rejected_messages``.

    Not by row: ms-swift drops a row in which a ``rejected_response`` is null, and equal to the chosen one.
    """

    def rows(pair: PairRow, place: Place) -> Sequence[Row]:
        prompt = messages(pair)
        images = {"images": [place(picture) for picture in pair.images]} if extent.images else {}
        if settings.stage == "kto":
            return [
                {"messages": [*prompt, answer(text)], "label": label, **images}
                for text, label in ((pair.chosen, True), (pair.rejected, False))
            ]
        row: Row = {"messages": [*prompt, answer(pair.chosen)]}
        if extent.image_pairs:
            row["rejected_messages"] = [*prompt, answer(pair.rejected)]
        else:
            row["rejected_response"] = pair.rejected
        row |= images
        if extent.image_pairs:  # beside rejected_messages nothing falls back to the chosen side
            row["rejected_images"] = [place(picture) for picture in pair.rejected_images or pair.images]
        if settings.margin:
            row["margin"] = margin_of(pair)
        return [row]

    def full(pair: PairRow) -> bool:
        return bool(pair.images or not extent.images) and bool(pair.rejected_images or not extent.image_pairs)

    return Lines(rows, full=full)


def loading(settings: MsSwift, written: Written) -> Sequence[Page]:
    """A script that trains on the rows."""
    held = ' --val_dataset "$here/test.jsonl"' if written.split("test") else ""
    return (Page("train.sh", _SCRIPT.format(stage=settings.stage, held=held)),)


_SCRIPT = """#!/bin/sh
# Trains with ms-swift 4.6 on the rows beside this file:  sh train.sh MODEL
here=$(cd "$(dirname "$0")" && pwd)
export ROOT_IMAGE_DIR="$here"  # paths of pictures are relative to this folder
swift rlhf --rlhf_type {stage} --model "$1" --dataset "$here/train.jsonl"{held}
"""

PART = Exporter(
    settings=MsSwift,
    refuse=refuse,
    refusals={
        "rejected_images": "KTO trains on single answers, and knows no second image to an answer",
        "no_scores": "a margin needs a score on both sides",
    },
    layout=layout,
    loading=loading,
    summary="ms-swift: JSON Lines with messages and picture files, rejected images too; dpo, rm, kto",
    source="ms-swift 4.6.0, dataset/preprocessor/core.py and template/template_inputs.py",
)
