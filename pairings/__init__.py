"""Pairings: candidates with judgements in, pairs out. One rule per file.

A part binds ``PART`` to a :class:`Pairing`. A rule says which two candidates make a pair; what holds for all rules
(repeated answers, lengths, caps) is in ``_forming``, which is also what builders call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

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
"""Forms pairs from the candidates of one prompt. Pure; the widest margin first, then by number. A candidate of side
``chosen`` is never rejected, one of side ``rejected`` never chosen. Rules that go by scores make no pair of a candidate
without one."""

Basis = Literal["scores", "ranks", "comparisons", "sides"]
"""What a rule goes by. Of ``scores`` the higher one is better, as judges and verifiers give them; ``ranks`` are scores too,
1 the best, and come from people or from elsewhere. ``comparisons`` come from a pairwise judge only; ``sides`` from samplers
that write for one."""


@dataclass(frozen=True, slots=True)
class Pairing(Generic[S]):
    """A rule."""

    settings: type[S]
    prepare: Callable[[S], Form]
    summary: str
    source: str
    basis: Basis = "scores"
    """What must be known of the candidates before the rule can form a pair."""
    scores_by: Callable[[S], str | None] | None = None
    """The parameter by which a rule of another basis wants scores as well, where these settings set it."""


ROOM: Room[Pairing[Any]] = Room(__name__, __path__, (Pairing,))
"""All pairing rules, by file name."""
