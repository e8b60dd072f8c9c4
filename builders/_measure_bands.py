"""Bounds on measures of pairs that are there already: which measures there are, who measures them, and what lies outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Literal

from pairwright.builders._blind import ANSWERS, DECIDED, JUDGE, PREFERENCE, RIGHT
from pairwright.builders._blind_text import FREQUENT, LONGER
from pairwright.builders._dependence import DEPENDENCE, FLUENCY, FLUENT, MARGIN, PER_TOKEN, SUM
from pairwright.builders._image_pairs import Bounds
from pairwright.builders._negative import Band
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.judgement import Judgement

PairMeasure = Literal[
    "blind_decided",
    "blind_preference",
    "blind_right",
    "longer",
    "frequent",
    "fluent",
    "dependence",
    "dependence_sum",
    "dependence_rejected",
    "dependence_margin",
    "image_image",
    "image_text_drop",
    "drop_agreement",
]
"""Measures that can be bounded."""

FREE: frozenset[PairMeasure] = frozenset({"longer", "image_image", "image_text_drop", "drop_agreement"})
"""Those that ask no model: a pair outside their bounds is not asked about."""

LENGTH, FREQUENCY, ENCODERS = "blind.text: length", "blind.text: frequency", "encoders"


class PairBounds(Bounds):
    """Bounds of one measure."""

    undefined: Literal["refuse", "keep"] = "refuse"
    """What becomes of a pair for which the measure has no value."""


@dataclass(frozen=True, slots=True)
class _Place:
    target: str
    """Target of the judgement, or how it begins."""
    aspect: str
    by: str
    """The parameter without which nobody measures it."""


_PLACES: Mapping[PairMeasure, _Place] = {
    "blind_decided": _Place("pair", DECIDED, JUDGE),
    "blind_preference": _Place("pair", PREFERENCE, JUDGE),
    "blind_right": _Place("pair", RIGHT, ANSWERS),
    "longer": _Place("pair", LONGER, LENGTH),
    "frequent": _Place("pair", FREQUENT, FREQUENCY),
    "fluent": _Place("pair", FLUENT, FLUENCY),
    "dependence": _Place("chosen", PER_TOKEN, DEPENDENCE),
    "dependence_sum": _Place("chosen", SUM, DEPENDENCE),
    "dependence_rejected": _Place("rejected", PER_TOKEN, DEPENDENCE),
    "dependence_margin": _Place("pair", MARGIN, DEPENDENCE),
    "image_image": _Place("rejected_images[", "image_image", ENCODERS),
    "image_text_drop": _Place("rejected_images[", "image_text_drop", ENCODERS),
    "drop_agreement": _Place("rejected_images[", "drop_agreement", ENCODERS),
}

Accept = Mapping[PairMeasure, PairBounds]


def check_accept(accept: Accept, measured: Sequence[str]) -> None:
    """Check that what is bounded is measured.

    Args:
        accept: the bounds.
        measured: parameters by which something is measured.

    Raises:
        ParameterError: nobody measures it; the message names the parameter to set.
    """
    for name in accept:
        by = _PLACES[name].by
        if by not in measured:
            raise ParameterError(f"accept.{name}: nothing measures it; set {by}")


def outside(accept: Accept, made: Sequence[Judgement]) -> RowError | None:
    """Return why a pair lies outside the bounds, by what was just measured; None where it lies inside.

    Of several encoders the mean counts, of several pictures each.

    >>> said = [Judgement("pair", "judge", "blind_decided", 1.0)]
    >>> outside({"blind_decided": PairBounds(max=0)}, said).message
    'blind_decided 1 is above 0'
    """
    for name, bounds in accept.items():
        why = next((why for value in _values(name, made) if (why := _refused(name, value, bounds))), None)
        if why is not None:
            return RowError("outside_band", f"accept.{name}", why)
    return None


def _values(name: PairMeasure, made: Sequence[Judgement]) -> list[float | None]:
    place = _PLACES[name]
    by_target: dict[str, list[float | None]] = {}
    for one in made:
        if one.aspect == place.aspect and one.target.startswith(place.target):
            by_target.setdefault(one.target, []).append(one.value)
    return [_mean(values) for values in by_target.values()] or [None]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return fsum(known) / len(known) if len(known) == len(values) else None


def _refused(name: PairMeasure, value: float | None, bounds: PairBounds) -> str | None:
    if value is None:
        return f"{name} has no value for this pair" if bounds.undefined == "refuse" else None
    return Band(name, bounds.min, bounds.max).refuses(value)
