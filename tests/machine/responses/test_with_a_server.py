"""The whole way over a real socket: store, sampler, server."""

import asyncio
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import start

from pairwright.responses.asking import open_models
from pairwright.samplers import CallSettings, Model

TEXTS = [(f"What is in picture {number}?", 0, 2) for number in range(60)]


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    pytest.importorskip("openai")
    with start.running() as double:
        yield double


@pytest.fixture
def double(running):
    running.reset()
    return running


def test_a_replay_needs_no_server(world, double, request_of):
    async def ask(model: Model):
        async with open_models({"m": model}, store=world.store, run="run") as opened:
            found = await asyncio.gather(*(opened.asks["m"](request_of(text, n=n)) for text, _, n in TEXTS))
        return found, opened.spent()[0]

    there = Model(model="tiny", base_url=double.url, endpoint="lab", calls=CallSettings(concurrency=8))
    double.faults(rates={"server_error": 0.2}, seed=1)
    first, spent = asyncio.run(ask(there))
    assert (spent.calls, spent.answers, spent.failed) == (60, 120, 0)
    assert spent.attempts >= 60
    assert double.stats()["paid_most"] == 1
    gone = there.model_copy(update={"base_url": "http://127.0.0.1:9/v1"})
    again, spent = asyncio.run(ask(gone))
    assert again == first
    assert (spent.calls, spent.replayed) == (60, 120)


@pytest.mark.parametrize("fault", [None, "expired", "cut_after_submit"])
def test_a_killed_go_pays_for_no_batch_twice(world, double, answers_of, fault):
    model = Model(model="tiny", base_url=double.url, calls=CallSettings(batch=True, retries=3))
    double.faults(batch=fault, batch_polls=20)  # some seconds of looks
    killed = world.go(TEXTS, model=model)
    end = time.monotonic() + 60
    while double.stats()["batches"] == 0:
        assert killed.poll() is None
        assert time.monotonic() < end, "no batch was handed in"
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert double.stats()["batches"] == 1
    double.faults(batch=None)
    found = answers_of(world.go(TEXTS, model=model))
    assert [len(set(answers)) for answers in found["answers"]] == [2] * 60
    assert (found["calls"], found["replayed"]) == (60, 0)
    told = double.stats()
    assert (told["paid"], told["paid_most"]) == (60, 1)
    assert told["batches"] == (2 if fault == "expired" else 1)
