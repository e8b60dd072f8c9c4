"""Dialogues: LLaVA's ``{from, value}``, the ``{role, content}`` of chat APIs and TRL, as prompt and answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pairwright.schemas.errors import RowError
from pairwright.schemas.prompt import MARKER
from pairwright.sources.cells import bad_value, from_json, text

Role = Literal["system", "user", "assistant"]

_ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}
_PLACE = re.compile(r"<image\s?\d*>\n?")
"""Markers, numbered ones too."""
_MEDIA = ("image", "image_url", "url", "path", "bytes")
"""Members of a message part that may hold the picture itself."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message."""

    role: Role
    text: str
    """With ``<image>`` where an image part stood."""
    images: tuple[object, ...] = ()
    """Picture values found inside the message's parts."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A prompt before its images are read, and the answer at its end, where there is one."""

    question: str
    system: str | None = None
    history: tuple[tuple[str, str], ...] = ()
    answer: str | None = None
    images: tuple[object, ...] = ()
    """Picture values found inside the messages, in order."""


def is_messages(value: object) -> bool:
    """Tell whether a value is one message or a list of them, also as JSON text or as a struct of lists.

    >>> is_messages([{"from": "gpt", "value": "A cat."}]), is_messages("A cat."), is_messages('{"a": 1}')
    (True, False, False)
    """
    value = from_json(value)
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    return isinstance(first, Mapping) and ("from" in first or "role" in first)


def read_turns(value: object, column: str) -> list[Turn]:
    """Return the messages of a value for which :func:`is_messages` holds.

    Raises:
        RowError: ``bad_value`` naming the message and what is wrong with it.
    """
    value = from_json(value)
    if isinstance(value, Mapping):
        value = _unzipped(value, column)
    if not isinstance(value, (list, tuple)):
        raise bad_value(column, "a list of messages", value)
    return [_turn(message, f"{column}[{number}]") for number, message in enumerate(value)]


def dialogue(turns: Sequence[Turn], column: str) -> Dialogue:
    """Return messages as a prompt: the last user turn is the question, a last assistant turn the answer.

    >>> told = [Turn("user", "Hello"), Turn("assistant", "Hi"), Turn("user", "Who?"), Turn("assistant", "Me")]
    >>> dialogue(told, "messages")
    Dialogue(question='Who?', system=None, history=(('Hello', 'Hi'),), answer='Me', images=())
    """
    images = tuple(image for turn in turns for image in turn.images)
    rest = list(turns)
    system = rest.pop(0).text if rest and rest[0].role == "system" else None
    answer = rest.pop().text if rest and rest[-1].role == "assistant" else None
    if not rest:
        raise RowError("no_question", column, "no user turn in the messages")
    for number, turn in enumerate(rest):
        wanted = "assistant" if number % 2 else "user"
        if turn.role != wanted:
            raise RowError(
                "bad_value", column, f"expected user and assistant by turns, got {turn.role} for {wanted}"
            )
    if rest[-1].role != "user":
        raise RowError("bad_value", column, "expected one answer at the end, got two turns of the assistant")
    earlier = rest[:-1]
    history = tuple((user.text, reply.text) for user, reply in zip(earlier[::2], earlier[1::2], strict=True))
    return Dialogue(rest[-1].text, system or None, history, answer, images)


def without_markers(asked: Dialogue) -> Dialogue:
    """Return a prompt without its pictures and their places.

    >>> without_markers(Dialogue("<image>\\nWhat is it?")).question, without_markers(Dialogue("Is <image 2> red?")).question
    ('What is it?', 'Is  red?')
    """
    return replace(
        asked,
        question=_PLACE.sub("", asked.question),
        history=tuple((_PLACE.sub("", user), assistant) for user, assistant in asked.history),
        images=(),
    )


def read_history(value: object, column: str) -> tuple[tuple[str, str], ...]:
    """Return earlier turns from a list of ``[user, assistant]``, also as JSON text."""
    value = from_json(value)
    if value is None or value == "":
        return ()
    if not isinstance(value, (list, tuple)):
        raise bad_value(column, "a list of [user, assistant]", value)
    return tuple(_pair_of_texts(turn, f"{column}[{number}]") for number, turn in enumerate(value))


def _pair_of_texts(turn: object, column: str) -> tuple[str, str]:
    if not isinstance(turn, (list, tuple)) or len(turn) != 2:
        raise bad_value(column, "[user, assistant]", turn)
    return text(turn[0], column), text(turn[1], column)


def _unzipped(value: Mapping[str, Any], column: str) -> list[dict[str, Any]]:
    """Return the list of structs that ``datasets`` stores as a struct of lists; one message becomes a list of one."""
    if not any(isinstance(member, (list, tuple)) for key, member in value.items() if key in ("from", "role")):
        return [dict(value)]
    lengths = {len(member) for member in value.values() if isinstance(member, (list, tuple))}
    if len(lengths) != 1 or not all(isinstance(member, (list, tuple)) for member in value.values()):
        raise bad_value(column, "lists of equal length", value)
    return [{name: member[number] for name, member in value.items()} for number in range(lengths.pop())]


def _turn(message: object, column: str) -> Turn:
    if not isinstance(message, Mapping):
        raise bad_value(column, "a message with role and content, or from and value", message)
    said = message.get("role", message.get("from"))
    role = _ROLES.get(said.lower()) if isinstance(said, str) else None
    if role is None:
        raise bad_value(f"{column}.role", f"one of {', '.join(_ROLES)}", said)
    content = message.get("content")
    if content is None:
        content = message.get("value")
    if isinstance(content, (list, tuple)):
        return _from_parts(role, content, column)
    return Turn(role, text(content, column))


def _from_parts(role: Role, parts: Sequence[object], column: str) -> Turn:
    made, images = "", []
    after_image = False
    for part in parts:
        if isinstance(part, str):
            part = {"type": "text", "text": part}
        if not isinstance(part, Mapping):
            raise bad_value(column, "message parts with type and text", part)
        kind = part.get("type")
        if kind == "text":
            piece = text(part.get("text"), column)
            made += ("\n" if after_image else "") + piece
            after_image = False
        elif kind in ("image", "image_url"):
            made += ("\n" if made else "") + MARKER
            images += [part[name] for name in _MEDIA if part.get(name) is not None][:1]
            after_image = True
        else:
            raise bad_value(f"{column}.type", "text or image", kind)
    return Turn(role, made, tuple(images))
