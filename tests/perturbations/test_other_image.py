"""A copy of the picture is never taken; a different photograph is."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from pairwright.perturbations.other_image import PART, Params, choose
from pairwright.perturbations.rotate import Params as Turn
from pairwright.perturbations.rotate import apply as turn
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.image import Pixels
from pairwright.schemas.knobs import plan

DEFAULT = plan("other_image", PART.params, {}).draw(np.random.default_rng(0))
COPIES = {
    "imagededup_mixed/ukbench00120.jpg": "imagededup_mixed/ukbench00120*.jpg",
    "pdq_bridge/aaa-orig.jpg": "pdq_bridge/*.jpg",
}


def read(path: Path) -> Pixels:
    return decode(read_image(path.read_bytes()))


@pytest.mark.parametrize("original", list(COPIES))
def test_real_copies_are_never_taken(shared_data: Path, original: str) -> None:
    folder = shared_data / "near-duplicates"
    files = sorted(folder.glob(COPIES[original]))
    assert len(files) >= 4
    picture = read(folder / original)
    for file in files:
        assert choose(picture, [read(file)], DEFAULT) is None, file.name
        assert choose(read(file), [picture], DEFAULT) is None, file.name


def test_different_photographs_are_taken(shared_data: Path) -> None:
    folder = shared_data / "near-duplicates"
    files = [*sorted(folder.glob("imagededup_base/*.jpg")), *(folder / name for name in COPIES)]
    pictures = [read(file) for file in [*files, folder / "imagededup_mixed" / "ukbench09268.jpg"]]
    for one, other in itertools.permutations(pictures, 2):
        assert choose(one, [other], DEFAULT) == 0


def changed(photo: Pixels) -> dict[str, Pixels]:
    """Return copies of a photograph by what was done to them."""
    quarter_turns = {f"quarter turn {k}": np.rot90(photo, k) for k in range(4)}
    mirrored = {f"mirrored, quarter turn {k}": np.rot90(photo[:, ::-1], k) for k in range(4)}
    copies = quarter_turns | mirrored | {
        "small": cv2.resize(photo, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA),
        "square": cv2.resize(photo, (300, 300), interpolation=cv2.INTER_AREA),
        "blurred": cv2.GaussianBlur(photo, (0, 0), 8),
        "encoded again": decode(read_image(encode(photo, "jpeg", 10))),
        "brighter": cv2.convertScaleAbs(photo, alpha=1.2),
        "turned by 23 degrees": turn(photo, Turn(23.0, 0)),
        "turned by 77 degrees, small": turn(photo, Turn(77.0, 1))[::3, ::3],
    }  # fmt: skip
    return {name: np.ascontiguousarray(copy) for name, copy in copies.items()}


@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat"])
def test_changed_copies_are_never_taken(photos: dict[str, Pixels], name: str) -> None:
    for change, copy in changed(photos[name]).items():
        assert choose(photos[name], [copy], DEFAULT) is None, change


def test_the_first_that_is_no_copy_is_taken_and_none_after_it_is_looked_at(photos: dict[str, Pixels]) -> None:
    def others() -> Iterator[Pixels]:
        yield photos["cat"]
        yield photos["cat"][:, ::-1].copy()
        yield photos["coffee"]
        raise AssertionError("looked at one picture too many")

    assert choose(photos["cat"], others(), DEFAULT) == 2


def test_no_more_than_the_given_number_is_looked_at(photos: dict[str, Pixels]) -> None:
    others = [photos["cat"]] * 3 + [photos["coffee"]]
    assert choose(photos["cat"], others, Params(min_distance=12, tries=3)) is None
    assert choose(photos["cat"], others, Params(min_distance=12, tries=4)) == 3
    assert choose(photos["cat"], [], DEFAULT) is None


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 500), (37, 53)], ids=str)
def test_any_size_and_even_pictures_work(photo: Pixels, size: tuple[int, int]) -> None:
    even = np.full((*size, 3), 200, np.uint8)
    assert (
        choose(even, [even, np.zeros((9, 9, 3), np.uint8)], DEFAULT) is None
    )  # two empty pictures are alike
    assert choose(photo, [even], DEFAULT) == 0
    assert choose(even, [photo], DEFAULT) == 0
