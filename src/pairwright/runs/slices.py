"""Slices: one run built by several processes that share a folder and nothing else, as Slurm and Kubernetes arrays start them.

Slice i of n builds the shards whose number leaves i when it is divided by n, in a run folder of its own:
``slices/i-of-n`` of the run's folder, with manifest, ``run.json``, response store and lock. No two slices write to one file,
so nothing is asked of the file system between machines but a rename. When all are finished, ``joining`` makes one run of
them, with the same bytes as without slices.
"""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pairwright.schemas.errors import ParameterError, RunError

FOLDER = "slices"

_WRITTEN = re.compile(r"(\d+)/(\d+)")
_NAME = re.compile(r"(\d+)-of-(\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """A share of a run's shards."""

    index: int
    """From 0."""
    count: int

    def has(self, shard: int) -> bool:
        """Tell whether a shard belongs to it.

        >>> [shard for shard in range(8) if Slice(1, 3).has(shard)]
        [1, 4, 7]
        """
        return shard % self.count == self.index

    def __str__(self) -> str:
        """Return it as it is written on a command line: ``1/3``."""
        return f"{self.index}/{self.count}"


def parse_slice(text: str) -> Slice:
    """Return the slice that somebody named.

    Raises:
        ParameterError: it is none.

    >>> parse_slice("0/16")
    Slice(index=0, count=16)
    >>> parse_slice("16/16")
    Traceback (most recent call last):
    pairwright.schemas.errors.ParameterError: shard: 16/16 is no slice of 16: count from 0, up to 15/16
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ParameterError(
            f"shard: expected i/n, for example 0/16 for the first of 16 slices, got {text!r}"
        )
    index, count = int(found[1]), int(found[2])
    if count < 1:
        raise ParameterError(f"shard: expected at least one slice, got {text!r}")
    if index >= count:
        raise ParameterError(
            f"shard: {text.strip()} is no slice of {count}: count from 0, up to {count - 1}/{count}"
        )
    return Slice(index, count)


def folder_of(folder: Path, part: Slice) -> Path:
    """Return the run folder of a slice."""
    return folder / FOLDER / f"{part.index}-of-{part.count}"


def slices_in(folder: Path) -> dict[Slice, Path]:
    """Return the slices that have begun, in order, with their run folders; none of a run without slices."""
    if not (folder / FOLDER).is_dir():
        return {}
    named = ((slice_named(path.name), path) for path in (folder / FOLDER).iterdir() if path.is_dir())
    return dict(sorted((part, path) for part, path in named if part))


def slice_named(name: str) -> Slice | None:
    """Return the slice whose folder has this name; None for any other name.

    >>> slice_named("1-of-3"), slice_named("responses")
    (Slice(index=1, count=3), None)
    """
    found = _NAME.fullmatch(name)
    return Slice(int(found[1]), int(found[2])) if found else None


def check_count(folder: Path, part: Slice) -> None:
    """Raise RunError where a run is cut into another number of slices already."""
    check_counts(str(folder), slices_in(folder), part)


def check_counts(place: str, begun: Iterable[Slice], part: Slice) -> None:
    """Raise RunError where slices that have begun are of another number than this one."""
    for other in begun:
        if other.count != part.count:
            raise RunError(
                f"{place} is being built in {other.count} slices, and {part} is one of {part.count}: "
                f"give --shard i/{other.count}, or choose another --out"
            )


def remove(folder: Path) -> None:
    """Remove the folders of all slices, once one run was made of them."""
    shutil.rmtree(folder / FOLDER, onerror=_unless_gone)


def _unless_gone(function: object, path: str, failure: tuple[object, BaseException, object]) -> None:
    """Go on where another process removes them at the same time, which only locks would prevent."""
    if not isinstance(failure[1], FileNotFoundError):
        raise failure[1]
