"""Contenders of the perturbation benchmark, one per file.

Each has ``prepare(job)``: it does what nobody would count as work (reading its own settings, unpacking files for a tool
that cannot read Parquet) and returns the function that is timed. Everything heavy is imported at the top of the file,
so that imports are outside the clock as well.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Operation = Literal["blur", "pixelate"]

RADIUS = (20.0, 40.0)
"""Range of the blur's standard deviation, pixels."""

BLOCK = 32
"""Side of the blocks of a pixelated picture, pixels."""

QUALITY = 95
"""JPEG quality of changed pictures."""


@dataclass(frozen=True, slots=True)
class Job:
    """What every contender gets."""

    source: Path
    """Parquet: id, question, answer, image {bytes, path}."""
    out: Path
    """Empty folder for the output."""
    operation: Operation
    workers: int
    """Threads or processes."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a contender did."""

    images: int
    """Pictures changed."""
    seconds: float | None = None
    """Time of the work, by a contender that knows better than the clock around it."""


Timed = Callable[[], Work]


def radius(row: int) -> float:
    """Return the blur's radius for a row, drawn from 20 to 40 pixels; the same for every contender."""
    return random.Random(row).uniform(*RADIUS)
