"""One call, all answers: what is asked, what is read, and that letters lead back to the right answers."""

import asyncio
import json
import re

import pytest

from pairwright.annotators import Case, Verdict
from pairwright.annotators.listwise import PART, Listwise
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Ask, Request

NAMES = ("helpfulness", "ethics", "visual_faithfulness")


def case(*texts: str, record_id: str = "a:1") -> Case:
    return Case(record_id, 0, Prompt("How many?"), tuple(Candidate(text) for text in texts))


def shown(request: Request) -> dict[str, str]:
    """Return the answers of a request by letter, in the order shown."""
    found = re.findall(r"=== begin answer (\w+) \w+ ===\n(.*)\n===", str(request.messages[1].parts[-1]))
    return dict(found)


def rated(ratings: dict[str, dict[str, object]]) -> str:
    cells = {
        letter: {name: {"rationale": f" {name} ", "rating": value} for name, value in values.items()}
        for letter, values in ratings.items()
    }
    return json.dumps(cells)


def saying(text: str) -> Ask:
    async def ask(request: Request) -> tuple[Answer, ...]:
        return (Answer(text, "stop"),)

    return ask


def decided(ask: Ask, *texts: str, record_id: str = "a:1", **settings: object) -> Verdict:
    return asyncio.run(PART.prepare(Listwise(**settings), "gpt")(case(*texts, record_id=record_id), ask))  # type: ignore[arg-type]


@pytest.mark.parametrize("row", range(8))
def test_letters_lead_back_to_the_answers(row: int) -> None:
    asked: list[Request] = []

    async def by_number(request: Request) -> tuple[Answer, ...]:
        asked.append(request)
        values = {letter: dict.fromkeys(NAMES, int(text)) for letter, text in shown(request).items()}
        return (Answer(rated(values), "stop"),)

    verdict = decided(by_number, "1", "2", "3", "4", "5", record_id=f"a:{row}")
    assert [{one.value for one in ratings} for ratings in verdict.ratings] == [
        {1.0},
        {2.0},
        {3.0},
        {4.0},
        {5.0},
    ]
    assert [[one.aspect for one in ratings] for ratings in verdict.ratings] == [list(NAMES)] * 5
    (first, *_), *_ = verdict.ratings
    assert (first.target, first.scorer, first.low, first.high, first.rationale) == (
        "candidate",
        "gpt",
        1,
        5,
        NAMES[0],
    )
    assert verdict.failures == ()
    assert re.fullmatch(r"listwise v1 #[0-9a-f]{8}", verdict.prompt or "")
    assert list(shown(asked[0])) == list("ABCDE")
    assert len(asked) == 1


def test_orders_differ_between_records_and_stay_the_same_for_one() -> None:
    orders: list[tuple[str, ...]] = []

    async def listening(request: Request) -> tuple[Answer, ...]:
        orders.append(tuple(shown(request).values()))
        return (Answer("", "stop"),)

    for row in (*range(6), 0):
        decided(listening, "1", "2", "3", "4", record_id=f"a:{row}", attempts=1)
    assert orders[0] == orders[-1]
    assert len(set(orders)) > 3


def test_cannot_tell_is_a_judgement_without_a_value() -> None:
    some = {"A": {**dict.fromkeys(NAMES, 3), "ethics": None}, "B": dict.fromkeys(NAMES)}
    verdict = decided(saying(rated(some)), "x", "x")
    (mute,) = verdict.failures
    assert (mute.reason, len(mute.candidates)) == ("cannot_judge", 1)
    values = {tuple(one.value for one in ratings) for ratings in verdict.ratings}
    assert values == {(3.0, None, 3.0), (None, None, None)}
    assert [one.value for one in verdict.ratings[mute.candidates[0]]] == [None] * 3


def changed(**cells: object) -> str:
    good: dict[str, object] = {name: {"rationale": "", "rating": 3} for name in NAMES}
    return json.dumps({"A": good, "B": {**good, **cells}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (rated({"A": dict.fromkeys(NAMES, 3)}), "lacks B"),
        (rated(dict.fromkeys("ABC", dict.fromkeys(NAMES, 3))), "has 'C', which was not asked for"),
        (
            rated({"A": dict.fromkeys(NAMES, 3), "B": dict.fromkeys(NAMES[:2], 3)}),
            "answer B lacks visual_faithfulness",
        ),
        (changed(beauty={"rationale": "", "rating": 3}), "has 'beauty'"),
        (
            changed(ethics={"rationale": "", "rating": 6}),
            "answer B, ethics: the rating 6 is no whole number from 1 to 5",
        ),
        (changed(ethics={"rationale": "", "rating": 0}), "the rating 0"),
        (changed(ethics={"rationale": "", "rating": 3.5}), "the rating 3.5"),
        (changed(ethics={"rationale": "", "rating": "4"}), "the rating '4'"),
        (changed(ethics={"rationale": "", "rating": True}), "the rating True"),
        (changed(ethics={"rationale": 7, "rating": 4}), "not a text"),
        (changed(ethics={"rating": 4}), "lacks rationale"),
        (changed(ethics=4), "expected an object"),
        ('{"A": 3, "B": 4}', "answer A: expected an object"),
        ("Both are good: 5 and 4.", "not JSON"),
    ],
)
def test_what_does_not_keep_the_form_is_no_verdict(text: str, message: str) -> None:
    verdict = decided(saying(text), "one", "two")
    (failed,) = verdict.failures
    assert message in failed.message
    assert (failed.reason, failed.candidates, verdict.ratings) == ("cannot_judge", (0, 1), ())


def test_other_aspects_another_scale_and_no_reasons() -> None:
    aspect = {
        "name": "points",
        "description": "one point for each colour named",
        "levels": ["none", "one", "two"],
    }
    asked: list[Request] = []

    async def ask(request: Request) -> tuple[Answer, ...]:
        asked.append(request)
        return (Answer('{"A": {"points": {"rating": 0}}}', "stop"),)

    verdict = decided(ask, "x", aspects=[aspect], scale=(0, 2), rationale=0)
    ((only,),) = verdict.ratings
    assert (only.aspect, only.value, only.low, only.high, only.rationale) == ("points", 0.0, 0.0, 2.0, None)
    system = str(asked[0].messages[0].parts[0])
    assert "- points: one point for each colour named\n  - 0: none\n  - 1: one\n  - 2: two\n" in system
    assert "rationale" not in system
    rating = json.loads(asked[0].schema or "")["properties"]["A"]["properties"]["points"]["properties"][
        "rating"
    ]
    assert rating["enum"] == [0, 1, 2, None]


def test_without_a_schema_a_code_fence_is_taken_off() -> None:
    text = f"Here you are:\n```json\n{rated({'A': dict.fromkeys(NAMES, 2)})}\n```"
    asked: list[Request] = []

    async def ask(request: Request) -> tuple[Answer, ...]:
        asked.append(request)
        return (Answer(text, "stop"),)

    verdict = decided(ask, "x", output="text")
    assert [one.value for one in verdict.ratings[0]] == [2.0] * 3
    assert asked[0].schema is None
    assert decided(saying(text), "x", output="schema").failures
