"""The corrector that puts errors in."""

import json

import pytest

from pairwright.correctors import ROOM, Task
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image

WRONG = "A red cat sleeps on a blue sofa. Three dogs watch it."
CHANGES = {
    "1": {"kind": "objects", "was": "a mat", "now": "a blue sofa"},
    "2": {"kind": "counts", "was": "Two dogs", "now": "three dogs"},
}
UNUSED = {"kind": "none", "was": "", "now": ""}


def said(text: str = WRONG, **changes: object) -> str:
    return json.dumps({"changes": CHANGES | changes, "text": text})


def test_errors_are_put_in_and_marked_with_their_kind(rewrite, task: Task) -> None:
    made = rewrite("inject", task, [said()])
    spelled = [(made.rewritten.text[one.start : one.end], one.label) for one in made.rewritten.spans]
    assert spelled == [("blue sofa", "objects"), ("Three", "counts")]
    gone = [(task.text[one.start : one.end], one.label) for one in made.rewritten.original_spans]
    assert gone == [("mat", "objects"), ("Two", "counts")]
    assert json.loads(made.rewritten.notes or "") == {"mode": "errors", "changes": list(CHANGES.values())}


def test_the_text_alone_is_shown_unless_pictures_are_wanted(rewrite, task: Task) -> None:
    made = rewrite("inject", task, [said()])
    assert not any(isinstance(part, Image) for part in made.requests[0].messages[1].parts)
    assert "You do not see the pictures" in made.system()
    assert "- reasoning: " in made.system()
    assert (made.requests[0].sampling.temperature, made.requests[0].sampling.top_p) == (0.8, 0.95)
    seen = rewrite("inject", task, [said()], look="pictures", kinds=["counts", "objects"])
    assert sum(isinstance(part, Image) for part in seen.requests[0].messages[1].parts) == 1
    assert "You do not see the pictures" not in seen.system()
    assert "- reasoning: " not in seen.system()


def test_as_for_a_similar_picture(rewrite, task: Task) -> None:
    made = rewrite("inject", task, [said()], mode="similar_image")
    assert "Imagine other pictures" in made.system()
    assert "Put up to" not in made.system()
    assert json.loads(made.rewritten.notes or "")["mode"] == "similar_image"


def test_places_that_are_not_needed_are_left_out(rewrite, task: Task) -> None:
    one = rewrite("inject", task, [said(**{"2": UNUSED})]).rewritten
    assert json.loads(one.notes or "")["changes"] == [CHANGES["1"]]
    with pytest.raises(RowError) as told:
        rewrite("inject", task, [said(**{"1": UNUSED, "2": UNUSED}), said()])
    assert told.value.reason == "no_correction"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (said("A RED cat sleeps on a mat, two dogs watch it!"), "says the same"),
        (said(**{"3": UNUSED}), "not asked for"),
        (said(**{"1": "objects"}), "change 1 is no object"),
        (said(**{"1": {**UNUSED, "kind": "colour"}}), "kind 'colour'"),
        (json.dumps({"changes": [], "text": WRONG}), "changes is no object"),
    ],
)
def test_what_cannot_be_used(rewrite, task: Task, answer: str, why: str) -> None:
    with pytest.raises(RowError, match=why) as told:
        rewrite("inject", task, [answer])
    assert told.value.reason == "bad_rewrite"


def test_kinds_stand_there_once() -> None:
    part = ROOM.get("inject")
    with pytest.raises(ParameterError, match="twice"):
        part.prepare(part.settings(kinds=("counts", "counts")))
