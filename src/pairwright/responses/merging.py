"""Making one response store of several: those that slices of a run kept for themselves."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from pairwright.responses.layout import open_files, telling

_COPY = """
INSERT OR IGNORE INTO requests SELECT * FROM other.requests;
INSERT OR IGNORE INTO answers SELECT key, sample, text, finish, tokens, call + {offset} FROM other.answers;
INSERT INTO calls SELECT id + {offset}, :run, go, sampler, endpoint, model, served, key, first, n, outcome, answers,
    prompt_tokens, completion_tokens, cached_tokens, attempts, seconds, batch, received FROM other.calls;
INSERT OR IGNORE INTO refusals SELECT key, first, n, field, message, call + {offset} FROM other.refusals;
INSERT OR IGNORE INTO refusals_told SELECT :run, key FROM other.refusals_told;
INSERT OR IGNORE INTO batches SELECT tag, :run, id, ended, created FROM other.batches;
INSERT OR IGNORE INTO batch_requests SELECT * FROM other.batch_requests;
"""


def merge_stores(stores: Sequence[Path], into: Path, *, run: str) -> None:
    """Copy all that stores hold into one, whose calls then all belong to one run; an answer that is there already stays.

    What was copied of a store before, by a merge that was killed, is not copied again.

    Raises:
        RunError: one of them cannot be read, or the new one cannot be written.
    """
    reader, writer, claims = open_files(into)
    reader.close()
    try:
        with closing(writer):
            for store in stores:
                with telling(store):
                    _copy(writer, store, run)
            with telling(into):
                writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        claims.close()


def _copy(writer: sqlite3.Connection, store: Path, run: str) -> None:
    with attached(writer, store):
        if not _is_copied(writer):
            [offset] = writer.execute("SELECT coalesce(max(id), 0) FROM calls").fetchone()
            execute_all(writer, _COPY.format(offset=int(offset)), run)


@contextmanager
def attached(writer: sqlite3.Connection, file: Path) -> Iterator[None]:
    """Have the tables of another file beside the writer's own, as ``other``, in one transaction of the writer."""
    writer.execute("ATTACH ? AS other", (str(file),))
    try:
        writer.execute("BEGIN IMMEDIATE")
        yield
        writer.execute("COMMIT")
    finally:
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        writer.execute("DETACH other")


def execute_all(writer: sqlite3.Connection, statements: str, run: str) -> None:
    """Execute statements that semicolons part; ``:run`` in them is the name of a run."""
    for statement in filter(str.strip, statements.split(";")):
        writer.execute(statement, {"run": run} if ":run" in statement else {})


def _is_copied(writer: sqlite3.Connection) -> bool:
    """Tell whether the attached store's calls are here: each opening of a store has a name of its own."""
    found = writer.execute("SELECT 1 FROM calls WHERE go IN (SELECT go FROM other.calls) LIMIT 1").fetchone()
    return found is not None
