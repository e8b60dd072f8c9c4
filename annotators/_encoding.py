"""Encoders as a recipe names them: kind, parameters and how they are run, checked with the place in front of every complaint."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any

from pydantic import Field

from pairwright.annotators import ROOM, EncoderPart
from pairwright.schemas.errors import ParameterError, UnknownPartError
from pairwright.schemas.settings import Settings, parsed

OF_ENCODING = frozenset({"device", "batch_size"})
"""Keys of an encoder that say how it is run, not which rows come out."""


class EncoderSettings(Settings):
    """One encoder."""

    kind: str = "clip"
    """An encoder; ``pairwright list annotators`` shows them with their parameters."""
    params: dict[str, Any] = {}
    """Its parameters: which model. Missing ones keep their defaults."""
    device: str = "auto"
    """``cpu``, ``cuda``, ``cuda:1`` …; ``auto`` takes a GPU where there is one."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 32
    """Pictures, or texts, encoded at once. Every batch is filled up to this size, so that vectors do not depend on what
    else was under way."""


def encoder(chosen: EncoderSettings, place: str) -> tuple[EncoderPart[Any], Settings]:
    """Return an encoder with its settings, parsed.

    Args:
        chosen: the block of the recipe.
        place: where it stands in the parameters: ``encoders.0``.

    Raises:
        ParameterError: there is no such encoder, or its parameters do not fit.
    """
    try:
        part = ROOM.get(chosen.kind)
    except UnknownPartError as error:
        raise ParameterError(f"{place}.kind: {error}") from error
    if not isinstance(part, EncoderPart):
        raise ParameterError(f"{place}.kind: {chosen.kind} is no encoder")
    settings: Settings = parsed(part.settings, chosen.params, where=f"{place}.params", owner=chosen.kind)
    return part, settings


def check_encoders(encoders: Mapping[str, EncoderSettings]) -> None:
    """Check that encoders can be loaded, as far as that is known without loading them.

    Raises:
        ParameterError: there is no such model, or none of such weights; the message names the place.
        MissingExtraError: a package is not installed.
    """
    for place, chosen in encoders.items():
        part, settings = encoder(chosen, place)
        try:
            part.check(settings)
        except ParameterError as error:
            raise ParameterError(f"{place}.params.{error}") from error


def encoder_name(chosen: EncoderSettings, place: str) -> str:
    """Return the name of an encoder's model, for judgements. Raises as :func:`encoder` does."""
    part, settings = encoder(chosen, place)
    return part.name(settings)


def encoder_marks(encoders: Mapping[str, EncoderSettings]) -> dict[str, str]:
    """Return the SHA-256 of each local file that decides vectors, by the key that names it.

    Raises:
        ParameterError: as :func:`encoder` does, or a file cannot be read.
    """
    found: dict[str, str] = {}
    for place, chosen in encoders.items():
        part, settings = encoder(chosen, place)
        try:
            found |= {f"{place}.params.{key}": mark for key, mark in part.marks(settings).items()}
        except ParameterError as error:
            raise ParameterError(f"{place}.params.{error}") from error
    return found


def encoder_key(chosen: EncoderSettings, place: str) -> str:
    """Return 64 hex digits over all that decides an encoder's vectors but for versions of packages.

    Raises:
        ParameterError: as :func:`encoder_marks` does.
    """
    _, settings = encoder(chosen, place)
    marks = list(encoder_marks({"": chosen}).values())
    told = [chosen.kind, settings.model_dump(mode="json"), marks]
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def packages_of(encoders: Mapping[str, EncoderSettings]) -> tuple[str, ...]:
    """Return the distributions that decide the vectors of all these encoders, each once."""
    parts = [encoder(chosen, place)[0] for place, chosen in encoders.items()]
    return tuple(dict.fromkeys(name for part in parts for name in part.packages))
