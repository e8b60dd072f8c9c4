"""How far a run is, from outside: finished or at work, by itself or in slices."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pairwright.responses.ledger import Spent
from pairwright.runs import manifest, run_file
from pairwright.runs.locks import is_held
from pairwright.runs.manifest import Counts, ShardEntry
from pairwright.runs.run_file import RunFile
from pairwright.runs.slices import Slice, slices_in

State = Literal["finished", "running", "stopped", "running or stopped", "not begun"]

_UNFINISHED: dict[bool | None, State] = {True: "running", False: "stopped", None: "running or stopped"}
"""By whether the lock is held."""

_RECENT = 20
"""Shards, finished last, that the rate is taken from."""

_PAUSE = 10.0
"""How many times longer than all others together a gap between two shards is that says nothing of the rate."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run is, or a slice of one."""

    part: Slice | None
    state: State
    """``stopped``: not finished, and no process of this machine holds it; ``running or stopped`` on a file system that knows
    no locks."""
    shards: int = 0
    """Shards that are finished."""
    all_shards: int | None = None
    """Shards there are, where that is known."""
    counts: Counts = field(default_factory=Counts)
    rows_left: int | None = None
    rate: float | None = None
    """Source rows per second, over the shards that were finished last; None with fewer than two."""
    ledger: tuple[Spent, ...] = ()
    """What each model took, as of the last time that a go began or ended."""

    @property
    def seconds_left(self) -> float | None:
        """Return how long the rest takes at this rate, of a run that is at work."""
        if self.state != "running" or not self.rate or self.rows_left is None:
            return None
        return self.rows_left / self.rate


def standings(folder: Path) -> list[Standing]:
    """Return how far a run is; of one in slices, one record each, those that have not begun among them.

    Raises:
        RunError: the folder holds no run.
    """
    run, found = run_file.read(folder), slices_in(folder)
    if run is not None:
        return [_standing(folder, run, None)]
    if not found:
        raise run_file.none_in(folder)
    count = next(iter(found)).count
    parts = [Slice(index, count) for index in range(count)]
    return [_of_slice(part, found.get(part)) for part in parts]


def _of_slice(part: Slice, folder: Path | None) -> Standing:
    run = run_file.read(folder) if folder else None
    return _standing(folder, run, part) if folder and run else Standing(part, "not begun")


def _standing(folder: Path, run: RunFile, part: Slice | None) -> Standing:
    entries, size = manifest.read(folder), int(run.recipe["output"]["shard_rows"])
    counts = manifest.total(entries)
    rows, shards = share(run.total, size, part)
    state: State = "finished" if run.status == "finished" else _UNFINISHED[is_held(folder / ".lock")]
    return Standing(
        part=part,
        state=state,
        shards=len(entries),
        all_shards=len(entries) if state == "finished" else shards,
        counts=counts,
        rows_left=0 if state == "finished" else None if rows is None else max(0, rows - counts.rows),
        rate=_rate(folder, entries),
        ledger=run.ledger,
    )


def share(total: int | None, size: int, part: Slice | None) -> tuple[int | None, int | None]:
    """Return how many rows and shards a run or slice has."""
    if total is None:
        return None, None
    shards = range(part.index if part else 0, -(-total // size), part.count if part else 1)
    return sum(min(size, total - shard * size) for shard in shards), len(shards)


def _rate(folder: Path, entries: Sequence[ShardEntry]) -> float | None:
    """Return rows per second: what came after the first of the last shards, over the time since that one.

    A single gap that is out of all proportion is left out: the run stood still meanwhile, or the clock was set.
    """
    moments = (
        (_ended(folder, entry), entry.counts.rows) for entry in entries if entry.files and not entry.patches
    )
    ended = sorted((moment, rows) for moment, rows in moments if moment is not None)[-_RECENT:]
    gaps = sorted((end[0] - start[0], end[1]) for start, end in pairwise(ended))
    if len(gaps) > 2 and gaps[-1][0] > _PAUSE * sum(seconds for seconds, _ in gaps[:-1]):
        gaps = gaps[:-1]
    seconds = sum(seconds for seconds, _ in gaps)
    return sum(rows for _, rows in gaps) / seconds if seconds > 0 else None


def _ended(folder: Path, entry: ShardEntry) -> float | None:
    """Return when a shard was written, seconds; None where a file of it is gone."""
    try:
        return max(path.stat().st_mtime for path in _paths(folder, entry))
    except FileNotFoundError:
        return None


def _paths(folder: Path, entry: ShardEntry) -> Iterable[Path]:
    return (folder / file.name for file in entry.files)
