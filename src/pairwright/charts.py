"""From spreads to the geometry of the report's charts: one chart a measure, one row a perturbation."""

from dataclasses import dataclass

from pairwright.annotators.pixels import MeasureName
from pairwright.runs.contents import MEASURES
from pairwright.runs.spread import Axis, Spread
from pairwright.runs.summary import PerturbationSummary
from pairwright.runs.wording import measure_text, middle_text, number_text

WIDTH, HEIGHT = 100.0, 24.0
"""Size of a row's drawing, in its own units; the page stretches it."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on a chart's axis."""

    at: float
    """Percent of the width."""
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a histogram, in the units of the drawing, y downwards."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Row:
    """One perturbation's spread."""

    perturbation: str
    bars: tuple[Bar, ...]
    low: float
    """5th percentile, as is ``high`` the 95th, in units of the drawing."""
    median: float
    high: float
    median_text: str
    middle_text: str
    told: str
    """All five numbers in words."""


@dataclass(frozen=True, slots=True)
class Chart:
    """All perturbations' spreads of one measure on one axis."""

    label: str
    unit: str
    about: str
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]


def charts(perturbations: tuple[PerturbationSummary, ...]) -> tuple[Chart, ...]:
    """Return one chart for each measure that any negative has."""
    made = []
    for name, info in MEASURES.items():
        spreads = [(one.name, spread) for one in perturbations if (spread := one.measure(name))]
        if spreads:
            axis = spreads[0][1].axis
            ticks = tuple(Tick(_at(axis, tick), _tick_text(name, axis, tick)) for tick in axis.ticks())
            rows = tuple(_row(name, perturbation, spread) for perturbation, spread in spreads)
            made.append(Chart(info.label, info.unit, info.about, ticks, rows))
    return tuple(made)


def _tick_text(name: MeasureName, axis: Axis, tick: float) -> str:
    return f"{100 * tick:g}" if name == "changed" else f"{tick:g}"


def _row(name: MeasureName, perturbation: str, spread: Spread) -> Row:
    told = (
        f"{perturbation}: median {measure_text(name, spread.median)}, 5th to 95th percentile "
        f"{number_text(name, spread.p5)} to {measure_text(name, spread.p95)}, "
        f"from {number_text(name, spread.min)} to {measure_text(name, spread.max)}, {spread.n:,} negatives"
    )
    if spread.undefined:
        told += f"; not defined for {spread.undefined:,} more"
    return Row(
        perturbation=perturbation,
        bars=_bars(spread),
        low=_at(spread.axis, spread.p5),
        median=_at(spread.axis, spread.median),
        high=_at(spread.axis, spread.p95),
        median_text=measure_text(name, spread.median),
        middle_text=middle_text(name, spread),
        told=told,
    )


def _bars(spread: Spread) -> tuple[Bar, ...]:
    highest, width = max(spread.bins) or 1, WIDTH / len(spread.bins)
    return tuple(
        Bar(round(number * width, 2), round(HEIGHT - tall, 2), round(width * 0.88, 2), round(tall, 2))
        for number, count in enumerate(spread.bins)
        if count and (tall := max(1.0, HEIGHT * count / highest))
    )


def _at(axis: Axis, value: float) -> float:
    return round(WIDTH * min(1.0, max(0.0, (value - axis.start) / (axis.stop - axis.start))), 2)
