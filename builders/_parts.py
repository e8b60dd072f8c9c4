"""Annotators as a recipe names them: kind and params, checked with the place in front of every complaint."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationError

from pairwright.annotators import ROOM as ANNOTATORS
from pairwright.annotators import Judge, Measurer, Verifier
from pairwright.schemas.errors import ParameterError, UnknownPartError
from pairwright.schemas.room import unknown
from pairwright.schemas.settings import Settings

T = TypeVar("T")


def annotator(kind: str, place: str) -> Judge[Any] | Verifier[Any]:
    """Return the judge or verifier of this name.

    Raises:
        ParameterError: there is none.
    """
    try:
        part = ANNOTATORS.get(kind)
    except UnknownPartError as error:
        raise ParameterError(f"{place}.kind: {error}") from error
    if isinstance(part, Measurer):
        raise ParameterError(f"{place}.kind: {kind} compares pictures, not answers")
    return part


def settings_of(part: Judge[Any] | Verifier[Any], params: dict[str, Any], kind: str, place: str) -> Settings:
    """Return a part's settings, parsed.

    Raises:
        ParameterError: a key that the part does not know, or a value outside its range; it names every one.
    """
    try:
        parsed: Settings = part.settings.model_validate(params)
    except ValidationError as error:
        known = sorted(part.settings.model_fields)
        problems = []
        for problem in error.errors():
            key = ".".join(map(str, problem["loc"]))
            if problem["type"] == "extra_forbidden" and "." not in key:
                problems.append(f"{place}.params: {unknown(f'parameters of {kind}', key, known)}")
            else:
                told = problem["msg"].removeprefix("Value error, ")
                problems.append(f"{place}.params{'.' * bool(key)}{key}: {told}, got {problem['input']!r}")
        raise ParameterError("; ".join(problems)) from error
    return parsed


def code_of(kind: str, params: dict[str, Any], place: str) -> str | None:
    """Return the user's code that a verifier would run, as ``module:function``; nothing is imported.

    Raises:
        ParameterError: there is no such annotator, or its parameters do not fit.
    """
    part = annotator(kind, place)
    if not isinstance(part, Verifier) or part.runs_code is None:
        return None
    return part.runs_code(settings_of(part, params, kind, place))


def prepared(prepare: Callable[[], T], place: str) -> T:
    """Prepare a part; what it complains of names its place.

    Raises:
        ParameterError: as the part raises it.
    """
    try:
        return prepare()
    except ParameterError as error:
        raise ParameterError(f"{place}.params.{error}") from error
