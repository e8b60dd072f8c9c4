"""The response store: every answer a model gave, by request and sample number, on disk before it is used.

Reading goes through one connection on the caller's thread (a look-up takes some ten microseconds), writing through
``writer``. Any number of processes on one machine may share a store; it must lie on a local disk.
"""

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, cast
from uuid import uuid4

from pairwright.responses.claims import Claims
from pairwright.responses.layout import cannot, open_files, telling
from pairwright.responses.writer import Change, Row, Told, Writer
from pairwright.schemas.errors import RowError
from pairwright.schemas.request import Answer, Finish, ModelId, Reply, Request, Token, canonical

Outcome = Literal["answered", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Question:
    """A request to a model, with its key."""

    model: ModelId
    request: Request
    text: str
    """What the key is the hash of (``schemas.request.canonical``)."""
    key: str

    @property
    def samples(self) -> range:
        """Numbers of the samples asked for."""
        return range(self.request.first, self.request.first + self.request.n)


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was made of a model, and what it took."""

    run: str
    model: ModelId
    key: str
    samples: range
    outcome: Outcome
    answers: int = 0
    served: str | None = None
    """The model in the server's words."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    attempts: int = 1
    seconds: float = 0.0
    batch: str | None = None
    """Tag of the provider's batch it was part of."""


def question(model: ModelId, request: Request) -> Question:
    """Return a request with its key.

    Raises:
        RowError: ``bad_value`` for a text with half a surrogate pair, which no server can be sent.
    """
    text = canonical(model, request)
    try:
        return Question(model, request, text, sha256(text.encode()).hexdigest())
    except UnicodeEncodeError as error:
        raise RowError("bad_value", "prompt", f"the text is not valid Unicode ({error.reason})") from error


class Store:
    """An open response store. Use :func:`open_store`."""

    def __init__(self, path: Path, reader: sqlite3.Connection, writer: Writer, claims: Claims) -> None:
        """Use :func:`open_store`."""
        self.path = path
        self.claims = claims
        self.go = uuid4().hex[:12]
        """Name of this opening of the store."""
        self._reader = reader
        self._writer = writer

    def samples(self, key: str, samples: range) -> list[int]:
        """Return which of the samples asked for are stored, in order."""
        sql = "SELECT sample FROM answers WHERE key = ? AND sample >= ? AND sample < ? ORDER BY sample"
        return [sample for (sample,) in self.rows(sql, (key, samples.start, samples.stop))]

    async def answers(self, key: str, samples: range) -> dict[int, Answer]:
        """Return the stored answers to a request among the samples asked for, by number, in order."""
        sql = "SELECT sample, text, finish, tokens FROM answers WHERE key = ? AND sample >= ? AND sample < ?"
        found = self.rows(f"{sql} ORDER BY sample", (key, samples.start, samples.stop))
        if all(tokens is None for *_, tokens in found):
            return _answers(found)
        return await asyncio.to_thread(_answers, found)  # log-probabilities: 25 ms for a thousand tokens

    def refusal(self, key: str, samples: range) -> RowError | None:
        """Return the refusal that was stored for just these samples of a request."""
        sql = "SELECT field, message FROM refusals WHERE key = ? AND first = ? AND n = ?"
        found = self.rows(sql, (key, samples.start, len(samples)))
        return RowError("call_refused", *found[0]) if found else None

    async def put_reply(self, call: Call, text: str | None, reply: Reply) -> None:
        """Store a call with its answers; returns when they are on disk.

        ``text`` is the question's, None where it is stored already.

        Raises:
            RunError: it cannot be written.
        """
        answers = tuple(
            (call.key, sample, _whole(answer.text), answer.finish, answer.tokens)
            for sample, answer in zip(call.samples, reply.answers, strict=False)
        )
        await self.put(self._change(call, text, answers=answers))

    async def put_error(self, call: Call, text: str | None, error: RowError) -> None:
        """Store a call that brought no answer; of its error only a refusal is kept."""
        refusal = (call.key, call.samples.start, len(call.samples), error.field, _whole(error.message))
        await self.put(self._change(call, text, refusals=(refusal,) if call.outcome == "refused" else ()))

    def put(self, change: Change) -> "asyncio.Future[None]":
        """Hand a change to the writer; awaited, it is on disk."""
        return self._writer.put(change)

    def rows(self, sql: str, values: Row = ()) -> list[tuple[Any, ...]]:
        """Return what a query finds. Raises RunError where the store cannot be read."""
        try:
            return self._reader.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise cannot(self.path, error) from error

    def close(self) -> None:
        """Write what is waiting, and let go of the file."""
        self._writer.close()
        self._reader.close()
        self.claims.close()

    def _change(
        self, call: Call, text: str | None, *, answers: tuple[Told, ...] = (), refusals: tuple[Row, ...] = ()
    ) -> Change:
        done: tuple[tuple[str, tuple[Row, ...]], ...] = ()
        if call.batch is not None:
            sql = "UPDATE batch_requests SET done = 1 WHERE tag = ? AND key = ? AND first = ?"
            done = ((sql, ((call.batch, call.key, call.samples.start),)),)
        return Change(
            requests=() if text is None else ((call.key, call.model.model, text),),
            call=self._call_row(call),
            answers=answers,
            refusals=refusals,
            statements=done,
        )

    def _call_row(self, call: Call) -> Row:
        model = (call.model.sampler, call.model.endpoint, call.model.model, call.served)
        asked = (call.key, call.samples.start, len(call.samples), call.outcome, call.answers)
        tokens = (call.prompt_tokens, call.completion_tokens, call.cached_tokens)
        took = (call.attempts, call.seconds, call.batch, now())
        return (call.run, self.go, *model, *asked, *tokens, *took)


@contextmanager
def open_store(path: Path) -> Iterator[Store]:
    """Open a store, in the event loop that will wait for its writes; makes the file where it is missing.

    Raises:
        RunError: the file is no store, or of another version, or cannot be written.
    """
    loop = asyncio.get_running_loop()
    reader, writing, claims = open_files(path)
    store = Store(path, reader, Writer(writing, path, loop), claims)
    try:
        yield store
    finally:
        with telling(path):
            store.close()


def now() -> str:
    """Return the time, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def gaps(samples: range, found: Sequence[int]) -> list[range]:
    """Return the runs of samples that are missing.

    >>> gaps(range(0, 8), [0, 1, 4])
    [range(2, 4), range(5, 8)]
    """
    have = set(found)
    missing = [sample for sample in samples if sample not in have]
    starts = [s for s in missing if s == samples.start or s - 1 in have]
    return [range(start, min((s for s in have if s > start), default=samples.stop)) for start in starts]


def _answers(rows: Sequence[tuple[Any, ...]]) -> dict[int, Answer]:
    return {
        sample: Answer(text, cast(Finish, finish), None if tokens is None else _tokens(tokens))
        for sample, text, finish, tokens in rows
    }


def _tokens(text: str) -> tuple[Token, ...]:
    return tuple(
        Token(token, logprob, tuple((other, value) for other, value in alternatives))
        for token, logprob, alternatives in json.loads(text)
    )


def _whole(text: str) -> str:
    """Return a text that can be written: halves of surrogate pairs, which are no characters, become U+FFFD.

    >>> _whole("ab\\ud83d")
    'ab�'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
