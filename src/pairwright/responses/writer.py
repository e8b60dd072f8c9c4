"""The one thread that writes to a store: whatever is waiting goes to disk in one transaction (group commit).

A transaction costs one fsync, however much is in it, so hundreds of answers a second cost little more than one. Rows
go in many at a time: a thread that steps through SQLite row by row asks for the interpreter lock at every step, and
beside a busy event loop it waits 5 ms for each.
"""

import json
import sqlite3
from asyncio import AbstractEventLoop, Future
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from pairwright.responses.layout import cannot
from pairwright.schemas.errors import RunError
from pairwright.schemas.request import Token

Row = tuple[str | int | float | None, ...]

Told = tuple[str, int, str, str, Sequence[Token] | None]
"""A row of ``answers`` without ``call``; its tokens become JSON in the writer's thread."""

_MOST_ROWS = 128
"""Rows per INSERT: below SQLite's limit of 32766 values, and few enough for a prepared statement of each size."""


@dataclass(frozen=True, slots=True)
class Change:
    """What belongs together: all of it is on disk, or nothing."""

    requests: tuple[Row, ...] = ()
    """Rows of ``requests``; what is there already stays."""
    call: Row | None = None
    """A row of ``calls`` without its ``id``."""
    answers: tuple[Told, ...] = ()
    """All brought by ``call``; what is there already stays."""
    refusals: tuple[Row, ...] = ()
    """Rows of ``refusals`` without ``call``."""
    statements: tuple[tuple[str, tuple[Row, ...]], ...] = ()
    """Anything else: a statement, and the values for each time it is run."""


_Waiting = tuple[Change, "Future[None]"]


class Writer:
    """Writes changes as they come."""

    def __init__(self, connection: sqlite3.Connection, path: Path, loop: AbstractEventLoop) -> None:
        """Start the thread; ``loop`` is told what is on disk."""
        self._connection = connection
        self._path = path
        self._loop = loop
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        # A daemon, so that a process in which close() was never reached still ends.
        self._thread = Thread(target=self._run, name="response store", daemon=True)
        self._thread.start()

    def put(self, change: Change) -> "Future[None]":
        """Hand over a change; the future is done when it is on disk, and raises RunError if it cannot be."""
        future: Future[None] = self._loop.create_future()
        self._queue.put((change, future))
        return future

    def close(self) -> None:
        """Write what is waiting, and end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        ending = False
        while not ending:
            group = self._taken()
            ending = group[-1] is None
            waiting = [entry for entry in group if entry is not None]
            if waiting:
                outcomes = self._written(waiting)
                if not self._loop.is_closed():
                    self._loop.call_soon_threadsafe(_tell, outcomes)
        self._connection.close()

    def _taken(self) -> list[_Waiting | None]:
        group = [self._queue.get()]
        try:
            while group[-1] is not None:
                group.append(self._queue.get_nowait())
        except Empty:
            pass
        return group

    def _written(self, waiting: Sequence[_Waiting]) -> list[tuple["Future[None]", RunError | None]]:
        try:
            _write(self._connection, [change for change, _ in waiting])
        # Anything at all, for instance a number beyond 64 bits: a dead thread would let everybody wait for ever.
        except Exception as error:  # noqa: BLE001
            if self._connection.in_transaction:
                self._connection.rollback()
            if len(waiting) > 1:  # only the change at fault is to fail
                return [outcome for entry in waiting for outcome in self._written([entry])]
            return [(waiting[0][1], cannot(self._path, error))]
        return [(future, None) for _, future in waiting]


def _tell(outcomes: Iterable[tuple["Future[None]", RunError | None]]) -> None:
    for future, error in outcomes:
        if future.done():  # nobody waits any more
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def _write(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    told = [[(*row[:4], _json(row[4])) for row in change.answers] for change in changes]
    connection.execute("BEGIN IMMEDIATE")
    last = connection.execute("SELECT coalesce(max(id), 0) FROM calls").fetchone()[0]
    requests: list[Row] = []
    calls: list[Row] = []
    answers: list[Row] = []
    refusals: list[Row] = []
    for change, brought in zip(changes, told, strict=True):
        requests += change.requests
        if change.call is not None:
            last += 1
            calls.append((last, *change.call))
        answers += [(*row, last) for row in brought]
        refusals += [(*row, last) for row in change.refusals]
    for table, rows in (
        ("requests", requests),
        ("calls", calls),
        ("answers", answers),
        ("refusals", refusals),
    ):
        _insert(connection, table, rows)
    for statement, values in (one for change in changes for one in change.statements):
        connection.executemany(statement, values)
    connection.execute("COMMIT")


def _json(tokens: Sequence[Token] | None) -> str | None:
    """Return log-probabilities as JSON, token by token: all at once would keep the interpreter from everybody else."""
    if tokens is None:
        return None
    return f"[{', '.join(json.dumps([token.text, token.logprob, token.alternatives]) for token in tokens)}]"


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[Row]) -> None:
    for start in range(0, len(rows), _MOST_ROWS):
        some = rows[start : start + _MOST_ROWS]
        values = [value for row in some for value in row]
        connection.execute(_insertion(table, len(some), len(some[0])), values)


@cache
def _insertion(table: str, rows: int, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"INSERT INTO {table} VALUES {', '.join([row] * rows)} ON CONFLICT DO NOTHING"  # noqa: S608 - names of our own
