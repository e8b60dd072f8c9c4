"""How likely a given answer is: the same of vLLM in this process, of its server and of a forward pass of transformers."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from pairwright.samplers import CallSettings, Model, opened
from pairwright.schemas.errors import RowError
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import scoring

ANSWERS = ("A red circle beside a blue square.", "Drei Bälle, 三个球 🙂.", "No", "3 cups\nand 12 plates")


def likelihoods(tokens: Any) -> list[float]:
    return [token.logprob for token in tokens]


def test_all_ways_to_ask_give_the_same_likelihoods(
    run: Any, server: str, sampler: Any, white_box: Any, image: Any
) -> None:
    prompts = [Prompt("<image>\nWhat is it?", (image(1),), system="Brief."), Prompt("What is it?")]
    requests = [scoring(prompt, answer) for prompt in prompts for answer in ANSWERS]

    async def asked() -> list[list[Any]]:
        model = Model(model="tiny-vlm", base_url=server, calls=CallSettings(concurrency=8, retries=2))
        async with opened(model) as remote:
            everyone = (white_box, sampler, remote)
            return [await asyncio.gather(*(one.sample(request) for request in requests)) for one in everyone]

    by_hand, here, there = run(asked())
    for request, one, two, three in zip(requests, by_hand, here, there, strict=True):
        found = [reply.answers[0] for reply in (one, two, three)]
        assert [answer.text for answer in found] == [request.scored] * 3
        assert len(found[0].tokens) >= 1
        assert likelihoods(found[1].tokens) == pytest.approx(likelihoods(found[0].tokens), abs=2e-3)
        assert likelihoods(found[2].tokens) == pytest.approx(likelihoods(found[0].tokens), abs=2e-3)
        assert one.prompt_tokens == two.prompt_tokens == three.prompt_tokens
        assert "".join(token.text for token in found[2].tokens) == request.scored
    seeing, blind = here[: len(ANSWERS)], here[len(ANSWERS) :]
    for with_picture, without in zip(seeing, blind, strict=True):
        assert likelihoods(with_picture.answers[0].tokens) != likelihoods(without.answers[0].tokens)


def test_a_picture_that_was_asked_about_before_is_not_passed_over(run: Any, sampler: Any, image: Any) -> None:
    """vLLM keeps what it computed of a prompt's beginning; likelihoods of it are computed anew all the same."""
    request = scoring(Prompt("<image>\nWhat is it?", (image(7),)), ANSWERS[0])
    first = run(sampler.sample(replace(request, scored=None)))
    assert first.answers
    likely = [likelihoods(run(sampler.sample(request)).answers[0].tokens) for _ in range(2)]
    assert likely[0] == likely[1]
    other = scoring(Prompt("<image>\nWhat is it?", (image(8),)), ANSWERS[0])
    assert likelihoods(run(sampler.sample(other)).answers[0].tokens) != likely[0]


def test_an_answer_beyond_the_context_is_refused(run: Any, sampler: Any) -> None:
    with pytest.raises(RowError) as refused:
        run(sampler.sample(scoring(Prompt("What is it?"), "red cup " * 600)))
    assert refused.value.reason == "call_refused"
