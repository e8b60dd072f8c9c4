"""What must hold for a prompt and the two sides of a pair."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import MARKER, Prompt
from pairwright.sources.cells import answer, user_text


def with_markers(prompt: Prompt) -> Prompt:
    """Return a prompt whose images each have their place: in front of the first user turn where no text has any.

    >>> with_markers(Prompt("What is it?")).question
    'What is it?'
    """
    if not prompt.images or prompt.markers():
        return prompt
    lead = f"{MARKER}\n" * len(prompt.images)
    if not prompt.history:
        return replace(prompt, question=lead + prompt.question)
    (user, assistant), *later = prompt.history
    return replace(prompt, history=((lead + user, assistant), *later))


def check_prompt(prompt: Prompt, columns: Mapping[str, str]) -> None:
    """Raise RowError unless markers and images agree, no turn is empty, and no text holds a special token.

    Args:
        prompt: the prompt.
        columns: column to name in errors for ``images``, ``question``, ``system`` and ``history``.
    """
    if prompt.markers() != len(prompt.images):
        message = f"{prompt.markers()} {MARKER} markers in the texts, {len(prompt.images)} images"
        raise RowError("marker_mismatch", columns.get("images", "images"), message)
    user_text(prompt.question, columns.get("question", "question"))
    if prompt.system:
        column = columns.get("system", "system")
        if MARKER in prompt.system:
            raise RowError("marker_mismatch", column, f"a system text cannot hold {MARKER}")
        user_text(prompt.system, column)
    column = columns.get("history", "history")
    for user, assistant in prompt.history:
        if not user.strip() or not assistant.strip():
            raise RowError("bad_value", column, "an earlier turn is empty")
        user_text(user, column)
        answer(assistant, column)


def other_images(
    images: Sequence[Image], negatives: tuple[Image, ...], column: str
) -> tuple[Image, ...] | None:
    """Return the rejected side's images, None where they are those of the prompt.

    Raises:
        RowError: ``marker_mismatch`` where there are more or fewer than the prompt has.
    """
    if not negatives or [image.sha256 for image in negatives] == [image.sha256 for image in images]:
        return None
    if len(negatives) != len(images):
        message = f"{len(negatives)} images on the rejected side, {len(images)} in the prompt"
        raise RowError("marker_mismatch", column, message)
    return negatives


def check_sides(chosen: str, rejected: str | None, negatives: tuple[Image, ...] | None, column: str) -> None:
    """Raise RowError where both sides of a pair are the same."""
    if rejected == chosen and negatives is None:
        raise RowError("equal_answers", column, "chosen and rejected are the same text with the same images")
