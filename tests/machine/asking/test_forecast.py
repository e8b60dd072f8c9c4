"""What a run would ask is counted before anything is paid, later stages included."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pairwright
from pairwright.estimate import _Counter
from pairwright.samplers import Model
from pairwright.schemas.request import Message, Request, Sampling

Prompts = Callable[..., Path]

CLAIMS = [f"{place}.model=tiny" for place in ("samplers.0", "splitter", "labeler")]
ADDRESSES = [f"{place}.base_url=http://127.0.0.1:9/v1" for place in ("samplers.0", "splitter", "labeler")]


def calls(recipe: str, source: Path, *sets: str) -> dict[str, float]:
    forecast = pairwright.check(pairwright.load_recipe(recipe, [f"source.path={source}", *sets]))
    return {one.name: one.calls for one in forecast.estimates}


def test_the_questions_about_every_claim_are_counted(prompts: Prompts) -> None:
    counted = calls("rlaif_v", prompts(3), *CLAIMS, *ADDRESSES)
    # 10 answers, each taken apart, with 8 different claims each
    assert counted == {"samplers.0": 1, "splitter": 10, "labeler": 80}
    fewer = calls("rlaif_v", prompts(3), *CLAIMS, *ADDRESSES, "splitter.params.most=2", "samplers.0.n=4")
    assert fewer == {"samplers.0": 1, "splitter": 4, "labeler": 8}


def test_claims_differ_so_that_later_stages_are_reached(prompts: Prompts) -> None:
    opinion = "second_opinion={kind: pairwise, model: judge, base_url: 'http://127.0.0.1:9/v1'}"
    counted = calls("rlaif_v", prompts(3), *CLAIMS, *ADDRESSES, opinion)
    assert 0 < counted["second_opinion"] <= 4  # at most two pairs, both ways round


def test_a_reference_is_taken_apart_once(prompts: Prompts) -> None:
    def captioned(number: int) -> str:
        return f"Caption {number}."

    judge = ["judge.model=tiny", "judge.base_url=http://127.0.0.1:9/v1"]
    counted = calls("video_salmonn2", prompts(3, ground_truth=captioned), *CLAIMS[:1], *ADDRESSES[:1], *judge)
    assert counted == {"samplers.0": 1, "judge": 7}


def test_rejects_that_need_no_model_are_told(prompts: Prompts) -> None:
    def gold(number: int) -> str | None:
        return "A red car." if number else None

    sets = [f"source.path={prompts(4, answer=gold)}", *CLAIMS[:1], *ADDRESSES[:1]]
    forecast = pairwright.check(pairwright.load_recipe("squba", sets))
    assert forecast.rejects == {"no_answer": 1}  # nothing is said of what made-up answers lead to
    assert forecast.examples["no_answer"].record_id.endswith(":0")
    assert [one.calls for one in forecast.estimates] == [0.75]
    assert forecast.pairs == {}


def test_two_requests_never_get_the_same_texts() -> None:
    schema: Any = {"type": "object", "properties": {"facts": {"type": "array", "items": {"type": "string"}}}}
    counter = _Counter(Model(model="m", base_url="http://127.0.0.1:9/v1"))

    def facts(text: str) -> list[str]:
        request = Request((Message("user", (text,)),), schema=json.dumps(schema))
        (answer,) = asyncio.run(counter.ask(request))
        told: list[str] = json.loads(answer.text)["facts"]
        return told

    one, other = facts("a"), facts("b")
    assert (len(one), len(set(one + other))) == (8, 16)
    words = {
        asyncio.run(counter.ask(Request((Message("user", (f"{n}?",)),), Sampling(max_tokens=1))))[0].text
        for n in range(20)
    }
    assert words == {"yes", "no"}
