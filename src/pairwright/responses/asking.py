"""Between a builder's question and a model: what is stored is not asked, what is asked is stored before it is used.

For each request: look up its samples; for those that are missing, claim the request against other processes, look
again, keep the budget, ask, store, hand on what the store now holds. So a replay gives exactly what the first run was
given, and opens no model at all.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pairwright.responses.batches import Batched, Rhythm
from pairwright.responses.calls import Direct, Way
from pairwright.responses.ending import Ending
from pairwright.responses.ledger import Account, Ledger, Spent, account_of
from pairwright.responses.opening import Lazily
from pairwright.responses.refusals import put_told
from pairwright.responses.settings import Budget
from pairwright.responses.store import Question, Store, gaps, open_store, question
from pairwright.samplers import ROOM, Model, Prices, checked, model_id, opened, width
from pairwright.schemas.errors import ModelError, ParameterError, RowError, RunError, UnknownPartError
from pairwright.schemas.request import Answer, Ask, ModelId, Request

_GRACE_S = 10.0
"""Seconds that calls under way are given when a run breaks off: most of them are paid for by then, and an interrupt
must not take a minute. A budget stop waits for all of them."""

_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.05, 5.0
"""Seconds between looks for the answer to a request that another process is asking: calls take seconds, batches
hours."""


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a run, ready to be asked."""

    asks: Mapping[str, Ask]
    """Ways to ask them, by the builder's names."""
    _ledger: Ledger

    def spent(self) -> tuple[Spent, ...]:
        """Return what the run took so far, earlier goes included; also after leaving, then with all that was under way."""
        return self._ledger.spent()


@asynccontextmanager
async def open_models(
    models: Mapping[str, Model],
    *,
    store: Path,
    run: str,
    budget: Budget | None = None,
    rhythm: Rhythm | None = None,
) -> AsyncIterator[Models]:
    """Make models ready to be asked; each is opened by the first request that the store cannot answer.

    Leaving sends nothing more, and lets calls that are with a model finish and be stored: all of them at the end and
    after a budget stop, for ten seconds after anything else. A budget stop still hands in what was gathered for a
    batch: all of that is within the budget.

    Args:
        models: by the builder's names. Equal ones are opened once.
        store: file of the response store, made where it is missing.
        run: name under which the calls are counted; a run that is continued has the same.
        budget: what the run may spend.
        rhythm: when batch files are handed in and looked at.

    Raises:
        ParameterError, UnknownPartError: as :func:`check_models`.
        RunError: the store cannot be used.
    """
    check_models(models, budget)
    with open_store(store) as answers:
        ledger = Ledger(answers, run, budget or Budget(), _prices(models, budget or Budget()))
        desk = _Desk(answers, ledger, run)
        ways: dict[str, Way] = {}
        asks = {}
        for name, model in models.items():
            engine = _engine(model)
            if engine not in ways:
                ways[engine] = _way(model, desk, run=run, rhythm=rhythm or Rhythm())
            asks[name] = desk.ask_through(ways[engine], model_id(model))
        whole = False
        try:
            yield Models(asks, ledger)
            whole = True
        finally:
            try:
                await desk.close(ways.values(), None if whole or ledger.stopped else _GRACE_S)
            finally:
                ledger.close()


def check_models(models: Mapping[str, Model], budget: Budget | None = None) -> None:
    """Check what can be checked without opening anything.

    Args:
        models: by the builder's names, which errors tell.
        budget: what the run may spend.

    Raises:
        ParameterError: settings of a model, or of the budget, that cannot be: a limit on dollars without prices, two
            prices of one model, an unknown option, batch files that the sampler does not have.
        UnknownPartError: there is no such sampler.
    """
    for name, model in models.items():
        try:
            checked(model)
        except (ParameterError, UnknownPartError) as error:
            raise type(error)(f"{name}.{error}") from error
        if model.calls.batch and ROOM.get(model.sampler).batches is None:
            raise ParameterError(f"{name}.calls.batch: {model.sampler} has no batch files")
    _prices(models, budget or Budget())


def check_reachable(models: Mapping[str, Model]) -> None:
    """Check that every model has an address, and the key it names or needs, without asking any.

    A replay from the store needs neither, hence apart from :func:`check_models`.

    Args:
        models: by the builder's names, which errors tell; valid by :func:`check_models`.

    Raises:
        ParameterError: a model that could not be asked: ``judge.base_url: missing; ...``.
    """
    for name, model in models.items():
        check_place = ROOM.get(model.sampler).check_place
        try:
            if check_place is not None:
                check_place(model)
        except ModelError as error:
            raise ParameterError(f"{name}.{error}") from error


@dataclass(frozen=True, slots=True)
class _Flight:
    """A question that is under way."""

    samples: range
    task: "asyncio.Task[int]"


class _Desk:
    """Answers from the store, and sends for what is missing; one question per request at a time."""

    def __init__(self, store: Store, ledger: Ledger, run: str) -> None:
        self.store = store
        self.ledger = ledger
        self.ending = Ending()
        self._run = run
        self._flights: dict[str, _Flight] = {}

    def ask_through(self, way: Way, model: ModelId) -> Ask:
        """Return the way to ask a model."""

        async def ask(request: Request) -> tuple[Answer, ...]:
            asked = question(model, request)
            paid = await self._fetch(way, asked) if self._missing(asked) else 0
            found = await self.store.answers(asked.key, asked.samples)
            if len(found) < request.n:
                raise RunError(f"{self.store.path} lost answers that it had: was it changed by hand?")
            self.ledger.replayed(model, request.n - paid)
            return tuple(found.values())

        return ask

    async def close(self, ways: Collection[Way], grace_s: float | None) -> None:
        """Send nothing more; let what was sent finish, for so long, then break it off and close the models."""
        self.ending.begin()
        for way in ways:
            way.stop()
        try:
            tasks = [flight.task for flight in self._flights.values()]
            if tasks:
                _, late = await asyncio.wait(tasks, timeout=grace_s)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)
        finally:
            await asyncio.gather(*(way.close() for way in ways))

    async def _fetch(self, way: Way, asked: Question) -> int:
        """Bring the missing samples into the store; return how many of them this asker pays for."""
        while flight := self._flights.get(asked.key):
            covered = _within(asked.samples, flight.samples)
            try:
                await asyncio.shield(flight.task)
            except RowError:
                if covered:
                    raise
            if covered:
                return 0
        task = asyncio.create_task(self._fly(way, asked))
        self._flights[asked.key] = _Flight(asked.samples, task)
        task.add_done_callback(partial(self._land, asked.key))
        return await asyncio.shield(task)  # goes on, and is stored, when the asker is gone

    def _land(self, key: str, task: "asyncio.Task[int]") -> None:
        del self._flights[key]
        if not task.cancelled():
            task.exception()  # seen, also where the asker is gone: the run is breaking off by another error

    async def _fly(self, way: Way, asked: Question) -> int:
        if not await self._claim(asked):
            return 0
        paid = 0
        try:
            while missing := self._missing(asked):
                refusal = self.store.refusal(asked.key, missing[0])
                if refusal is not None:
                    await put_told(self.store, self._run, asked.key)
                    raise refusal
                paid += await way.ask(_part(asked, missing[0]))
        finally:
            self.store.claims.free(asked.key)
        return paid

    async def _claim(self, asked: Question) -> bool:
        """Wait until nobody else asks this; False when the store has all of it by then."""
        wait = _FIRST_LOOK_S
        while not self.store.claims.take(asked.key):
            with self.ending.breaks_off():
                await asyncio.sleep(wait)
            wait = min(1.5 * wait, _LONGEST_LOOK_S)
            if not self._missing(asked):
                return False
        return True

    def _missing(self, asked: Question) -> list[range]:
        return gaps(asked.samples, self.store.samples(asked.key, asked.samples))


def _within(inner: range, outer: range) -> bool:
    return outer.start <= inner.start and inner.stop <= outer.stop


def _part(asked: Question, samples: range) -> Question:
    if samples == asked.samples:
        return asked
    return replace(asked, request=replace(asked.request, first=samples.start, n=len(samples)))


def _way(model: Model, desk: _Desk, *, run: str, rhythm: Rhythm) -> Way:
    open_batches = ROOM.get(model.sampler).batches
    if not model.calls.batch or open_batches is None:
        return Direct(
            Lazily(lambda: opened(model)),
            at_once=width(model),
            store=desk.store,
            ledger=desk.ledger,
            run=run,
            ending=desk.ending,
        )
    return Batched(
        Lazily(lambda: open_batches(model, checked(model))),
        model=model_id(model),
        calls=model.calls,
        store=desk.store,
        ledger=desk.ledger,
        run=run,
        rhythm=rhythm,
        ending=desk.ending,
    )


def _engine(model: Model) -> str:
    """Return what is equal for models that are opened as one: in this process, limits on calls make no other engine.

    Builders give blocks with more keys (what a writer is asked, what a judge looks at); these make none either.
    """
    leave_out = (
        {"prices"} if ROOM.get(model.sampler).remote else {"prices", "calls", "endpoint", "api_key_env"}
    )
    return model.model_dump_json(include=Model.model_fields.keys() - leave_out)


def _prices(models: Mapping[str, Model], budget: Budget) -> dict[Account, Prices | None]:
    """Return the price of every account. Raises as :func:`check_models` does."""
    prices: dict[Account, Prices | None] = {}
    for name, model in models.items():
        account = account_of(model_id(model))
        if budget.usd is not None and model.prices is None:
            raise ParameterError(
                f"budget.usd: what {name} ({account.model}) costs is not known; give {name}.prices"
            )
        known = prices.get(account)
        if known is not None and model.prices not in (None, known):
            raise ParameterError(f"{name}.prices: {account.model} has other prices in another place")
        prices[account] = known or model.prices
    return prices
