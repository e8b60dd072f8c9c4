"""Claims put in topics, and open questions made of them and answered."""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, TypeVar

import pytest

from pairwright.annotators import Case
from pairwright.annotators._open_questions import (
    Interview,
    OpenAnswers,
    OpenQuestions,
    interview_marks,
    prepare_interview,
)
from pairwright.annotators._topics import Grouping, grouper_marks, prepare_grouper
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Ask, Request

T = TypeVar("T")

CLAIMS = ("A cup.", "It is\nred.", "No cup.", "A dog.", "It is blue.")


def run(awaited: Awaitable[T]) -> T:
    async def main() -> T:
        return await awaited

    return asyncio.run(main())


class Model:
    """A model that says one thing after the other, and keeps what it was asked."""

    def __init__(self, *said: str | Answer) -> None:
        self.said = [one if isinstance(one, Answer) else Answer(one, "stop") for one in said]
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> tuple[Answer, ...]:
        self.requests.append(request)
        return (self.said[min(len(self.requests), len(self.said)) - 1],)


def case(images: tuple[Image, ...] = ()) -> Case:
    marker = "<image>" * len(images)
    return Case("a:1", 0, Prompt(f"{marker}What is it?", images, system="Be brief."), ())


def text_of(request: Request) -> str:
    return "\n".join(part for part in request.messages[-1].parts if isinstance(part, str))


def group(ask: Ask, **settings: Any) -> tuple[int, ...]:
    return run(prepare_grouper(Grouping(**settings)).group(case(), CLAIMS, ask))


@pytest.mark.parametrize(
    ("said", "topics"),
    [
        ([[1, 3], [2, 5]], (1, 2, 1, 3, 2)),
        ([[5, 2], [3, 1]], (1, 2, 1, 3, 2)),
        ([], (1, 2, 3, 4, 5)),
        ([[4], [], [1, 2, 3, 5]], (1, 1, 1, 2, 1)),
        ([[1, 1, 3]], (1, 2, 1, 3, 4)),
    ],
)
def test_topics_are_numbered_in_the_order_of_their_first_claims(
    said: list[list[int]], topics: tuple[int, ...]
) -> None:
    assert group(Model(json.dumps({"topics": said}))) == topics


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("none", "not JSON"),
        ('{"groups": []}', "lacks topics"),
        ('{"topics": {"1": 1}}', "expected a list"),
        ('{"topics": [[1, 3], [3, 2]]}', "claim 3 stands in two topics"),
        ('{"topics": [[0]]}', "'0' is no number of a claim, 1 to 5"),
        ('{"topics": [[1.0]]}', "'1.0' is no number"),
        ('{"topics": [[], [], [], [], [], []]}', "6 topics, where at most 5"),
        (Answer('{"topics": []}', "length"), "cut at max_tokens"),
    ],
)
def test_what_does_not_keep_the_form_is_asked_again_and_then_nothing(said: str | Answer, told: str) -> None:
    model = Model(said)
    with pytest.raises(RowError, match=told) as caught:
        group(model)
    assert caught.value.reason == "cannot_judge"
    assert [(one.first, one.sampling.temperature) for one in model.requests] == [(0, 0.0), (1, 0.5)]
    assert group(Model(said, '{"topics": [[1, 3]]}')) == (1, 2, 1, 3, 4)


def test_the_claims_are_shown_as_numbered_lines_between_fences() -> None:
    model = Model('Here: {"topics": []}')
    assert group(model, output="text") == (1, 2, 3, 4, 5)
    [request] = model.requests
    assert request.schema is None
    assert "=== begin answer A " in text_of(request)
    assert "\n1. A cup.\n2. It is red.\n3. No cup.\n4. A dog.\n5. It is blue.\n=== end" in text_of(request)


def interview(**settings: Any) -> Interview:
    return prepare_interview(
        OpenQuestions(**settings.get("questions", {})), OpenAnswers(**settings.get("answers", {}))
    )


def test_open_questions_are_made_of_claims_by_number() -> None:
    told = {"questions": {"1": "What stands there?", "2": " ", "3": "What colour is it?"}}
    model = Model("no", json.dumps(told))
    asked = run(interview().pose(case(), CLAIMS[:3], model))
    assert asked == ("What stands there?", None, "What colour is it?")
    assert len(model.requests) == 2
    assert "What is it?" not in text_of(model.requests[0])
    with pytest.raises(RowError, match="questions lacks 3") as caught:
        run(interview().pose(case(), CLAIMS[:3], Model('{"questions": {"1": "a", "2": "b"}}')))
    assert caught.value.reason == "bad_question"


def test_open_questions_are_answered_by_the_pictures_alone(picture: Image) -> None:
    model = Model(" A cup\nstands there. ")
    settings = {"answers": {"temperature": 0.3, "top_p": 0.9, "max_tokens": 40}}
    assert (
        run(interview(**settings).reply(case((picture,)), "What is there? </s>", model))
        == "A cup stands there."
    )
    [request] = model.requests
    assert picture in request.messages[-1].parts
    assert "\nWhat is there? < /s>\n" in text_of(request)
    assert "What is it?" not in text_of(request)
    assert "Be brief." not in text_of(request)
    sampling = request.sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens) == (0.3, 0.9, 40)
    again = Model("A cup.")
    run(interview(**settings).reply(case((picture,)), "What is here?", again))
    assert again.requests[0].sampling.seed != sampling.seed


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Answer("A cup", "length"), "answer_cut"),
        (Answer("A cup a cup", "repetition"), "answer_cut"),
        (Answer("A", "filtered"), "call_refused"),
        (Answer("A", "aborted"), "call_failed"),
        (" \n", "empty_answer"),
        ("An <image>", "special_token"),
    ],
)
def test_answers_that_cannot_be_used_are_told(said: str | Answer, reason: str) -> None:
    with pytest.raises(RowError) as caught:
        run(interview().reply(case(), "What is there?", Model(said)))
    assert caught.value.reason == reason


def test_prompts_may_be_files_of_the_users(tmp_path: Any) -> None:
    def head(owner: str, needs: str) -> str:
        return f"---\nname: mine\nversion: 3\njudge: {owner}\nneeds: [{needs}]\n---\n# System\nx\n# User\n{{{{ code }}}}\n"

    mine = tmp_path / "mine.md"
    mine.write_text(head("claims_alternatives", "pictures"))
    made = interview(answers={"prompt": str(mine)})
    assert made.marks[1].startswith("mine v3 #")
    assert set(interview_marks(OpenQuestions(), OpenAnswers())) == {"questions.prompt", "answers.prompt"}
    assert set(grouper_marks(Grouping())) == {"prompt"}
    mine.write_text(head("claims_alternatives", "evidence"))
    with pytest.raises(ParameterError, match=r"answers\.prompt: mine needs evidence"):
        interview(answers={"prompt": str(mine)})
    mine.write_text(head("claims_topics", "pictures"))
    with pytest.raises(
        ParameterError, match="mine needs pictures; a prompt for claims_topics can need nothing"
    ):
        prepare_grouper(Grouping(prompt=str(mine)))
