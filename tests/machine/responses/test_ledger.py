"""The ledger and the budget: counted from the store, over all goes of a run, and never passed knowingly."""

import asyncio
import json
import signal

import pytest

from pairwright.responses.asking import open_models
from pairwright.responses.ledger import Spent, from_json, to_json
from pairwright.responses.settings import Budget
from pairwright.samplers import CallSettings, Model, Prices
from pairwright.schemas.errors import BudgetError, PairwrightError, ParameterError


def went(world, model: Model, requests, *, run="run", **budget) -> tuple[list[object], Spent]:
    """One go that asks one after the other: what came of each request, and what is spent."""

    async def work():
        outcomes: list[object] = []
        async with open_models({"m": model}, store=world.store, run=run, budget=Budget(**budget)) as opened:
            for request in requests:
                try:
                    outcomes.append(await opened.asks["m"](request))
                except PairwrightError as error:
                    outcomes.append(error)
            return outcomes, opened.spent()[0]

    return asyncio.run(work())


def test_what_a_run_took(world, priced, request_of):
    requests = [request_of("a", n=2), request_of("refuse"), request_of("fail"), request_of("b")]
    spent = went(world, priced, requests)[1]
    assert spent == Spent(
        model="m",
        endpoint="default",
        sampler="echo",
        calls=4,
        answers=3,
        replayed=0,
        refused=1,
        failed=1,
        prompt_tokens=20,
        completion_tokens=6,
        cached_tokens=8,
        attempts=4,
        seconds=1.0,
        usd=pytest.approx((12 * 1.0 + 8 * 0.5 + 6 * 10.0) / 1e6),
    )
    again = went(world, priced, requests)[1]
    assert (again.calls, again.answers, again.replayed, again.refused, again.failed) == (5, 3, 3, 1, 2)
    other = went(world, priced, requests[:1], run="other")[1]
    assert (other.calls, other.replayed, other.usd) == (0, 2, 0)


def test_what_failed_tries_took_is_counted_and_kept_within_the_budget(world, priced, request_of):
    for _ in range(2):  # from the calls themselves, and from the store
        outcomes, spent = went(world, priced, [request_of("costly"), request_of("a")], tokens=36)
        assert [type(outcome) for outcome in outcomes][-1] is BudgetError
        assert (spent.calls, spent.failed, spent.attempts) == (1, 1, 3)
        assert (spent.prompt_tokens, spent.completion_tokens) == (30, 6)
        assert spent.usd == pytest.approx((30 * 1.0 + 6 * 10.0) / 1e6)


def test_answers_that_come_in_parts_are_paid_once_each(world, priced, request_of):
    spent = went(world, priced, [request_of("half", n=5)])[1]
    assert (spent.calls, spent.answers, spent.replayed) == (3, 5, 0)


def test_without_prices_there_are_no_dollars(world, request_of):
    assert went(world, world.model(), [request_of("a")])[1].usd is None


def test_what_a_killed_process_spent_is_counted(world, request_of):
    go = world.go([*((f"text {number}", 0, 1) for number in range(20)), ("hold", 0, 1)])
    while go.poll() is None and len(world.log()) < 21:
        pass
    while len(world.log()) < 21 or went(world, world.model(), [])[1].calls < 20:
        assert go.poll() is None
    go.send_signal(signal.SIGKILL)
    go.communicate()
    assert went(world, world.model(), [])[1].calls == 20


def test_a_ledger_goes_through_json(world, priced, request_of):
    spent = went(world, priced, [request_of("a")])[1]
    assert from_json(json.loads(json.dumps(to_json([spent])))) == (spent,)


@pytest.mark.parametrize(
    ("budget", "calls", "told"),
    [
        ({"calls": 3}, 3, "budget.calls: 3 calls are made of 3. Raise budget.calls"),
        ({"tokens": 36}, 3, "budget.tokens: 36 tokens are spent of 36. Raise"),
        ({"tokens": 37}, 4, "budget.tokens: 48 tokens are spent of 37. Raise"),
        ({"usd": 84e-6}, 3, "budget.usd: 0.0001 US dollars are spent of 0.0001. Raise"),
        ({"usd": 85e-6}, 4, "budget.usd: 0.0001"),
    ],
)
def test_no_call_is_begun_that_would_pass_the_budget(world, priced, request_of, budget, calls, told):
    requests = [request_of(str(number)) for number in range(8)]
    outcomes, spent = went(world, priced, requests, **budget)
    assert spent.calls == calls == len(world.log())
    errors = [outcome for outcome in outcomes if isinstance(outcome, BudgetError)]
    assert len(errors) == 8 - calls
    assert str(errors[0]).startswith(told)
    again, spent = went(world, priced, requests, **budget)  # earlier goes count, replays do not
    assert spent.calls == calls == len(world.log())
    assert [type(outcome) for outcome in again] == [type(outcome) for outcome in outcomes]
    assert went(world, priced, requests, **{name: 10 * value for name, value in budget.items()})[1].calls == 8


def test_many_at_once_do_not_pass_a_limit_on_calls_and_what_is_under_way_is_stored(world, request_of):
    async def work():
        opening = {"store": world.store, "run": "run", "budget": Budget(calls=5)}
        async with open_models({"m": world.model()}, **opening) as opened, asyncio.TaskGroup() as group:
            asyncio.get_running_loop().call_later(0.2, (world.folder / "go").touch)
            for number in range(20):
                group.create_task(opened.asks["m"](request_of(f"hold {number}")))

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(work())
    assert all(isinstance(error, BudgetError) for error in caught.value.exceptions)
    assert "5 more under way are let finish and stored" in str(caught.value.exceptions[0])
    asked = {line.split()[-1] for line in world.log()}
    assert len(asked) == 5
    _, spent = went(world, world.model(), [request_of(f"hold {number}") for number in asked])
    assert (spent.calls, spent.replayed) == (5, 5)


@pytest.mark.parametrize(("limit", "each"), [("tokens", 12), ("usd", 28e-6)])
def test_what_is_under_way_is_held_against_the_budget(world, priced, request_of, limit, each):
    """200 calls, 32 of them at once: a limit is passed by less than one of them, and used up."""
    model = priced.model_copy(update={"calls": CallSettings(concurrency=32)})
    requests = [request_of(str(number)) for number in range(200)]

    def spent(calls: float) -> tuple[set[type], int]:
        async def work():
            budget = Budget(**{limit: calls * each if limit == "usd" else int(calls * each)})
            async with open_models({"m": model}, store=world.store, run="run", budget=budget) as opened:
                asks = map(opened.asks["m"], requests)
                outcomes = await asyncio.gather(*asks, return_exceptions=True)
                return {type(outcome) for outcome in outcomes}, opened.spent()[0].calls

        return asyncio.run(asyncio.wait_for(work(), 60))

    assert spent(0.5) == ({tuple, BudgetError}, 1)
    for calls in (60.5, 100.5):
        kinds, made = spent(calls)
        assert kinds == {tuple, BudgetError}
        assert calls - 1 < made < calls + 1
    assert spent(1000) == ({tuple}, 200)


def test_where_no_room_is_left_a_call_waits_for_those_under_way(world, request_of):
    async def work():
        opening = {"store": world.store, "run": "run", "budget": Budget(tokens=36)}
        async with open_models({"m": world.model()}, **opening) as opened:
            for number in range(2):
                await opened.asks["m"](request_of(str(number)))
            held = asyncio.create_task(opened.asks["m"](request_of("hold")))
            waits = asyncio.create_task(opened.asks["m"](request_of("more")))
            await asyncio.sleep(0.1)
            assert not waits.done()  # what is under way may come back cheaper
            assert world.log()[-1] == "0 1 hold"
            (world.folder / "go").touch()
            await held
            await waits

    with pytest.raises(BudgetError, match=r"36 tokens are spent of 36\. Raise"):
        asyncio.run(asyncio.wait_for(work(), 60))


def test_what_is_under_way_is_told_with_what_it_is_expected_to_take(world, request_of):
    """A batch is not waited for: the run stops, and hands it in."""

    async def work():
        model = world.model(calls=CallSettings(batch=True))
        async with open_models(
            {"m": model}, store=world.store, run="run", budget=Budget(tokens=400)
        ) as opened:
            asks = [opened.asks["m"](request_of(f"four {number}.")) for number in range(3)]
            for ask in asyncio.as_completed(asks):
                await ask

    told = r"0 tokens are spent of 400, 2 more under way .* stored \(expected to take 302 tokens\)\. Raise"
    with pytest.raises(BudgetError, match=told):
        asyncio.run(asyncio.wait_for(work(), 60))


def test_two_prices_of_one_model(world, priced):
    async def work():
        other = priced.model_copy(update={"prices": Prices(input=7, output=7)})
        async with open_models({"a": priced, "b": other}, store=world.store, run="run"):
            pass

    with pytest.raises(ParameterError, match=r"b\.prices: m has other prices in another place"):
        asyncio.run(work())
