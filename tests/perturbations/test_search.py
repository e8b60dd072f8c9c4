"""The weakest strength that meets a target: found, within 12 evaluations, and always one that was measured to do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairwright.annotators.pixels import MeasureName, measure, scale
from pairwright.perturbations import ROOM, Perturbation
from pairwright.perturbations._search import Target, weakest
from pairwright.schemas.codec import shrink
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob, plan, strength

UP = Knob(default=5.0, low=0.1, high=1000.0, unit="px", about="size", stronger="up")
DOWN = Knob(default=0.5, low=0.001, high=1.0, unit="share", about="kept", stronger="down")
WHOLE = Knob(default=500, low=0, high=999, unit="step", about="step", stronger="up")
WHOLE_DOWN = Knob(default=10, low=1, high=100, unit="of 100", about="quality", stronger="down")


@dataclass(frozen=True, slots=True)
class Made:
    """Parameters with one knob of each sort."""

    size: Annotated[float, UP] = 5.0
    kept: Annotated[float, DOWN] = 0.5
    step: Annotated[int, WHOLE] = 500
    quality: Annotated[int, WHOLE_DOWN] = 10


@dataclass(slots=True)
class Counted:
    """A measure that remembers what it was asked for."""

    of: Callable[[Any], float]
    asked: list[Any] = field(default_factory=list)

    def __call__(self, params: Any) -> float:
        self.asked.append(params)
        return self.of(params)


@given(edge=st.floats(0.1, 1000))
def test_a_strength_is_found_within_one_percent(edge: float) -> None:
    measured = Counted(lambda params: params.size)
    found = weakest(Made(), "size", UP, measured, Target(at_least=edge))
    assert found is not None
    assert edge <= found.size <= edge * 1.0101
    assert found.kept == 0.5
    assert found in measured.asked
    assert len(measured.asked) <= 12


@given(edge=st.floats(0.001, 1))
def test_a_strength_that_falls_is_found_within_one_percent(edge: float) -> None:
    measured = Counted(lambda params: params.kept)
    found = weakest(Made(), "kept", DOWN, measured, Target(at_most=edge))
    assert found is not None
    assert edge / 1.0101 <= found.kept <= edge
    assert len(measured.asked) <= 12


@given(edge=st.integers(0, 999))
def test_a_whole_number_is_found_exactly(edge: int) -> None:
    measured = Counted(lambda params: -float(params.step))
    found = weakest(Made(), "step", WHOLE, measured, Target(at_most=-edge))
    assert found == Made(step=edge)
    assert isinstance(found.step, int)
    assert len(measured.asked) <= 12


@given(edge=st.integers(1, 100))
def test_a_whole_number_that_falls_is_found_exactly(edge: int) -> None:
    found = weakest(Made(), "quality", WHOLE_DOWN, lambda params: params.quality, Target(at_most=edge))
    assert found == Made(quality=edge)


def test_the_weakest_allowed_strength_is_taken_if_it_will_do() -> None:
    measured = Counted(lambda params: 0.3)
    assert weakest(Made(), "size", UP, measured, Target(at_most=0.5)) == Made(size=0.1)
    assert weakest(Made(), "kept", DOWN, measured, Target(at_most=0.5)) == Made(kept=1.0)
    assert len(measured.asked) == 4


@pytest.mark.parametrize("value", [0.7, float("nan")])
def test_none_if_the_strongest_does_not_reach_the_target(value: float) -> None:
    measured = Counted(lambda params: value)
    assert weakest(Made(), "size", UP, measured, Target(at_most=0.5)) is None
    assert measured.asked == [Made(size=1000.0)]


@given(seed=st.integers(0, 10_000), bound=st.floats(0.05, 0.95))
def test_whatever_the_measure_does_the_result_meets_the_target(seed: int, bound: float) -> None:
    waves = np.random.default_rng(seed).random(6)

    def measured(params: Made) -> float:
        return float(np.sin(np.log(params.size) * 10 * waves[:3] + waves[3:]).mean() / 2 + 0.5)

    found = weakest(Made(), "size", UP, measured, Target(at_most=bound))
    assert (found is None) == (measured(Made(size=1000.0)) > bound)
    assert found is None or measured(found) <= bound


def test_a_knob_without_direction_cannot_be_searched() -> None:
    knob = Knob(default=1.0, low=0.0, high=2.0, unit="factor", about="brightness")
    with pytest.raises(ParameterError, match="size: neither more nor less"):
        weakest(Made(), "size", knob, lambda params: 0.0, Target(at_most=0.5))


def test_targets_say_what_they_are() -> None:
    assert str(Target(at_most=0.5)) == "at most 0.5"
    assert str(Target(at_least=0.1, at_most=0.2)) == "at least 0.1 and at most 0.2"
    assert not Target().met_by(float("nan"))


SEARCHED = [
    name
    for name in ROOM.names()
    if isinstance(ROOM.get(name), Perturbation) and strength(ROOM.get(name).params)
]


def searched(photo: Pixels, name: str, measure_name: MeasureName, target: Target) -> tuple[Any, Counted]:
    """Search on a real operation; return what was found and the measure that counted."""
    part = ROOM.get(name)
    found = strength(part.params)
    assert found is not None
    factor = scale(photo.shape[1], photo.shape[0])
    small = shrink(photo, factor)
    measured = Counted(
        lambda params: getattr(measure(small, shrink(part.apply(photo, params), factor)), measure_name)
    )
    params = plan(name, part.params, {}).draw(np.random.default_rng(0))
    return weakest(params, found[0], found[1], measured, target), measured


@pytest.mark.parametrize("name", SEARCHED)
def test_every_operation_with_a_strength_reaches_25_db(photo: Pixels, name: str) -> None:
    target = Target(at_most=25.0)
    found, measured = searched(photo, name, "psnr", target)
    assert found is not None
    assert 22 < measured(found) <= 25
    assert len(measured.asked) <= 13  # the one above is the thirteenth


def test_the_radius_grows_with_the_picture(photo: Pixels) -> None:
    radii = []
    for factor in (4, 2, 1, 0.5):
        size = (round(512 / factor), round(512 / factor))
        found, measured = searched(
            cv2.resize(photo, size, interpolation=cv2.INTER_AREA),
            "gaussian_blur",
            "ssim",
            Target(at_most=0.5),
        )
        value = measured(found)
        assert 0.48 < value <= 0.5
        radii.append(found.radius)
    growth = np.divide(radii[1:], radii[:-1])
    assert (growth > 1.5).all(), radii
    assert (growth < 2.5).all(), radii


def test_a_share_of_changed_pixels_can_be_asked_for(photo: Pixels) -> None:
    found, measured = searched(photo, "random_pixel_mask", "changed", Target(at_least=0.1))
    assert found is not None
    assert 0.1 <= measured(found) < 0.11
