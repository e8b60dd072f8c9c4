"""How one open model is called: how many at once, how fast, how often again, and when to give up.

What is decided here, for every call:

- *Admission*, first come, first served: a place among the calls under way, the breaker closed, no pause asked for by
  the server, and enough in the buckets for requests and tokens per minute. Until anything was heard of the server, only
  a few calls go out, so that a wrong key or a tight limit costs a few calls.
- *Calls at once* follow AIMD, as TCP does: halved when the server says that it is too much, grown back slowly.
- *Again*: a failed try gives its place back and waits, for what the server asked for, or by exponential backoff with
  full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015).
- *Whose fault*: a request is given up as ``call_failed`` after ``retries`` tries, if others got through meanwhile. If
  nobody did, the server itself is tried with a canary, a request that every server answers: only if that is answered is
  the request at fault. Tries while the breaker is open do not count, and four that a rate limit refused count as one.
  Where nothing succeeds for ``give_up_after_s``, the model is given up, and no request is blamed. Refusals before the
  first answer are held back until it is known whose fault they are (``_refusals``).
"""

import asyncio
import itertools
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, NoReturn, TypeVar

from pairwright.samplers import CallSettings, FailedCall
from pairwright.samplers._breaker import Breaker, Kind
from pairwright.samplers._pace import Bucket, number_of
from pairwright.samplers._refusals import MOST, Refusals, blamed
from pairwright.samplers._wire import Usage
from pairwright.schemas.errors import ModelError, RowError

T = TypeVar("T")

_AT_FIRST = 4
"""Calls at once until the first answer of any sort."""
_GROWTH = 1 / 16
"""Share by which the calls at once grow while as many answers come in: doubled after about eleven rounds."""
_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 0.5, 30.0
_LIMITED_TRIES = 4
"""Tries refused by a rate limit that count as one failed try."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, sleep and chance; tests put their own in."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    """Draws from 0 to 1."""


class TryError(Exception):
    """One try failed, and another may succeed."""

    def __init__(
        self,
        message: str,
        kind: Kind,
        *,
        overloaded: bool = False,
        wait: float | None = None,
        lost: Usage = Usage(),  # noqa: B008 (frozen)
    ) -> None:
        """Note how it failed.

        ``wait``: seconds that the server asks for. ``overloaded``: it asks for fewer calls at once. ``lost``: tokens
        that it took all the same.
        """
        self.kind = kind
        self.lost = lost
        self.overloaded = overloaded or kind == "limited"
        self.wait = wait
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """An answer, and what it took."""

    value: T
    attempts: int
    seconds: float
    """From the last try to the answer."""
    lost: Usage
    """Tokens of the tries that failed."""


@dataclass(slots=True)
class _Tries:
    """How a request fared so far."""

    number: int
    successes: int
    """The model's successes when the request began, or failed the last time."""
    attempts: int = 0
    failed: int = 0
    """Tries that the server's state does not explain."""
    limited: int = 0
    lost: Usage = field(default_factory=Usage)


class Limits:
    """The limits of one open model. Not to be shared between event loops."""

    def __init__(
        self,
        name: str,
        calls: CallSettings,
        *,
        canary: Callable[[], Awaitable[object]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``name`` is what errors call the model; ``canary`` raises as the attempts of :meth:`call` do."""
        self._canary = canary
        self._name = name
        self._calls = calls
        self._clock = clock or Clock()
        now = self._clock.now()
        self._requests = Bucket.per_minute(calls.requests_per_minute, now=now)
        self._tokens = Bucket.per_minute(calls.tokens_per_minute, now=now, burst_s=60.0)
        self._breaker = Breaker()
        self._numbers = itertools.count()
        self._door = asyncio.Lock()
        self._changed = asyncio.Event()
        self._resting: set[asyncio.Future[None]] = set()
        self._refusals = Refusals()
        self._doubt = asyncio.Lock()
        self._active = 0
        self._width = float(calls.concurrency)
        self._heard = False
        self._narrowed = -math.inf
        self._paused_until = -math.inf
        self._dead: str | None = None

    @property
    def width(self) -> int:
        """How many calls may be under way at once, by now."""
        return int(self._width) if self._heard else min(_AT_FIRST, int(self._width))

    @property
    def answered(self) -> bool:
        """Whether the model has answered a call."""
        return self._refusals.answered

    async def call(
        self, attempt: Callable[[], Awaitable[T]], *, tokens: float, used: Callable[[T], float]
    ) -> Done[T]:
        """Try until there is an answer. ``tokens`` estimates what it takes, ``used`` tells what it took.

        ``attempt`` raises TryError for what may succeed later; every other error is passed on.

        Raises:
            FailedCall: this request failed too often.
            ModelError: nothing succeeds any more, everything is refused, or an attempt raised it.
        """
        tries = _Tries(next(self._numbers), self._breaker.successes)
        self._refusals.begin(tries.number)
        try:
            done = await self._answer(tries, attempt, tokens=tokens, used=used)
        except FailedCall:
            raise
        except RowError as error:
            await self._believe(tries.number, error)
            raise
        else:
            self._refusals.answer()
            return done
        finally:
            self._refusals.end(tries.number)

    def stop(self) -> None:
        """Send nothing more: what waits fails at once with ModelError, what is on the wire is let finish."""
        self._end(f"{self._name}: not asked, the run has ended")

    async def _answer(
        self,
        tries: _Tries,
        attempt: Callable[[], Awaitable[T]],
        *,
        tokens: float,
        used: Callable[[T], float],
    ) -> Done[T]:
        while True:
            await self._admit(tries.number, tokens)
            tries.attempts += 1
            started = self._clock.now()
            try:
                value = await self._once(attempt, tries.number, started)
            except TryError as error:
                self._tokens.put_back(tokens - error.lost.prompt_tokens - error.lost.completion_tokens)
                tries.lost += error.lost
                wait = await self._after_failure(tries, error, started)
            else:
                self._tokens.put_back(tokens - used(value))
                return Done(value, tries.attempts, self._clock.now() - started, tries.lost)
            await self._rest(wait)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over what an answer's headers tell of the server's limits."""
        now = self._clock.now()
        for kind, bucket in (("requests", self._requests), ("tokens", self._tokens)):
            limit = number_of(headers.get(f"x-ratelimit-limit-{kind}"))
            remaining = number_of(headers.get(f"x-ratelimit-remaining-{kind}"))
            if limit and remaining is not None:
                bucket.learn(limit, remaining, now=now)

    async def _admit(self, number: int, tokens: float) -> None:
        async with self._door:
            while True:
                if self._dead is not None:
                    raise ModelError(self._dead)
                if self._active >= self.width or self._breaker.probe is not None:
                    self._changed.clear()
                    await self._changed.wait()
                    continue
                now = self._clock.now()
                wait = self._wait(tokens, now)
                if wait > 0:
                    await self._rest(wait)
                elif not self._breaker.open or self._canary is None:
                    break
                else:
                    await self._alive(self._canary)
            self._requests.take(1, now=now)
            self._tokens.take(tokens, now=now)
            self._breaker.admitted(number)
            self._active += 1

    async def _rest(self, seconds: float) -> None:
        """Sleep, but not beyond the model's end."""
        if self._dead is not None:
            return
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        self._resting.add(sleep)
        try:
            await asyncio.wait({sleep})
        finally:
            sleep.cancel()
            self._resting.discard(sleep)

    def _wait(self, tokens: float, now: float) -> float:
        paused = max(self._paused_until - now, self._breaker.wait(now=now))
        return max(paused, self._requests.wait(1, now=now), self._tokens.wait(tokens, now=now))

    async def _once(self, attempt: Callable[[], Awaitable[T]], number: int, started: float) -> T:
        """One try, in its place among the calls under way."""
        try:
            async with asyncio.timeout(self._calls.timeout_s):
                value = await attempt()
        except TryError as error:
            self._breaker.failed(number, error.kind, now=self._clock.now())
            raise
        except TimeoutError:
            self._breaker.failed(number, "answered", now=self._clock.now())
            told = f"no answer within {self._calls.timeout_s:g} s (calls.timeout_s)"
            raise TryError(told, "answered") from None
        except RowError:  # it refuses this one, so it lives
            self._succeeded()
            raise
        except ModelError as error:
            self._end(str(error))
            raise
        except BaseException:
            self._breaker.abandoned(number)
            raise
        else:
            self._succeeded()
            return value
        finally:
            self._heard = True
            self._active -= 1
            self._changed.set()

    def _succeeded(self) -> None:
        if self._breaker.succeeded():
            self._width = max(1.0, self._width / 2)
        else:
            self._width = min(
                self._calls.concurrency, self._width + max(1.0, self._width * _GROWTH) / self._width
            )

    async def _after_failure(self, tries: _Tries, error: TryError, started: float) -> float:
        """Return the seconds to wait before the next try; raises where there is none."""
        if self._dead is not None:
            raise ModelError(self._dead) from error
        now = self._clock.now()
        if error.overloaded and started > self._narrowed:  # calls under way at the last time say nothing new
            self._width, self._narrowed = max(1.0, self._width / 2), now
        if error.wait is not None:
            self._paused_until = max(self._paused_until, now + error.wait)
            if error.wait > self._calls.give_up_after_s:
                self._give_up(
                    f"it asks to wait {error.wait:.0f} s, longer than calls.give_up_after_s ({error})"
                )
        others_get_through = self._breaker.successes > tries.successes
        tries.successes = self._breaker.successes
        tries.limited += error.kind == "limited"
        tries.failed += error.kind != "limited" and not self._breaker.open
        if self._breaker.failing > {tries.number} or error.kind != "answered":
            self._check_patience(error)
        exhausted = tries.failed + tries.limited // _LIMITED_TRIES > self._calls.retries
        if exhausted and (others_get_through or await self._at_fault(error)):
            told = f"{self._name}: failed {tries.attempts} times; last: {error}"
            raise FailedCall(
                told,
                attempts=tries.attempts,
                prompt_tokens=tries.lost.prompt_tokens,
                completion_tokens=tries.lost.completion_tokens,
            ) from error
        return self._backoff(tries.attempts, error.wait)

    async def _at_fault(self, error: TryError) -> bool:
        """Return whether a request that failed too often is at fault, while nobody else gets through."""
        return error.kind == "answered" if self._canary is None else await self._alive(self._canary)

    async def _believe(self, number: int, error: RowError) -> None:
        """Return when a refusal is known to be about its request. Raises ModelError where the server refuses all."""
        place = self._refusals.refuse(number)
        while not self._refusals.is_believed(place):
            if self._dead is not None:
                raise ModelError(self._dead) from error
            if self._refusals.all_refused():
                why = f"refused the first {MOST} requests, and answered none"
                self._fail(blamed(self._name, why, error))
            if self._refusals.undecided:
                await self._refusals.change()
            else:
                await self._decide(place, error)

    async def _decide(self, place: int, error: RowError) -> None:
        """Try the server itself, once for all that wait: nobody else is there to tell whose fault it is."""
        async with self._doubt:
            if self._dead is not None or self._refusals.is_believed(place) or self._refusals.undecided:
                return
            said = "answers" if self._canary is None else await self._said(self._canary)
            if said == "answers":
                self._refusals.believe()
            elif said == "refuses":
                self._fail(blamed(self._name, "refuses even the shortest request", error))
            else:
                await self._rest(self._breaker.wait(now=self._clock.now()))

    async def _alive(self, canary: Callable[[], Awaitable[object]]) -> bool:
        """Try the server itself; return whether it answers, if only to refuse."""
        return await self._said(canary) != "nothing"

    async def _said(
        self, canary: Callable[[], Awaitable[object]]
    ) -> Literal["answers", "refuses", "nothing"]:
        """Try the server itself."""
        said: Literal["answers", "refuses"] = "answers"
        try:
            async with asyncio.timeout(self._calls.timeout_s):
                await canary()
        except (TryError, TimeoutError) as error:
            self._breaker.trip(now=self._clock.now())
            self._check_patience(error)
            return "nothing"
        except RowError:
            said = "refuses"
        except ModelError as error:
            self._end(str(error))
            raise
        self._succeeded()
        return said

    def _check_patience(self, error: Exception) -> None:
        failing = self._breaker.failing_for(now=self._clock.now())
        if failing >= self._calls.give_up_after_s:
            self._give_up(
                f"nothing has succeeded for {failing:.0f} s; last: {str(error).rstrip(' .') or 'no answer in time'}"
            )

    def _backoff(self, attempts: int, wait: float | None) -> float:
        if wait is not None:
            return wait * (1 + 0.1 * self._clock.chance())
        longest = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2.0 ** min(attempts - 1, 10))
        return longest * self._clock.chance()

    def _give_up(self, why: str) -> NoReturn:
        self._fail(f"{self._name}: {why}. Start the run again when the server is back: it goes on from here.")

    def _fail(self, why: str) -> NoReturn:
        self._end(why)
        raise ModelError(why)

    def _end(self, why: str) -> None:
        """Note that the model is not to be asked any more, and wake all who wait for it."""
        self._dead = self._dead or why
        for sleep in self._resting:
            sleep.cancel()
        self._changed.set()
        self._refusals.changed.set()
