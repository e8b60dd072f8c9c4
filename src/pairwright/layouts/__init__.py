"""Layouts: how published sets and annotation tools write preferences down, one layout per file.

A part binds ``PART`` to a :class:`Layout`. Its ``read`` says which value of a raw row is which field, and what people or
judges said of the answers; the general reader (``sources.rows``) then does the rest as for any other row: pictures,
markers, checks. Every column of the row goes to ``extra`` besides, so that :func:`pairwright.sources.packing.unpacked`
turns a row back into what it was; a layout needs no code for that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pairwright.schemas.annotation import Annotation
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.room import Room

Row: TypeAlias = Mapping[str, Any]
"""A raw row: columns by name, values as JSON or Arrow has them."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a raw row says."""

    fields: Row
    """Values by the name to tell in errors: a column, or a column and a member, such as ``text.question``."""
    taken: Mapping[str, str]
    """Field of :class:`pairwright.sources.settings.ColumnMap` to a name in ``fields``. A value may have any shape that the
    general reader takes for the field: text, messages, a picture or a list of them."""
    candidates: tuple[Candidate, ...] = ()
    """Answers that are neither chosen nor rejected, with what was said of each."""
    comparisons: tuple[Comparison, ...] = ()
    """What was said of two of them side by side, one for each person and question."""
    annotations: tuple[Annotation, ...] = ()
    """How each person came to it."""
    scores: tuple[Judgement, ...] = ()
    """What was said of a ready pair."""
    tags: tuple[str, ...] = ()
    """Labels beside those of the column that ``taken`` names."""


class Columns(dict[str, Any]):
    """A raw row as layouts are given it: a column that it does not have is a reject, not a KeyError."""

    def __missing__(self, name: str) -> Any:
        """Raise RowError: rows of one file may differ in their columns."""
        raise RowError("missing_column", name, "rows of this layout have this column, and this one has not")


def no_split(row: Row) -> Sequence[Row]:
    """Return a row that holds one prompt."""
    return (row,)


@dataclass(frozen=True, slots=True)
class Layout:
    """A way to write preferences down."""

    recognise: Callable[[Row], int]
    """How many columns or members tell that a row is of this layout, 0 if it is not: of several layouts that know all rows
    the one that knows them by most wins."""
    read: Callable[[Row], Read]
    """Raises RowError for a row of which nothing can be made."""
    summary: str
    source: str
    """The sets and papers that have it, with the licence of the best known one."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the builder ``labelled`` that fit it: its pairing rule, whether sides are corrections."""
    split: Callable[[Row], Sequence[Row]] = no_split
    """The parts of a row that holds several prompts; ``read`` is given one of them."""
    question: str | None = None
    """The question of rows that have none, in our words; ``source.question`` replaces it."""


ROOM: Room[Layout] = Room(__name__, __path__, (Layout,))
"""All layouts, by file name."""
