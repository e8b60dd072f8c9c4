"""Asking a model directly, call by call, and the records of calls."""

from typing import Protocol

from pairwright.responses.ledger import Ledger
from pairwright.responses.opening import Lazily
from pairwright.responses.store import Call, Outcome, Question, Store
from pairwright.samplers import Sampler
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
        """

    async def close(self) -> None:
        """Let go of the model."""


class Direct:
    """One call per question."""

    def __init__(self, sampler: Lazily[Sampler], *, store: Store, ledger: Ledger, run: str) -> None:
        """``sampler`` is opened by the first question."""
        self._sampler = sampler
        self._store = store
        self._ledger = ledger
        self._run = run

    async def ask(self, question: Question) -> int:
        """See :class:`Way`."""
        self._ledger.begin(question.model)
        try:
            sampler = await self._sampler.get()
            try:
                reply = await sampler.sample(question.request)
            except RowError as error:
                call = call_of_error(self._run, question.model, question.key, question.samples, error)
                await self._store.put_error(call, question.text, error)
                self._ledger.count(call)
                raise
            call = call_of_reply(self._run, question.model, question.key, question.samples, reply)
            await self._store.put_reply(call, question.text, reply)
            self._ledger.count(call)
        finally:
            self._ledger.end(question.model)
        if wrong := wrong_number(call):
            raise wrong
        return call.answers

    async def close(self) -> None:
        """See :class:`Way`."""
        await self._sampler.close()


def call_of_reply(
    run: str, model: ModelId, key: str, samples: range, reply: Reply, *, batch: str | None = None
) -> Call:
    """Return the record of a call that was answered."""
    return Call(
        run=run,
        model=model,
        key=key,
        samples=samples,
        outcome="answered",
        answers=len(reply.answers),
        served=reply.model,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        cached_tokens=reply.cached_tokens,
        attempts=reply.attempts,
        seconds=reply.seconds,
        batch=batch,
    )


def call_of_error(
    run: str, model: ModelId, key: str, samples: range, error: RowError, *, batch: str | None = None
) -> Call:
    """Return the record of a call that brought no answer."""
    outcome: Outcome = "refused" if error.reason == "call_refused" else "failed"
    return Call(run, model, key, samples, outcome, batch=batch)


def wrong_number(call: Call) -> ModelError | None:
    """Return the error for a model that gave more or fewer answers than it was asked for; those are stored."""
    if call.answers == len(call.samples):
        return None
    return ModelError(
        f"{call.model.model} at {call.model.endpoint} gave {call.answers} answers to a request for "
        f"{len(call.samples)}: does the server ignore n?"
    )
