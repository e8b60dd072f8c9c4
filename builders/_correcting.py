"""Correctors at work: the block of a recipe that names one, checked, and its model."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pairwright.builders import Asks
from pairwright.builders._parts import prepared
from pairwright.correctors import ROOM as CORRECTORS
from pairwright.correctors import Corrector, Rewritten, Task
from pairwright.samplers import Model
from pairwright.schemas.errors import ParameterError, UnknownPartError
from pairwright.schemas.settings import Settings, parsed


class CorrectorSettings(Model):
    """Who rewrites, and how. Without ``model`` it is the first sampler's model."""

    kind: str
    """A corrector; ``pairwright list correctors`` shows them with their parameters."""
    params: dict[str, Any] = {}
    """Its parameters. Missing ones keep their defaults."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A corrector that was checked."""

    kind: str
    makes: Literal["better", "worse", "same"]
    check: Callable[[Task], None]
    """Raises RowError where a row lacks what the corrector goes by; called before anything is paid for."""
    rewrite: Callable[[Task, Asks], Awaitable[Rewritten]]


def prepare_corrector(
    settings: CorrectorSettings, place: str, allowed: Sequence[Literal["better", "worse", "same"]]
) -> Desk:
    """Check a corrector once.

    Args:
        settings: the block of the recipe.
        place: where it stands in the parameters, which is also the name of its model among the asks.
        allowed: what its texts may be here, against those that it is given.

    Raises:
        ParameterError: there is no such corrector, it makes the wrong side, or its parameters do not fit.
    """
    part, own = _part(settings, place)
    if part.makes not in allowed:
        others = [name for name in CORRECTORS.names() if CORRECTORS.get(name).makes in allowed]
        raise ParameterError(
            f"{place}.kind: {settings.kind} makes an answer {_MADE[part.makes]}; here stands one of {', '.join(others)}"
        )
    correct = prepared(partial(part.prepare, own), place)

    def check(task: Task) -> None:
        if part.check is not None:
            part.check(own, task)

    async def rewrite(task: Task, asks: Asks) -> Rewritten:
        return await correct(task, asks[place])

    return Desk(settings.kind, part.makes, check, rewrite)


def corrector_marks(settings: CorrectorSettings, place: str) -> Mapping[str, str]:
    """Return the SHA-256 of each file that decides what it writes, by the key that names it.

    Raises:
        ParameterError: such a file cannot be read.
    """
    part, own = _part(settings, place)
    if part.marks is None:
        return {}
    found = prepared(partial(part.marks, own), place)
    return {f"{place}.params.{key}": digest for key, digest in found.items()}


_MADE = {"better": "better", "worse": "worse", "same": "no better and no worse"}


def _part(settings: CorrectorSettings, place: str) -> tuple[Corrector[Any], Settings]:
    try:
        part = CORRECTORS.get(settings.kind)
    except UnknownPartError as error:
        raise ParameterError(f"{place}.kind: {error}") from error
    return part, parsed(part.settings, settings.params, where=f"{place}.params", owner=settings.kind)
