"""Base of everything a recipe sets: frozen, typed, and closed to unknown keys."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from pairwright.schemas.errors import ParameterError
from pairwright.schemas.room import unknown

S = TypeVar("S", bound="Settings")

NOT_TOLD = "not_told"
"""Type of an error whose value may be a secret: it is not shown."""


class Settings(BaseModel):
    """A block of a recipe. A key that is not a field is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def parsed(settings: type[S], values: Mapping[str, Any], *, where: str, owner: str) -> S:
    """Return the settings of a part, parsed.

    Args:
        settings: what the part knows.
        values: what the recipe says.
        where: key of the recipe under which they stand, for example ``pairing.params``.
        owner: name of the part.

    Raises:
        ParameterError: a key that the part does not know, or a value outside its range; it names every one.

    >>> parsed(Settings, {"least": 2}, where="params", owner="ranks")
    Traceback (most recent call last):
    pairwright.schemas.errors.ParameterError: params: ranks has no parameters, got 'least'
    """
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        known = sorted(settings.model_fields)
        problems = [_problem(problem, known, where, owner) for problem in error.errors()]
        raise ParameterError("; ".join(problems)) from error


def _problem(problem: ErrorDetails, known: list[str], where: str, owner: str) -> str:
    key = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden" and "." not in key:
        kind = where.rpartition(".")[2].replace("params", "parameters")
        told = unknown(f"{kind} of {owner}", key, known) if known else f"{owner} has no {kind}, got {key!r}"
        return f"{where}: {told}"
    told = problem["msg"].removeprefix("Value error, ")
    if problem["type"] not in ("value_error", NOT_TOLD):  # pydantic's own words begin with a capital
        told = told[:1].lower() + told[1:]
    shown = "" if problem["type"] == NOT_TOLD else f", got {problem['input']!r}"
    return f"{where}{'.' * bool(key)}{key}: {told}{shown}"
