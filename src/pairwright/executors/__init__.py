"""Executors: where shards run. ``local`` is this process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pairwright.builders import Construct
from pairwright.sources import Source


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, told after every few rows."""

    rows: int
    """Source rows finished, those of earlier goes included."""
    pairs: int
    rejects: int
    """Rejects of both scopes."""
    total: int | None
    """Source rows of the whole run, where that is known."""


@dataclass(frozen=True, slots=True)
class Job:
    """A run that is checked and ready."""

    folder: Path
    source: Source
    construct: Construct
    hold_shards: bool
    """Whether rows need their neighbours, so that the rows of a shard are held together."""
    shard_rows: int
    limit: int | None
    workers: int
    watch: Callable[[Progress], None]
