"""A claim: one statement of an answer, that can be true or false by itself."""

from dataclasses import dataclass
from typing import Literal

Finding = Literal["right", "wrong", "missing", "invented", "unknown"]
"""What was found: ``right`` and ``wrong`` for statements that were checked; ``missing`` for one that a reference has and the
answer has not; ``invented`` for one that the reference does not have; ``unknown`` where nobody could tell, or was asked."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of a candidate, or one that it lacks."""

    text: str
    finding: Finding = "unknown"
    question: str | None = None
    """The yes/no question that it was checked with."""
    probability: float | None = None
    """Of yes against no, 0 to 1, where the server gives probabilities."""
    topic: int | None = None
    """Number of the topic that it belongs to, where the claims of a prompt were put in topics."""
