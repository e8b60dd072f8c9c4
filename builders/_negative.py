"""One image negative from one picture: perturb, measure, judge, encode."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any, Literal

from pairwright.annotators.pixels import MeasureName, Measures, measure, scale
from pairwright.builders import Neighbours
from pairwright.builders._reached import Reached
from pairwright.perturbations import ROOM as PERTURBATIONS
from pairwright.perturbations import Adversary, Nearest, Perturbation, Retrieval
from pairwright.perturbations._search import Target, weakest
from pairwright.schemas.codec import (
    Encoding,
    Reduction,
    can_reduce,
    decode,
    encode_bgr,
    largest_reduction,
    shrink,
    swapped,
)
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Header, Image, Pixels, digest
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.knobs import Knob, Plan, strength

NO_OP_PSNR = 50.0
"""At or above this PSNR, in dB, a negative counts as unchanged: the mean error is below one grey level."""

_LOSSY = frozenset({"JPEG", "WEBP", "AVIF"})
_FORMATS: dict[Encoding, str] = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}


@dataclass(frozen=True, slots=True)
class Band:
    """Values of one measure that are let through."""

    measure: str
    low: float | None
    high: float | None

    def refuses(self, value: float | None) -> str | None:
        """Return why a value lies outside the band, or None if it lies inside; a value of None is not defined."""
        if value is None:
            return f"{self.measure} is not defined for a picture of one grey level"
        if self.low is not None and value < self.low:
            return f"{self.measure} {value:.3g} is below {self.low:g}"
        if self.high is not None and value > self.high:
            return f"{self.measure} {value:.3g} is above {self.high:g}"
        return None


@dataclass(frozen=True, slots=True)
class Operation:
    """A perturbation as a recipe set it, checked."""

    key: str
    """What seeds are drawn for: the perturbation's name, with ``#2`` and so on when a recipe names it again."""
    name: str
    part: Perturbation[Any] | Retrieval[Any]
    plan: Plan[Any]
    weight: float = 1.0
    until: tuple[MeasureName, Target] | None = None
    """Search the weakest strength that brings this measure to its target, instead of drawing the strength."""


def unaided(name: str) -> Perturbation[Any] | Retrieval[Any]:
    """Return a perturbation that needs no encoder.

    Raises:
        ParameterError: it needs one.
        UnknownPartError: there is no such perturbation.
    """
    part = PERTURBATIONS.get(name)
    if isinstance(part, Adversary | Nearest):
        raise ParameterError(f"{name} needs an encoder, which this builder has not; measured_negative has")
    return part


@dataclass(frozen=True, slots=True)
class Finish:
    """What is asked of every negative, and how it is stored."""

    accept: tuple[Band, ...] = ()
    encoding: Encoding | Literal["auto"] = "auto"
    """``auto``: JPEG where the original is lossy, PNG where it is not."""
    quality: int = 95


@dataclass(frozen=True, slots=True)
class Negative:
    """A negative that was let through."""

    image: Image
    measures: Measures
    perturbation: str
    params: Mapping[str, float | int]
    """Drawn values by name."""
    units: Mapping[str, str]
    other: str | None = None
    """Record id of the row whose picture was taken, for a retrieval."""
    reached: Reached | None = None
    """How far an attack came."""

    def told(self) -> dict[str, object]:
        """Return how it was made, as provenance has it."""
        told: dict[str, object] = {
            "perturbation": self.perturbation,
            "params": dict(self.params),
            "units": dict(self.units),
        }
        if self.other:
            told["other"] = self.other
        return told | ({"reached": self.reached.told()} if self.reached else {})

    def judgements(self, target: str) -> tuple[Judgement, ...]:
        """Return all measures as judgements on ``target``, for example ``rejected_images[0]``."""
        return (
            *self.measures.judgements(target),
            *(self.reached.judgements(target) if self.reached else ()),
        )


@dataclass(frozen=True, slots=True)
class View:
    """A picture with its decodings, each made once."""

    image: Image
    _decoded: dict[int, Pixels] = field(default_factory=dict)

    def at(self, reduction: Reduction) -> Pixels:
        """Return the pixels at this reduction."""
        if reduction not in self._decoded:
            self._decoded[reduction] = decode(self.image, reduction, field="images")
        return self._decoded[reduction]

    @property
    def measured_at(self) -> int:
        """Factor by which the picture is reduced to be measured."""
        return scale(self.image.header.width, self.image.header.height)

    def to_measure(self) -> Pixels:
        """Return the whole picture at the size at which it is measured, by the cheapest way."""
        factor = self.measured_at
        decoded = _up_to_8(factor) if can_reduce(self.image.header) else 1
        return shrink(self.at(decoded), factor // decoded)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A perturbed picture beside its original."""

    original: Pixels
    """At measuring size."""
    changed: Pixels
    """At measuring size."""
    whole_bgr: Callable[[], Pixels]
    """Returns the changed picture at full size, blue first as the encoder wants it; not called for what is only
    measured."""


def make_negative(
    view: View,
    operation: Operation,
    *,
    rng: Random,
    finish: Finish,
    neighbours: Neighbours,
    record_id: str,
) -> Negative:
    """Return the negative of one picture.

    Raises:
        RowError: ``no_op``, ``outside_band``, ``target_not_reached``, ``no_other_image``, or a broken picture.
    """
    params = operation.plan.draw(rng)
    if isinstance(operation.part, Retrieval):
        return _retrieved(view, operation, params, rng, finish, neighbours, record_id)
    if operation.until:
        params = _searched(view, operation, params)
    return changed_by(view, operation, params, finish)


def changed_by(view: View, operation: Operation, params: Any, finish: Finish) -> Negative:
    """Return the negative of one picture for parameters that are settled, of an operation that changes it.

    Raises:
        RowError: ``no_op``, ``outside_band``, or a broken picture.
    """
    rendered = _rendered(view, _perturbation(operation), params)
    measures = accepted(operation.name, measure(rendered.original, rendered.changed), finish)
    image = _stored(view, operation, params, rendered, finish)
    return Negative(image, measures, operation.name, asdict(params), units_of(operation.plan))


def tried(view: View, operation: Operation, params: Any, finish: Finish) -> Image:
    """Return the file that :func:`changed_by` would store, unmeasured. Raises RowError for a broken picture."""
    return _stored(view, operation, params, _rendered(view, _perturbation(operation), params), finish)


def taken(
    view: View, name: str, plan: Plan[Any], params: Any, other: tuple[str, Image], finish: Finish
) -> Negative:
    """Return another row's picture as a negative.

    Args:
        view: the picture in whose place it comes.
        name: of the perturbation that chose it.
        plan: of that perturbation.
        params: its drawn values.
        other: record id of the other row, and its picture.
        finish: what is asked of it.

    Raises:
        RowError: ``no_op``, ``outside_band``, or one of the pictures is broken.
    """
    record_id, image = other
    measures = accepted(name, measure(view.to_measure(), View(image).to_measure()), finish)
    return _taken(name, plan, params, record_id, image, measures)


def _perturbation(operation: Operation) -> Perturbation[Any]:
    if not isinstance(operation.part, Perturbation):
        raise TypeError(f"{operation.name} does not change the picture itself")
    return operation.part


def _rendered(view: View, part: Perturbation[Any], params: Any) -> Rendered:
    """Return original and changed picture at measuring size, and a way to the changed one at full size."""
    header = view.image.header
    factor, size = view.measured_at, (header.height, header.width)
    if part.reduced and can_reduce(header):
        way, reduction = part.reduced, part.reduced.factor(params)
        decoded = _up_to_8(min(reduction, factor))
        pixels = view.at(decoded)
        small = way.change(shrink(pixels, reduction // decoded), size, params, reduction)
        original = shrink(pixels, factor // decoded)
        if reduction >= factor:
            changed = way.enlarge(small, original.shape[:2], params, reduction // factor)
        else:
            changed = shrink(way.enlarge(small, size, params, reduction), factor)
        return Rendered(original, changed, lambda: way.enlarge(swapped(small), size, params, reduction))
    pixels = view.at(1)
    whole = part.apply(pixels, params)
    return Rendered(shrink(pixels, factor), shrink(whole, factor), lambda: swapped(whole))


def _searched(view: View, operation: Operation, drawn: Any) -> Any:
    part, until = operation.part, operation.until
    found = strength(part.params)
    if until is None or found is None or not isinstance(part, Perturbation):
        raise AssertionError("checked when the recipe was prepared")
    name, target = until

    def measured(params: Any) -> float:
        rendered = _rendered(view, part, params)
        value = getattr(measure(rendered.original, rendered.changed), name)
        return float("nan") if value is None else float(value)

    params = weakest(drawn, found[0], found[1], measured, target)
    if params is None:
        raise not_reached(operation.name, *found, name, target)
    return params


def not_reached(operation: str, name: str, knob: Knob, measured: str, target: Target) -> RowError:
    """Return the error of an operation of which no strength, named with its knob, brings a measure to its target."""
    message = f"no {name} from {knob.low:g} to {knob.high:g} {knob.unit} brings {measured} to {target}"
    return RowError("target_not_reached", operation, message)


def _retrieved(
    view: View,
    operation: Operation,
    params: Any,
    rng: Random,
    finish: Finish,
    neighbours: Neighbours,
    record_id: str,
) -> Negative:
    part = operation.part
    if not isinstance(part, Retrieval):
        raise TypeError(f"{operation.name} chooses no other picture")
    seen: list[tuple[str, Image, Pixels]] = []

    def candidates() -> Iterator[Pixels]:
        for other_id, image in neighbours.images(record_id, rng):
            if image.sha256 == view.image.sha256:
                continue
            try:
                pixels = View(image).to_measure()
            except RowError:
                continue  # a broken picture: its own row is rejected for it
            seen.append((other_id, image, pixels))
            yield pixels

    original = view.to_measure()
    chosen = part.choose(original, candidates(), params)
    if chosen is None:
        message = f"{len(seen)} other pictures looked at, each the same picture or a near copy"
        raise RowError("no_other_image", operation.name, message)
    other_id, image, pixels = seen[chosen]
    measures = accepted(operation.name, measure(original, pixels), finish)
    return _taken(operation.name, operation.plan, params, other_id, image, measures)


def _taken(
    name: str, plan: Plan[Any], params: Any, other_id: str, image: Image, measures: Measures
) -> Negative:
    edited = image.with_edit(f"{name} from {other_id}")
    return Negative(edited, measures, name, asdict(params), units_of(plan), other_id)


def _stored(view: View, operation: Operation, params: Any, rendered: Rendered, finish: Finish) -> Image:
    changed, header = rendered.whole_bgr(), view.image.header
    encoding: Encoding = finish.encoding if finish.encoding != "auto" else _auto(header)
    data = encode_bgr(changed, encoding, finish.quality)
    made = Header(_FORMATS[encoding], "RGB", changed.shape[1], changed.shape[0])
    edit = edit_of(operation.name, operation.plan, asdict(params))
    return Image(data, digest(data), made, license=view.image.license, edit=edit)


def accepted(name: str, measures: Measures, finish: Finish) -> Measures:
    """Return the measures of a negative of an operation. Raises RowError ``no_op`` or ``outside_band``."""
    if measures.psnr >= NO_OP_PSNR:
        message = f"the changed picture looks the same (PSNR {measures.psnr:.1f} dB, {NO_OP_PSNR:g} or more)"
        raise RowError("no_op", name, message)
    check_bands(name, measures, finish.accept)
    return measures


def check_bands(name: str, measures: Measures, bands: Sequence[Band]) -> None:
    """Raise RowError ``outside_band`` where the measures of a negative of an operation lie outside a band."""
    for band in bands:
        refusal = band.refuses(getattr(measures, band.measure))
        if refusal:
            raise RowError("outside_band", name, refusal)


def _auto(header: Header) -> Encoding:
    return "jpeg" if header.format in _LOSSY else "png"


def units_of(plan: Plan[Any]) -> dict[str, str]:
    """Return the unit of each parameter."""
    return {name: knob.unit for name, knob in plan.knobs.items()}


def edit_of(name: str, plan: Plan[Any], values: Mapping[str, float | int]) -> str:
    """Return what was done in one line: name and values with units, without seeds."""
    said = [
        f"{key}={values[key]:.3g} {knob.unit}".rstrip()
        for key, knob in plan.knobs.items()
        if knob.unit != "seed"
    ]
    return f"{name} {', '.join(said)}".rstrip()


def _up_to_8(factor: int) -> Reduction:
    return largest_reduction(lambda reduction: factor >= reduction)
