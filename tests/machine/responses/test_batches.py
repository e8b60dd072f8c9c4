"""Batch files: gathered, recorded before they are handed in, collected once, whatever dies in between."""

import asyncio
import signal
import sqlite3
import time

import pytest

from pairwright.responses.asking import open_models
from pairwright.responses.batches import Rhythm
from pairwright.responses.settings import Budget
from pairwright.samplers import CallSettings
from pairwright.schemas.errors import BudgetError, RowError
from pairwright.schemas.image import Header, Image, digest
from pairwright.schemas.request import Message, Request

MANY = [(f"text {number}", 0, 2) for number in range(400)]


@pytest.fixture
def batched(world):
    return world.model(calls=CallSettings(batch=True, retries=2))


def asked(world, model, requests, *, budget=None, run="run", **rhythm):
    """Ask in one go, all at once."""

    async def work():
        pace = Rhythm(**{"quiet_s": 0.1, "first_look_s": 0.02, "longest_look_s": 0.05} | rhythm)
        opening = {"store": world.store, "run": run, "budget": budget, "rhythm": pace}
        async with open_models({"m": model}, **opening) as opened:
            found = await asyncio.gather(*map(opened.asks["m"], requests), return_exceptions=True)
        return found, opened.spent()[0]

    return asyncio.run(work())


def test_requests_are_gathered_into_one_batch(world, batched, request_of):
    requests = [request_of(f"text {number}", n=2) for number in range(10)]
    found, spent = asked(world, batched, requests)
    assert [[answer.text for answer in one] for one in found] == [
        [f"text {number} 0", f"text {number} 1"] for number in range(10)
    ]
    assert world.log("submitted") == ["10"]
    assert (spent.calls, spent.answers, spent.replayed) == (10, 20, 0)
    assert asked(world, batched, requests)[0] == found
    assert asked(world, world.model(), requests)[0] == found
    assert world.log("submitted") == ["10"]
    assert world.log() == []


def test_a_batch_is_split_by_number(world, batched, request_of):
    asked(world, batched, [request_of(f"text {number}") for number in range(25)], most_requests=10)
    assert world.log("submitted") == ["10", "10", "5"]


def test_a_batch_is_split_by_the_bytes_of_its_pictures(world, batched, request_of):
    data = b"\x00" * 30_000
    picture = Image(data, digest(data), Header("PNG", "RGB", 100, 100))
    requests = [Request((Message("user", (picture, f"text {number}")),)) for number in range(5)]
    asked(world, batched, requests, most_bytes=100_000)
    assert world.log("submitted") == ["2", "2", "1"]


def test_refused_and_failed_requests_of_a_batch(world, batched, request_of):
    requests = [request_of("good"), request_of("refuse"), request_of("fail")]
    for _ in range(2):
        good, refused, failed = asked(world, batched, requests)[0]
        assert good[0].text == "good 0"
        assert isinstance(refused, RowError)
        assert isinstance(failed, RowError)
        assert (refused.reason, failed.reason) == ("call_refused", "call_failed")
    assert world.log("submitted") == ["3", "1"]  # only the failed one is asked again


def test_what_an_expired_batch_left_is_handed_in_again(world, batched, request_of):
    (world.folder / "expire").touch()
    found, spent = asked(world, batched, [request_of(f"text {number}") for number in range(10)])
    assert [one[0].text for one in found] == [f"text {number} 0" for number in range(10)]
    assert world.log("submitted") == ["10", "5"]
    assert (spent.calls, spent.answers) == (10, 10)


@pytest.mark.parametrize(
    ("point", "submitted"),
    [
        ("before submit", ["400"]),
        ("after submit", ["400"]),
        ("status", ["400"]),
        ("collect", ["400"]),
    ],
)
def test_a_kill_at_any_point_pays_nothing_twice(world, batched, answers_of, point, submitted):
    (world.folder / "die").write_text(point)
    killed = world.go(MANY, model=batched)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    found = answers_of(world.go(MANY, model=batched))
    assert found["answers"] == [[f"{text} 0", f"{text} 1"] for text, _, _ in MANY]
    assert world.log("submitted") == submitted
    assert found["calls"] == 400
    assert found["replayed"] == (512 if point == "collect" else 0)


def test_half_a_batch_is_joined_by_who_asks_for_more(world, batched, answers_of):
    (world.folder / "die").write_text("after submit")
    world.go([("a", 0, 2), ("b", 0, 2)], model=batched).communicate(timeout=60)
    found = answers_of(world.go([("a", 0, 4)], model=batched))
    assert found["answers"] == [["a 0", "a 1", "a 2", "a 3"]]
    assert world.log("submitted") == ["2", "1"]
    assert answers_of(world.go([("b", 0, 2)], model=batched))["replayed"] == 2  # came with the first
    assert len(world.log("submitted")) == 2


def test_another_process_takes_over_a_batch_and_the_run_that_handed_it_in_pays(world, batched, answers_of):
    (world.folder / "slow").touch()
    first = world.go(MANY[:3], model=batched, run="first")
    until_submitted(world)
    second = world.go(MANY[:3], model=batched, run="second")
    time.sleep(0.5)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    (world.folder / "slow").unlink()
    found = answers_of(second)
    assert (found["calls"], found["replayed"]) == (0, 6)
    assert world.log("submitted") == ["3"]
    assert answers_of(world.go([], model=batched, run="first"))["calls"] == 3


def test_two_processes_that_share_a_batch_collect_it_once(world, batched, answers_of):
    (world.folder / "die").write_text("after submit")
    world.go(MANY[:4], model=batched).communicate(timeout=60)
    (world.folder / "slow").touch()
    goes = [world.go(MANY[:2], model=batched), world.go(MANY[2:4], model=batched)]
    time.sleep(1.0)
    (world.folder / "slow").unlink()
    found = [answers_of(go)["answers"] for go in goes]
    assert found == [[[f"{text} 0", f"{text} 1"] for text, _, _ in some] for some in (MANY[:2], MANY[2:4])]
    with sqlite3.connect(world.store) as store:
        assert store.execute("select count(*), count(distinct key) from calls").fetchone() == (4, 4)
    store.close()
    assert world.log("submitted") == ["4"]


def test_the_answers_that_a_batch_left_out_are_asked_for_in_the_next(world, batched, request_of):
    [answers], spent = asked(world, batched, [request_of("half", n=5)])
    assert [answer.text for answer in answers] == [f"half {number}" for number in range(5)]
    assert world.log("submitted") == ["1"] * 3
    assert (spent.calls, spent.answers, spent.replayed) == (3, 5, 0)


@pytest.mark.parametrize(("error", "submitted"), [(BudgetError("spent"), ["3"]), (KeyError("broken"), [])])
def test_what_was_gathered_goes_out_after_a_budget_stop_alone(world, batched, request_of, error, submitted):
    async def work():
        opening = {"store": world.store, "run": "run", "budget": Budget(calls=3)}
        rhythm = Rhythm(quiet_s=3600, first_look_s=0.02, longest_look_s=0.05)
        async with open_models({"m": batched}, rhythm=rhythm, **opening) as opened:
            asks = [
                asyncio.create_task(opened.asks["m"](request_of(f"text {number}"))) for number in range(3)
            ]
            await asyncio.sleep(0.05)
            if isinstance(error, BudgetError):
                await opened.asks["m"](request_of("one more"))
            raise error
        del asks

    with pytest.raises(type(error)):
        asyncio.run(asyncio.wait_for(work(), 30))
    assert world.log("submitted") == submitted


def test_a_budget_stop_hands_in_what_was_gathered(world, batched, request_of):
    requests = [request_of(f"text {number}") for number in range(5)]
    outcomes, _ = asked(world, batched, requests, budget=Budget(calls=3))
    assert [type(outcome) is BudgetError for outcome in outcomes] == [False] * 3 + [True] * 2
    assert world.log("submitted") == ["3"]
    again, spent = asked(world, batched, requests, budget=Budget(calls=3))
    assert [type(outcome) for outcome in again] == [type(outcome) for outcome in outcomes]
    assert spent.calls == 3


def until_submitted(world) -> None:
    end = time.monotonic() + 30
    while not world.log("submitted"):
        assert time.monotonic() < end, "no batch was handed in"
        time.sleep(0.01)
