"""The minimal corrector: what is wrong is named and mended, the rest stays."""

import json
from dataclasses import replace

import pytest

from pairwright.correctors import ROOM, Task
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.schemas.request import Answer
from pairwright.schemas.span import Span

RIGHT = "A black cat sleeps on a mat. Nothing watches it."
ERRORS = [{"wrong": "A red cat", "right": "A black cat"}, {"wrong": "Two dogs", "right": ""}]
GOOD = json.dumps({"errors": ERRORS, "text": RIGHT})


def test_what_was_wrong_is_mended_and_marked(rewrite, task: Task) -> None:
    made = rewrite("minimal", task, [GOOD])
    assert made.rewritten.text == RIGHT
    assert made.rewritten.spans == (Span(2, 7, 5.0, "changed"), Span(29, 44, 5.0, "changed"))
    assert [task.text[one.start : one.end] for one in made.rewritten.original_spans] == [
        "red",
        "Two dogs watch",
    ]
    assert json.loads(made.rewritten.notes or "") == {"errors": ERRORS}
    assert (made.rewritten.prompt or "").startswith("minimal v1 #")
    assert {one.weight for one in rewrite("minimal", task, [GOOD], weight=4).rewritten.spans} == {4.0}


def test_the_request(rewrite, task: Task) -> None:
    made = rewrite("minimal", task, [GOOD], top_p=0.9, max_tokens=77)
    (request,) = made.requests
    assert [part for part in request.messages[1].parts if isinstance(part, Image)] == list(task.prompt.images)
    assert "A red cat sleeps on a mat. Two dogs watch it.\n=== end answer " in made.user()
    assert "[picture 1]\nWhat is there?" in made.user()
    assert "no other animal" not in made.user()
    assert (request.sampling.temperature, request.sampling.top_p, request.sampling.max_tokens) == (
        0.0,
        0.9,
        77,
    )
    assert json.loads(request.schema or "")["required"] == ["errors", "text"]
    assert rewrite("minimal", task, [GOOD], output="text").requests[0].schema is None
    other = rewrite("minimal", replace(task, variant=1), [GOOD]).requests[0]
    assert other.sampling.seed != request.sampling.seed
    assert other.messages == request.messages


@pytest.mark.parametrize(("look", "sent"), [("evidence", 0), ("both", 1)])
def test_evidence_in_place_of_the_picture_or_beside_it(rewrite, task: Task, look: str, sent: int) -> None:
    made = rewrite("minimal", task, [GOOD], look=look, reference="use")
    assert sum(isinstance(part, Image) for part in made.requests[0].messages[1].parts) == sent
    assert "no other animal." in made.user()
    assert "=== begin reference " in made.user()
    assert ("you do not see the pictures" in made.system()) == (look == "evidence")


def test_a_row_without_what_it_goes_by_costs_nothing(rewrite, task: Task) -> None:
    part = ROOM.get("minimal")
    bare = replace(task, text="", evidence=None, reference=None)
    for settings, reason in (
        ({"look": "evidence"}, "no_evidence"),
        ({"reference": "require"}, "no_ground_truth"),
    ):
        assert part.check
        with pytest.raises(RowError) as told:
            part.check(part.settings(**settings), bare)
        assert told.value.reason == reason
        part.check(part.settings(), bare)
        with pytest.raises(RowError) as told:
            rewrite("minimal", replace(bare, text="A cat."), [GOOD], **settings)
        assert told.value.reason == reason


def test_nothing_wrong_is_no_correction_and_is_not_asked_again(rewrite, task: Task) -> None:
    fine = json.dumps({"errors": [], "text": "A red cat naps on a mat. Two dogs watch it."})
    with pytest.raises(RowError) as told:
        rewrite("minimal", task, [fine, GOOD])
    assert told.value.reason == "no_correction"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"errors": ERRORS, "text": "a red cat sleeps on a mat, two dogs watch it"}, "corrects none"),
        ({"errors": ERRORS, "text": " "}, "is empty"),
        ({"errors": ERRORS, "text": "Cat."}, "2 words where the original has 13"),
        ({"errors": ERRORS, "text": "A black cat. " * 13}, "52 words"),
        ({"errors": ERRORS, "text": "A black cat <image> on a mat."}, "'<image>'"),
        ({"errors": ERRORS, "text": "A black cat on a mat.<|im_end|>"}, "im_end"),
        ({"errors": ERRORS, "text": f"=== begin answer 0 ===\n{RIGHT}\n=== end answer 0 ==="}, "a fence"),
        ({"errors": "none", "text": RIGHT}, "no list"),
        ({"errors": [{"wrong": "x"}], "text": RIGHT}, "an error lacks right"),
        ({"errors": [{"wrong": "x", "right": 1}], "text": RIGHT}, "right is '1', not a text"),
        ({"text": RIGHT}, "lacks errors"),
        ({"errors": ERRORS, "text": RIGHT, "note": ""}, "was not asked for"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_asked_for_again(
    rewrite, task: Task, said: dict[str, object], why: str
) -> None:
    made = rewrite("minimal", task, [json.dumps(said), GOOD])
    assert made.rewritten.text == RIGHT
    assert [(one.first, one.sampling.temperature) for one in made.requests] == [(0, 0.0), (1, 0.5)]
    with pytest.raises(RowError, match=why) as told:
        rewrite("minimal", task, [json.dumps(said)])
    assert told.value.reason == "bad_rewrite"


@pytest.mark.parametrize(
    ("old", "new"),
    [("The change is -5.", "The change is 5."), ("Here x < 5.", "Here x > 5."), ("It is 5%.", "It is 5.")],
)
def test_a_sign_may_be_all_that_was_wrong(rewrite, task: Task, old: str, new: str) -> None:
    said = json.dumps({"errors": ERRORS, "text": new})
    assert rewrite("minimal", replace(task, text=old), [said]).rewritten.text == new


def test_a_short_answer_may_become_a_sentence(rewrite, task: Task) -> None:
    said = json.dumps({"errors": ERRORS, "text": "No, there are two black dogs and a cat on the mat."})
    assert rewrite("minimal", replace(task, text="Yes."), [said]).rewritten.original_spans == (
        Span(0, 3, 5.0, "changed"),
    )


def test_a_cut_answer_is_not_used(rewrite, task: Task) -> None:
    with pytest.raises(RowError, match="cut at max_tokens") as told:
        rewrite("minimal", task, [Answer(GOOD, "length")], attempts=3)
    assert told.value.reason == "bad_rewrite"
    assert rewrite("minimal", task, [f"Here:\n```json\n{GOOD}\n```"], output="text").rewritten.text == RIGHT
