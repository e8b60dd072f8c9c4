"""Search for the weakest strength of an operation that meets a target, for example "blur until SSIM is at most 0.5".

One radius does not suit all pictures: 20 pixels erase a thumbnail and leave a 12-megapixel photograph readable. A
recipe may therefore name a measure and a bound instead of a strength, and each picture gets its own.
"""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from pairwright.schemas.errors import ParameterError
from pairwright.schemas.knobs import Knob, whole_numbers, with_value

P = TypeVar("P")

_HALVINGS = 10
"""With the two ends 12 evaluations."""
_PRECISION = 0.01
"""Two strengths this close to each other, relative to the greater, count as one."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a measure has to reach: one bound or both."""

    at_most: float | None = None
    at_least: float | None = None

    def met_by(self, value: float) -> bool:
        """Tell whether a measured value meets the target; NaN, for "not defined", never does.

        >>> Target(at_most=0.5).met_by(0.4), Target(at_most=0.5).met_by(0.6), Target(at_least=0.1).met_by(float("nan"))
        (True, False, False)
        """
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        return low <= value <= high

    def __str__(self) -> str:
        """Return the bounds in words.

        >>> str(Target(at_most=0.5))
        'at most 0.5'
        """
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)


def weakest(params: P, name: str, knob: Knob, measured: Callable[[P], float], target: Target) -> P | None:
    """Return ``params`` with the weakest strength whose measure meets ``target``, None if the strongest does not.

    The search halves the whole allowed range of the knob, whatever range its values are drawn from, and leaves the
    other fields alone. ``measured`` is called 12 times at most. Among 1,025 whole numbers the strength is found
    exactly, any other within 1 percent where the greatest value allowed is at most 28,000 times the smallest.

    What is returned has been measured and meets the target, always. It is the weakest strength that does if the
    measure gets no further from the target as the strength rises. Where it does not rise or fall all the way (a
    rotation comes back to the picture's own shape at 180 degrees), a weaker strength may do too, and a target that
    only middle strengths meet is not found.

    Args:
        params: drawn values; the strength among them is not looked at.
        name: field of ``params`` on which to search.
        knob: its knob, which must have a direction (:attr:`Knob.stronger`).
        measured: applies the operation and returns the measure, NaN where it is not defined.
        target: what to reach.

    Raises:
        ParameterError: the knob has no direction.
    """
    search = halvings(params, name, knob, target)
    try:
        tried = next(search)
        while True:
            tried = search.send(measured(tried))
    except StopIteration as done:
        found: P | None = done.value
        return found


def halvings(params: P, name: str, knob: Knob, target: Target) -> Generator[P, float, P | None]:
    """Search as :func:`weakest` does, for whoever cannot measure at once: yields what to measure, is sent the measure."""
    if knob.stronger is None:
        raise ParameterError(
            f"{name}: neither more nor less of it is stronger, so no strength can be searched"
        )
    whole = name in whole_numbers(type(params))
    weak, strong = (knob.low, knob.high) if knob.stronger == "up" else (knob.high, knob.low)
    if not target.met_by((yield with_value(params, name, strong))):
        return None
    if target.met_by((yield with_value(params, name, weak))):
        return with_value(params, name, weak)
    for _ in range(_HALVINGS):
        if _close(weak, strong, whole):
            break
        middle = _middle(weak, strong, whole)
        if target.met_by((yield with_value(params, name, middle))):
            strong = middle
        else:
            weak = middle
    return with_value(params, name, strong)


def _close(weak: float, strong: float, whole: bool) -> bool:
    return abs(strong - weak) <= (1 if whole else _PRECISION * max(weak, strong))


def _middle(weak: float, strong: float, whole: bool) -> float:
    """Return a value between the two: the whole number half way, or else half way in the logarithm."""
    if whole:
        return (weak + strong) // 2
    return math.sqrt(weak * strong) if min(weak, strong) > 0 else (weak + strong) / 2
