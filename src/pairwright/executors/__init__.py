"""Executors: where shards run. ``local`` is this machine, one process per worker; ``calls`` is for builders that ask
models, one process with hundreds of rows under way; ``ray`` is a Ray cluster.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pairwright.encoding.service import Encoded
from pairwright.recipe import Recipe
from pairwright.responses.ledger import Spent
from pairwright.runs.commit import enter
from pairwright.runs.failing import Patch
from pairwright.runs.manifest import Entry
from pairwright.runs.slices import Slice
from pairwright.sources import FileMark

SAFE = "Finished shards are safe; the same command goes on from there."
"""Said where a worker or a cluster is gone."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What some rows gave."""

    rows: int
    pairs: int
    rejects: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, told after every few rows."""

    rows: int
    """Source rows finished, those of earlier goes included."""
    pairs: int
    rejects: int
    """Rejects of both scopes."""
    total: int | None
    """Source rows of the whole run, or of its slice, where that is known."""
    spent: tuple[Spent, ...] = ()
    """What each model took so far, those of earlier goes included."""
    encoded: tuple[Encoded, ...] = ()
    """What each encoder did so far, in earlier goes too."""

    def plus(self, tally: Tally) -> "Progress":
        """Return the progress once some more rows are finished."""
        return replace(
            self,
            rows=self.rows + tally.rows,
            pairs=self.pairs + tally.pairs,
            rejects=self.rejects + tally.rejects,
        )


@dataclass(frozen=True, slots=True)
class Job:
    """A run that is checked and ready; all that a process needs to build any of its shards."""

    folder: Path
    recipe: Recipe
    limit: int | None
    marks: tuple[FileMark, ...]
    """Marks of the source's files; every process makes sure that it reads the same ones."""
    part: Slice | None = None
    """Which of the shards are built; None for all."""
    patches: Mapping[int, Patch] = field(default_factory=dict)
    """Finished shards whose failed rows are tried again, by number and in order; then nothing else is built."""
    taken: Callable[[Entry], None] | None = None
    """Called, in the process that was started, with all that has become part of the run; None where it stays there."""

    def enter(self, entry: Entry) -> None:
        """Make a finished shard, or a patch of one, part of the run, and hand it on."""
        patch = self.patches.get(entry.shard)
        enter(self.folder, entry, patch.files if patch else ())
        if self.taken is not None:
            self.taken(entry)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The Ray cluster that shards are built on."""

    address: str | None
    """As ``ray.init`` takes it; None for the one of ``RAY_ADDRESS``, or else one that lasts as long as the run."""


Watch = Callable[[Progress], None]
"""Called with the progress of a run."""
