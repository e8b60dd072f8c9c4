"""Exporters: pairs of a run in the layout that a trainer reads, one trainer per file.

A part binds ``PART`` to an :class:`Exporter`, or to a :class:`Tasks`, which makes tasks for people. It says of each pair what it cannot take (:attr:`Exporter.refuse`), gives the layout of its files, and the text that loads them. The reading
of the run, the splits and the writing are the same for all and stand in the files with an underscore.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import pyarrow as pa

from pairwright.schemas.image import EXTENSIONS
from pairwright.schemas.pair import PairKind
from pairwright.schemas.room import Room
from pairwright.schemas.settings import Settings

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a pair."""

    sha256: str
    format: str
    """One of :data:`pairwright.schemas.image.EXTENSIONS`."""
    data: bytes = b""
    """The file, byte for byte; empty while pairs are only checked."""

    @property
    def name(self) -> str:
        """File name, from the content."""
        return f"{self.sha256[:16]}.{EXTENSIONS[self.format]}"


@dataclass(frozen=True, slots=True)
class PairRow:
    """A pair as exporters see it: the flat texts of the shared schema, and its pictures."""

    id: str
    kind: PairKind
    question: str
    """Last user turn with ``<image>`` markers."""
    system: str | None
    history: tuple[tuple[str, str], ...]
    """Earlier turns as (user, assistant), users' texts with markers."""
    chosen: str
    rejected: str
    images: tuple[Picture, ...]
    rejected_images: tuple[Picture, ...] | None
    """None where both sides have the same."""
    source: str
    group_id: str
    ground_truth: str | None
    score_chosen: float | None
    score_rejected: float | None
    further: Mapping[str, Any]
    """The columns that the layout asks for beyond these, as they stand in the file; empty while pairs are only checked."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What the pairs that will be exported have in them; some layouts depend on it."""

    images: bool
    """Whether any has images."""
    image_pairs: bool
    """Whether any has rejected images."""


@dataclass(frozen=True, slots=True)
class AsTheyStand:
    """Parquet whose columns are columns of the shared schema, passed through without being looked at."""

    columns: tuple[str, ...]
    image_features: bool
    """Whether the files say which columns hold pictures, so that ``datasets`` decodes them."""


Place = Callable[[Picture], str]
"""Writes a picture into the export, once, and returns its path relative to the folder."""

Row = dict[str, Any]
"""A row of a trainer's file, with plain values."""


@dataclass(frozen=True, slots=True)
class Table:
    """Parquet of other columns, made from each pair."""

    schema: pa.Schema
    """With the metadata of the files."""
    rows: Callable[[PairRow, str, int], Sequence[Row]]
    """Takes a pair, its split and its number there."""
    once: Callable[[PairRow, Row], Sequence[Any]] | None = None
    """What must be unlike in two rows; a row that is like an earlier one is not written again, but counted."""


@dataclass(frozen=True, slots=True)
class Lines:
    """JSON Lines, one file for each split, pictures as files beside them."""

    rows: Callable[[PairRow, Place], Sequence[Row]]
    ending: Callable[[PairRow], str] | None = None
    """Ending of the name of the file in which the pair stands, where not all go into one."""
    full: Callable[[PairRow], bool] | None = None
    """Tells whether the row of a pair has something in every key. The first such row is put in front of its file, because
    ``datasets`` takes types from the first ten megabytes, and a list that is empty there for text later."""
    columns: tuple[str, ...] = ()
    """Columns of the shared schema for :attr:`PairRow.further`."""


@dataclass(frozen=True, slots=True)
class Tar:
    """Tar files of samples: the members of one stand together and begin with its key."""

    members: Callable[[PairRow], Iterable[tuple[str, bytes]]]
    """Endings behind the key, with their content."""
    columns: tuple[str, ...] = ()
    """Columns of the shared schema for :attr:`PairRow.further`."""


Layout = AsTheyStand | Table | Lines | Tar


@dataclass(frozen=True, slots=True)
class Split:
    """One split of an export."""

    name: str
    pairs: int
    rows: int
    files: tuple[str, ...]
    """Data files relative to the export's folder, in order."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, as the text that loads it needs to know."""

    folder: Path
    """Where the export will stand, absolute."""
    splits: tuple[Split, ...]
    """``train`` first."""
    extent: Extent

    def split(self, name: str) -> Split | None:
        """Return a split by name, or None."""
        return next((split for split in self.splits if split.name == name), None)


@dataclass(frozen=True, slots=True)
class Page:
    """A text file beside the data: what loads it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Exporter(Generic[S]):
    """Writes pairs for one trainer."""

    settings: type[S]
    refuse: Callable[[PairRow, S], Sequence[str]]
    """Returns why a pair cannot be taken, as keys of :attr:`refusals`; empty where it can. Pure."""
    refusals: Mapping[str, str]
    """What the trainer would do with such a pair, for the message."""
    layout: Callable[[S, Extent], Layout]
    loading: Callable[[S, Written], Sequence[Page]]
    """Returns what loads the export; the first page is printed too."""
    summary: str
    source: str


class TaskSettings(Settings):
    """What every exporter of tasks may be told."""

    of: Literal["candidates", "pairs"] = "candidates"
    """``candidates``: a task for each prompt of the run with its answers; ``pairs``: one for each pair."""
    ask: Literal["preference", "ranking"] = "preference"
    """``preference``: which of two answers is better; ``ranking``: the order of up to nine."""
    doubtful: float | None = None
    """Only what is in doubt: the two best scores, or those of the pair, are less than this apart or missing, or what was
    said of two answers is a tie, no verdict, or contradicts itself. Without it, everything."""


U = TypeVar("U", bound=TaskSettings)


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer of a task."""

    text: str
    model: str | None
    place: int | None
    """Its number in the config ``candidates``, from 0; None for the side of a pair."""


@dataclass(frozen=True, slots=True)
class Task:
    """Answers that people compare."""

    record_id: str
    pair: str | None
    """Id of the pair, where it is one."""
    question: str
    """With markers."""
    system: str | None
    history: tuple[tuple[str, str], ...]
    images: tuple[Picture, ...]
    answers: tuple[Shown, ...]
    """In the order in which they are shown, drawn for each task."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All tasks of an export, as their configuration needs to know them."""

    folder: Path
    tasks: int
    images: int
    """Most images of a task."""
    answers: int
    """Most answers of a task."""


@dataclass(frozen=True, slots=True)
class Tasks(Generic[U]):
    """Writes tasks for people who label."""

    settings: type[U]
    row: Callable[[Task, Sequence[str], U], Row]
    """Takes a task, and the paths of its pictures relative to the export's folder."""
    loading: Callable[[U, Gathered], Sequence[Page]]
    """Returns the labelling configuration, and what loads the tasks; the first page is printed too."""
    file: str
    """Name of the file of tasks: JSON, or JSON Lines where it ends in ``.jsonl``."""
    summary: str
    source: str


ROOM: Room[Exporter[Any] | Tasks[Any]] = Room(__name__, __path__, (Exporter, Tasks))
"""All exporters, by file name."""
