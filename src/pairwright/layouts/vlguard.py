"""VLGuard: questions about safe and unsafe pictures with the answer that a model should give. No rejected side.

A safe picture has two questions, so that its row becomes two prompts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import present
from pairwright.schemas.errors import RowError

_ANSWERS = "instr-resp"
_ASKS = ("instruction", "safe_instruction", "unsafe_instruction")


def split(row: Row) -> Sequence[Row]:
    """Return one row for each question."""
    told = row.get(_ANSWERS)
    if not isinstance(told, list) or not told:
        raise RowError("bad_value", _ANSWERS, "expected a list of instruction and response")
    return [{**row, _ANSWERS: [one]} for one in told]


def read(row: Row) -> Read:
    """Return a question with its answer; which kind of question it is, and what the picture harms, become tags."""
    [told] = row[_ANSWERS]
    asked = next((name for name in _ASKS if isinstance(told, Mapping) and told.get(name)), None)
    if asked is None:
        raise RowError("bad_value", _ANSWERS, f"expected response and one of {', '.join(_ASKS)}")
    fields: dict[str, Any] = {
        **row,
        f"{_ANSWERS}.{asked}": told[asked],
        f"{_ANSWERS}.response": told.get("response"),
    }
    taken = {"question": f"{_ANSWERS}.{asked}", "chosen": f"{_ANSWERS}.response"}
    safe = "safe_picture" if row.get("safe") else "unsafe_picture"
    harm = [row.get("harmful_category"), row.get("harmful_subcategory")]
    tags = (safe, asked, *(one for one in harm if isinstance(one, str) and one))
    return Read(fields, taken | present(row, {"id": "id", "images": "image"}), tags=tags)


PART = Layout(
    recognise=lambda row: 2 + ("safe" in row) if _ANSWERS in row and "image" in row else 0,
    read=read,
    summary="image, safe, harmful_category and instr-resp: instruction, safe_instruction or unsafe_instruction with response",
    source="ys-zong/VLGuard (arXiv 2402.02207)",
    split=split,
)
