"""STIC: both sides as whole dialogues of role and content."""

from pairwright.layouts import Layout, Row
from pairwright.layouts._columns import read_by
from pairwright.sources.turns import is_messages


def recognise(row: Row) -> int:
    """Tell by two dialogues beside one picture, and how the picture or the question was spoilt; else they are TRL's."""
    own = "image_corruption" in row or "hallu_prompt" in row
    sides = all(is_messages(row.get(side)) for side in ("chosen", "rejected"))
    return 5 if own and sides and "image" in row else 0


PART = Layout(
    recognise=recognise,
    read=read_by({"id": "id", "images": "image", "chosen": "chosen", "rejected": "rejected"}),
    summary="image, chosen and rejected as lists of role and content, which begin with the question",
    source="STIC (arXiv 2405.19716)",
)
