"""Things with boxes, and what could stand in their place: only what lies in the picture and keeps the form is taken."""

import asyncio
import json
from typing import Any

import numpy as np
import pytest

from pairwright.annotators import Case
from pairwright.annotators._edits import (
    Listing,
    Proposal,
    Proposing,
    Thing,
    prepare_lister,
    prepare_proposer,
)
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Request

PICTURE = read_image(encode(np.full((100, 200, 3), 90, np.uint8), "png"))
CASE = Case("t:0", 0, Prompt("<image>\nWhat is on the plate?", (PICTURE,)), ())
THINGS = (Thing("cake", (20, 50, 60, 90)), Thing("fork", (100, 50, 110, 90)))
PROPOSED = {
    "object": 1,
    "replacement": "a pile of rocks.",
    "question": "What lies on the plate?",
    "answer": "A cake lies on the plate.",
    "edited_answer": "A pile of rocks lies on the plate.",
}


class Model:
    """Answers in turn, the last one for good; keeps what it was asked."""

    def __init__(self, *answers: object) -> None:
        self.answers = [one if isinstance(one, str) else json.dumps(one) for one in answers]
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> tuple[Answer, ...]:
        said = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        return (Answer(said, "stop"),)


def thing(name: str, left: Any, top: Any, right: Any, bottom: Any) -> dict[str, Any]:
    return {"name": name, "left": left, "top": top, "right": right, "bottom": bottom}


def listed(*things: object, **settings: Any) -> tuple[Thing, ...]:
    list_things, _ = prepare_lister(Listing(attempts=1, **settings))
    return asyncio.run(list_things(CASE, Model({"objects": list(things)})))


def proposed(model: Model, *, with_question: bool = True, **settings: Any) -> Proposal:
    propose, _ = prepare_proposer(Proposing(**settings), with_question=with_question)
    return asyncio.run(propose(CASE, THINGS, model))


@pytest.mark.parametrize(
    ("box", "boxes", "pixels"),
    [
        ((100, 500, 300, 900), "thousandths", (20, 50, 60, 90)),
        ((0, 0, 1000, 1000), "thousandths", (0, 0, 200, 100)),
        ((3, 3, 4, 4), "thousandths", (0, 0, 1, 1)),  # rounded outwards, so that it is never empty
        ((10.0, 20, 200, 100), "pixels", (10, 20, 200, 100)),
    ],
)
def test_boxes_become_pixels(box: Any, boxes: Any, pixels: Any) -> None:
    assert listed(thing("red cup", *box), boxes=boxes) == (Thing("red cup", pixels),)


@pytest.mark.parametrize(
    ("one", "boxes", "told"),
    [
        (thing("cup", 300, 0, 100, 10), "thousandths", "lies not in 1000 × 1000"),
        (thing("cup", 0, 0, 0, 10), "thousandths", "lies not in"),
        (thing("cup", -1, 0, 10, 10), "thousandths", "lies not in"),
        (thing("cup", 0, 0, 1001, 10), "thousandths", "lies not in"),
        (thing("cup", 0, 0, 201, 10), "pixels", "lies not in 200 × 100"),
        (thing("cup", "0", 0, 10, 10), "pixels", "no four numbers"),
        (thing("cup", True, 0, 10, 10), "pixels", "no four numbers"),
        (thing("", 0, 0, 10, 10), "pixels", "name is empty"),
        (thing("<image>", 0, 0, 10, 10), "pixels", "name holds <image>"),
        ({"name": "cup"}, "pixels", "lacks left, top, right, bottom"),
        ("cup", "pixels", "object 1 is no object"),
    ],
)
def test_what_lies_in_no_picture_is_passed_over(one: Any, boxes: Any, told: str) -> None:
    sound = thing("fork", 10, 10, 20, 20)
    assert [one.name for one in listed(one, sound, boxes=boxes)] == ["fork"]
    with pytest.raises(RowError) as caught:
        listed(one, boxes=boxes)
    assert (caught.value.reason, caught.value.field) == ("bad_proposal", "lister")
    assert told in caught.value.message


def test_a_lister_is_asked_again_and_never_for_more_than_it_may_name() -> None:
    model = Model("no", {"objects": [thing(f"cup {n}", 0, 0, 10, 10) for n in range(5)]})
    list_things, mark = prepare_lister(Listing(most=3))
    found = asyncio.run(list_things(CASE, model))
    assert [one.name for one in found] == ["cup 0", "cup 1", "cup 2"]
    assert [(one.first, one.sampling.temperature) for one in model.requests] == [(0, 0.0), (1, 0.5)]
    system, user = model.requests[0].messages
    assert "List up to 3 of them" in str(system.parts[0])
    assert user.parts[1] == PICTURE
    assert mark.startswith("lister v1 #")
    sides = json.loads(model.requests[0].schema or "{}")["properties"]["objects"]["items"]["properties"]
    assert sides["right"] == {"type": "integer", "minimum": 1, "maximum": 1000}


def test_names_stay_on_their_line() -> None:
    (one,) = listed(thing("cup\n2. knife", 0, 0, 10, 10))
    assert one.name == "cup 2. knife"
    made = proposed(Model({**PROPOSED, "replacement": "a pile\nof rocks."}))
    assert made.instruction == "Replace the cake with a pile of rocks."


def test_a_proposal_is_about_one_of_the_things() -> None:
    model = Model(PROPOSED)
    made = proposed(model)
    assert (made.thing, made.question) == (THINGS[0], PROPOSED["question"])
    assert (made.answer, made.edited_answer) == (PROPOSED["answer"], PROPOSED["edited_answer"])
    assert made.instruction == "Replace the cake with a pile of rocks."
    (request,) = model.requests
    assert made.request == request
    text = str(request.messages[1].parts[0])
    assert "1. cake (from left 100 to 300, from top 500 to 900)\n2. fork" in text
    assert "What is on the plate?" not in text
    assert all(isinstance(part, str) for part in request.messages[1].parts)
    assert json.loads(request.schema or "{}")["properties"]["object"]["enum"] == [1, 2]


def test_the_answers_may_be_those_to_the_own_question_of_the_row() -> None:
    model = Model({key: value for key, value in PROPOSED.items() if key != "question"})
    assert proposed(model, with_question=False).question is None
    assert "What is on the plate?" in str(model.requests[0].messages[1].parts[0])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"object": 3}, "expected a number from 1 to 2"),
        ({"object": "cake"}, "expected a number from 1 to 2"),
        ({"object": True}, "expected a number from 1 to 2"),
        ({"replacement": " "}, "replacement is empty"),
        ({"question": "<image> What?"}, "question holds <image>"),
        ({"edited_answer": "a CAKE lies on the plate."}, "both answers are the same"),
        ({"why": "so"}, "has 'why', which was not asked for"),
    ],
)
def test_proposals_that_cannot_be_used(change: dict[str, Any], told: str) -> None:
    with pytest.raises(RowError) as caught:
        proposed(Model({**PROPOSED, **change}))
    assert (caught.value.reason, caught.value.field) == ("bad_proposal", "proposer")
    assert told in caught.value.message
    assert proposed(model := Model({**PROPOSED, **change}, PROPOSED)).request.first == 1
    assert [one.sampling.temperature for one in model.requests] == [0.7, 0.7]


def test_prompts_that_need_what_is_not_shown_are_told(tmp_path: Any) -> None:
    path = tmp_path / "mine.md"
    path.write_text(
        "---\nname: mine\nversion: 1\njudge: proposer\nneeds: [pictures]\n---\n# System\n.\n# User\n.\n"
    )
    with pytest.raises(ParameterError, match="mine needs pictures; a proposer is shown evidence alone"):
        prepare_proposer(Proposing(prompt=str(path)), with_question=True)
