"""Reading what a model wrote, strictly: what does not follow the form is no verdict, and no number is fished for.

Every function here raises RowError ``cannot_judge`` with a message that says what is wrong.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Literal, NoReturn, TypeAlias

from pairwright.schemas.errors import RowError

Json: TypeAlias = dict[str, Any]
"""A JSON object as it was parsed: checked key by key by whoever reads it."""

_SHOWN = 80
"""Characters of a model's text that a message quotes."""

_OBJECT_BEGINS = re.compile(r'\{(?=[ \t\n\r]*["}])')
"""Other braces stand in words, as in \\frac{1}{2}."""

_MOST_FAILURES = 100
"""Beginnings of objects that come to nothing: each may be read to the end of the text, and a broken model writes thousands."""


def unusable(message: str) -> RowError:
    """Return the error of an answer that is no verdict."""
    return RowError("cannot_judge", None, message)


def json_object(text: str, output: Literal["schema", "text"]) -> Json:
    """Return the JSON object that a judge wrote.

    With ``schema`` the object is the whole text. With ``text`` other words and a code fence may stand around it, but it
    must be the only object. Control characters inside strings are let through, since some servers write them raw; a
    key given twice is not.

    >>> json_object('```json\\n{"rating": 4}\\n```', "text")
    {'rating': 4}
    """
    objects = [_whole(text)] if output == "schema" else _all_objects(text)
    if len(objects) != 1:
        found = "no JSON object" if not objects else f"{len(objects)} JSON objects, not one,"
        raise unusable(f"{found} in the model's text: {quoted(text)}")
    return objects[0]


def exact_keys(found: Json, wanted: Iterable[str], what: str) -> None:
    """Check that an object has these keys and no other; ``what`` names the object."""
    keys = list(wanted)
    missing = [key for key in keys if key not in found]
    strange = [key for key in found if key not in keys]
    if missing:
        raise unusable(f"{what} lacks {', '.join(missing)}")
    if strange:
        raise unusable(f"{what} has {quoted(', '.join(strange))}, which was not asked for")


def text_of(found: Json, key: str, what: str) -> str | None:
    """Return the text under a key without blanks around it; None where it is empty or was not asked for."""
    value = found.get(key, "")
    if not isinstance(value, str):
        raise unusable(f"{what}: {key} is {quoted(json.dumps(value))}, not a text")
    return value.strip() or None


def quoted(text: str) -> str:
    """Return the beginning of a text for a message.

    >>> quoted("So be it.")
    "'So be it.'"
    """
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + " …")


def _whole(text: str) -> Json:
    try:
        value = _DECODER.decode(text.strip())
    except (ValueError, RecursionError) as error:
        raise unusable(f"the model's text is not JSON ({error}): {quoted(text)}") from error
    if not isinstance(value, dict):
        raise unusable(f"the model's text is no JSON object: {quoted(text)}")
    return value


def _all_objects(text: str) -> list[Json]:
    objects: list[Json] = []
    place = failures = 0
    while found := _OBJECT_BEGINS.search(text, place):
        try:
            value, place = _DECODER.raw_decode(text, found.start())
            objects.append(value)
        except (ValueError, RecursionError) as error:  # a brace in the words around it
            place, failures = found.end(), failures + 1
            if failures > _MOST_FAILURES:
                raise unusable(
                    f"no JSON object that ends, after {failures} that begin, in the model's text: {quoted(text)}"
                ) from error
    return objects


def _no_constant(name: str) -> NoReturn:
    raise unusable(f"{name} is no JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise unusable(f"the model gave {quoted(twice)} twice")
    return dict(pairs)


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_unique, parse_constant=_no_constant)
