"""InternVL's mixed preference optimization: JSON Lines, picture files, and the meta file that names them."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from pairwright.exporters import Exporter, Extent, Lines, Page, PairRow, Place, Row, Written
from pairwright.exporters._layouts import NAME, refused
from pairwright.schemas.settings import Settings


class InternVl(Settings):
    """Settings of the exporter."""

    name: Annotated[str, Field(pattern=NAME)] = "pairs"
    """Name of the set in the meta file."""


def refuse(row: PairRow, settings: InternVl) -> Sequence[str]:
    """Refuse what one question with its images cannot hold."""
    return refused(
        ("rejected_images", row.rejected_images is not None),
        ("system", row.system is not None),
        ("history", bool(row.history)),
    )


def layout(settings: InternVl, extent: Extent) -> Lines:
    """One image as a path, several as a list, none as no key."""
    return Lines(_rows)


def _rows(pair: PairRow, place: Place) -> Sequence[Row]:
    paths = [place(picture) for picture in pair.images]
    image: dict[str, Any] = {"image": paths[0] if len(paths) == 1 else paths} if paths else {}
    texts = {"question": pair.question, "chosen": pair.chosen, "rejected": pair.rejected}
    return [{"id": pair.id, **image, **texts}]


def loading(settings: InternVl, written: Written) -> Sequence[Page]:
    """The meta file, which is given as ``--meta_path``; InternVL has no evaluation set there."""
    pages = []
    for split in written.splits:
        entry = {
            "root": f"{written.folder}/",
            "annotation": f"{written.folder}/{split.name}.jsonl",
            "data_augment": False,
            "repeat_time": 1,
            "length": split.rows,
        }
        name = settings.name if split.name == "train" else f"{settings.name}_{split.name}"
        file = "meta.json" if split.name == "train" else f"meta_{split.name}.json"
        pages.append(Page(file, json.dumps({name: entry}, indent=2) + "\n"))
    return pages


PART = Exporter(
    settings=InternVl,
    refuse=refuse,
    refusals={
        "rejected_images": "it has one list of images for both sides",
        "system": "it takes the system text of its conversation template",
        "history": "a row is one question",
    },
    layout=layout,
    loading=loading,
    summary="InternVL MPO: JSON Lines, picture files and a meta file; one image, several or none",
    source="MPO (arXiv 2411.10442); InternVL at 2410d1d, train/internvl_chat_dpo.py",
)
