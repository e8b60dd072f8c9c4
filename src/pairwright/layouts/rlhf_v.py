"""RLHF-V: answers of a model and what people corrected in them.

Four spellings of the same set: flat columns; ``text``, JSON of question, chosen and rejected; the older ``text_b64``,
base64 of JSON of the three; and the columns of its converter.
"""

import binascii
import json
from typing import Any

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import FLAT, present
from pairwright.schemas.errors import RowError

_TOLD = ("question", "chosen", "rejected")
_IMAGES = ("image", "BUFFER", "img_b64_buffer", "images")
_NAMES = {"id": ("idx", "IMAGE_ID", "img_id"), "source": ("ds_name", "dataset_name")}


def recognise(row: Row) -> int:
    """Tell by text in JSON, by the converter's columns, or by RLAIF-V's columns with a number as ``idx``."""
    if "text_b64" in row and "img_b64_buffer" in row:
        return 6
    if {"BUFFER", "chosen", "rejected"} <= row.keys():
        return 6
    if not any(name in row for name in _IMAGES):
        return 0
    if _members(row) is not None:
        return 6
    flat = {"ds_name", "origin_dataset", "image", *_TOLD} <= row.keys()
    return 6 if flat and isinstance(row.get("idx"), int) else 0


def read(row: Row) -> Read:
    """Return question, correction and original.

    Raises:
        RowError: the packed texts are not what they should be.
    """
    images = next((name for name in _IMAGES if name in row), None)
    taken = present(row, {} if "text_b64" in row or "text" in row else FLAT)
    taken |= {"images": images} if images else {}
    for field, names in _NAMES.items():
        taken.update((field, name) for name in names if name in row)
    if "text_b64" not in row and "chosen" in row:
        return Read(row, taken)
    column = "text_b64" if "text_b64" in row else "text"
    members = _members(row)
    if members is None:
        told = "expected JSON text of question, chosen and rejected"
        raise RowError("bad_value", column, told)
    inner = {f"{column}.{name}": members[name] for name in _TOLD}
    return Read({**row, **inner}, {**taken, **{name: f"{column}.{name}" for name in _TOLD}})


def _members(row: Row) -> dict[str, Any] | None:
    """Return the texts that a column holds in one."""
    try:
        if "text_b64" in row:
            return _three(json.loads(binascii.a2b_base64(row["text_b64"])))
        return _three(json.loads(row["text"])) if isinstance(row.get("text"), str) else None
    except (TypeError, ValueError):  # no text, or neither base64, nor UTF-8, nor JSON
        return None


def _three(told: object) -> dict[str, Any] | None:
    if isinstance(told, list) and len(told) == len(_TOLD):
        return dict(zip(_TOLD, told, strict=True))
    return told if isinstance(told, dict) and set(_TOLD) <= told.keys() else None


PART = Layout(
    recognise=recognise,
    read=read,
    summary="a question, the answer of a model (rejected) and people's correction of it (chosen), flat or as JSON in a string",
    source="openbmb/RLHF-V-Dataset (cc-by-nc-4.0; arXiv 2312.00849)",
    parameters={"corrections": True},
)
