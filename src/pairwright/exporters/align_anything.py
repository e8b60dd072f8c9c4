"""align-anything: one picture, one question, two answers; or pictures on either side, in its template ti2ti."""

import shlex
from collections.abc import Sequence
from typing import Any, Literal

import pyarrow as pa

from pairwright.exporters import Exporter, Extent, Page, PairRow, Row, Table, Written
from pairwright.exporters._layouts import PICTURE, bare, features, image_inside, refused, stored
from pairwright.schemas.settings import Settings


class AlignAnything(Settings):
    """Settings of the exporter."""

    template: Literal["ti2t", "ti2ti"] = "ti2t"
    """``ti2t``: ``question, image, chosen, rejected`` for its template RLAIFV; ``ti2ti``: texts and images on either
    side, for its template ti2ti_preference, which alone takes rejected images."""


def refuse(row: PairRow, settings: AlignAnything) -> Sequence[str]:
    """Refuse what one question with one picture cannot hold."""
    return refused(
        ("rejected_images", settings.template == "ti2t" and row.rejected_images is not None),
        ("several_images", len(row.images) > 1),
        ("no_image", not row.images),
        ("image_inside", len(row.images) == 1 and image_inside(row.question)),
        ("system", row.system is not None),
        ("history", bool(row.history)),
    )


def layout(settings: AlignAnything, extent: Extent) -> Table:
    """Columns of the template, pictures as single ones."""
    single = settings.template == "ti2t"
    images = ("image",) if single else ("input_image", "better_img", "worse_img")
    names = _TI2T if single else _TI2TI
    columns = [(name, PICTURE if name in images else pa.string()) for name in names]
    return Table(
        pa.schema([*columns, ("id", pa.string())], metadata=features(images)), _ti2t if single else _ti2ti
    )


_TI2T = ("question", "image", "chosen", "rejected")
_TI2TI = ("input_text", "input_image", "better_text", "better_img", "worse_text", "worse_img")


def _ti2t(pair: PairRow, split: str, number: int) -> Sequence[Row]:
    return [
        {
            "question": bare(pair.question),
            "image": stored(pair.images[0]),
            "chosen": pair.chosen,
            "rejected": pair.rejected,
            "id": pair.id,
        }
    ]


def _ti2ti(pair: PairRow, split: str, number: int) -> Sequence[Row]:
    """The picture is the input where both sides have it, else each side's own."""
    shared = pair.rejected_images is None
    row: dict[str, Any] = {
        "input_text": bare(pair.question),
        "input_image": stored(pair.images[0]) if shared else None,
        "better_text": pair.chosen,
        "better_img": None if shared else stored(pair.images[0]),
        "worse_text": pair.rejected,
        "worse_img": stored(pair.rejected_images[0]) if pair.rejected_images else None,
        "id": pair.id,
    }
    return [row]


def loading(settings: AlignAnything, written: Written) -> Sequence[Page]:
    """The options that name the set and its template."""
    template = "RLAIFV" if settings.template == "ti2t" else "ti2ti_preference"
    place = shlex.quote(str(written.folder))
    options = f"--train_datasets {place} --train_template {template} --train_split train\n"
    if written.split("test"):
        options += f"--eval_datasets {place} --eval_template {template} --eval_split test\n"
    trainer = "text_image_to_text" if settings.template == "ti2t" else "text_image_to_text_image"
    return (Page("options.txt", f"# Options for align_anything.trainers.{trainer}.dpo:\n{options}"),)


PART = Exporter(
    settings=AlignAnything,
    refuse=refuse,
    refusals={
        "rejected_images": "the template has one picture for both sides; --set template=ti2ti has one for each",
        "several_images": "the template has one picture",
        "no_image": "the template needs a picture",
        "image_inside": "it puts the picture in front of the question, and the words around its place would not fit",
        "system": "the template has a system text of its own, or none",
        "history": "the template has one question",
    },
    layout=layout,
    loading=loading,
    summary="align-anything: Parquet with one picture to a question; rejected images with template=ti2ti",
    source="align-anything at 3f9decc, configs/format_dataset.py",
)
