"""Asking through the store: what is paid for, what is replayed, and what is kept when things break off."""

import asyncio
import json
import signal
import sqlite3
import threading
import time
from collections.abc import Callable

import pytest

from pairwright.builders._jury import JudgeSettings
from pairwright.builders._writers import Writer
from pairwright.responses.asking import check_models, open_models
from pairwright.responses.refusals import forget_refusals
from pairwright.responses.settings import Budget
from pairwright.samplers import Model
from pairwright.schemas.errors import ModelError, ParameterError, RowError, UnknownPartError
from pairwright.schemas.request import Answer, Request, Token


def asked(world, *requests: Request, **opening) -> list[tuple[Answer, ...] | BaseException]:
    """Ask in one go, all at once."""

    async def work():
        models = opening.pop("models", {"m": world.model()})
        async with open_models(models, **{"store": world.store, "run": "run"} | opening) as opened:
            ask = opened.asks[next(iter(models))]
            return await asyncio.gather(*map(ask, requests), return_exceptions=True)

    return asyncio.run(work())


def test_a_stored_answer_is_not_asked_again_and_nothing_is_opened_for_it(world, request_of):
    first = asked(world, request_of("cat", n=2, logprobs=2))
    assert [answer.text for answer in first[0]] == ["cat 0", "cat 1"]
    assert asked(world, request_of("cat", n=2, logprobs=2)) == first
    assert world.log() == ["0 2 cat"]
    assert world.log("opened") == [""]
    assert first[0][0].tokens == (Token("a", -0.1, (("a", -0.1), ("b\ud83d", -2.5))),)


def test_more_samples_cost_only_the_new_ones(world, request_of):
    asked(world, request_of("cat", n=2))
    asked(world, request_of("cat", n=1, first=4))
    [answers] = asked(world, request_of("cat", n=8))
    assert [answer.text for answer in answers] == [f"cat {number}" for number in range(8)]
    assert world.log() == ["0 2 cat", "4 1 cat", "2 2 cat", "5 3 cat"]


@pytest.mark.parametrize("change", [{"temperature": 0.5}, {"seed": 7}, {"max_tokens": 5}, {"stop": ("x",)}])
def test_whatever_changes_the_answer_is_asked_by_itself(world, request_of, change):
    asked(world, request_of("cat"), request_of("cat", **change))
    assert len(world.log()) == 2


def test_another_endpoint_is_asked_by_itself_and_a_named_one_may_move(world, request_of):
    def at(**place: str) -> dict[str, Model]:
        return {"m": world.model(**place)}

    asked(world, request_of("cat"), models=at(base_url="http://a/v1"))
    asked(world, request_of("cat"), models=at(base_url="http://b/v1"))
    assert len(world.log()) == 2
    asked(world, request_of("cat"), models=at(base_url="http://a/v1", endpoint="lab"))
    asked(world, request_of("cat"), models=at(base_url="http://b/v1", endpoint="lab"))
    assert len(world.log()) == 3


def test_the_same_request_twice_at_once_shares_one_call(world, request_of):
    same = request_of("cat", n=2)
    assert len({*asked(world, same, same, same)}) == 1
    assert world.log() == ["0 2 cat"]


def test_overlapping_requests_at_once_pay_no_sample_twice(world, request_of):
    found = asked(world, request_of("cat", n=2), request_of("cat", n=6), request_of("cat", n=4, first=1))
    assert [[answer.text for answer in one] for one in found] == [
        ["cat 0", "cat 1"],
        [f"cat {number}" for number in range(6)],
        [f"cat {number}" for number in range(1, 5)],
    ]
    assert sum(int(line.split()[1]) for line in world.log()) == 6


def test_a_refusal_is_replayed(world, request_of):
    for _ in range(2):
        [error] = asked(world, request_of("refuse"))
        assert isinstance(error, RowError)
        assert (error.reason, error.field, error.message) == ("call_refused", "prompt", "too long")
    assert len(world.log()) == 1


def test_a_refusal_of_many_samples_says_nothing_of_fewer(world, request_of):
    asked(world, request_of("refuse", n=8))
    asked(world, request_of("refuse", n=1))
    assert world.log() == ["0 8 refuse", "0 1 refuse"]


def test_a_failure_is_asked_again(world, request_of):
    for _ in range(2):
        [error] = asked(world, request_of("fail"))
        assert isinstance(error, RowError)
        assert error.reason == "call_failed"
    assert len(world.log()) == 2


def test_those_who_share_a_call_share_its_failure(world, request_of):
    errors = asked(world, request_of("fail"), request_of("fail"))
    assert [type(error) for error in errors] == [RowError, RowError]
    assert len(world.log()) == 1


def test_a_dead_model_stops_the_run(world, request_of):
    [error] = asked(world, request_of("dead"))
    assert isinstance(error, ModelError)


def test_writers_and_judges_on_one_model_open_it_once(world, request_of):
    told = world.model().model_dump()
    blocks = {
        "samplers.0": Writer.model_validate(told | {"n": 2}),
        "samplers.1": Writer.model_validate(told | {"temperatures": [0.5], "side": "rejected"}),
        "judge": JudgeSettings.model_validate(told | {"kind": "listwise"}),
    }

    async def all_of_them() -> None:
        async with open_models(blocks, store=world.store, run="run") as opened:
            for name in blocks:
                await opened.asks[name](request_of(name))

    asyncio.run(all_of_them())
    assert len(world.log("opened")) == 1


def test_a_model_that_cannot_be_opened_is_tried_once(world, request_of):
    errors = asked(world, request_of("a"), request_of("b"), models={"m": world.model(model="broken")})
    assert [str(error) for error in errors] == ["no such model"] * 2
    assert world.log("opened") == [""]


@pytest.mark.parametrize(
    ("text", "n", "told"), [("few", 1, "0 answers to a request for 1"), ("many", 2, "3 answers")]
)
def test_no_answer_or_too_many_stop_the_run(world, request_of, text, n, told):
    [error] = asked(world, request_of(text, n=n))
    assert isinstance(error, ModelError)
    assert f"gave {told}" in str(error)


def test_too_many_answers_are_kept_as_far_as_they_were_asked_for(world, request_of):
    asked(world, request_of("many", n=2))
    [kept] = asked(world, request_of("many", n=2))
    assert [answer.text for answer in kept] == ["many 0", "many 1"]
    assert len(world.log()) == 1


def test_a_reply_with_some_of_the_answers_is_kept_and_the_others_are_asked_for(world, request_of):
    [answers] = asked(world, request_of("half", n=5, first=3))
    assert [answer.text for answer in answers] == [f"half {number}" for number in range(3, 8)]
    assert world.log() == ["3 5 half", "6 2 half", "7 1 half"]


def test_what_came_before_a_failure_is_kept(world, request_of):
    [error] = asked(world, request_of("lame", n=4))
    assert isinstance(error, RowError)
    assert error.reason == "call_failed"
    [kept] = asked(world, request_of("lame", n=2))
    assert [answer.text for answer in kept] == ["lame 0", "lame 1"]
    assert world.log() == ["0 4 lame", "2 2 lame"]


@pytest.mark.parametrize(
    ("sampler", "other"),
    [
        ("echo", {}),
        ("echo", {"prices": {"input": 1, "output": 1}}),
        ("engine", {"calls": {"concurrency": 3}, "prices": {"input": 1, "output": 1}}),
    ],
)
def test_one_model_under_two_names_is_opened_once(world, request_of, sampler, other):
    async def work():
        models = {"samplers.0": world.model(sampler=sampler), "judge": world.model(sampler=sampler, **other)}
        async with open_models(models, store=world.store, run="run") as opened:
            await asyncio.gather(
                opened.asks["samplers.0"](request_of("a")), opened.asks["judge"](request_of("b"))
            )

    asyncio.run(work())
    assert world.log("opened") == [""]
    assert world.log("closed") == [""]


def test_an_answer_is_kept_when_nobody_waits_for_it_any_more(world, request_of):
    async def work():
        async with open_models({"m": world.model()}, store=world.store, run="run") as opened:
            waiting = asyncio.create_task(opened.asks["m"](request_of("hold")))
            while not world.log():
                await asyncio.sleep(0.01)
            waiting.cancel()
            (world.folder / "go").touch()
            raise KeyError("something else broke")

    with pytest.raises(KeyError):
        asyncio.run(work())
    asked(world, request_of("hold"))
    assert len(world.log()) == 1


def test_another_process_waits_for_the_answer_instead_of_paying(world, answers_of):
    goes = [world.go([("hold", 0, 2)], run=f"run {number}") for number in range(3)]
    until(lambda: len(world.log()) == 1)
    time.sleep(0.3)  # the others have come as far as waiting; were they not waiting, they would have asked
    (world.folder / "go").touch()
    found = [answers_of(go) for go in goes]
    assert [one["answers"] for one in found] == [[["hold 0", "hold 1"]]] * 3
    assert sorted((one["calls"], one["replayed"]) for one in found) == [(0, 2), (0, 2), (1, 0)]
    assert len(world.log()) == 1


def test_who_waits_for_a_process_that_is_killed_asks_instead(world, answers_of):
    first = world.go([("hold", 0, 1)])
    until(lambda: len(world.log()) == 1)
    second = world.go([("hold", 0, 1)])
    first.send_signal(signal.SIGKILL)
    first.communicate()
    until(lambda: len(world.log()) == 2)
    (world.folder / "go").touch()
    assert answers_of(second)["answers"] == [["hold 0"]]


def test_text_that_is_not_unicode_is_a_reject(world, request_of):
    [error] = asked(world, request_of("half a pair: \ud83d"))
    assert isinstance(error, RowError)
    assert error.reason == "bad_value"


def test_no_picture_and_no_key_is_stored(world, request_of, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-secret-1")
    asked(world, request_of("cat"), models={"m": world.model(api_key_env="SOME_KEY")})
    content = b"".join(path.read_bytes() for path in world.folder.glob("responses.sqlite*"))
    assert b"sk-secret" not in content
    assert b"cat 0" in content


@pytest.mark.parametrize(
    ("settings", "budget", "told"),
    [
        ({"sampler": "engine", "calls": {"batch": True}}, {}, r"m\.calls\.batch: engine has no batch files"),
        ({"options": {"folder": 1}}, {}, r"m\.options\.folder: .*got 1"),
        ({"model": None}, {}, r"m\.model: missing"),
        ({"sampler": "ehco"}, {}, r"m\.sampler: .*ehco"),
        ({}, {"usd": 1}, r"budget\.usd: what m \(m\) costs is not known; give m\.prices"),
    ],
)
def test_settings_that_cannot_be_are_told_before_anything_is_opened(world, settings, budget, told):
    models = {"m": world.model(**settings)}
    with pytest.raises((ParameterError, UnknownPartError), match=told):
        check_models(models, Budget(**budget))
    with pytest.raises((ParameterError, UnknownPartError), match=told):
        asked(world, models=models, budget=Budget(**budget))
    assert not world.store.exists()


@pytest.mark.parametrize("by", ["the run itself", "another run"])
def test_a_forgotten_refusal_is_asked_again(world, request_of, by):
    requests = [request_of("refuse 1", n=2), request_of("refuse 2"), request_of("cat")]
    asked(world, *requests, run="run" if by == "the run itself" else "another")
    asked(world, *requests)
    asked(world, request_of("refuse 3"), run="a third")
    assert len(world.log()) == 4
    assert forget_refusals(world.store, "run") == 2
    asked(world, *requests, request_of("refuse 3"))
    assert sorted(world.log()[4:]) == ["0 1 refuse 2", "0 2 refuse 1"]
    assert forget_refusals(world.store, "nobody") == 0


def test_there_is_nothing_to_forget_without_a_store(world):
    assert forget_refusals(world.store, "run") == 0
    assert not world.store.exists()


def test_log_probabilities_are_read_once_and_off_the_event_loop(world, request_of, monkeypatch):
    asked(world, request_of("cat", n=4, logprobs=2))
    threads = []
    loads = json.loads
    monkeypatch.setattr(json, "loads", lambda text: threads.append(threading.current_thread()) or loads(text))
    asked(world, request_of("cat", n=4, logprobs=2), request_of("dog", n=1))
    reading = [thread for thread in threads if thread is not threading.main_thread()]
    assert len(reading) == 4


def test_the_store_is_read_with_plain_sql(world, request_of):
    asked(world, request_of("cat", n=2), request_of("dog"))
    with sqlite3.connect(world.store) as store:
        found = store.execute(
            "select text, request ->> '$.messages[0].content[0]' from exchanges order by text"
        )
        assert found.fetchall() == [("cat 0", "cat"), ("cat 1", "cat"), ("dog 0", "dog")]
    store.close()


def until(true: Callable[[], bool]) -> None:
    """Wait for something another process does."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
