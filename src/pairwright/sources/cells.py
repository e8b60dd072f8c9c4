"""Single values of a row: texts, numbers and lists, each checked before it is used."""

import json
import math
from collections.abc import Mapping
from typing import Any

from pairwright.schemas.errors import RowError
from pairwright.schemas.prompt import MARKER
from pairwright.schemas.special_tokens import special_token

_LONGEST = 60
_DEEPEST = 100
"""Levels of lists and objects in a value: far above any real one, and the same limit however deep the caller is."""


def bad_value(column: str, expected: str, got: object) -> RowError:
    """Return the error for a value of the wrong type.

    >>> str(bad_value("question", "text", 3))
    'question: expected text, got int 3'
    """
    shown = repr(got) if isinstance(got, (str, int, float)) else ""
    if len(shown) > _LONGEST:
        shown = shown[:_LONGEST] + "..."
    return RowError("bad_value", column, f"expected {expected}, got {type(got).__name__} {shown}".rstrip())


def text(value: object, column: str) -> str:
    """Return a text that can be written as UTF-8."""
    if not isinstance(value, str):
        raise bad_value(column, "text", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise RowError("bad_value", column, "half a surrogate pair: this is not Unicode text") from error
    return value


def utf8(name: str) -> str:
    """Return a file name that can be written as UTF-8: bytes of other encodings become escapes."""
    return name if name.isascii() else name.encode(errors="backslashreplace").decode()


def optional_text(value: object, column: str) -> str | None:
    """Return a text, or None for null and for a text of white space alone (CSV has no null).

    >>> optional_text("a b ", "source"), optional_text("", "source"), optional_text(" \\n", "source")
    ('a b ', None, None)
    """
    return None if value is None or (isinstance(value, str) and not value.strip()) else text(value, column)


def identifier(value: object, column: str) -> str | None:
    """Return an id as text; numbers are ids too.

    >>> identifier(7, "idx"), identifier(7.0, "idx"), identifier("a-7", "idx"), identifier("", "idx")
    ('7', '7', 'a-7', None)
    """
    if (
        isinstance(value, float) and value.is_integer()
    ):  # whole numbers beside nulls become floats in many tools
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return optional_text(value, column)


def number(value: object, column: str) -> float | None:
    """Return a finite number, also from its text; None for null and the empty text."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise bad_value(column, "a number", value)
        found = float(value)
    except (ValueError, OverflowError) as error:
        raise bad_value(column, "a number", value) from error
    if not math.isfinite(found):
        raise bad_value(column, "a finite number", value)
    return found


def tag_list(value: object, column: str) -> tuple[str, ...]:
    """Return labels from a list, from JSON text of one, or from text with commas.

    >>> tag_list("ocr, chart", "tags"), tag_list('["ocr"]', "tags"), tag_list(None, "tags")
    (('ocr', 'chart'), ('ocr',), ())
    """
    value = from_json(value)
    if value is None:
        return ()
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, (list, tuple)):
        raise bad_value(column, "a list of texts", value)
    return tuple(tag for tag in (text(tag, column) for tag in value) if tag.strip())


def json_text(value: object, column: str) -> str | None:
    """Return a text as it is, and anything structured as JSON text."""
    if value is None or isinstance(value, str):
        return optional_text(value, column)
    return _dumped(_without_bytes(value, column))


def stored_json(value: object, column: str) -> str | None:
    """Return JSON text as it is, once it is known to be JSON; None for null and for blank text.

    >>> stored_json('{"a": 1}', "extra"), stored_json("", "extra")
    ('{"a": 1}', None)
    """
    stored = optional_text(value, column)
    if stored is None:
        return None
    try:
        _without_bytes(json.loads(stored), column)
    except (ValueError, RecursionError) as error:
        raise bad_value(column, "JSON text", stored) from error
    return stored


def from_json(value: object) -> Any:
    """Return what JSON text of a list or object stands for; any other value as it is.

    CSV cells can only hold text, and some sets keep lists as JSON text in other formats too.

    >>> from_json('["a.jpg", "b.jpg"]'), from_json("[1] is a reference"), from_json(None)
    (['a.jpg', 'b.jpg'], '[1] is a reference', None)
    """
    if not isinstance(value, str):
        return value
    stripped = value.strip()
    if (stripped[:1], stripped[-1:]) not in (("[", "]"), ("{", "}")):
        return value
    try:
        return json.loads(stripped)
    except (ValueError, RecursionError):
        return value


def columns_json(columns: Mapping[str, object]) -> str:
    """Return columns as JSON text. Raw bytes are left out: they are pictures or sound, not facts of the row.

    >>> columns_json({"idx": 3, "thumb": {"bytes": b"...", "path": "t.jpg"}})
    '{"idx": 3, "thumb": {"path": "t.jpg"}}'
    """
    return _dumped(
        {name: _without_bytes(value, name) for name, value in columns.items() if not _is_raw(value)}
    )


def answer(value: str, column: str) -> str:
    """Return an answer if it may stand in a pair, without the line breaks around it.

    They are no part of a message either; two answers that differ in nothing else are the same.

    >>> answer("Yes.\\n", "chosen")
    'Yes.'
    """
    if not value.strip():
        raise RowError("empty_answer", column, "the answer is empty")
    _refuse_token(value, value, column)
    return value.strip("\n")


def user_text(value: str, column: str) -> str:
    """Return a user's text if it holds no special token besides ``<image>``, without the line breaks around it."""
    _refuse_token(value, value.replace(MARKER, "\n") if MARKER in value else value, column)
    return value.strip("\n")


def _refuse_token(value: str, without_markers: str, column: str) -> None:
    found = special_token(without_markers)
    if found is not None:
        raise RowError("special_token", column, f"the text holds {found}: {value[:_LONGEST]!r}")


def _dumped(plain: object) -> str:
    made = json.dumps(plain, ensure_ascii=False, default=str)
    return made if _is_unicode(made) else json.dumps(plain, default=str)


def _without_bytes(value: object, column: str, level: int = 1) -> Any:
    if level > _DEEPEST:
        raise RowError("bad_value", column, f"more than {_DEEPEST} lists and objects inside each other")
    if isinstance(value, dict):
        items = ((str(key), item) for key, item in value.items() if not _is_raw(item))
        return {key: _without_bytes(item, column, level + 1) for key, item in items}
    if isinstance(value, (list, tuple)):
        return [_without_bytes(item, column, level + 1) for item in value if not _is_raw(item)]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    return value


def _is_raw(value: object) -> bool:
    return isinstance(value, (bytes, bytearray, memoryview))


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
