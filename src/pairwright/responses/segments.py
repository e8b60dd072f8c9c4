"""Segments: what came into a response store since the last time, as a small store of its own.

A run whose output goes to an object store puts its answers there piece by piece, so that they outlive the machine. A segment holds
the calls of a stretch of numbers (``calls.id``), with the requests, answers and refusals that came with them, and batches that were
handed in. The table ``segments`` of the store notes each: before it is put, so that a segment of which nobody knows whether it
arrived is put again under the same name with the same calls; and afterwards. Segments that were fetched stand there as well.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pairwright.responses.layout import TABLES, open_files, telling
from pairwright.responses.merging import attached, execute_all

_NOTES = """
CREATE TABLE IF NOT EXISTS segments (
    name TEXT PRIMARY KEY, upto INTEGER NOT NULL, batches TEXT NOT NULL, put INTEGER NOT NULL)
"""

_BATCHES = """
SELECT coalesce(group_concat(tag || ' ' || coalesce(id, '') || ' ' || ended), '') FROM (SELECT * FROM batches ORDER BY tag)
"""
"""How the batches stand: a change is worth a segment even where no call has come back."""

_NEW = """
INSERT INTO other.calls SELECT * FROM calls WHERE id BETWEEN {first} AND {last};
INSERT INTO other.requests SELECT * FROM requests
    WHERE key IN (SELECT key FROM calls WHERE id BETWEEN {first} AND {last});
INSERT INTO other.answers SELECT * FROM answers WHERE call BETWEEN {first} AND {last};
INSERT INTO other.refusals SELECT * FROM refusals WHERE call BETWEEN {first} AND {last};
INSERT INTO other.refusals_told SELECT * FROM refusals_told
    WHERE key IN (SELECT key FROM calls WHERE id BETWEEN {first} AND {last});
INSERT INTO other.batches SELECT * FROM batches;
INSERT INTO other.batch_requests SELECT * FROM batch_requests WHERE tag IN (SELECT tag FROM batches WHERE NOT ended);
"""

_MERGE = """
INSERT OR IGNORE INTO requests SELECT * FROM other.requests;
INSERT OR IGNORE INTO answers SELECT key, sample, text, finish, tokens, call + {offset} FROM other.answers;
INSERT INTO calls SELECT id + {offset}, run, go, sampler, endpoint, model, served, key, first, n, outcome, answers,
    prompt_tokens, completion_tokens, cached_tokens, attempts, seconds, batch, received FROM other.calls {those};
INSERT OR IGNORE INTO refusals SELECT key, first, n, field, message, call + {offset} FROM other.refusals;
INSERT OR IGNORE INTO refusals_told SELECT * FROM other.refusals_told;
INSERT OR REPLACE INTO batches SELECT * FROM other.batches;
INSERT OR REPLACE INTO batch_requests SELECT * FROM other.batch_requests
"""


_WHOLE = "whole"
"""Stands in place of an owner where all of a finished run was fetched at once."""

_NOT_HERE = "WHERE (go, key, first, received) NOT IN (SELECT go, key, first, received FROM calls)"
"""Of two stores that have calls in common, those that only the other has."""


def write_segment(store: Path, owner: str, into: Path) -> str | None:
    """Write what came since the last segment to a new file and return its name; None, and no file, where nothing came.

    Names rise, also over several owners, one after the other: ``000007-<owner>``.

    Raises:
        RunError: the store cannot be read, or the file not written.
    """
    into.unlink(missing_ok=True)
    with _opened(store) as connection:
        found = _begun(connection) or _begin(connection, owner)
        if found is None:
            return None
        name, first, last = found
        with telling(into), closing(sqlite3.connect(into, isolation_level=None)) as made:
            made.executescript(f"BEGIN; {TABLES}; COMMIT;")
        with attached(connection, into):
            execute_all(connection, _NEW.format(first=first, last=last), "")
    return name


def _begun(connection: sqlite3.Connection) -> tuple[str, int, int] | None:
    """Return a segment that was begun and perhaps not put: its name, first and last call."""
    found = connection.execute("SELECT name, upto FROM segments WHERE NOT put").fetchone()
    return None if found is None else (str(found[0]), _covered(connection) + 1, int(found[1]))


def _begin(connection: sqlite3.Connection, owner: str) -> tuple[str, int, int] | None:
    """Note a new segment; None where there is nothing to put."""
    covered = _covered(connection)
    [last] = connection.execute("SELECT coalesce(max(id), 0) FROM calls").fetchone()
    [batches] = connection.execute(_BATCHES).fetchone()
    known = connection.execute("SELECT batches FROM segments ORDER BY name DESC LIMIT 1").fetchone() or ("",)
    if last == covered and batches == known[0]:
        return None
    name = _following(connection, owner)
    connection.execute("INSERT INTO segments VALUES (?, ?, ?, 0)", (name, last, batches))
    return name, covered + 1, int(last)


def _following(connection: sqlite3.Connection, owner: str) -> str:
    """Return a name that comes after those of all segments that are known."""
    newest = connection.execute("SELECT max(name) FROM segments").fetchone()[0]
    return f"{int(newest.partition('-')[0]) + 1 if newest else 1:06d}-{owner}"


def _covered(connection: sqlite3.Connection) -> int:
    """Return the number of the last call that is put, or came from elsewhere."""
    return int(connection.execute("SELECT coalesce(max(upto), 0) FROM segments WHERE put").fetchone()[0])


def note_segment(store: Path, name: str) -> None:
    """Note that a segment is put."""
    with _opened(store) as connection:
        connection.execute("UPDATE segments SET put = 1 WHERE name = ?", (name,))


def segments_of(store: Path) -> frozenset[str]:
    """Return the names of the segments that were put from a store or merged into it; none where there is no store."""
    if not store.exists():
        return frozenset()
    with _opened(store) as connection:
        return frozenset(name for (name,) in connection.execute("SELECT name FROM segments"))


def merge_segment(store: Path, segment: Path, name: str) -> None:
    """Copy a segment that was fetched into a store, made where it is missing; one that was merged before stays out.

    Raises:
        RunError: the segment cannot be read, or the store not written.
    """
    with _opened(store) as connection, telling(segment), attached(connection, segment):
        if connection.execute("SELECT 1 FROM segments WHERE name = ?", (name,)).fetchone():
            return
        _merge(connection, "")
        _note_all(connection, name)


def take_whole(store: Path, whole: Path) -> None:
    """Take what the fetched store of a finished run holds into a store, which may have some of its calls already.

    The file becomes the store where there is none; else it is left where it is.

    Raises:
        RunError: the file cannot be read, or the store not written.
    """
    if not store.exists():
        with telling(store):
            whole.replace(store)
        with _opened(store) as connection:
            _note_all(connection, _following(connection, _WHOLE))
        return
    with _opened(store) as connection, telling(whole), attached(connection, whole):
        _merge(connection, _NOT_HERE)
        if connection.execute("SELECT 1 FROM other.sqlite_master WHERE name = 'segments'").fetchone():
            connection.execute(
                "INSERT OR IGNORE INTO segments SELECT name, 0, batches, 1 FROM other.segments"
            )
        _note_all(connection, _following(connection, _WHOLE))


def _merge(connection: sqlite3.Connection, those: str) -> None:
    [offset] = connection.execute("SELECT coalesce(max(id), 0) FROM calls").fetchone()
    execute_all(connection, _MERGE.format(offset=int(offset), those=those), "")


def _note_all(connection: sqlite3.Connection, name: str) -> None:
    """Note under a name that everything in a store is elsewhere as well."""
    [last] = connection.execute("SELECT coalesce(max(id), 0) FROM calls").fetchone()
    [batches] = connection.execute(_BATCHES).fetchone()
    connection.execute("INSERT INTO segments VALUES (?, ?, ?, 1)", (name, last, batches))


def copy_whole(store: Path, into: Path) -> None:
    """Write all that a store holds to a new file, in one piece without SQLite's side files.

    Raises:
        RunError: the store cannot be read, or the file not written.
    """
    into.unlink(missing_ok=True)
    with _opened(store) as connection:
        connection.execute("VACUUM INTO ?", (str(into),))


@contextmanager
def _opened(store: Path) -> Iterator[sqlite3.Connection]:
    reader, writer, claims = open_files(store)
    reader.close()
    try:
        with closing(writer), telling(store):
            writer.execute(_NOTES)
            yield writer
    finally:
        claims.close()
