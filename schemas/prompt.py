"""A prompt: what is to be answered."""

from dataclasses import dataclass, field

from pairwright.schemas.image import Image

MARKER = "<image>"
"""Stands in a text where an image of the prompt goes."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """System text, earlier turns, the last user turn, and the images in the order of their markers."""

    question: str
    """Last user turn, with one ``<image>`` where each of its images goes."""
    images: tuple[Image, ...] = ()
    """All images of the prompt; as many as there are markers in ``history`` and ``question``."""
    system: str | None = None
    history: tuple[tuple[str, str], ...] = field(default=())
    """Earlier turns as (user, assistant), users' texts with markers."""

    def markers(self) -> int:
        """Return the number of ``<image>`` markers in the users' texts.

        >>> Prompt("<image>\\nAnd this one?", history=(("<image>\\nWhat is it?", "A cat."),)).markers()
        2
        """
        return self.question.count(MARKER) + sum(user.count(MARKER) for user, _ in self.history)
