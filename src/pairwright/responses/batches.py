"""Asking through a provider's batch files: half the price, answers within a day, and a day is long enough to crash in.

A batch is written to the store under a tag of ours before it is handed in, its id afterwards, and each answer as it is
collected. Whoever asks for the same requests later finds the batch and waits for it, also in another process: one that
may or may not have been handed in is looked for at the provider by its tag. Only one process collects a batch, by a
claim on the tag.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from pairwright.responses.calls import call_of, wrong_number
from pairwright.responses.ending import Ending
from pairwright.responses.ledger import Ledger
from pairwright.responses.opening import Lazily
from pairwright.responses.plans import Place, place_of, places_left, plan_of, put_end, put_id, put_plan
from pairwright.responses.store import Question, Store
from pairwright.samplers import Batches, CallSettings
from pairwright.schemas.errors import ModelError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.request import ModelId, Reply

Outcome = Reply | RowError

_COLLECTED_AT_ONCE = 256
"""Outcomes that go to the store together while a batch is collected."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a batch is full, and how often one is looked at."""

    quiet_s: float = 5.0
    """Seconds without a new request after which a batch is handed in: longer than it takes to read the next rows, and
    nothing beside the hours that it takes."""
    most_requests: int = 50_000
    """What OpenAI takes in a file."""
    most_bytes: int = 180_000_000
    """OpenAI takes 200 MB; what a request adds to its texts and pictures is estimated, hence the distance."""
    first_look_s: float = 5.0
    """Seconds until the first look; small batches are ready within minutes."""
    longest_look_s: float = 300.0
    """Longest time between two looks, each 1.5 times the one before: reached after some ten looks."""


@dataclass(slots=True, eq=False)
class _Item:
    """A question that stands in a batch."""

    model: ModelId | None
    """Where its call is under way in the ledger; None where an earlier go handed it in."""
    done: "asyncio.Future[bool]"
    """Whether the outcome is stored; False where the batch ended without one."""


@dataclass(slots=True, eq=False)
class _Gathering:
    """Questions that wait to be handed in together."""

    items: dict[str, _Item] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    bytes: int = 0
    timer: asyncio.TimerHandle | None = None


class Batched:
    """A :class:`pairwright.responses.calls.Way` through batch files."""

    def __init__(
        self,
        batches: Lazily[Batches],
        *,
        model: ModelId,
        calls: CallSettings,
        store: Store,
        ledger: Ledger,
        run: str,
        rhythm: Rhythm,
        ending: Ending,
    ) -> None:
        """``batches`` is opened when the first batch is handed in or looked for."""
        self._batches = batches
        self._model = model
        self._calls = calls
        self._store = store
        self._ledger = ledger
        self._run = run
        self._rhythm = rhythm
        self._ending = ending
        self._gathering = _Gathering()
        self._items: dict[str, dict[str, _Item]] = {}
        """Questions of this process by tag and name."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> int:
        """See :class:`pairwright.responses.calls.Way`."""
        place = place_of(self._store, question.key, question.samples)
        if place is not None:
            return await self._joined(place, question)
        if self._store.samples(question.key, question.samples) or self._store.refusal(
            question.key, question.samples
        ):
            return 0  # collected just now, between the caller's look and ours
        tries = self._calls.retries + 1
        for _ in range(tries):
            if await self._add(question):
                return len(self._store.samples(question.key, question.samples))
        raise RowError("call_failed", None, f"{tries} batches ended without an answer to it")

    def stop(self) -> None:
        """See :class:`pairwright.responses.calls.Way`.

        What was gathered is within the budget, so a budget stop hands it in: a run whose budget is smaller than a
        batch would otherwise never get anywhere. An error or an interrupt drops it.
        """
        if not self._gathering.items:
            return
        if self._ledger.stopped:
            self._hand_in()
            return
        gathering, self._gathering = self._gathering, _Gathering()
        if gathering.timer is not None:
            gathering.timer.cancel()
        for item in gathering.items.values():
            self._ledger.end(self._model)
            item.done.cancel()

    async def close(self) -> None:
        """See :class:`pairwright.responses.calls.Way`. What was handed in is collected by the next go."""
        if self._gathering.timer is not None:
            self._gathering.timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._batches.close()

    def _add(self, question: Question) -> "asyncio.Future[bool]":
        """Put a question into the batch that is being gathered."""
        self._ending.check()
        size = _size(question)
        if self._gathering.items and self._gathering.bytes + size > self._rhythm.most_bytes:
            self._hand_in()
        self._ledger.begin(question)
        gathering, loop = self._gathering, asyncio.get_running_loop()
        name = f"{question.key[:40]}-{question.request.first}-{question.request.n}"
        item = gathering.items[name] = _Item(question.model, loop.create_future())
        gathering.questions[name] = question
        gathering.bytes += size
        if gathering.timer is not None:
            gathering.timer.cancel()
        gathering.timer = loop.call_later(self._rhythm.quiet_s, self._hand_in)
        if len(gathering.items) >= self._rhythm.most_requests:
            self._hand_in()
        return item.done

    async def _joined(self, place: Place, question: Question) -> int:
        """Wait for a batch that holds some of the samples; return how many of them it brought at this run's cost."""
        wanted = set(place.samples) & set(question.samples)
        paid = plan_of(self._store, place.tag).run == self._run
        try:
            stored = await self._join(place)
        except RowError:
            if wanted == set(question.samples):
                raise
            return 0  # it speaks of another range; ours is asked by itself
        brought = wanted.intersection(self._store.samples(question.key, question.samples))
        return len(brought) if stored and paid else 0

    def _join(self, place: Place) -> "asyncio.Future[bool]":
        """Wait for a request in a batch that is recorded already."""
        if place.tag not in self._items:
            self._items[place.tag] = {}
            self._start(place.tag, lambda: self._follow(place.tag))
        future = asyncio.get_running_loop().create_future()
        return self._items[place.tag].setdefault(place.name, _Item(None, future)).done

    def _hand_in(self) -> None:
        gathering, self._gathering = self._gathering, _Gathering()
        if gathering.timer is not None:
            gathering.timer.cancel()
        tag = f"pairwright-{uuid4().hex}"
        self._items[tag] = gathering.items
        self._start(tag, lambda: self._submit(tag, gathering.questions))

    def _start(self, tag: str, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._settling(tag, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settling(self, tag: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do what is to be done for a batch, and tell the outcome to everybody who waits for it."""
        try:
            await self._claim(tag)
            await work()
        except Exception as error:  # noqa: BLE001 - handed on to all who wait, the run stops by it
            for name in list(self._items[tag]):
                self._settle(tag, name, error)
        finally:
            self._store.claims.free(tag)
            for name in list(self._items[tag]):
                self._settle(tag, name, stored=False)
            del self._items[tag]

    def _settle(self, tag: str, name: str, error: Exception | None = None, *, stored: bool = True) -> None:
        item = self._items[tag].pop(name, None)
        if item is None:
            return
        if item.model is not None:
            self._ledger.end(item.model)
        if item.done.done():  # nobody waits any more
            return
        if error is None:
            item.done.set_result(stored)
        else:
            item.done.set_exception(error)

    async def _claim(self, tag: str) -> None:
        wait = self._rhythm.first_look_s
        while not self._store.claims.take(tag):
            await asyncio.sleep(wait)
            wait = min(1.5 * wait, self._rhythm.longest_look_s)

    async def _submit(self, tag: str, questions: Mapping[str, Question]) -> None:
        batches = await self._batches.get()
        await put_plan(self._store, self._run, tag, questions.items())
        batch = await batches.submit({name: one.request for name, one in questions.items()}, tag)
        await put_id(self._store, tag, batch)
        await self._wait_and_collect(tag, batch, run=self._run)

    async def _follow(self, tag: str) -> None:
        """Take over a batch that an earlier go, or another process, recorded."""
        plan = plan_of(self._store, tag)
        if not plan.ended:
            batches = await self._batches.get()
            batch = plan.id or await batches.find(tag)
            if batch is None:  # planned, but never handed in
                await put_end(self._store, tag)
                return
            if plan.id is None:
                await put_id(self._store, tag, batch)
            await self._wait_and_collect(tag, batch, run=plan.run)
        left = places_left(self._store, tag)
        for name in [name for name in self._items[tag] if name not in left]:
            self._settle(tag, name)

    async def _wait_and_collect(self, tag: str, batch: str, *, run: str) -> None:
        batches = await self._batches.get()
        wait = self._rhythm.first_look_s
        try:
            while not (await batches.status(batch)).ended:
                await asyncio.sleep(wait)
                wait = min(1.5 * wait, self._rhythm.longest_look_s)
            await self._collect(batches, tag, batch, run=run)
        except ModelError:
            if (
                await batches.find(tag) is None
            ):  # refused as a whole: not to be waited for, so the next go asks anew
                await put_end(self._store, tag)
            raise
        await put_end(self._store, tag)

    async def _collect(self, batches: Batches, tag: str, batch: str, *, run: str) -> None:
        left = places_left(self._store, tag)
        async for chunk in _chunks(batches.collect(batch)):
            known = [(left.pop(name), outcome) for name, outcome in chunk if name in left]
            await asyncio.gather(*(self._store_outcome(place, one, run) for place, one in known))

    async def _store_outcome(self, place: Place, outcome: Outcome, run: str) -> None:
        call = call_of(run, self._model, place.key, place.samples, outcome, batch=place.tag)
        self._ledger.count(call)
        told: Exception | None
        if isinstance(outcome, RowError):
            told = outcome
            await self._store.put_error(call, None, outcome)
        else:
            told = wrong_number(call)
            await self._store.put_reply(call, None, outcome)
        self._settle(place.tag, place.name, told)


async def _chunks(outcomes: AsyncIterator[tuple[str, Outcome]]) -> AsyncIterator[list[tuple[str, Outcome]]]:
    chunk = []
    async for outcome in outcomes:
        chunk.append(outcome)
        if len(chunk) == _COLLECTED_AT_ONCE:
            yield chunk
            chunk = []
    yield chunk


def _size(question: Question) -> int:
    """Return how many bytes a question takes in a batch file, about: pictures in base64, texts escaped to ASCII."""
    pictures = sum(
        (len(part.data) + 2) // 3 * 4
        for message in question.request.messages
        for part in message.parts
        if isinstance(part, Image)
    )
    return pictures + len(json.dumps(question.text))
