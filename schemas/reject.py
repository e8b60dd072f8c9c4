"""A reject: what gave no pair, and why."""

from dataclasses import dataclass
from typing import Literal

from pairwright.schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class Reject:
    """A source row that gave no pair, or one negative of a row that gave others."""

    record_id: str
    reason: Reason
    scope: Literal["row", "negative"] = "row"
    """``row``: the whole row gave nothing. ``negative``: one negative of a row that did give pairs."""
    field: str | None = None
    """Column of the source, or operation, at fault."""
    message: str = ""
    source_id: str | None = None
