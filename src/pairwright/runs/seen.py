"""What encoders say of the negatives of a run: which judgements are counted, and how they are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pairwright.annotators._similarity import SCALE
from pairwright.builders._encoder_measures import ALL, RANGES
from pairwright.runs.spread import MeasureInfo, Spread, Tally, axis_of

SEEN: Mapping[str, MeasureInfo] = {
    "image_image": MeasureInfo(
        "image-image",
        "",
        "100 × cosine of the two pictures in an encoder; 100 looks the same to it",
        0.01,
        None,
    ),
    "image_text_drop": MeasureInfo(
        "text drop",
        "",
        "by how much less the chosen answer fits the negative, in 100 × cosine; below 0 it fits the negative better",
        0.01,
        None,
    ),
    "drop_agreement": MeasureInfo(
        "encoders agree",
        "",
        "how many of several encoders say that the answer fits the negative less",
        1.0,
        None,
    ),
    "squared_distance": MeasureInfo(
        "distance", "", "squared distance of the encoder's features that an attack reached", 0.0001, None
    ),
    "target_gain": MeasureInfo(
        "target gain",
        "",
        "by how much nearer to its target an attack brought the picture, in 100 × cosine",
        0.01,
        None,
    ),
}
"""Measures in the order in which they are shown. Those of two encoders are not on one scale and are counted apart."""

SEEN_RANGES: Mapping[str, tuple[float | None, float | None]] = {
    **{str(name): bounds for name, bounds in RANGES.items()},
    "squared_distance": (0.0, None),
    "target_gain": (-2 * SCALE, 2 * SCALE),
}
"""Smallest and largest value of each."""

_FOUR_DIGITS = frozenset({"squared_distance", "drop_agreement"})

_MOST_KEPT = 100
"""Measures by different encoders that are told apart; the column may hold what a source had there."""

_ORDER = {name: number for number, name in enumerate(SEEN)}


@dataclass(frozen=True, slots=True)
class SeenBy:
    """A measure by one encoder."""

    measure: str
    scorer: str

    @property
    def label(self) -> str:
        """Return what the measure is called where several encoders may have their say.

        >>> SeenBy("image_image", "tiny").label, SeenBy("drop_agreement", "encoders").label
        ('image-image, tiny', 'encoders agree')
        """
        label = SEEN[self.measure].label
        return label if self.scorer == ALL else f"{label}, {self.scorer}"

    @property
    def place(self) -> tuple[int, str]:
        """Return by what measures are sorted."""
        return _ORDER[self.measure], self.scorer


@dataclass(frozen=True, slots=True)
class SeenSpread:
    """How one measure by one encoder is spread over the negatives of a perturbation."""

    name: str
    scorer: str
    spread: Spread

    @property
    def by(self) -> SeenBy:
        """Return measure and encoder."""
        return SeenBy(self.name, self.scorer)


def seen_by(aspect: str, scorer: str) -> SeenBy | None:
    """Return what a judgement of a negative measures; None for what is no measure of an encoder."""
    return SeenBy(aspect, scorer) if aspect in SEEN else None


def add_seen(tallies: dict[SeenBy, Tally], by: SeenBy, value: float | None) -> None:
    """Count a value; of an encoder too many, nothing."""
    if by in tallies or len(tallies) < _MOST_KEPT:
        tallies.setdefault(by, Tally(SEEN[by.measure].step)).add(value)


def seen_spreads(
    tallies: Mapping[SeenBy, Tally], all_tallies: Sequence[Mapping[SeenBy, Tally]]
) -> tuple[SeenSpread, ...]:
    """Return the spreads of one perturbation, each on the axis of all perturbations that have this measure."""
    made = []
    for by in sorted(tallies, key=lambda one: one.place):
        axis = axis_of(some[by] for some in all_tallies if by in some)
        spread = tallies[by].spread(axis)
        if spread:
            made.append(SeenSpread(by.measure, by.scorer, spread))
    return tuple(made)


def seen_text(name: str, value: float) -> str:
    """Return a value as it is written: four digits of a distance and of a number of encoders, one decimal of all else.

    >>> seen_text("image_image", 76.604), seen_text("squared_distance", 0.012345), seen_text("drop_agreement", 2.0)
    ('76.6', '0.01235', '2')
    """
    return f"{value:.4g}" if name in _FOUR_DIGITS else f"{value:.1f}"


def seen_middle(one: SeenSpread) -> str:
    """Return 5th to 95th percentile."""
    return f"{seen_text(one.name, one.spread.p5)}–{seen_text(one.name, one.spread.p95)}"
