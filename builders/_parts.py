"""Annotators as a recipe names them: kind and params, checked with the place in front of every complaint."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from pairwright.annotators import ROOM as ANNOTATORS
from pairwright.annotators import EncoderPart, Judge, Measurer, PictureCheck, Verifier
from pairwright.schemas.errors import ParameterError, UnknownPartError
from pairwright.schemas.settings import Settings, parsed

T = TypeVar("T")


class Named(Protocol):
    """A block of a recipe that names an annotator."""

    @property
    def kind(self) -> str:
        """Name of the annotator."""

    @property
    def params(self) -> dict[str, Any]:
        """Its parameters as the recipe has them."""


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
    if isinstance(part, PictureCheck):
        raise ParameterError(f"{place}.kind: {kind} looks at pictures, not at answers")
    if isinstance(part, EncoderPart):
        raise ParameterError(
            f"{place}.kind: {kind} is an encoder; the builder clip_ranked scores by encoders"
        )
    return part


def settings_of(part: Judge[Any] | Verifier[Any], params: dict[str, Any], kind: str, place: str) -> Settings:
    """Return a part's settings, parsed.

    Raises:
        ParameterError: a key that the part does not know, or a value outside its range; it names every one.
    """
    parsed_settings: Settings = parsed(part.settings, params, where=f"{place}.params", owner=kind)
    return parsed_settings


def code_of(kind: str, params: dict[str, Any], place: str) -> str | None:
    """Return the user's code that a verifier would run, as ``module:function``; nothing is imported.

    Raises:
        ParameterError: there is no such annotator, or its parameters do not fit.
    """
    part = annotator(kind, place)
    if not isinstance(part, Verifier) or part.runs_code is None:
        return None
    return part.runs_code(settings_of(part, params, kind, place))


def codes_of(places: Mapping[str, Named]) -> dict[str, str]:
    """Return the user's code that the annotators of a recipe would run, by where they are named. Raises as :func:`code_of`."""
    named = {place: code_of(one.kind, one.params, place) for place, one in places.items()}
    return {place: code for place, code in named.items() if code}


def prepared(prepare: Callable[[], T], place: str) -> T:
    """Prepare a part; what it complains of names its place.

    Raises:
        ParameterError: as the part raises it.
    """
    try:
        return prepare()
    except ParameterError as error:
        raise ParameterError(f"{place}.params.{error}") from error
