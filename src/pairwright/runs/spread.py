"""How a number is spread over the negatives, pairs or answers of a run, counted in bounded memory.

Values are counted on a grid fine enough for what is shown, so memory follows the number of distinct grid points
(some thousands) and not the number of rows. A grid that gets more points than :data:`MOST_POINTS` is made coarser.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BINS = 25
"""Bars of a histogram."""

MOST_POINTS = 20_000
"""Distinct values that are kept apart; beyond it the grid's step is doubled."""

_LARGEST = 1e100
"""Numbers of a larger size count as undefined: nobody can draw an axis over them."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A range with round ends, and the distance of its ticks."""

    start: float
    stop: float
    step: float

    def ticks(self) -> tuple[float, ...]:
        """Return the values at which the axis is labelled.

        >>> Axis(0.0, 1.0, 0.25).ticks()
        (0.0, 0.25, 0.5, 0.75, 1.0)
        """
        count = round((self.stop - self.start) / self.step)
        return tuple(round(self.start + number * self.step, 10) for number in range(count + 1))


@dataclass(frozen=True, slots=True)
class MeasureInfo:
    """How a measure of negatives is counted and shown."""

    label: str
    unit: str
    """Unit behind the value; empty for a bare ratio."""
    about: str
    step: float
    """Grid on which values are counted."""
    axis: Axis | None
    """Range of histograms; None takes the range of the values."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Five numbers and a histogram of one measure."""

    n: int
    """Values counted."""
    undefined: int
    """What was counted without a value."""
    min: float
    """Smallest value, exact."""
    p5: float
    """5th percentile, to the grid's step, as are the next two."""
    median: float
    p95: float
    max: float
    """Largest value, exact."""
    axis: Axis
    """Range of the histogram; the same for all rows of a chart, so that they can be compared."""
    bins: tuple[int, ...]
    """:data:`BINS` counts of equal width over the axis."""


@dataclass(slots=True)
class Tally:
    """Values counted on a grid."""

    step: float
    """Width of the grid; grows where the values are too many or too large for it."""
    counts: Counter[int] = field(default_factory=Counter)
    undefined: int = 0
    low: float = math.inf
    high: float = -math.inf

    @property
    def total(self) -> int:
        """Values counted."""
        return self.counts.total()

    def add(self, value: float | None) -> None:
        """Count one value; None, NaN and numbers without any sense count as undefined."""
        if value is None or not abs(value) < _LARGEST:
            self.undefined += 1
            return
        while abs(value) > self.step * 2.0**53:
            self._coarsen()
        self.counts[round(value / self.step)] += 1
        if len(self.counts) > MOST_POINTS:
            self._coarsen()
        self.low = min(self.low, value)
        self.high = max(self.high, value)

    def spread(self, axis: Axis) -> Spread | None:
        """Return the five numbers and the histogram over ``axis``, or None when nothing was counted.

        >>> tally = Tally(0.001)
        >>> for value in (0.1, 0.2, 0.6, None): tally.add(value)
        >>> found = tally.spread(Axis(0.0, 1.0, 0.25))
        >>> found.n, found.undefined, found.median
        (3, 1, 0.2)
        """
        if not self.counts:
            return None
        points = np.array(sorted(self.counts), dtype=np.int64)
        weights = np.array([self.counts[point] for point in points.tolist()], dtype=np.int64)
        values = np.clip(points * self.step, self.low, self.high)
        p5, median, p95 = (_percentile(values, weights, share) for share in (0.05, 0.5, 0.95))
        inside = np.clip(values, axis.start, axis.stop)  # an axis has round ends, to ten digits
        bars, _ = np.histogram(inside, bins=BINS, range=(axis.start, axis.stop), weights=weights)
        return Spread(
            n=int(weights.sum()),
            undefined=self.undefined,
            min=self.low,
            p5=p5,
            median=median,
            p95=p95,
            max=self.high,
            axis=axis,
            bins=tuple(int(bar) for bar in bars),
        )

    def _coarsen(self) -> None:
        self.step *= 2
        finer, self.counts = self.counts, Counter()
        for point, count in finer.items():
            self.counts[round(point / 2)] += count


def axis_of(tallies: Iterable[Tally]) -> Axis:
    """Return one axis for all of some tallies; from 0 to 1 where nothing was counted."""
    filled = [tally for tally in tallies if tally.counts]
    if not filled:
        return axis_over(0.0, 1.0)
    return axis_over(
        min(tally.low for tally in filled),
        max(tally.high for tally in filled),
        least=1.0 if all(tally.step >= 1 for tally in filled) else 0.0,
    )


def axis_over(low: float, high: float, *, least: float = 0.0) -> Axis:
    """Return the smallest axis with round ends and at most five steps that holds both values; no step is below ``least``.

    >>> axis_over(11.3, 24.9)
    Axis(start=10.0, stop=25.0, step=5.0)
    >>> axis_over(0.5, 0.5)
    Axis(start=0.5, stop=0.51, step=0.01)
    >>> axis_over(2, 2, least=1)
    Axis(start=2.0, stop=3.0, step=1.0)
    """
    span = high - low if high > low else max(abs(low) * 0.1, 0.1)
    for exponent in range(math.floor(math.log10(span)) - 1, 300):
        for digit in (1.0, 2.0, 2.5, 5.0):
            step = round(digit * 10.0**exponent, 10)
            first = math.floor(round(low / step, 9)) if step else 0
            last = max(math.ceil(round(high / step, 9)), first + 1) if step else 0
            if step and step >= least and last - first <= 5:
                return Axis(round(first * step, 10), round(last * step, 10), step)
    raise ValueError(f"no axis for {low} to {high}")


def _percentile(values: NDArray[np.float64], weights: NDArray[np.int64], share: float) -> float:
    """Return a percentile as NumPy's default does, of values that each count as often as their weight."""
    ends = np.cumsum(weights)
    place = share * (int(ends[-1]) - 1)
    whole = math.floor(place)
    below, above = (int(np.searchsorted(ends, at, side="right")) for at in (whole, math.ceil(place)))
    mixed = values[below] + (place - whole) * (values[above] - values[below])
    return round(float(mixed), 6)
