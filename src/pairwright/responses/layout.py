"""The tables of a response store, and opening them.

A store is one SQLite file; ``sqlite3 responses.sqlite`` reads it while a run writes::

    select model, count(*), sum(completion_tokens) from calls group by model;
    select request, text from exchanges where text like '%sorry%';

``requests``
    ``key``: 64 hex digits over everything that changes an answer (``schemas.request.request_key``); ``model``;
    ``request``: the JSON text that the key is the hash of, images by their SHA-256.
``answers``
    One row per ``key`` and ``sample`` (number among the answers to that request, from 0): ``text``; ``finish``;
    ``tokens``, JSON ``[[token, logprob, [[token, logprob], ...]], ...]`` where log-probabilities were asked for, else
    null; ``call``, the call that brought it.
``calls``
    One row per request that was made of a model: ``run`` that made it; ``go``, one opening of the store; ``sampler``,
    ``endpoint``, ``model``; ``served``, the model in the server's words; ``key``; ``first`` and ``n``, the samples asked
    for; ``outcome``: ``answered``, ``refused`` or ``failed``; ``answers`` received; ``prompt_tokens``,
    ``completion_tokens``, ``cached_tokens``; ``attempts``; ``seconds``; ``batch``, tag of the provider's batch or null;
    ``received``, UTC.
``refusals``
    What a model will never answer: ``key``, ``first``, ``n``, ``field`` and ``message`` of the reject, ``call``. A stored
    refusal is not asked again; ``refusals.forget_refusals`` deletes a run's.
``refusals_told``
    The ``run`` that was told a refusal of ``key``, stored by itself or by another run.
``batches``, ``batch_requests``
    Batch files handed in: ``tag``; ``run``; ``id``, the provider's, null while it may not have been handed in; ``ended``;
    ``created``, UTC; and of each the requests by ``name``, with ``done`` once the outcome is stored.
``exchanges``
    A view: each answer with its request.

Keys of servers, headers and pictures are never stored.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pairwright.responses.claims import NO_LOCKS, Claims, open_claims
from pairwright.schemas.errors import RunError

NAME = "responses.sqlite"
"""File name of a store in a run folder; beside it lie SQLite's ``-wal`` and ``-shm`` and the lock file."""

LOCK_SUFFIX = ".lock"

VERSION = 2
"""Of the tables; stands in ``PRAGMA user_version``."""

_APPLICATION = int.from_bytes(b"pwrs")
"""Tells a response store from other SQLite files (``PRAGMA application_id``)."""

_BUSY_S = 60.0
"""How long a write waits for another process's; one takes milliseconds, so longer means a process that hangs."""

_STATEMENTS = 1024
"""Prepared statements kept: groups of every size have their own."""

TABLES = """
CREATE TABLE requests (key TEXT PRIMARY KEY, model TEXT NOT NULL, request TEXT NOT NULL);
CREATE TABLE answers (
    key TEXT NOT NULL, sample INTEGER NOT NULL, text TEXT NOT NULL, finish TEXT NOT NULL, tokens TEXT,
    call INTEGER NOT NULL, PRIMARY KEY (key, sample));
CREATE TABLE calls (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, go TEXT NOT NULL, sampler TEXT NOT NULL, endpoint TEXT NOT NULL,
    model TEXT NOT NULL, served TEXT, key TEXT NOT NULL, first INTEGER NOT NULL, n INTEGER NOT NULL,
    outcome TEXT NOT NULL, answers INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, attempts INTEGER NOT NULL,
    seconds REAL NOT NULL, batch TEXT, received TEXT NOT NULL);
CREATE INDEX calls_of_run ON calls (run);
CREATE TABLE refusals (
    key TEXT NOT NULL, first INTEGER NOT NULL, n INTEGER NOT NULL, field TEXT, message TEXT NOT NULL,
    call INTEGER NOT NULL, PRIMARY KEY (key, first, n));
CREATE TABLE refusals_told (run TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (run, key)) WITHOUT ROWID;
CREATE TABLE batches (
    tag TEXT PRIMARY KEY, run TEXT NOT NULL, id TEXT, ended INTEGER NOT NULL DEFAULT 0, created TEXT NOT NULL);
CREATE TABLE batch_requests (
    tag TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, first INTEGER NOT NULL, n INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (tag, name));
CREATE INDEX batch_requests_of_key ON batch_requests (key);
CREATE VIEW exchanges AS
    SELECT a.key, a.sample, r.model, r.request, a.text, a.finish, c.served, c.endpoint, c.run, c.received
    FROM answers a JOIN requests r USING (key) JOIN calls c ON c.id = a.call;
"""


def open_files(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection, Claims]:
    """Open a store, making it where it is missing: a connection to read by, one to write by, and its claims.

    The second may be used by any one thread.

    Raises:
        RunError: the file is no store, or of another version, or cannot be written.
    """
    with telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        claims = open_claims(path.with_name(path.name + LOCK_SUFFIX))
        try:
            with claims.waiting_for("opening"):  # going over to WAL does not wait for others by itself
                writer = _connect(path)
                _set_up(writer, path)
                reader = _connect(path)
                reader.execute("PRAGMA query_only = ON")
        except BaseException:
            claims.close()
            raise
    return reader, writer, claims


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into a RunError that names the store and what to do."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise cannot(path, error) from error


def cannot(path: Path, error: BaseException) -> RunError:
    """Return the error for a store that fails."""
    told = str(error)
    if isinstance(error, OSError) and error.errno in NO_LOCKS:
        return RunError(
            f"{path} cannot be locked ({told}): place it on a local disk, for example with --set output.responses=PATH"
        )
    if "not a database" in told:
        return RunError(f"{path} is no response store ({told}): name another file")
    if "malformed" in told:
        return RunError(
            f"{path} is damaged ({told}): restore it, or move it away and pay for its answers again"
        )
    if "locked" in told:
        return RunError(
            f"{path} is kept locked by another process: end it, then run again. If there is none, its file system knows no "
            "locks: place it on a local disk"
        )
    advice = "free space, or choose another place, then run again: what is stored is kept"
    return RunError(f"{path} cannot be used ({told}); {advice}")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS
    )
    connection.execute(
        "PRAGMA trusted_schema = OFF"
    )  # views and triggers of a stranger's file run nothing that may harm
    return connection


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            connection.executescript(
                f"BEGIN; {TABLES}; PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
            )
        [application], [version] = (
            connection.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
        )
        if application != _APPLICATION:
            raise RunError(f"{path} is no response store but some other SQLite file: name another file")
        if version != VERSION:
            raise RunError(
                f"{path} has tables of version {version}, and this pairwright reads version {VERSION}: "
                "use the pairwright that wrote it, or name another file"
            )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")  # finds out now whether it can be written
        connection.execute("ROLLBACK")
    except BaseException:
        connection.close()
        raise
