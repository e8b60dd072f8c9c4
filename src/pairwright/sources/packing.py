"""Rows of a layout in ``extra``, and back: every column, but for what the record itself holds.

``extra`` is a JSON object with the row's columns and ``$layout``. Three things stand in it by their hash, because the
record has them: a picture's bytes (``{"$picture": ...}``), the same in base64 (``{"$base64": ...}``), and a long text
that is an answer of the record (``{"$text": ...}``). What JSON has no word for stands as ``{"$bytes": ...}``,
``{"$float": ...}`` or ``{"$time": ...}``.
"""

import binascii
import json
import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from hashlib import sha256
from typing import Any

from pairwright.schemas.errors import RowError, SchemaError
from pairwright.schemas.image import Image

LAYOUT = "$layout"
"""Key of ``extra`` that names the layout a row came in."""
PART = "$part"
"""Key of ``extra`` that numbers the prompts of a row that held several, from 0."""

_LONG = 48
"""Texts from this many characters on are worth a hash."""
_KEY = 16
"""Hex digits of a hash: as many as in the names of stored pictures."""
_TIMES: dict[str, type[datetime] | type[date] | type[time]] = {
    "datetime": datetime,
    "date": date,
    "time": time,
}


@dataclass(frozen=True, slots=True)
class _Held:
    """What a record holds besides ``extra``."""

    images: Sequence[Image]
    texts: Mapping[str, str]
    """Key by text."""


def packed(fields: Mapping[str, Any], layout: str, images: Sequence[Image], texts: Sequence[str]) -> str:
    """Return a raw row as ``extra``.

    Args:
        fields: the row.
        layout: name of its layout; ``name#2`` for the third prompt of a row.
        images: pictures of the record that is made of it.
        texts: answers of that record, as they are written.

    >>> packed({"idx": 3, "score": float("inf")}, "plain", (), ())
    '{"idx": 3, "score": {"$float": "inf"}, "$layout": "plain"}'
    """
    held = _Held(images, {text: _key(text.encode()) for text in texts if len(text) >= _LONG})
    name, _, part = layout.partition("#")
    try:
        told = {str(column): _packed(value, held) for column, value in fields.items()} | {LAYOUT: name}
    except RecursionError as error:
        raise RowError("bad_value", None, "lists and objects too deep inside each other") from error
    return _dumped(told | ({PART: int(part)} if part else {}))


def unpacked(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the raw row that a stored row was made of: the same columns and values, pictures byte for byte.

    Args:
        row: a row of a run's files, of the config ``candidates`` or of pairs. Of a set whose rows hold several answers only
            the candidates' rows have all of them.

    Raises:
        SchemaError: it is not a row of a layout, or the text or picture that it wants is not in it.
    """
    found = _found(row)
    return {
        column: _unpacked(value, found)
        for column, value in told_in(row).items()
        if column not in (LAYOUT, PART)
    }


def told_in(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what :func:`packed` wrote. Raises SchemaError where that is not what ``extra`` holds."""
    extra: dict[str, Any] = json.loads(row["extra"] or "{}")
    if LAYOUT not in extra:
        raise SchemaError("extra", ["there is no $layout in it: the row was not read by a layout"])
    return extra


def _packed(value: Any, held: _Held) -> Any:
    match value:
        case str():
            return _packed_text(value, held)
        case bytes() | bytearray() | memoryview():
            return _packed_bytes(bytes(value), held)
        case Mapping():
            plain = {str(name): _packed(member, held) for name, member in value.items()}
            return {"$as_it_is": plain} if _is_word(plain) else plain
        case list() | tuple():
            return [_packed(member, held) for member in value]
        case float() if not math.isfinite(value):
            return {"$float": str(value)}
        case datetime() | date() | time():
            kind = next(name for name, one in _TIMES.items() if isinstance(value, one))
            return {"$time": value.isoformat(), "kind": kind}
        case Decimal():
            return {"$decimal": str(value)}
        case None | bool() | int() | float():
            return value
    raise RowError("bad_value", None, f"a value of type {type(value).__name__} cannot be kept")


def _packed_text(value: str, held: _Held) -> Any:
    if len(value) < _LONG:
        return value
    if (key := held.texts.get(value)) is not None:
        return {"$text": key}
    for image in held.images:
        # A base64 text has four characters for every three bytes.
        if len(value) == (len(image.data) + 2) // 3 * 4 and value == b64encode(image.data).decode():
            return {"$base64": image.sha256[:_KEY]}
    return value


def _packed_bytes(value: bytes, held: _Held) -> Any:
    key = next((image.sha256[:_KEY] for image in held.images if image.data == value), None)
    return {"$bytes": b64encode(value).decode()} if key is None else {"$picture": key}


def _is_word(value: Mapping[str, Any]) -> bool:
    return any(name.startswith("$") for name in value)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a stored row holds, by key."""

    pictures: Mapping[str, bytes]
    texts: Mapping[str, str]


def _found(row: Mapping[str, Any]) -> _Found:
    images = [*(row.get("images") or ()), *(row.get("rejected_images") or ())]
    candidates = [one["text"] for one in row.get("candidates") or ()]
    texts = [text for text in (row.get("chosen_text"), row.get("rejected_text"), *candidates) if text]
    return _Found(
        {sha256(image["bytes"]).hexdigest()[:_KEY]: image["bytes"] for image in images},
        {_key(text.encode()): text for text in texts},
    )


def _unpacked(value: Any, found: _Found) -> Any:
    if isinstance(value, list):
        return [_unpacked(member, found) for member in value]
    if not isinstance(value, dict):
        return value
    if "$as_it_is" in value:
        return {name: _unpacked(member, found) for name, member in value["$as_it_is"].items()}
    if _is_word(value):
        return _meant(value, found)
    return {name: _unpacked(member, found) for name, member in value.items()}


def _meant(value: Mapping[str, Any], found: _Found) -> Any:
    match value:
        case {"$text": key}:
            return _held(found.texts, key, "text")
        case {"$picture": key}:
            return _held(found.pictures, key, "picture")
        case {"$base64": key}:
            return b64encode(_held(found.pictures, key, "picture")).decode()
        case {"$bytes": told}:
            return binascii.a2b_base64(told)
        case {"$float": told}:
            return float(told)
        case {"$decimal": told}:
            return Decimal(told)
        case {"$time": told, "kind": kind}:
            return _TIMES[kind].fromisoformat(told)
    raise SchemaError("extra", [f"holds {', '.join(value)}, which means nothing here"])


def _held(held: Mapping[str, Any], key: str, what: str) -> Any:
    if key not in held:
        told = f"the {what} {key} is not in this row; rows of several answers are turned back from the config candidates"
        raise SchemaError("extra", [told])
    return held[key]


def _key(data: bytes) -> str:
    return sha256(data).hexdigest()[:_KEY]


def _dumped(plain: Mapping[str, Any]) -> str:
    made = json.dumps(plain, ensure_ascii=False)
    try:
        made.encode()
    except UnicodeEncodeError:
        return json.dumps(plain)
    return made
