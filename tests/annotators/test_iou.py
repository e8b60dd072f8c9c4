"""IoU: forms and units of boxes, several boxes, and what is no box."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairwright.annotators import ROOM, Case
from pairwright.annotators.iou import Box, boxes
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Header, Image
from pairwright.schemas.prompt import Prompt

SIDE = st.integers(0, 50)
BOXES = st.tuples(SIDE, SIDE, st.integers(1, 50), st.integers(1, 50)).map(
    lambda b: Box(b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@pytest.mark.parametrize(
    "text",
    ["[0, 0, 10, 5]", "(0,0,10,5)", "0, 0, 10, 5", "<answer>[0.0, 0, 10, 5]</answer>", "the cat: [0, 0, 10, 5].",
     '```json\n[{"bbox_2d": [0, 0, 10, 5], "label": "cat"}]\n```', "<think>[0, 0, 10, 10]</think>[0, 0, 10, 5]",
     "first [1, 1, 2, 2], better [0, 0, 10, 5]"],
)  # fmt: skip
def test_ways_to_write_a_box(verify, text: str) -> None:
    assert verify("iou", text, "[0, 0, 10, 10]").value == pytest.approx(0.5)


@pytest.mark.parametrize(
    "text", ["", "no box", "[1, 2, 3]", "[5, 5, 5, 9]", "[9, 9, 1, 1]", "[1, 2, 3, 4, 5]", "[a, b, c, d]"]
)
def test_no_box_is_unparsable(verify, text: str) -> None:
    assert verify("iou", text, "[0, 0, 10, 10]").reason == "answer_unparsable"


@pytest.mark.parametrize("reference", ["cat", "[]", "[0, 0, 0, 0]"])
def test_a_reference_without_a_box_is_no_ground_truth(verify, reference: str) -> None:
    assert verify("iou", "[0, 0, 1, 1]", reference).reason == "no_ground_truth"


def test_the_best_met_of_several_boxes_counts(verify) -> None:
    reference = json.dumps([[0, 0, 1, 1], [20, 20, 30, 30]])
    assert verify("iou", "[20, 20, 30, 30]", reference).value == 1.0
    assert verify("iou", "[50, 50, 60, 60]", reference).value == 0.0


def test_width_and_height_on_either_side(verify) -> None:
    assert verify("iou", "[10, 10, 5, 5]", "[10, 10, 15, 15]", answer_form="xywh").value == 1.0
    assert verify("iou", "[10, 10, 15, 15]", "[10, 10, 5, 5]", reference_form="xywh").value == 1.0


def pictured(text: str, reference: str, **settings) -> float | None:
    picture = Image(b"", "0" * 64, Header("PNG", "RGB", 200, 100))
    part, candidate = ROOM.get("iou"), Candidate(text)
    case = Case("rows:0", 0, Prompt("<image>Where?", (picture,)), (candidate,), reference)
    return part.prepare(part.settings(**settings))(case, candidate).value


def test_units_are_related_by_the_picture() -> None:
    pixels, shares, thousandths = "[20, 10, 100, 50]", "[0.1, 0.1, 0.5, 0.5]", "[100, 100, 500, 500]"
    assert pictured(thousandths, pixels, answer_unit="thousandths") == pytest.approx(1.0)
    assert pictured(shares, pixels, answer_unit="share") == pytest.approx(1.0)
    assert pictured(pixels, shares, reference_unit="share") == pytest.approx(1.0)
    assert pictured(shares, thousandths, answer_unit="share", reference_unit="thousandths") == pytest.approx(
        1.0
    )
    assert pictured(thousandths, pixels) < 0.2


def test_units_that_differ_need_a_picture(verify) -> None:
    with pytest.raises(RowError, match="only a picture relates them") as caught:
        verify("iou", "[0, 0, 1, 1]", "[0, 0, 1, 1]", answer_unit="share")
    assert caught.value.reason == "no_image"


@given(BOXES, BOXES)
def test_iou_is_symmetric_and_1_only_for_equal_boxes(one: Box, other: Box) -> None:
    assert one.iou(other) == other.iou(one)
    assert 0 <= one.iou(other) <= 1
    assert (one.iou(other) == 1) == (one == other)


@given(BOXES)
def test_a_box_is_read_as_it_was_written(box: Box) -> None:
    written = f"[{box.left}, {box.top}, {box.right}, {box.bottom}]"
    assert [found for _, found in boxes(written, "xyxy")] == [box]
