"""Parameters of a part: what they mean, which values they allow, and how a value is drawn for one record.

A part declares a frozen dataclass whose fields carry a :class:`Knob`. A recipe gives each knob a single value or a
range ``[low, high]``; :func:`plan` checks that once, and :meth:`Plan.draw` draws the values of one record.

>>> from typing import Annotated
>>> from random import Random
>>> @dataclass(frozen=True, slots=True)
... class Params:
...     radius: Annotated[float, Knob(default=(20.0, 40.0), low=0.1, high=400.0, unit="px", about="blur radius")]
>>> plan("gaussian_blur", Params, {"radius": 30}).draw(Random(0))
Params(radius=30.0)
>>> plan("gaussian_blur", Params, {"radius": 900})
Traceback (most recent call last):
    ...
pairwright.schemas.errors.ParameterError: gaussian_blur.radius: 900 px is outside 0.1 to 400 px
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

from pairwright.schemas.errors import ParameterError
from pairwright.schemas.room import unknown

P = TypeVar("P")
Setting = float | int | tuple[float, float] | tuple[int, int]


class Chance(Protocol):
    """A random generator, Python's or NumPy's."""

    def random(self) -> float:
        """Return the next number from 0 to 1, 1 excluded."""


@dataclass(frozen=True, slots=True)
class Knob:
    """One parameter of a part."""

    default: Setting
    """Value or range used when the recipe says nothing."""
    low: float
    """Smallest value allowed."""
    high: float
    """Largest value allowed."""
    unit: str
    """Unit of the value, for example ``px``, ``degrees``, ``share of area``."""
    about: str
    """One line for ``pairwright list``."""
    scale: Literal["linear", "log"] = "linear"
    """How a range is drawn from: uniform in the value, or uniform in its logarithm."""
    stronger: Literal["up", "down"] | None = None
    """In which direction the operation gets stronger; one knob of a part may have it, and a target is searched on it."""


def noise_seed() -> Knob:
    """Return the knob of a seed: drawn per record, recorded, so that a noise field can be made again."""
    return Knob(default=(0, 2**32 - 1), low=0, high=2**32 - 1, unit="seed", about="seed of the random field")


def knobs(params: type[Any]) -> dict[str, Knob]:
    """Return the knobs of a parameter class by field name, in order."""
    hints = get_type_hints(params, include_extras=True)
    found: dict[str, Knob] = {}
    for field in fields(params):
        hint = hints[field.name]
        carried = (
            [x for x in get_args(hint)[1:] if isinstance(x, Knob)] if get_origin(hint) is Annotated else []
        )
        if len(carried) != 1:
            raise TypeError(f"{params.__qualname__}.{field.name} must be Annotated[int or float, Knob(...)]")
        found[field.name] = carried[0]
    return found


def whole_numbers(params: type[Any]) -> frozenset[str]:
    """Return the names of the fields that are ``int``."""
    hints = get_type_hints(params)
    return frozenset(field.name for field in fields(params) if hints[field.name] is int)


@dataclass(frozen=True, slots=True)
class Plan(Generic[P]):
    """Checked settings of a part: each knob with its value or range."""

    params: type[P]
    settings: Mapping[str, Setting]
    knobs: Mapping[str, Knob]
    whole: frozenset[str]
    """Names of the fields that are whole numbers."""

    def draw(self, rng: Chance) -> P:
        """Draw the values of one record. Knobs are drawn in field order, so a fixed value shifts no other draw."""
        values: dict[str, float | int] = {}
        for name, knob in self.knobs.items():
            position = rng.random()
            values[name] = _at(self.settings[name], position, knob.scale, name in self.whole)
        return self.params(**values)


def plan(part: str, params: type[P], settings: Mapping[str, object]) -> Plan[P]:
    """Check the settings of ``part`` and fill in defaults.

    Raises:
        ParameterError: an unknown parameter, a value that is no number or range, or one outside the allowed range.
    """
    known = knobs(params)
    for name in settings:
        if name not in known:
            raise ParameterError(unknown(f"parameters of {part}", name, list(known) or ["(it has none)"]))
    whole = whole_numbers(params)
    checked: dict[str, Setting] = {}
    for name, knob in known.items():
        where = f"{part}.{name}"
        given = settings.get(name, knob.default)
        checked[name] = _setting(where, given, knob, name in whole)
    return Plan(params, checked, known, whole)


def strength(params: type[Any]) -> tuple[str, Knob] | None:
    """Return name and knob of the field on which strength is searched, or None for a part without one."""
    found = [(name, knob) for name, knob in knobs(params).items() if knob.stronger]
    if len(found) > 1:
        raise TypeError(f"{params.__qualname__} has more than one knob with a direction")
    return found[0] if found else None


def with_value(params: P, name: str, value: float) -> P:
    """Return ``params`` with one field changed, rounded if the field is a whole number."""
    number: float | int = round(value) if name in whole_numbers(type(params)) else float(value)
    return replace(params, **{name: number})  # type: ignore[type-var]  # P is a dataclass, see `knobs`


def _at(setting: Setting, position: float, scale: Literal["linear", "log"], whole: bool) -> float | int:
    """Return the value at ``position`` (0 to 1) of a range, or the single value."""
    if not isinstance(setting, tuple):
        return setting
    low, high = setting
    if whole:
        if scale == "log":
            return min(
                int(high), round(math.exp(math.log(low) + position * (math.log(high) - math.log(low))))
            )
        return min(int(high), int(low) + int(position * (int(high) - int(low) + 1)))
    if scale == "log":
        return math.exp(math.log(low) + position * (math.log(high) - math.log(low)))
    return low + position * (high - low)


def _setting(where: str, given: object, knob: Knob, whole: bool) -> Setting:
    if isinstance(given, (list, tuple)):
        if len(given) != 2:
            raise ParameterError(f"{where}: a range is [low, high], got {list(given)}")
        low, high = (_number(where, x, knob, whole) for x in given)
        if low > high:
            raise ParameterError(f"{where}: the range [{low:g}, {high:g}] is upside down")
        return (low, high)
    return _number(where, given, knob, whole)


def _number(where: str, given: object, knob: Knob, whole: bool) -> float | int:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise ParameterError(
            f"{where}: expected a number or a range [low, high] in {knob.unit}, got {given!r}"
        )
    if not knob.low <= given <= knob.high:
        raise ParameterError(
            f"{where}: {given:g} {knob.unit} is outside {knob.low:g} to {knob.high:g} {knob.unit}"
        )
    if whole and given != int(given):
        raise ParameterError(f"{where}: expected a whole number of {knob.unit}, got {given:g}")
    return int(given) if whole else float(given)
