"""Guards: they look at a finished pair and say when it would teach nothing, or the wrong thing. One per file.

A part binds ``PART`` to a :class:`Guard`, which looks at one pair, or to a :class:`SetGuard`, which looks at all pairs of a
shard. A guard reads texts only; a judge or verifier that has to agree with a pair is a builder's ``second_opinion``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pairwright.schemas.reasons import Reason
from pairwright.schemas.room import Room
from pairwright.schemas.settings import Settings

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Contrast:
    """The two sides of a pair, as a guard sees them."""

    question: str
    """Last user turn, with its image markers."""
    chosen: str
    rejected: str
    prefix: str = ""
    """Beginning of the rejected answer that its writer was given, taken from the chosen one; empty for none."""


Watch = Callable[[Contrast], str | None]
"""Returns what is wrong with a pair, in words for the reject's message; None where nothing is. Pure."""

WatchSet = Callable[[Sequence[Contrast]], list[str | None]]
"""The same for all pairs of a shard at once, in their order. Pure."""


@dataclass(frozen=True, slots=True)
class Guard(Generic[S]):
    """Looks at one pair."""

    settings: type[S]
    prepare: Callable[[S], Watch]
    """Checks the settings once. Raises ParameterError."""
    reason: Reason
    """Why a pair that it catches is a reject."""
    summary: str
    source: str


@dataclass(frozen=True, slots=True)
class SetGuard(Generic[S]):
    """Looks at all pairs of a shard."""

    settings: type[S]
    prepare: Callable[[S], WatchSet]
    """Checks the settings once. Raises ParameterError."""
    reason: Reason
    summary: str
    source: str


ROOM: Room[Guard[Any] | SetGuard[Any]] = Room(__name__, __path__, (Guard, SetGuard))
"""All guards, by file name."""
