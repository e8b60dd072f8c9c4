"""How a model is called: in virtual time, against a simulated server."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairwright.samplers import CallSettings
from pairwright.samplers._limits import Clock, Limits, TryError
from pairwright.samplers._pace import Bucket, asked_wait
from pairwright.schemas.errors import ModelError, RowError


@dataclass
class Simulated:
    """A server in virtual time. ``fails`` gets the time and the request's number and returns an error or None."""

    fails: Callable[[float, int], Exception | None] = lambda _now, _number: None
    latency: float = 0.2
    calls: list[tuple[float, int]] = field(default_factory=list)
    """Time and request of every call."""
    under_way: int = 0
    most: int = 0

    async def answer(self, number: int) -> str:
        now = asyncio.get_running_loop().time()
        self.calls.append((now, number))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            error = self.fails(now, number)
            await asyncio.sleep(self.latency)
            if error is not None:
                raise error
            return f"answer {number}"
        finally:
            self.under_way -= 1


def limits(*, chance: float = 0.5, canary: Simulated | None = None, **calls: Any) -> Limits:
    greet = None if canary is None else (lambda: canary.answer(-1))
    clock = Clock(asyncio.get_running_loop().time, asyncio.sleep, lambda: chance)
    return Limits("m at host", CallSettings(**calls), canary=greet, clock=clock)


async def ask_all(server: Simulated, limited: Limits, count: int, *, tokens: float = 0) -> list[Any]:
    """Outcomes of ``count`` requests handed in at once."""

    async def one(number: int) -> Any:
        return await limited.call(lambda: server.answer(number), tokens=tokens, used=lambda _: tokens)

    return await asyncio.gather(*(one(number) for number in range(count)), return_exceptions=True)


def down(start: float, end: float) -> Callable[[float, int], Exception | None]:
    return lambda now, _: TryError("refused", "unreached") if start <= now < end else None


def test_no_more_calls_at_once_than_set_and_few_until_the_first_answer(virtual: Any) -> None:
    async def main() -> None:
        server = Simulated()
        done = await ask_all(server, limits(concurrency=16), 100)
        assert [outcome.value for outcome in done] == [f"answer {number}" for number in range(100)]
        assert server.most == 16
        assert sum(now == 0 for now, _ in server.calls) == 4
        assert [number for _, number in server.calls] == list(range(100))  # first come, first served

    virtual(main())


def test_requests_per_minute_are_kept(virtual: Any) -> None:
    async def main() -> None:
        server = Simulated(latency=0.01)
        await ask_all(server, limits(requests_per_minute=120), 60)
        times = [now for now, _ in server.calls]
        assert max(sum(start <= now < start + 10 for now in times) for start in times) <= 22
        assert times[-1] == pytest.approx(29, abs=1)

    virtual(main())


def test_tokens_per_minute_are_kept_and_corrected_by_what_was_used(virtual: Any) -> None:
    async def main(used: float) -> float:
        limited, server = limits(tokens_per_minute=6000, concurrency=1), Simulated(latency=0.01)
        for number in range(20):
            await limited.call(lambda n=number: server.answer(n), tokens=1000, used=lambda _: used)
        return server.calls[-1][0]

    assert virtual(main(1000)) == pytest.approx(140, abs=2)  # 14,000 tokens more than the minute's 6,000
    assert virtual(main(100)) < 1


def test_failed_tries_take_no_tokens(virtual: Any) -> None:
    async def main() -> None:
        server = Simulated(lambda now, _: TryError("500", "answered") if now < 5 else None)
        (done,) = await ask_all(server, limits(tokens_per_minute=1000, retries=20), 1, tokens=1000)
        assert done.attempts > 3
        assert server.calls[-1][0] < 15

    virtual(main())


@pytest.mark.parametrize("wait", [3.0, 40.0])
def test_retry_after_is_respected_by_all(virtual: Any, wait: float) -> None:
    async def main() -> None:
        server = Simulated(lambda now, _: TryError("429", "limited", wait=wait) if now == 0 else None)
        done = await ask_all(server, limits(), 20)
        assert {type(outcome) for outcome in done} == {type(done[0])}
        later = [now for now, _ in server.calls if now > 0]
        assert len(server.calls) == 24
        assert min(later) >= 0.2 + wait

    virtual(main())


def test_backoff_doubles_up_to_a_cap_and_gives_its_place_back(virtual: Any) -> None:
    async def main() -> None:
        server = Simulated(
            lambda _, number: TryError("500", "answered") if number == 0 else None, latency=0.0
        )
        limited = limits(concurrency=1, chance=1.0)
        done = await ask_all(server, limited, 30)
        starts = [now for now, number in server.calls if number == 0]
        gaps = [after - before for before, after in itertools.pairwise(starts)]
        assert gaps == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30])
        assert isinstance(done[0], RowError)
        assert done[0].reason == "call_failed"
        assert "failed 9 times; last: 500" in str(done[0])
        assert all(now == 0 for now, number in server.calls if number)  # nobody waited for it

    virtual(main())


def test_too_many_requests_halve_the_calls_at_once_and_they_grow_back(virtual: Any) -> None:
    async def main() -> None:
        limited = limits(concurrency=64, chance=0.0)
        await ask_all(Simulated(), limited, 8)
        assert limited.width == 64
        started = asyncio.get_running_loop().time()
        server = Simulated(lambda now, _: TryError("429", "limited") if now == started else None)
        await ask_all(server, limited, 64)
        assert server.most == 64
        assert 32 <= limited.width < 40  # 64 refusals at once are one sign, not 64
        await ask_all(Simulated(), limited, 1000)
        assert limited.width == 64

    virtual(main())


class RateLimited:
    """A server with a token bucket of its own."""

    def __init__(self, per_second: float, burst: float, limited: Limits | None) -> None:
        self.bucket = Bucket(per_second, burst, burst, 0.0)
        self.limited = limited
        self.refused = 0

    def fails(self, now: float, _: int) -> Exception | None:
        wait = self.bucket.wait(1, now=now)
        if not wait:
            self.bucket.take(1, now=now)
        if self.limited is not None:
            limit = {"x-ratelimit-limit-requests": str(self.bucket.rate * 60)}
            self.limited.learn(
                limit | {"x-ratelimit-remaining-requests": str(max(0, int(self.bucket.level)))}
            )
        self.refused += wait > 0
        return TryError("429", "limited", wait=wait) if wait else None


def test_a_learnt_limit_leads_to_fewer_refusals(virtual: Any) -> None:
    async def main(learns: bool) -> tuple[int, float]:
        limited = limits(concurrency=64)
        plan = RateLimited(10, 5, limited if learns else None)
        server = Simulated(plan.fails)
        done = await ask_all(server, limited, 300)
        assert [outcome.value for outcome in done] == [f"answer {number}" for number in range(300)]
        return plan.refused, server.calls[-1][0]

    told, seconds = virtual(main(True))
    untold, _ = virtual(main(False))
    assert told < untold / 4
    assert told < 30
    assert seconds < 45  # 30 s is what the server allows


@pytest.mark.parametrize("canary", [True, False])
def test_the_breaker_opens_probes_one_at_a_time_and_closes(virtual: Any, canary: bool) -> None:
    async def main() -> None:
        server = Simulated(down(1.0, 61.0))
        limited = limits(concurrency=8, retries=2, canary=server if canary else None)
        done = await ask_all(server, limited, 200)
        assert [outcome.value for outcome in done] == [f"answer {number}" for number in range(200)]
        during = [now for now, _ in server.calls if 4 < now < 61]
        assert 3 <= len(during) <= 10  # probes, further and further apart
        assert all(after - before >= 1 for before, after in itertools.pairwise(during))

    virtual(main())


@pytest.mark.parametrize("kind", ["unreached", "answered", "limited"])
@pytest.mark.parametrize("concurrency", [1, 2, 64])
@pytest.mark.parametrize("canary", [True, False])
def test_a_dead_server_ends_the_run_and_rejects_nothing(
    virtual: Any, kind: Any, concurrency: int, canary: bool
) -> None:
    async def main() -> None:
        server = Simulated(lambda now, _: TryError("gone", kind) if now >= 2 else None)
        limited = limits(concurrency=concurrency, give_up_after_s=120, canary=server if canary else None)
        done = await ask_all(server, limited, 2000)
        kinds = {type(outcome).__name__ for outcome in done}
        assert kinds == {"Done", "ModelError"}
        assert "nothing has succeeded for 1" in str(done[-1])
        assert 120 <= server.calls[-1][0] <= 190
        with pytest.raises(ModelError):
            await limited.call(lambda: server.answer(0), tokens=0, used=lambda _: 0)

    virtual(main())


@pytest.mark.parametrize("kind", ["unreached", "answered"])
def test_requests_that_always_fail_are_rejected_even_when_they_are_the_last(virtual: Any, kind: Any) -> None:
    async def main() -> None:
        server = Simulated(lambda _, number: TryError("cut", kind) if number % 50 == 7 else None)
        done = await ask_all(server, limits(concurrency=4, retries=3, canary=server), 1000)
        failed = [number for number, outcome in enumerate(done) if isinstance(outcome, RowError)]
        assert failed == list(range(7, 1000, 50))
        assert all("last: cut" in str(done[number]) for number in failed)

    virtual(main())


@pytest.mark.parametrize("kind", ["unreached", "answered"])
def test_a_lone_request_is_blamed_only_if_the_server_answers_the_canary(virtual: Any, kind: Any) -> None:
    async def main() -> None:
        server = Simulated(lambda now, _: TryError("gone", kind) if now < 200 else None)
        (done,) = await ask_all(server, limits(retries=2, canary=server), 1)
        assert done.value == "answer 0"
        server = Simulated(lambda _, number: TryError("bad", kind) if number == 0 else None)
        (done,) = await ask_all(server, limits(retries=2, canary=server), 1)
        assert isinstance(done, RowError)
        assert [number for _, number in server.calls] == [0, 0, 0, -1]
        server = Simulated(lambda *_: TryError("gone", kind))
        (done,) = await ask_all(server, limits(retries=2, canary=server), 1)
        assert isinstance(done, ModelError)

    virtual(main())


def test_without_a_canary_a_lone_request_is_not_blamed_for_a_connection(virtual: Any) -> None:
    async def main() -> None:
        (done,) = await ask_all(Simulated(down(0.0, 200.0)), limits(retries=2), 1)
        assert done.value == "answer 0"
        (failed,) = await ask_all(Simulated(down(0, 1e9)), limits(), 1)
        assert isinstance(failed, ModelError)

    virtual(main())


def test_a_try_that_takes_too_long_is_given_up(virtual: Any) -> None:
    async def main() -> None:
        server = Simulated(latency=100.0)
        (done,) = await ask_all(server, limits(timeout_s=10, retries=1), 1)
        assert isinstance(done, RowError)
        assert "no answer within 10 s" in str(done)
        assert len(server.calls) == 2

    virtual(main())


def test_a_wait_beyond_patience_ends_the_run(virtual: Any) -> None:
    async def main() -> None:
        server = Simulated(lambda *_: TryError("quota of the day", "limited", wait=30_000))
        done = await ask_all(server, limits(), 10)
        assert all(isinstance(outcome, ModelError) for outcome in done)
        assert len(server.calls) == 4
        assert "it asks to wait 30000 s" in str(done[0])

    virtual(main())


def test_a_model_that_cannot_be_used_costs_few_calls(virtual: Any) -> None:
    async def main() -> None:
        server = Simulated(lambda *_: ModelError("wrong key"))
        done = await ask_all(server, limits(concurrency=64), 500)
        assert all(isinstance(outcome, ModelError) for outcome in done)
        assert len(server.calls) == 4

    virtual(main())


def test_a_cancelled_probe_makes_room_for_the_next(virtual: Any) -> None:
    async def main() -> None:
        server = Simulated(down(0.0, 30.0))
        limited = limits(concurrency=4)
        tasks = [
            asyncio.ensure_future(limited.call(lambda n=n: server.answer(n), tokens=0, used=lambda _: 0))
            for n in range(8)
        ]
        while not limited._breaker.probe:
            await asyncio.sleep(0.05)
        tasks[limited._breaker.probe].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(outcome, asyncio.CancelledError) for outcome in done) == 1
        assert sum(hasattr(outcome, "value") for outcome in done) == 7

    virtual(main())


@given(
    rate=st.floats(0.1, 100),
    capacity=st.floats(1, 50),
    needs=st.lists(st.floats(0.01, 20), min_size=1, max_size=40),
)
def test_a_bucket_never_gives_more_than_it_got(rate: float, capacity: float, needs: list[float]) -> None:
    bucket, now, taken = Bucket(rate, capacity, capacity, 0.0), 0.0, 0.0
    for need in needs:
        need = min(need, capacity)
        now += bucket.wait(need, now=now)
        bucket.take(need, now=now)
        taken += need
        assert taken <= capacity + rate * now + 1e-3


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Mon, 01 Jan 2024 00:00:30 GMT", "date": "Mon, 01 Jan 2024 00:00:10 GMT"}, 20.0),
        ({"retry-after": "Mon, 01 Jan 2024 00:00:30 GMT"}, None),
        ({"retry-after": "tomorrow", "date": "today"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2s"}, 60.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "9s"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_what_a_server_asks_for(headers: dict[str, str], wait: float | None) -> None:
    assert asked_wait(headers) == wait


def test_own_limits_are_not_raised_by_headers() -> None:
    bucket = Bucket.per_minute(60, now=0.0)
    bucket.learn(6000, 5000, now=0.0)
    bucket.take(1, now=0.0)
    assert bucket.wait(1, now=0.0) == pytest.approx(1.0)


def test_a_raised_limit_of_the_server_is_followed() -> None:
    bucket = Bucket.per_minute(None, now=0.0)
    bucket.learn(60, 0, now=0.0)
    assert bucket.wait(1, now=0.0) == pytest.approx(1.0)
    bucket.learn(600, 0, now=0.0)
    assert bucket.wait(1, now=0.0) == pytest.approx(0.1)


def refuses(*numbers: int) -> Callable[[float, int], Exception | None]:
    return lambda _, number: RowError("call_refused", None, "too long") if number in numbers else None


@pytest.mark.parametrize("concurrency", [4, 64])
def test_three_bad_rows_at_the_start_are_refused_alone(virtual: Any, concurrency: int) -> None:
    async def main() -> None:
        server = Simulated(refuses(0, 1, 2))
        done = await ask_all(server, limits(concurrency=concurrency, canary=server), 40)
        assert [number for number, one in enumerate(done) if isinstance(one, RowError)] == [0, 1, 2]
        assert sum(hasattr(one, "value") for one in done) == 37
        assert all(number >= 0 for _, number in server.calls)  # an answer told, not the canary

    virtual(main())


def test_refusals_that_overtake_the_first_answer_do_not_stop_the_run(virtual: Any) -> None:
    async def main() -> None:
        server = Simulated(refuses(*range(1, 100, 2)))
        limited = limits(concurrency=64, canary=server)

        async def slowly(number: int) -> str:
            await asyncio.sleep(0 if number % 2 else 30)
            return await server.answer(number)

        asked = [
            limited.call(lambda n=number: slowly(n), tokens=0, used=lambda _: 0) for number in range(100)
        ]
        done = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(one, RowError) for one in done] == [False, True] * 50

    virtual(main())


def test_few_refused_requests_are_believed_once_the_canary_is_answered(virtual: Any) -> None:
    async def main() -> None:
        server = Simulated(refuses(*range(5)))
        done = await ask_all(server, limits(canary=server), 5)
        assert {type(one) for one in done} == {RowError}
        assert [number for _, number in server.calls].count(-1) == 1
        server = Simulated(refuses(-1, *range(5)))
        done = await ask_all(server, limits(canary=server), 5)
        assert {type(one) for one in done} == {ModelError}
        assert "m at host refuses even the shortest request; last: too long. Look at" in str(done[0])

    virtual(main())


@pytest.mark.parametrize("at_once", [1, 8, 64])
def test_a_server_that_refuses_all_but_the_canary_gives_few_rejects(virtual: Any, at_once: int) -> None:
    """However few are handed in at once."""

    async def main() -> None:
        server = Simulated(refuses(*range(200)))
        limited, done = limits(concurrency=64, canary=server), []
        for start in range(0, 192, at_once):
            turn = (
                limited.call(lambda n=n: server.answer(n), tokens=0, used=lambda _: 0)
                for n in range(start, start + at_once)
            )
            done += await asyncio.gather(*turn, return_exceptions=True)
        rejects = sum(isinstance(one, RowError) for one in done)
        assert rejects == {1: 19, 8: 16, 64: 0}[at_once]
        assert isinstance(done[-1], ModelError)
        assert len(server.calls) < 100

    virtual(main())


def test_refused_requests_wait_for_a_server_that_went_silent(virtual: Any) -> None:
    async def main() -> None:
        def fails(now: float, number: int) -> Exception | None:
            return down(0, 50)(now, number) if number < 0 else refuses(0)(now, number)

        server = Simulated(fails)
        (done,) = await ask_all(server, limits(canary=server), 1)
        assert isinstance(done, RowError)
        assert server.calls[-1][0] >= 50

    virtual(main())


def test_stopping_wakes_all_that_wait_and_lets_what_is_on_the_wire_finish(virtual: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = Simulated(lambda _, number: TryError("500", "answered", wait=200.0) if number == 0 else None)
        limited = limits(concurrency=3, canary=server)
        await ask_all(Simulated(), limited, 1)
        server.latency = 5.0
        asking = asyncio.ensure_future(ask_all(server, limited, 40))
        await asyncio.sleep(1)
        limited.stop()
        limited.stop()
        done = await asking
        assert [type(one).__name__ for one in done] == ["ModelError", "Done", "Done"] + ["ModelError"] * 37
        assert len(server.calls) == 3
        assert loop.time() < 10
        assert "the run has ended" in str(done[-1])

    virtual(main())


def test_stopping_ends_a_long_sleep(virtual: Any) -> None:
    async def main() -> None:
        server = Simulated(lambda *_: TryError("429", "limited", wait=200.0))
        limited = limits(concurrency=3)
        asking = asyncio.ensure_future(ask_all(server, limited, 10))
        await asyncio.sleep(20)
        limited.stop()
        assert {type(one) for one in await asking} == {ModelError}
        assert asyncio.get_running_loop().time() == pytest.approx(20, abs=0.1)

    virtual(main())
