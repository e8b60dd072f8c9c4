"""How a run ends early: what was not sent never is, what was sent is stored, and all that is told as spent."""

import asyncio
import signal
import sqlite3
from collections.abc import Callable
from contextlib import suppress

import pytest

from pairwright.responses.asking import Models, open_models
from pairwright.responses.ledger import Spent
from pairwright.responses.settings import Budget
from pairwright.responses.store import open_store, question
from pairwright.samplers import CallSettings, Model, model_id
from pairwright.schemas.errors import BudgetError, RunError
from pairwright.schemas.request import Request

PATIENCE_S = 30.0
"""What would be waited for in vain does not come in a minute either."""


def ended(
    world, model: Model, requests: list[Request], stop: Callable[[Models], object], **opening
) -> tuple[Spent, ...]:
    """Ask for everything at once, leave by the error of ``stop``, and return what was spent as told after leaving."""

    async def work() -> tuple[Spent, ...]:
        with suppress(KeyError, BudgetError):
            async with open_models({"m": model}, store=world.store, run="run", **opening) as opened:
                asks = [asyncio.create_task(opened.asks["m"](request)) for request in requests]
                try:
                    await stop(opened)
                finally:
                    for ask in asks:
                        ask.cancel()
        return opened.spent()

    return asyncio.run(asyncio.wait_for(work(), PATIENCE_S))


def stored(world) -> list[str]:
    with sqlite3.connect(world.store) as store:
        found = store.execute("select text from answers order by key").fetchall()
    store.close()
    return [text for (text,) in found]


@pytest.mark.parametrize("n", [1, 3])
def test_a_budget_is_passed_by_no_more_than_what_is_with_the_model(world, request_of, n):
    async def until_refused(opened: Models) -> None:
        while True:
            await asyncio.sleep(0)
            if len(world.log()) >= 4:
                await opened.asks["m"](request_of("one more"))

    model = world.model(calls=CallSettings(concurrency=4))
    requests = [request_of(f"text {number}", n=n) for number in range(60)]
    each = 10 + 2 * n
    [spent] = ended(world, model, requests, until_refused, budget=Budget(tokens=5 * each))
    assert 5 <= spent.calls <= 5 + 4
    assert spent.calls == len(world.log())
    assert spent.answers == len(stored(world)) == n * spent.calls
    assert spent.prompt_tokens + spent.completion_tokens == each * spent.calls


def test_only_so_many_are_with_the_model_and_the_others_are_not_sent_after_an_error(world, request_of):
    async def broken(opened: Models) -> None:
        while len(world.log()) < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        asyncio.get_running_loop().call_later(0.1, (world.folder / "go").touch)
        raise KeyError("something else broke")

    model = world.model(calls=CallSettings(concurrency=2))
    [spent] = ended(world, model, [request_of(f"hold {number}") for number in range(9)], broken)
    assert len(world.log()) == 2
    assert (spent.calls, spent.answers) == (2, 2)
    assert len(stored(world)) == 2


def test_an_interrupt_sends_nothing_more(world):
    go = world.go(
        [(f"hold {n}", 0, 1) for n in range(9)], model=world.model(calls=CallSettings(concurrency=2))
    )
    while len(world.log()) < 2:
        assert go.poll() is None
    go.send_signal(signal.SIGINT)
    (world.folder / "go").touch()
    go.communicate(timeout=PATIENCE_S)
    assert go.returncode != 0
    assert len(world.log()) == len(stored(world)) == 2


def test_what_the_sampler_holds_back_is_not_waited_for(world, request_of):
    async def broken(opened: Models) -> None:
        await opened.asks["m"](request_of("one"))
        while not world.log("queued"):
            await asyncio.sleep(0.01)
        await opened.asks["m"](request_of("two"))

    [spent] = ended(world, world.model(), [request_of("queue")], broken, budget=Budget(calls=2))
    assert spent.calls == 1


def test_a_model_that_is_still_being_opened_is_not_waited_for(world, request_of):
    async def refused(opened: Models) -> None:
        while not world.log("opened"):
            await asyncio.sleep(0.01)
        await opened.asks["m"](request_of("one more"))

    model = world.model(model="slow")
    [spent] = ended(world, model, [request_of("a")], refused, budget=Budget(calls=1))
    assert (spent.calls, world.log()) == (0, [])


def test_what_another_process_asks_is_not_waited_for(world, request_of):
    model, theirs = world.model(), request_of("theirs")
    waiting: list[asyncio.Task[object]] = []

    async def refused(opened: Models) -> None:
        await asyncio.sleep(0.2)
        await opened.asks["m"](request_of("one"))
        await opened.asks["m"](request_of("two"))

    async def work() -> None:
        with open_store(world.store) as other:
            assert other.claims.take(question(model_id(model), theirs).key)
            opening = {"store": world.store, "run": "run", "budget": Budget(calls=1)}
            async with open_models({"m": model}, **opening) as opened:
                waiting.append(asyncio.create_task(opened.asks["m"](theirs)))
                await refused(opened)

    with pytest.raises(BudgetError):
        asyncio.run(asyncio.wait_for(work(), PATIENCE_S))
    assert waiting[0].cancelled()
    assert world.log() == ["0 1 one"]


def test_what_was_with_the_model_too_long_is_broken_off_and_not_counted(world, request_of, monkeypatch):
    monkeypatch.setattr("pairwright.responses.asking._GRACE_S", 0.1)

    async def broken(opened: Models) -> None:
        while len(world.log()) < 2:
            await asyncio.sleep(0.01)
        raise KeyError("something else broke")

    [spent] = ended(world, world.model(), [request_of("a"), request_of("hold")], broken)
    assert (spent.calls, spent.answers, stored(world)) == (1, 1, ["a 0"])


def test_nothing_is_sent_after_leaving(world, request_of):
    async def work() -> None:
        async with open_models({"m": world.model()}, store=world.store, run="run") as opened:
            await opened.asks["m"](request_of("a"))
        with pytest.raises(RunError):
            await opened.asks["m"](request_of("b"))

    asyncio.run(work())
    assert world.log() == ["0 1 a"]
