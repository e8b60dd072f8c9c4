"""Builders: one way of construction per file.

A part binds ``PART`` to a :class:`Builder`: the settings it reads from a recipe's ``parameters``, and a function that
checks them once and returns what every source row then goes through.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Generic, Protocol, TypeVar

from pairwright.annotators import Encode
from pairwright.annotators._encoding import EncoderSettings
from pairwright.samplers import Model
from pairwright.schemas.image import Image
from pairwright.schemas.pair import Pair
from pairwright.schemas.reject import Reject
from pairwright.schemas.request import Ask
from pairwright.schemas.room import Room
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Built:
    """What one source row gave: pairs, or the reason why not, or both."""

    pairs: tuple[Pair, ...] = ()
    rejects: tuple[Reject, ...] = ()
    """One of scope ``row`` where there are no pairs; any number of the other scopes, with pairs or without."""
    candidates: tuple[SourceRow, ...] = ()
    """What is written to the config ``candidates``: the row with all candidates and what was said of them. Behind it, with
    ``#1``, ``#2`` and so on at the record id, prompts that the construction made of the row."""
    record_id: str | None = None
    """Of the row, where the construction keeps no candidates and may still refuse its pairs when the shard is settled."""


class Neighbours(Protocol):
    """The other rows of a shard, for constructions that need a second picture."""

    def images(self, record_id: str, rng: Random) -> Iterator[tuple[str, Image]]:
        """Yield (record id, first image) of other rows in drawn order, leaving out rows that cannot be read."""

    def every(self) -> Iterator[tuple[str, Image]]:
        """Yield (record id, first image) of all rows of the shard in their order, leaving out rows that cannot be read."""

    def image_of(self, record_id: str) -> Image | None:
        """Return the first image of a row of the shard, read anew; None where there is none that can be read."""


Construct = Callable[[SourceRow, Neighbours], Built]
"""Turns one source row into pairs. Pure but for its seeds, and safe in any number of threads at once."""


Settle = Callable[[Sequence[Built]], list[Built]]
"""Looks at the results of a shard together, for what cannot be decided row by row. Pure, keeps the order."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a builder may know of the run it works in."""

    recipe: str
    """Name of the recipe."""
    seed: int
    version: str
    """pairwright's own version, for provenance."""
    round: int = 1
    """Round of self-training: answers that are written now belong to it."""
    counting: bool = False
    """Whether models and encoders only count what they would be asked (``pairwright check``): an editor is then not called,
    and what hangs on the answers is taken as if it asked for the most."""


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
    settle: Callable[[S], Settle | None] | None = None
    """What is decided over a whole shard, if anything."""


Asks = Mapping[str, Ask]
"""Ways to ask the models of a builder, by the names that the builder gave them."""

ConstructAsking = Callable[[SourceRow, Asks], Awaitable[Built]]
"""Turns one source row into pairs, asking models on the way; any number of rows are under way at once."""


@dataclass(frozen=True, slots=True)
class ModelBuilder(Generic[S]):
    """A way of construction that asks models."""

    settings: type[S]
    """What a recipe's ``parameters`` may hold."""
    models: Callable[[S], Mapping[str, Model]]
    """The models that will be asked, by name. The name is where they stand in the parameters: ``judge``,
    ``samplers.0``."""
    prepare: Callable[[S, Run], ConstructAsking]
    """Checks the settings once. Raises ParameterError or UnknownPartError for what cannot be built."""
    summary: str
    source: str
    settle: Callable[[S], Settle | None] | None = None
    """What is decided over a whole shard, if anything."""
    marks: Callable[[S], Mapping[str, str]] | None = None
    """SHA-256 of each file that decides rows beside the recipe, by the key that names the file: ``judge.params.prompt``.
    They belong to the identity of a run as the recipe does. Raises ParameterError for a file that cannot be read."""
    runs_code: Callable[[S], Mapping[str, str]] | None = None
    """Code of the user's that ``prepare`` imports and rows run, as ``module:function``, by who runs it: ``judge``,
    ``verifiers.0``. Imports nothing itself."""
    kin: str | None = None
    """Which of its candidates alone make pairs, where that is more than a pairing rule can see; pairs are then not formed
    anew from the candidates of a run."""


Encodes = Mapping[str, Encode]
"""Ways to use the encoders of a builder, by the names that the builder gave them."""

ConstructEncoding = Callable[[SourceRow, Neighbours, Asks, Encodes], Awaitable[Built]]
"""Turns one source row into pairs, asking models and encoding on the way; any number of rows are under way at once. The
neighbours are the same object for all rows of a shard."""


@dataclass(frozen=True, slots=True)
class EncodingBuilder(Generic[S]):
    """A way of construction that has pictures and texts encoded, and may ask models as well."""

    settings: type[S]
    """What a recipe's ``parameters`` may hold."""
    models: Callable[[S], Mapping[str, Model]]
    """As in :class:`ModelBuilder`; there may be none."""
    encoders: Callable[[S], Mapping[str, EncoderSettings]]
    """The encoders that will be used, by where they stand in the parameters: ``encoders.0``."""
    prepare: Callable[[S, Run], ConstructEncoding]
    """Checks the settings once, loads nothing. Raises ParameterError or UnknownPartError for what cannot be built."""
    summary: str
    source: str
    uses_neighbours: Callable[[S], bool] | None = None
    """As in :class:`Builder`; not given for never."""
    settle: Callable[[S], Settle | None] | None = None
    """What is decided over a whole shard, if anything."""
    marks: Callable[[S], Mapping[str, str]] | None = None
    """As in :class:`ModelBuilder`; files of the encoders' models among them."""
    runs_code: Callable[[S], Mapping[str, str]] | None = None
    """As in :class:`ModelBuilder`."""
    kin: str | None = None
    """As in :class:`ModelBuilder`."""


AnyBuilder = Builder[Any] | ModelBuilder[Any] | EncodingBuilder[Any]

ROOM: Room[AnyBuilder] = Room(__name__, __path__, (Builder, ModelBuilder, EncodingBuilder))
"""All builders, by file name."""
