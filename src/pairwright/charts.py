"""From spreads to the geometry of the report's charts: one chart a measure, one row a perturbation, model or side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pairwright.runs.contents import MEASURES
from pairwright.runs.seen import SEEN, SeenBy, seen_text
from pairwright.runs.spread import Axis, Spread
from pairwright.runs.summary import PerturbationSummary, Summary
from pairwright.runs.wording import NOBODY, number_text, score_text, words_text

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
    """One spread."""

    name: str
    """Whose it is."""
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
    """Several spreads on one axis."""

    label: str
    unit: str
    about: str
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class _Writing:
    """How the values of a chart are written."""

    number: Callable[[float], str]
    unit: str
    noun: str
    """What is counted, in the plural."""

    def value(self, value: float) -> str:
        return f"{self.number(value)} {self.unit}".rstrip()


def charts(perturbations: tuple[PerturbationSummary, ...]) -> tuple[Chart, ...]:
    """Return one chart for each measure that any negative has."""
    made: list[Chart] = []
    for name, info in MEASURES.items():
        spreads = [(one.name, spread) for one in perturbations if (spread := one.measure(name))]
        writing = _Writing(partial(number_text, name), info.unit, "negatives")
        made += _chart(info.label, info.about, spreads, writing, scale=100 if name == "changed" else 1)
    return (*made, *_seen_charts(perturbations))


def _seen_charts(perturbations: tuple[PerturbationSummary, ...]) -> Iterator[Chart]:
    """Yield one chart for each measure by each encoder: those of two encoders are not on one scale."""
    rows: dict[SeenBy, list[tuple[str, Spread | None]]] = {}
    for perturbation in perturbations:
        for one in perturbation.seen:
            rows.setdefault(one.by, []).append((perturbation.name, one.spread))
    for by in sorted(rows, key=lambda by: by.place):
        writing = _Writing(partial(seen_text, by.measure), "", "negatives")
        yield from _chart(by.label, SEEN[by.measure].about, rows[by], writing)


def answer_charts(summary: Summary) -> tuple[Chart, ...]:
    """Return the charts of text pairs and candidates: scores by model, margins, lengths; those that there are."""
    made: list[Chart] = []
    if summary.text_pairs:
        pairs = summary.text_pairs
        writing = _Writing(score_text, "", "pairs")
        about = "score of the chosen answer less that of the rejected one"
        made += _chart("margin", about, [("all text pairs", pairs.margin)], writing)
        sides = [("chosen", pairs.words_chosen), ("rejected", pairs.words_rejected)]
        made += _chart(
            "length, words", "of the answers of text pairs", sides, _Writing(words_text, "", "answers")
        )
    if summary.candidates:
        writing = _Writing(score_text, "", "answers")
        spreads = [(one.model or NOBODY, one.scores) for one in summary.candidates.models]
        made += _chart("score", "what pairing goes by, of all answers of a model", spreads, writing)
    return tuple(made)


def measured_charts(summary: Summary) -> tuple[Chart, ...]:
    """Return the charts of what answers owe to their pictures; those that there are."""
    owed = summary.measured.owed if summary.measured else ()
    several = len({one.scorer for one in owed}) > 1
    made: list[Chart] = []
    for label, about, targets, noun in (
        ("image dependence", "fall of an answer's log-probability without the picture, per token",
         ("chosen", "rejected"), "answers"),
        ("margin owed to the picture", "how far the picture moves the odds towards the chosen answer",
         ("pair",), "pairs"),
    ):  # fmt: skip
        spreads = [
            (f"{one.target}, {one.scorer}" if several else one.target, one.spread)
            for one in owed
            if one.target in targets
        ]
        made += _chart(label, about, spreads, _Writing(score_text, "nats", noun))
    return tuple(made)


def _chart(
    label: str,
    about: str,
    spreads: Sequence[tuple[str, Spread | None]],
    writing: _Writing,
    *,
    scale: float = 1,
) -> tuple[Chart, ...]:
    """Return the chart of the spreads that there are, none where there is none."""
    known = [(name, spread) for name, spread in spreads if spread is not None]
    if not known:
        return ()
    axis = known[0][1].axis
    ticks = tuple(Tick(_at(axis, tick), f"{scale * tick:g}") for tick in axis.ticks())
    rows = tuple(_row(name, spread, writing) for name, spread in known)
    return (Chart(label, writing.unit, about, ticks, rows),)


def _row(name: str, spread: Spread, writing: _Writing) -> Row:
    told = (
        f"{name}: median {writing.value(spread.median)}, 5th to 95th percentile "
        f"{writing.number(spread.p5)} to {writing.value(spread.p95)}, "
        f"from {writing.number(spread.min)} to {writing.value(spread.max)}, {spread.n:,} {writing.noun}"
    )
    if spread.undefined:
        told += f"; not defined for {spread.undefined:,} more"
    return Row(
        name=name,
        bars=_bars(spread),
        low=_at(spread.axis, spread.p5),
        median=_at(spread.axis, spread.median),
        high=_at(spread.axis, spread.p95),
        median_text=writing.value(spread.median),
        middle_text=f"{writing.number(spread.p5)}–{writing.number(spread.p95)}",
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
