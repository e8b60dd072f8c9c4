"""What must hold for a prompt and the two sides of a pair."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import MARKER, Prompt
from pairwright.sources.cells import answer, user_text

_NUMBERED = re.compile(r"<image\s?(\d+)>")


def with_markers(prompt: Prompt) -> Prompt:
    """Return a prompt whose images each have their place: in front of the first user turn where no text has any.

    >>> with_markers(Prompt("What is it?")).question
    'What is it?'
    """
    prompt = _plain_markers(prompt)
    if not prompt.images or prompt.markers():
        return prompt
    lead = f"{MARKER}\n" * len(prompt.images)
    if not prompt.history:
        return replace(prompt, question=lead + prompt.question)
    (user, assistant), *later = prompt.history
    return replace(prompt, history=((lead + user, assistant), *later))


def in_order_of_markers(prompt: Prompt, images: tuple[Image, ...]) -> tuple[Image, ...]:
    """Return images in the order in which numbered markers, ``<image1>`` or ``<image 1>``, name them.

    MMMU and MATH-V write such markers, and MATH-V names one picture twice. Without them, or where there are no images, the
    images come back as they are.

    Raises:
        RowError: a number that no image has, or an image that no number names.
    """
    texts = [user for user, _ in prompt.history] + [prompt.question]
    numbers = [int(number) for text in texts for number in _NUMBERED.findall(text)]
    if not numbers or not images:
        return images
    if set(numbers) != set(range(1, len(images) + 1)):
        told = f"numbered markers {numbers} in the texts; expected each of 1 to {len(images)}, one for each image"
        raise RowError("marker_mismatch", "question", told)
    return tuple(images[number - 1] for number in numbers)


def _plain_markers(prompt: Prompt) -> Prompt:
    """Write numbered markers as ``<image>``: trainers count plain ones only, so one left in a text would be words to them."""
    history = tuple((_NUMBERED.sub(MARKER, user), assistant) for user, assistant in prompt.history)
    return replace(prompt, question=_NUMBERED.sub(MARKER, prompt.question), history=history)


def checked_prompt(prompt: Prompt, columns: Mapping[str, str]) -> Prompt:
    """Return the prompt as it is stored: no line breaks around its texts, no system text that is blank.

    Args:
        prompt: the prompt.
        columns: column to name in errors for ``images``, ``question``, ``system`` and ``history``.

    Raises:
        RowError: markers and images do not agree, a turn is empty, or a text holds a special token.

    >>> checked_prompt(Prompt("What is it?\\n", system=" "), {}) == Prompt("What is it?")
    True
    """
    if prompt.markers() != len(prompt.images):
        message = f"{prompt.markers()} {MARKER} markers in the texts, {len(prompt.images)} images"
        raise RowError("marker_mismatch", columns.get("images", "images"), message)
    column = columns.get("question", "question")
    if not prompt.question.strip():
        raise RowError("no_question", column, "the question is empty")
    return replace(
        prompt,
        question=user_text(prompt.question, column),
        system=_checked_system(prompt.system, columns.get("system", "system")),
        history=tuple(_checked_turn(turn, columns.get("history", "history")) for turn in prompt.history),
    )


def _checked_system(system: str | None, column: str) -> str | None:
    if system is None or not system.strip():
        return None
    if MARKER in system:
        raise RowError("marker_mismatch", column, f"a system text cannot hold {MARKER}")
    return user_text(system, column)


def _checked_turn(turn: tuple[str, str], column: str) -> tuple[str, str]:
    user, assistant = turn
    if not user.strip() or not assistant.strip():
        raise RowError("bad_value", column, "an earlier turn is empty")
    return user_text(user, column), answer(assistant, column)


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


def check_sides(
    chosen: str | None, rejected: str | None, negatives: tuple[Image, ...] | None, column: str
) -> None:
    """Raise RowError where both sides of a pair are the same."""
    if chosen is not None and rejected == chosen and negatives is None:
        raise RowError("equal_answers", column, "chosen and rejected are the same text with the same images")
