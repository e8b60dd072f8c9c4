"""RLAIF-V: flat pairs with a picture in the table."""

from pairwright.layouts import Layout, Row
from pairwright.layouts._columns import FLAT, read_by

_COLUMNS = ("ds_name", "image", "question", "chosen", "rejected", "origin_dataset")


def recognise(row: Row) -> int:
    """Tell by the columns; ``idx`` is a text here and a number in RLHF-V."""
    return 0 if isinstance(row.get("idx"), int) else len(_COLUMNS) * all(name in row for name in _COLUMNS)


PART = Layout(
    recognise=recognise,
    read=read_by({**FLAT, "id": "idx", "source": "ds_name"}),
    summary="flat pairs: ds_name, image, question, chosen, rejected, origin_dataset, origin_split, idx, image_path",
    source="openbmb/RLAIF-V-Dataset (cc-by-nc-4.0; arXiv 2405.17220), TPO (arXiv 2411.17265)",
)
