"""Sampler `openai` against vLLM's own server: the real protocol, where other tests have a double."""

import asyncio
import importlib.util
import json
from dataclasses import replace
from typing import Any

import pytest

import pairwright.samplers
from pairwright.samplers import CallSettings, Model, opened
from pairwright.schemas.errors import RowError
from pairwright.schemas.request import Message, Reply, Request, Sampling

if importlib.util.find_spec(f"{pairwright.samplers.__name__}.openai") is None:
    pytest.skip("no sampler openai", allow_module_level=True)


def texts(reply: Reply) -> list[str]:
    return [answer.text for answer in reply.answers]


def test_pictures_samples_seeds_and_schemas(
    run: Any, server: str, sampler: Any, ask: Any, image: Any
) -> None:
    verdict = {"winner": "B", "score": 7}
    too_many = Request((Message("user", (image(1), image(2), image(3), "?")),), Sampling(max_tokens=4))

    async def asked() -> None:
        model = Model(model="tiny-vlm", base_url=server, calls=CallSettings(concurrency=8, retries=2))
        async with opened(model) as remote:
            requests = [ask(number, n=2) for number in range(12)]
            there, here = [await asyncio.gather(*map(one.sample, requests)) for one in (remote, sampler)]
            assert [texts(reply) for reply in there] == [texts(reply) for reply in here]
            assert [reply.prompt_tokens for reply in there] == [reply.prompt_tokens for reply in here]
            later = await remote.sample(ask(0, n=1, first=1))
            assert texts(later) == texts(there[0])[1:]
            followed = await remote.sample(ask(1, n=2, schema=json.dumps({"const": verdict}), max_tokens=80))
            assert [json.loads(text) for text in texts(followed)] == [verdict, verdict]
            with pytest.raises(RowError) as refused:
                await remote.sample(too_many)
            assert refused.value.reason == "call_refused"

    run(asked())


def test_the_beginning_of_an_answer_is_continued(run: Any, server: str, sampler: Any, ask: Any) -> None:
    """With a picture and without: the same prompt, and the same answers, as in this process."""
    begun = Message("assistant", ("There are 3",))
    seeing = [replace(one, messages=(*one.messages, begun)) for one in map(ask, range(6))]
    blind = [replace(one, messages=(Message("user", ("What is it?",)), begun)) for one in seeing]

    async def asked() -> None:
        model = Model(model="tiny-vlm", base_url=server, calls=CallSettings(concurrency=8, retries=2))
        async with opened(model) as remote:
            requests = [*seeing, *blind]
            there, here = [await asyncio.gather(*map(one.sample, requests)) for one in (remote, sampler)]
            assert [texts(reply) for reply in there] == [texts(reply) for reply in here]
            assert [reply.prompt_tokens for reply in there] == [reply.prompt_tokens for reply in here]
            assert not any(text.startswith("There are 3") for reply in there for text in texts(reply))

    run(asked())
