"""LLaMA-Factory: sharegpt with one dict for each side, or alpaca with flat texts."""

from collections.abc import Mapping

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import present
from pairwright.sources.cells import bad_value, optional_text


def recognise(row: Row) -> int:
    """Tell sharegpt by sides of from and value, alpaca by instruction and input beside both sides."""
    sides = [row.get(side) for side in ("chosen", "rejected")]
    if "conversations" in row and all(isinstance(side, Mapping) and "value" in side for side in sides):
        return 5
    texts = all(isinstance(side, str) for side in sides)
    return 5 if texts and "instruction" in row and "input" in row else 0


def read(row: Row) -> Read:
    """Return the prompt and both sides."""
    taken = present(row, {"images": "images", "system": "system", "history": "history"})
    if "conversations" not in row:
        asked = [optional_text(row[name], name) for name in ("instruction", "input")]
        fields = {**row, "instruction": "\n".join(one for one in asked if one)}
        return Read(fields, taken | {"question": "instruction", "chosen": "chosen", "rejected": "rejected"})
    sides = {f"{side}.value": _said(row[side], side) for side in ("chosen", "rejected")}
    named = {side: f"{side}.value" for side in ("chosen", "rejected")}
    return Read({**row, **sides}, taken | named | {"conversations": "conversations"})


def _said(side: object, column: str) -> object:
    if not isinstance(side, Mapping):
        raise bad_value(column, "from and value", side)
    return side.get("value")


PART = Layout(
    recognise=recognise,
    read=read,
    summary="conversations with chosen and rejected {from, value}, or instruction, input, chosen, rejected; images",
    source="llamafactory/RLHF-V; LLaMA-Factory 0.9.5 (formatting sharegpt or alpaca, ranking: true)",
)
