"""Builders: one way of construction per file.

A part binds ``PART`` to a :class:`Builder`: the settings it reads from a recipe's ``parameters``, and a function that
checks them once and returns what every source row then goes through.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Generic, Protocol, TypeVar

from pairwright.schemas.image import Image
from pairwright.schemas.pair import Pair
from pairwright.schemas.reject import Reject
from pairwright.schemas.room import Room
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Built:
    """What one source row gave: pairs, or the reason why not, or both."""

    pairs: tuple[Pair, ...] = ()
    rejects: tuple[Reject, ...] = ()
    """One of scope ``row`` where there are no pairs; any number of scope ``negative`` where there are."""


class Neighbours(Protocol):
    """The other rows of a shard, for constructions that need a second picture."""

    def images(self, record_id: str, rng: Random) -> Iterator[tuple[str, Image]]:
        """Yield (record id, first image) of other rows in drawn order, leaving out rows that cannot be read."""


Construct = Callable[[SourceRow, Neighbours], Built]
"""Turns one source row into pairs. Pure but for its seeds, and safe in any number of threads at once."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a builder may know of the run it works in."""

    recipe: str
    """Name of the recipe."""
    seed: int
    version: str
    """pairwright's own version, for provenance."""


@dataclass(frozen=True, slots=True)
class Builder(Generic[S]):
    """A way of construction."""

    settings: type[S]
    """What a recipe's ``parameters`` may hold."""
    prepare: Callable[[S, Run], Construct]
    """Checks the settings once. Raises ParameterError or UnknownPartError for what cannot be built."""
    uses_neighbours: Callable[[S], bool]
    """Whether rows will ask for :class:`Neighbours`; then a shard's rows are held together."""
    summary: str
    source: str


ROOM: Room[Builder[Any]] = Room(__name__, __path__, (Builder,))
"""All builders, by file name."""
