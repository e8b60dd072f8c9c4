"""The most similar picture between two bounds comes first; near copies are told, whatever an encoder says of them."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from pairwright.perturbations import Vectors
from pairwright.perturbations.similar_image import PART, Params, near_copy, order
from pairwright.schemas.codec import decode, read_image
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import plan

DEFAULT = plan("similar_image", PART.params, {}).draw(np.random.default_rng(0))


def at(*degrees: float) -> Vectors:
    """Return vectors that lie so many degrees from the first axis."""
    angles = np.radians(np.array(degrees))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def params(low: float, high: float, tries: int = 10) -> Params:
    return Params(max_similarity=high, min_similarity=low, min_distance=12, tries=tries)


OTHERS = at(70, 10, 180, 40, 0)  # cosines 0.342, 0.985, -1, 0.766, 1


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (params(-100, 100), [4, 1, 3, 0, 2]),
        (params(-100, 95), [3, 0, 2]),
        (params(0, 95), [3, 0]),
        (params(50, 99), [1, 3]),
        (params(99, 99.5), []),
        (params(-100, 100, tries=2), [4, 1]),
        (params(-100, 95, tries=1), [3]),
    ],
)
def test_the_most_similar_between_the_bounds_come_first(given: Params, taken: list[int]) -> None:
    assert list(order(at(0)[0], OTHERS, set(), given)) == taken


def test_what_is_out_of_the_question_takes_no_try() -> None:
    assert list(order(at(0)[0], OTHERS, {4, 3}, params(-100, 100, tries=2))) == [1, 0]
    assert list(order(at(0)[0], OTHERS, set(range(5)), params(-100, 100))) == []


def test_equal_ones_keep_their_order_whatever_the_last_bit_says() -> None:
    others = at(40, 20, 40.0001, 20.0001, 39.9999)
    assert list(order(at(0)[0], others, set(), params(-100, 100))) == [1, 3, 0, 2, 4]


def test_no_others_and_one_other() -> None:
    assert list(order(at(0)[0], at(30), set(), params(-100, 95))) == [0]
    assert list(order(at(0)[0], np.empty((0, 2), np.float32), set(), params(-100, 95))) == []


def test_more_vectors_change_no_order() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(300, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = list(order(vectors[0], vectors, set(), params(-100, 99, tries=1000)))
    half = list(order(vectors[0], vectors[:150], set(), params(-100, 99, tries=1000)))
    assert half == [one for one in whole if one < 150]


def test_near_copies_of_the_folder_are_told_as_its_note_counts_them(shared_data: Path) -> None:
    folder = shared_data / "near-duplicates"
    files = [path for path in sorted(folder.glob("*/*.jpg")) if "corrupt" not in path.name]
    pictures = {path: decode(read_image(path.read_bytes())) for path in files}
    shows = {path: "bridge" if path.parent.name == "pdq_bridge" else path.stem[:12] for path in files}
    assert sorted(np.unique(list(shows.values()), return_counts=True)[1]) == [1, 1, 1, 1, 1, 1, 4, 7]
    for one, other in itertools.permutations(files, 2):
        same = shows[one] == shows[other]
        if same and not _among_originals(one, other):
            continue  # both are changed: two changes at once may reach farther
        assert near_copy(pictures[one], pictures[other], DEFAULT) == same, (one.name, other.name)


def _among_originals(one: Path, other: Path) -> bool:
    return any(path.stem in ("ukbench00120", "aaa-orig") for path in (one, other))


def test_another_photograph_is_no_copy(photos: dict[str, Pixels]) -> None:
    assert not near_copy(photos["cat"], photos["coffee"], DEFAULT)
    assert near_copy(photos["cat"], photos["cat"][::2, ::-2].copy(), DEFAULT)
