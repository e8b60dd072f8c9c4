"""A span: a stretch of an answer that counts more, or less, than the rest of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` to ``end`` of a text, the end not included.

    Trainers that weigh segments (RLHF-V's DDPO, arXiv 2312.00849; OPA-DPO, arXiv 2501.09695) map them to the tokens of
    their own model. Characters are counted as Python does: in code points.
    """

    start: int
    end: int
    weight: float
    """What the log-probability of its tokens is multiplied by, above 0; text outside of every span has 1."""
    label: str | None = None
    """Why it has a weight of its own: ``changed``, or the kind of error that a corrector named."""
