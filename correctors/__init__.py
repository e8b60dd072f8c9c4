"""Correctors: they have a model rewrite an answer, for the better or for the worse. One way of rewriting per file.

A part binds ``PART`` to a :class:`Corrector`. What it changed comes back as spans on both texts.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Ask
from pairwright.schemas.room import Room
from pairwright.schemas.settings import Settings
from pairwright.schemas.span import Span

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Task:
    """An answer that is to be rewritten."""

    record_id: str
    seed: int
    """Seed of the run."""
    part: str
    """Name of the draw: tells two rewrites of the same row apart, also in their sampling seeds."""
    prompt: Prompt
    text: str
    """The answer."""
    reference: str | None = None
    """A right answer, where the row has one."""
    evidence: str | None = None
    """Text that tells what the pictures show: captions, or annotations."""
    variant: int = 0
    """Number of the rewrite, where several of the same answer are wanted."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What came of it."""

    text: str
    spans: tuple[Span, ...] = ()
    """What stands in the new text and not in the old one, in order."""
    original_spans: tuple[Span, ...] = ()
    """What stood in the old text and is gone, in order."""
    notes: str | None = None
    """JSON text: what the model said of it (errors it named, ratings, a critique), for provenance."""
    prompt: str | None = None
    """Name, version and hash of the prompt file: ``minimal v1 #0c1d2e3f``."""


Correct = Callable[[Task, Ask], Awaitable[Rewritten]]
"""Rewrites one answer. Raises RowError: ``no_correction`` where the model finds nothing to change, ``bad_rewrite`` for one
that cannot be used, ``no_evidence`` or ``no_ground_truth`` where the row lacks what it goes by, or as ``Ask`` does."""


@dataclass(frozen=True, slots=True)
class Corrector(Generic[S]):
    """A way of rewriting."""

    settings: type[S]
    prepare: Callable[[S], Correct]
    """Checks the settings once. Raises ParameterError."""
    makes: Literal["better", "worse", "same"]
    """What the new text is, against the old one; ``same`` changes the style only."""
    summary: str
    source: str
    check: Callable[[S, Task], None] | None = None
    """Raises RowError where a row lacks what it goes by; called before anything is paid for, with an empty text."""
    marks: Callable[[S], Mapping[str, str]] | None = None
    """SHA-256 of each file that decides what it writes, by the setting that names the file."""


ROOM: Room[Corrector[Any]] = Room(__name__, __path__, (Corrector,))
"""All correctors, by file name."""
