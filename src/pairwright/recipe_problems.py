"""What is wrong with a recipe, in lines for a person: where, what was expected, what was found, the nearest known key."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from pairwright.schemas.room import unknown
from pairwright.schemas.settings import NOT_TOLD, Settings


def problems_of(error: ValidationError, model: type[Settings], prefix: str) -> Iterator[str]:
    """Yield one line per problem: where, what was expected, what was found, and the nearest known key or value."""
    problems = error.errors()
    classes = model.model_json_schema().get("$defs", {})
    places = [_place(problem["loc"], classes) for problem in problems]
    for problem, place in zip(problems, places, strict=True):
        if problem["type"] == "too_short" and any(other[: len(place)] == place != other for other in places):
            continue  # nothing was left because of the errors in it, which are told
        where = prefix + ".".join(place) if place else prefix.rstrip(".")
        if problem["type"] == "extra_forbidden":
            yield f"{where}: {unknown('keys here', place[-1], _keys_at(model, problem['loc'][:-1]))}"
        elif problem["type"] == "missing":
            yield f"{where}: missing"
        elif problem["type"] == "literal_error":
            allowed = re.findall(r"'([^']*)'", str(problem.get("ctx", {}).get("expected", "")))
            yield f"{where}: {unknown('values here', str(problem['input']), allowed)}"
        elif problem["type"] == NOT_TOLD:
            yield f"{where}: {problem['msg']}"
        else:
            expected = _EXPECTED.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
            got = f", got {problem['input']!r}" if place else ""  # else it is the whole block
            yield f"{where}: {expected[:1].lower()}{expected[1:]}{got}"


_EXPECTED = {
    "dict_type": "expected a mapping of keys and values",
    "model_type": "expected a mapping of keys and values",
    "model_attributes_type": "expected a mapping of keys and values",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
}


def _place(steps: Sequence[int | str], classes: Collection[str]) -> list[str]:
    """Return a place in a recipe without pydantic's own words for keys and alternatives, names of ``classes`` among them."""
    told = (str(step) for step in steps if step != "[key]")
    return [step for step in told if "literal[" not in step and step not in classes]


def _keys_at(model: type[Settings], steps: Sequence[int | str]) -> list[str]:
    """Return the keys that are known at a place of a recipe."""
    schema = model.model_json_schema()
    at: Any = schema
    for step in steps:
        at = _followed(at, schema)
        at = at.get("properties", {}).get(step) or at.get("items") or at.get("additionalProperties") or {}
    return sorted(_followed(at, schema).get("properties", {}))


def _followed(at: Any, schema: Mapping[str, Any]) -> Any:
    for option in at.get("anyOf", []):
        if "$ref" in option:
            at = option
    if "$ref" in at:
        return schema["$defs"][at["$ref"].rpartition("/")[2]]
    return at
