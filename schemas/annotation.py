"""An annotation: how one person came to what they said of a prompt's answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Annotation:
    """One person at one prompt. What they said stands in judgements and comparisons whose scorer is ``annotator``."""

    annotator: str
    """The person's id, as the source has it."""
    shown: tuple[int, ...] = ()
    """Numbers of the candidates in the order in which the person saw them, from the left; empty where nobody knows."""
    seconds: float | None = None
    """How long it took."""
    at: str | None = None
    """When, as the source writes it."""
    note: str | None = None
    """What the person wrote of the prompt or of all answers together; reasons for one answer stand at its judgements."""
