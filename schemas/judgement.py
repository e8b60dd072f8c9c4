"""A judgement: one number that somebody or something gave to a candidate or a pair."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    """One value on one aspect."""

    target: str
    """What was judged: ``chosen``, ``rejected``, ``pair``, ``images[0]`` or ``rejected_images[0]``."""
    scorer: str
    """Who judged: a model, a person's id, or a measure's name."""
    aspect: str
    value: float | None
    """The value; None where it is not defined, for example a ratio to nothing."""
    low: float | None = None
    """Smallest value possible, where there is one."""
    high: float | None = None
    """Largest value possible, where there is one."""
    rationale: str | None = None
