"""Multimodal RewardBench: two outputs and which one is better."""

from collections.abc import Mapping

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import known_by, present
from pairwright.layouts._said import PERSON, answers, as_text, of_these, verdict
from pairwright.schemas.candidate import Outcome

_WORDS: dict[str, Outcome] = {
    "output1": "first",
    "output2": "second",
    "1": "first",
    "2": "second",
    "tie": "tie",
}


def read(row: Row) -> Read:
    """Return the outputs with the verdict; the category becomes a tag."""
    meta = row.get("Meta")
    category = as_text(meta.get("Category")) if isinstance(meta, Mapping) else None
    return Read(
        row,
        present(row, {"id": "ID", "question": "Text", "images": "Image"}),
        candidates=answers(row, ("Output1", "Output2")),
        comparisons=(verdict(of_these(row["Better"], "Better", _WORDS), PERSON),),
        tags=(category,) if category else (),
    )


PART = Layout(
    recognise=known_by("Text", "Image", "Output1", "Output2", "Better"),
    read=read,
    summary="ID, Text, Image (path), Output1, Output2, Better, Meta.Category",
    source="facebookresearch/multimodal_rewardbench (licences of its sources)",
)
