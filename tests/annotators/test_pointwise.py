"""One call per answer: each is judged alone, and the same whatever stands beside it."""

import asyncio
import json

import pytest

from pairwright.annotators import Case, Verdict
from pairwright.annotators.pointwise import PART, Pointwise
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Ask, Request

NAMES = ("accuracy", "completeness", "clarity", "consistency")


def decided(ask: Ask, *texts: str, right: str | None = None, **settings: object) -> Verdict:
    case = Case("a:1", 0, Prompt("What?"), tuple(Candidate(text) for text in texts), reference=right)
    return asyncio.run(PART.prepare(Pointwise(**settings), "gpt")(case, ask))  # type: ignore[arg-type]


def ratings(value: object, names: tuple[str, ...] = NAMES) -> str:
    return json.dumps({name: {"rationale": "because", "rating": value} for name in names})


async def by_count(request: Request) -> tuple[Answer, ...]:
    text = str(request.messages[1].parts[-1])
    return (Answer(ratings(1 + text.count("good")), "stop"),)


def test_each_answer_is_rated_alone() -> None:
    asked: list[Request] = []

    async def listening(request: Request) -> tuple[Answer, ...]:
        asked.append(request)
        return await by_count(request)

    verdict = decided(listening, "bad", "good", "good good")
    assert [{one.value for one in given} for given in verdict.ratings] == [{1.0}, {2.0}, {3.0}]
    assert [one.aspect for one in verdict.ratings[0]] == list(NAMES)
    assert len(asked) == 3
    assert all("answer B" not in str(request.messages[1]) for request in asked)
    assert len({request.sampling.seed for request in asked}) == 3


def test_the_same_answer_is_the_same_request_in_another_list() -> None:
    asked: list[Request] = []

    async def listening(request: Request) -> tuple[Answer, ...]:
        asked.append(request)
        return await by_count(request)

    decided(listening, "one", "two")
    decided(listening, "three", "two", "one")
    assert set(asked[:2]) < set(asked[2:])


def test_one_that_cannot_be_read_leaves_the_others() -> None:
    async def ask(request: Request) -> tuple[Answer, ...]:
        text = str(request.messages[1].parts[-1])
        return (Answer("I like it." if "odd" in text else ratings(None if "dark" in text else 4), "stop"),)

    verdict = decided(ask, "odd", "fine", "dark")
    assert [len(given) for given in verdict.ratings] == [0, 4, 4]
    assert [(failed.reason, failed.candidates) for failed in verdict.failures] == [
        ("cannot_judge", (0,)),
        ("cannot_judge", (2,)),
    ]
    assert "not JSON" in verdict.failures[0].message
    assert "no aspect" in verdict.failures[1].message


@pytest.mark.parametrize(("setting", "seen"), [("none", False), ("use", True), ("require", True)])
def test_the_reference_is_shown_where_the_settings_say(setting: str, seen: bool) -> None:
    async def ask(request: Request) -> tuple[Answer, ...]:
        text = str(request.messages[1].parts[-1])
        assert ("=== begin reference" in text and "\nA red bus.\n" in text) == seen
        return (Answer(ratings(2), "stop"),)

    assert len(decided(ask, "x", right="A red bus.", reference=setting).ratings) == 1


def test_use_goes_without_a_reference_where_there_is_none() -> None:
    async def ask(request: Request) -> tuple[Answer, ...]:
        assert "=== begin reference" not in str(request.messages[1].parts[-1])
        return (Answer(ratings(2), "stop"),)

    assert decided(ask, "x", reference="use").ratings


def test_an_additive_rubric_of_one_aspect() -> None:
    aspect = {"name": "points", "description": "one point for each thing that is right"}

    async def ask(request: Request) -> tuple[Answer, ...]:
        assert "from 0 (worst) to 5 (best)" in str(request.messages[0].parts[0])
        return (Answer(ratings(0, ("points",)), "stop"),)

    verdict = decided(ask, "x", aspects=[aspect], scale=(0, 5))
    assert [one.value for one in verdict.ratings[0]] == [0.0]
