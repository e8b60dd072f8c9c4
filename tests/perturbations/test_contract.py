"""What every perturbation must do, whichever it is: run over all parts that the room finds."""

import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from pairwright.perturbations import ROOM, Adversary, Nearest, Perturbation, Retrieval
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import Knob, knobs, plan, strength

EVERY = ROOM.names()
CHANGES = [name for name in EVERY if isinstance(ROOM.get(name), Perturbation)]
CHOOSES = [name for name in EVERY if isinstance(ROOM.get(name), Retrieval)]
MISLEADS = [name for name in EVERY if isinstance(ROOM.get(name), Adversary)]
NEAREST = [name for name in EVERY if isinstance(ROOM.get(name), Nearest)]
NOISY = [name for name in CHANGES if "noise_seed" in knobs(ROOM.get(name).params)]
SMALLER = {"random_crop"}
"""Operations whose result may be smaller than the picture."""
SIZES = [(1, 1), (1, 7), (7, 1), (3, 500), (500, 3), (37, 53), (64, 64)]


def drawn(name: str, seed: int = 0) -> Any:
    """Return the default parameters as drawn for one record."""
    return plan(name, ROOM.get(name).params, {}).draw(np.random.default_rng(seed))


def extremes(name: str) -> list[Any]:
    """Return the parameters with every knob at its lowest, and with every knob at its highest value."""
    params = ROOM.get(name).params
    ends = [
        {key: knob.low for key, knob in knobs(params).items()},
        {key: knob.high for key, knob in knobs(params).items()},
    ]
    return [plan(name, params, end).draw(np.random.default_rng(0)) for end in ends]


def gradient(height: int, width: int) -> Pixels:
    """Return a picture without two equal columns, as far as 8 bits go."""
    rng = np.random.default_rng(height * 1000 + width)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def check(result: Pixels, image: Pixels, name: str) -> None:
    """Assert type, layout and size of a result."""
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, image)
    if name in SMALLER:
        assert result.shape[0] <= image.shape[0]
        assert result.shape[1] <= image.shape[1]
        assert result.shape[2] == 3
    else:
        assert result.shape == image.shape


def test_the_room_has_these_kinds() -> None:
    assert len(CHANGES) >= 13
    assert "other_image" in CHOOSES
    assert "pgd" in MISLEADS
    assert "similar_image" in NEAREST


@pytest.mark.parametrize("name", CHANGES)
def test_same_input_and_parameters_give_the_same_bytes(name: str, photo: Pixels) -> None:
    part, params = ROOM.get(name), drawn(name)
    first, second = part.apply(photo, params), part.apply(photo.copy(), params)
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("name", CHANGES)
def test_a_photograph_is_changed_and_the_input_is_not(name: str, photo: Pixels) -> None:
    before = photo.copy()
    result = ROOM.get(name).apply(photo, drawn(name))
    assert np.array_equal(photo, before)
    check(result, photo, name)
    assert result.shape != photo.shape or not np.array_equal(result, photo)


@pytest.mark.parametrize("name", CHANGES)
def test_a_read_only_view_is_enough(name: str, photo: Pixels) -> None:
    view = photo[10:200, 20:321]
    view.flags.writeable = False
    check(ROOM.get(name).apply(view, drawn(name)), view, name)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", CHANGES)
def test_any_size_works(name: str, size: tuple[int, int]) -> None:
    image = gradient(*size)
    for params in [drawn(name), drawn(name, 1), *extremes(name)]:
        check(ROOM.get(name).apply(image, params), image, name)


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("name", CHANGES)
def test_an_even_picture_works(name: str, level: int) -> None:
    image = np.full((48, 33, 3), level, np.uint8)
    for params in [drawn(name), *extremes(name)]:
        check(ROOM.get(name).apply(image, params), image, name)


@pytest.mark.parametrize("name", EVERY)
def test_parameters_are_picklable_and_frozen(name: str) -> None:
    params = drawn(name)
    assert pickle.loads(pickle.dumps(params)) == params
    assert not hasattr(params, "__dict__")
    with pytest.raises(AttributeError):
        setattr(params, next(iter(knobs(type(params)))), 1)


@pytest.mark.parametrize("name", EVERY)
def test_parameters_that_do_not_exist_are_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="no 'strenght' among"):
        plan(name, ROOM.get(name).params, {"strenght": 1})


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name in EVERY for key in knobs(ROOM.get(name).params)]
)
def test_values_outside_the_range_are_refused(name: str, key: str) -> None:
    params = ROOM.get(name).params
    knob = knobs(params)[key]
    for value in (knob.low - 1, knob.high + 1, [knob.low, knob.high * 2 + 1]):
        with pytest.raises(ParameterError, match=f"{name}.{key}: .* is outside"):
            plan(name, params, {key: value})


@pytest.mark.parametrize("name", EVERY)
def test_parts_and_knobs_explain_themselves(name: str) -> None:
    part = ROOM.get(name)
    assert part.summary
    assert part.source
    for knob in knobs(part.params).values():
        assert isinstance(knob, Knob)
        assert knob.unit
        assert knob.about
        assert knob.low < knob.high
        ends = knob.default if isinstance(knob.default, tuple) else (knob.default, knob.default)
        assert knob.low <= ends[0] <= ends[1] <= knob.high
        assert knob.scale == "linear" or knob.low > 0
    strength(part.params)  # raises where two knobs have a direction


@pytest.mark.parametrize("name", NOISY)
def test_other_seeds_give_other_noise(name: str, photo: Pixels) -> None:
    part = ROOM.get(name)
    one, two = (
        plan(name, part.params, {"noise_seed": seed}).draw(np.random.default_rng(0)) for seed in (1, 2)
    )
    assert not np.array_equal(part.apply(photo, one), part.apply(photo, two))


@pytest.mark.parametrize("name", MISLEADS)
def test_an_attack_has_a_seed_and_a_budget_that_can_be_spent(name: str) -> None:
    part = ROOM.get(name)
    assert "noise_seed" in knobs(part.params)  # decides where in the ball it starts
    for params in [drawn(name), drawn(name, 1), *extremes(name)]:
        budget = part.budget(params)
        assert 1 <= budget.radius <= 255
        assert budget.steps >= 1
        assert budget.stride > 0
    found = strength(part.params)
    assert found is not None
    key, knob = found
    weak, strong = (
        plan(name, part.params, {key: end}).draw(np.random.default_rng(0)) for end in (knob.low, knob.high)
    )
    assert part.budget(weak).radius < part.budget(strong).radius


@pytest.mark.parametrize("name", NEAREST)
def test_what_is_nearest_is_ordered_without_repeats_and_copies_are_told(name: str, photo: Pixels) -> None:
    part = ROOM.get(name)
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for params in [drawn(name), *extremes(name)]:
        found = part.order(vectors[0], vectors, {0, 7}, params)
        assert len(set(found)) == len(found)
        assert set(found) <= set(range(len(vectors))) - {0, 7}
        similar = [float(vectors[0] @ vectors[number]) for number in found]
        assert all(one >= other - 1e-4 for one, other in pairwise(similar))
        assert part.near_copy(photo, photo, params)
