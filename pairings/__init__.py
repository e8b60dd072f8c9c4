"""Pairings: candidates with judgements in, pairs out. One rule per file.

A part binds ``PART`` to a :class:`Pairing`. A rule says which two candidates make a pair; what holds for all rules
(caps, lengths, near-equal answers) is in ``_filters``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.room import Room
from pairwright.schemas.settings import Settings

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Two candidates that make a pair."""

    chosen: int
    """Number of the better candidate in its prompt's list."""
    rejected: int
    margin: float | None
    """By how much it is better: difference of scores, or strength of the verdict."""


Form = Callable[[Sequence[Candidate], Sequence[Comparison]], tuple[Chosen, ...]]
"""Forms pairs from the candidates of one prompt. Pure; the widest margin first, then by number. Candidates without a
score make no pair; a candidate of side ``chosen`` is never rejected, one of side ``rejected`` never chosen."""


@dataclass(frozen=True, slots=True)
class Pairing(Generic[S]):
    """A rule."""

    settings: type[S]
    prepare: Callable[[S], Form]
    summary: str
    source: str


ROOM: Room[Pairing[Any]] = Room(__name__, __path__, (Pairing,))
"""All pairing rules, by file name."""
