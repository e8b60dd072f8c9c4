"""A reject: what gave no pair, and why."""

from dataclasses import dataclass
from typing import Literal

from pairwright.schemas.reasons import Reason

Scope = Literal["row", "negative", "candidate", "pair"]
"""What was refused: a whole row, which then gave nothing; or a negative, a candidate or a pair of any row."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A source row that gave no pair, or a part of a row that was refused."""

    record_id: str
    reason: Reason
    scope: Scope = "row"
    field: str | None = None
    """Column of the source, or operation, at fault."""
    message: str = ""
    source_id: str | None = None
