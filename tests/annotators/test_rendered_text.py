"""Rendered text in pictures: drawn text is found where it stands, and pictures without any are left alone."""

import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from pairwright.annotators import rendered_text
from pairwright.annotators.rendered_text import PART, Reading, boxes
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.image import Pixels

Values = Callable[..., Mapping[str, float]]

PHOTOGRAPHS = ("coffee", "astronaut", "rocket")
TEXT = "Best coffee in town"


@pytest.fixture
def values() -> Values:
    """Return a way to look at pixels."""

    def look(pixels: Pixels, **settings: int) -> Mapping[str, float]:
        return PART.prepare(Reading(**settings))(read_image(encode(pixels, "png")))

    return look


def written(
    pixels: Pixels, text: str = TEXT, *, colour: int = 255, size: float = 1.0, top: int = 60
) -> Pixels:
    """Return a picture with a text in it."""
    drawn = pixels.copy()
    cv2.putText(drawn, text, (40, top), cv2.FONT_HERSHEY_SIMPLEX, size, (colour,) * 3, 2, cv2.LINE_AA)
    return drawn


def plain(level: int = 128, height: int = 400, width: int = 600) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_photograph_has_none_until_some_is_written_in_it(values: Values, name: str) -> None:
    photograph = getattr(skimage.data, name)()
    assert values(photograph) == {"rendered_text": 0.0, "text_lines": 0.0}
    barred = photograph.copy()
    barred[20:80] = 0
    found = values(written(barred))
    assert found["text_lines"] >= 1
    assert found["rendered_text"] > 0.005


@pytest.mark.parametrize(("level", "colour"), [(255, 0), (0, 255), (128, 0), (128, 255), (100, 190)])
@pytest.mark.parametrize("size", [0.8, 1.2])
def test_dark_and_light_text_is_found(values: Values, level: int, colour: int, size: float) -> None:
    found = values(written(plain(level), colour=colour, size=size))
    assert found["text_lines"] >= 1
    area = cv2.getTextSize(TEXT, cv2.FONT_HERSHEY_SIMPLEX, size, 2)[0]
    assert found["rendered_text"] == pytest.approx(area[0] * area[1] / (400 * 600), rel=0.5)


def test_boxes_lie_where_the_lines_stand() -> None:
    picture = written(written(plain()), top=200, text="and some good cake")
    found = boxes(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), Reading())  # type: ignore[arg-type]
    for baseline in (60, 200):
        line = [box for box in found if baseline - 30 < box[1] < baseline]
        assert 40 <= min(left for left, *_ in line) < 120  # a short word before a gap may be left out
        assert 300 < max(right for _, _, right, _ in line) < 420
        assert all(abs(bottom - baseline) <= 12 for *_, bottom in line)
    assert all(box[1] < 200 for box in found)


def test_what_letters_are_is_a_setting(values: Values) -> None:
    assert values(written(plain()), letters=20)["text_lines"] == 0
    assert values(written(plain()), letters=4)["text_lines"] >= 1
    pale = written(plain(100), colour=130)
    assert values(pale)["text_lines"] == 0
    assert values(pale, contrast=10)["text_lines"] >= 1


def windows() -> Pixels:
    house = plain(200)
    for top in range(40, 360, 40):
        for left in range(40, 560, 30):
            cv2.rectangle(house, (left, top), (left + 14, top + 20), (40, 40, 40), 3)
    return house


def shapes() -> Pixels:
    drawn = plain(220)
    for number in range(12):
        cv2.circle(drawn, (40 + 45 * number, 100), 14, (30, 30, 200), -1)
        cv2.rectangle(drawn, (30 + 45 * number, 200), (50 + 45 * number, 220 + 3 * number), (20, 20, 20), -1)
    return drawn


@pytest.mark.parametrize("make", [windows, shapes])
def test_what_repeats_itself_is_no_text(values: Values, make: Callable[[], Pixels]) -> None:
    assert values(make()) == {"rendered_text": 0.0, "text_lines": 0.0}


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 2), (8, 8)])
def test_pictures_of_any_size_can_be_looked_at(values: Values, size: tuple[int, int]) -> None:
    assert values(plain(0, *size)) == {"rendered_text": 0.0, "text_lines": 0.0}


def test_small_pictures_and_large_ones_say_the_same(values: Values) -> None:
    small = written(plain())
    large = cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    assert values(large)["rendered_text"] == pytest.approx(values(small)["rendered_text"], rel=0.3)  # type: ignore[arg-type]


def test_receipts_are_text_and_photographs_are_not(shared_data: Path) -> None:
    look = PART.prepare(Reading())

    def shares(pattern: str) -> dict[str, float]:
        files = sorted(shared_data.glob(pattern))
        return {one.stem: look(read_image(one.read_bytes()))["rendered_text"] for one in files}

    receipts = shares("sroie-receipts/img/*.jpg")
    assert len(receipts) > 10
    assert all(share > 0.002 for share in receipts.values())
    photographs = shares("cc0-coco-objects/images/*.jpg")
    assert len(photographs) > 10
    # A clock's numbers and a bottle's label are letters in the picture.
    assert {name for name, share in photographs.items() if share} == {"clock-1274699_1280", "wine-5884_1280"}


def test_glyphs_are_compared_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A texture has thousands: all with all in one go takes hundreds of megabytes in each thread."""
    rng = np.random.default_rng(1)
    glyphs = rendered_text._Glyphs(*(rng.integers(1, 200, 300).astype(float) for _ in range(6)))
    some = rendered_text._neighbours(glyphs)
    monkeypatch.setattr(rendered_text, "_AT_ONCE", 1000)
    assert (some == rendered_text._neighbours(glyphs)).all()
    assert (some == some.T).all()
    assert 300 < some.sum() < 300 * 300

    monkeypatch.undo()
    many = rendered_text._Glyphs(*(rng.integers(1, 200, 1500).astype(float) for _ in range(6)))
    tracemalloc.start()
    rendered_text._neighbours(many)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 30e6
