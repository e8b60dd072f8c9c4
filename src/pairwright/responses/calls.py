"""Asking a model directly, call by call, and the records of calls."""

import asyncio
from dataclasses import replace
from typing import Protocol

from pairwright.responses.ending import Ending
from pairwright.responses.ledger import Ledger
from pairwright.responses.opening import Lazily
from pairwright.responses.store import Call, Outcome, Question, Store
from pairwright.samplers import FailedCall, Sampler, Stoppable
from pairwright.schemas.errors import ModelError, RowError
from pairwright.schemas.request import ModelId, Reply


class Way(Protocol):
    """How questions reach a model and its answers the store."""

    async def ask(self, question: Question) -> int:
        """Bring some of the answers into the store; return how many of them this run pays for.

        Raises:
            RowError: the request cannot be answered.
            ModelError: the model cannot be used at all.
            BudgetError: the call would pass the budget.
            CancelledError: the run ended before it was sent.
        """

    def stop(self) -> None:
        """Send nothing more; the run is ending."""

    async def close(self) -> None:
        """Let go of the model."""


class Direct:
    """One call per question, and so many at once; whoever waits for a turn has not passed the budget yet."""

    def __init__(
        self,
        sampler: Lazily[Sampler],
        *,
        at_once: int,
        store: Store,
        ledger: Ledger,
        run: str,
        ending: Ending,
    ) -> None:
        """``sampler`` is opened by the first question."""
        self._sampler = sampler
        self._turns = asyncio.Semaphore(at_once)
        self._store = store
        self._ledger = ledger
        self._run = run
        self._ending = ending

    async def ask(self, question: Question) -> int:
        """See :class:`Way`."""
        call, outcome = await self._called(question)
        if isinstance(outcome, RowError):
            await self._store.put_error(call, question.text, outcome)
            raise outcome
        await self._store.put_reply(call, question.text, outcome)
        if wrong := wrong_number(call):
            raise wrong
        return call.answers

    async def _called(self, question: Question) -> tuple[Call, Reply | RowError]:
        """Wait for a turn, keep the budget, make the call, count it before the next one may begin."""
        with self._ending.breaks_off():
            await self._turns.acquire()
        try:
            with self._ending.breaks_off():
                await self._ledger.begin_in_turn(question)
            try:
                with self._ending.breaks_off():
                    sampler = await self._sampler.get()
                outcome = await _outcome(sampler, question)
            finally:
                self._ledger.end(question.model)
            call = call_of(self._run, question.model, question.key, question.samples, outcome)
            self._ledger.count(call)
            return call, outcome
        finally:
            self._turns.release()

    def stop(self) -> None:
        """See :class:`Way`. Those who wait for a turn are broken off by the ending itself."""
        sampler = self._sampler.opened()
        if isinstance(sampler, Stoppable):
            sampler.stop()

    async def close(self) -> None:
        """See :class:`Way`."""
        await self._sampler.close()


async def _outcome(sampler: Sampler, question: Question) -> Reply | RowError:
    try:
        return await sampler.sample(question.request)
    except RowError as error:
        return error


def call_of(
    run: str,
    model: ModelId,
    key: str,
    samples: range,
    outcome: Reply | RowError,
    *,
    batch: str | None = None,
) -> Call:
    """Return the record of a call."""
    if isinstance(outcome, Reply):
        return Call(
            run=run,
            model=model,
            key=key,
            samples=samples,
            outcome="answered",
            answers=len(outcome.answers),
            served=outcome.model,
            prompt_tokens=outcome.prompt_tokens,
            completion_tokens=outcome.completion_tokens,
            cached_tokens=outcome.cached_tokens,
            attempts=outcome.attempts,
            seconds=outcome.seconds,
            batch=batch,
        )
    kind: Outcome = "refused" if outcome.reason == "call_refused" else "failed"
    call = Call(run, model, key, samples, kind, batch=batch)
    if not isinstance(outcome, FailedCall):
        return call
    return replace(
        call,
        prompt_tokens=outcome.prompt_tokens,
        completion_tokens=outcome.completion_tokens,
        attempts=outcome.attempts,
    )


def wrong_number(call: Call) -> ModelError | None:
    """Return the error for a model that gave no answer, or more than it was asked for; those are stored."""
    if 1 <= call.answers <= len(call.samples):
        return None
    return ModelError(
        f"{call.model.model} at {call.model.endpoint} gave {call.answers} answers to a request for "
        f"{len(call.samples)}: does the server ignore n?"
    )
