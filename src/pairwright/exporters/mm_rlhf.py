"""MM-RLHF: JSON Lines and picture files, image negatives as ``mixed_up_image``."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from pairwright.exporters import Exporter, Extent, Lines, Page, PairRow, Place, Row, Written
from pairwright.exporters._layouts import image_inside, refused
from pairwright.schemas.settings import Settings


class MmRlhf(Settings):
    """Settings of the exporter."""

    loose: bool = False
    """Also write several images as a list, and pairs without images without the key, as the trainer's files may have
    them; what its code then does is said at the refusals."""


def refuse(row: PairRow, settings: MmRlhf) -> Sequence[str]:
    """Refuse what one prompt, and one marker in front of it, cannot hold."""
    return refused(
        ("both", row.kind == "both"),
        ("several_images", len(row.images) > 1 and not settings.loose),
        ("no_image", not row.images and not settings.loose),
        ("image_inside", len(row.images) == 1 and image_inside(row.question)),
        ("system", row.system is not None),
        ("history", bool(row.history)),
    )


def layout(settings: MmRlhf, extent: Extent) -> Lines:
    """Image negatives in a file of their own: a batch of both kinds would leave out the negatives, or fail."""
    return Lines(_rows, lambda pair: "_mixed_up" if pair.rejected_images else "")


def _rows(pair: PairRow, place: Place) -> Sequence[Row]:
    row: Row = {"id": pair.id, "prompt": pair.question, "chosen": pair.chosen, "rejected": pair.rejected}
    row |= _key("image", [place(picture) for picture in pair.images])
    return [row | _key("mixed_up_image", [place(picture) for picture in pair.rejected_images or ()])]


def _key(name: str, paths: Sequence[str]) -> dict[str, Any]:
    return {name: paths[0] if len(paths) == 1 else list(paths)} if paths else {}


def loading(settings: MmRlhf, written: Written) -> Sequence[Page]:
    """The list of files, which is given as ``--data_path``."""
    train, place = written.splits[0], shlex.quote(str(written.folder))
    listed = "".join(
        f"  - json_path: {json.dumps(f'{written.folder}/{name}')}\n    sampling_strategy: all\n"
        for name in train.files
    )
    told = f"# MM-RLHF: --data_path {shlex.quote(f'{written.folder}/data.yaml')} --image_folder {place}\n"
    if len(train.files) > 1:
        told += (
            "# Train on one of the files at a time: batches of both kinds ignore mixed_up_image, or fail.\n"
        )
    return (Page("data.yaml", f"{told}datasets:\n{listed}"),)


PART = Exporter(
    settings=MmRlhf,
    refuse=refuse,
    refusals={
        "both": "it would set the rejected answer against the clean picture, not against the rejected one",
        "several_images": "it puts a single marker in front of the prompt, so that each further image is taken for the next "
        "pair's (--set loose=true writes a list)",
        "no_image": "its loader wants a conversation there, and it puts a marker in front of every prompt (--set loose=true "
        "writes no key)",
        "image_inside": "it puts the picture in front of the question, and the words around its place would not fit",
        "system": "it takes the system text of its conversation template",
        "history": "a row is one prompt",
    },
    layout=layout,
    loading=loading,
    summary="MM-RLHF: JSON Lines and picture files; image negatives as mixed_up_image",
    source="MM-RLHF (arXiv 2502.10391) at 7c8af1d, train/train_dpo.py",
)
