"""The file of vectors beside the response store: memory stays flat, and a run that goes on encodes nothing twice.

``encodings.sqlite`` has a row for each picture and text: ``key``, the hash of encoder and content; ``encoder``, a number of
the table ``encoders``; ``kind``, ``image`` or ``text``; ``vector``, float32 in the machine's byte order; ``cut``, whether a
text is longer than the encoder reads; ``run``, which had it encoded. Pictures that were attacked stand in ``attacked`` with
their figures: their bytes need not be the same on every machine, and a run that goes on must have the same. Any number of processes on one machine may share it;
where two encode the same thing at the same time, both use what was stored first. Nothing in it was paid for: it may be
deleted.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from pairwright.annotators import Encoding
from pairwright.responses.layout import cannot
from pairwright.schemas.attack import Figures
from pairwright.schemas.errors import RunError

T = TypeVar("T")

NAME = "encodings.sqlite"

Kind = Literal["image", "text"]

_APPLICATION = int.from_bytes(b"pwen")
"""Tells it from other SQLite files (``PRAGMA application_id``)."""

_BUSY_S = 60.0

_TABLES = """
CREATE TABLE IF NOT EXISTS encoders (id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS vectors (
    key BLOB PRIMARY KEY, encoder INTEGER NOT NULL, kind TEXT NOT NULL, vector BLOB NOT NULL, cut INTEGER NOT NULL,
    run TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS vectors_of_run ON vectors (run, encoder, kind);
CREATE TABLE IF NOT EXISTS attacked (
    key BLOB PRIMARY KEY, encoder INTEGER NOT NULL, image BLOB NOT NULL, objective REAL NOT NULL, unrounded REAL NOT NULL,
    clean REAL NOT NULL, cosine REAL NOT NULL, run TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS attacked_of_run ON attacked (run, encoder);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A vector that is to be stored."""

    key: bytes
    kind: Kind
    encoded: Encoding


@dataclass(frozen=True, slots=True)
class AttackedFile:
    """A picture that was attacked, as it is stored."""

    data: bytes
    """PNG."""
    figures: Figures


def key_of(identity: str, kind: Kind | Literal["attack"], content: str) -> bytes:
    """Return the key of a picture, by its SHA-256, of a text, or of an attack, by its own key."""
    return sha256(f"{identity}\0{kind}\0{content}".encode("utf-8", "surrogatepass")).digest()


class VectorStore:
    """An open file of vectors. Use :func:`open_vectors`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, run: str) -> None:
        """Use :func:`open_vectors`."""
        self._path, self._connection, self._run = path, connection, run

    def number_of(self, identity: str, name: str) -> int:
        """Return the number of an encoder, new where it has none."""
        with _telling(self._path):
            self._connection.execute(
                "INSERT OR IGNORE INTO encoders (identity, name) VALUES (?, ?)", (identity, name)
            )
            found = self._connection.execute("SELECT id FROM encoders WHERE identity = ?", (identity,))
            return int(found.fetchone()[0])

    def get(self, key: bytes) -> Encoding | None:
        """Return what is stored under a key."""
        with _telling(self._path):
            found = self._connection.execute(
                "SELECT vector, cut FROM vectors WHERE key = ?", (key,)
            ).fetchone()
        return None if found is None else Encoding(np.frombuffer(found[0], np.float32), bool(found[1]))

    def put(self, encoder: int, entries: Sequence[Entry]) -> list[Encoding]:
        """Store vectors in one go; return what is stored now, which another process may have been first with."""
        rows = [
            (one.key, encoder, one.kind, one.encoded.vector.tobytes(), one.encoded.cut, self._run)
            for one in entries
        ]
        with _telling(self._path), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?, ?, ?)", rows)
        return self._all_of([self.get(one.key) for one in entries])

    def attacked(self, key: bytes) -> AttackedFile | None:
        """Return the attacked picture that is stored under a key."""
        sql = "SELECT image, objective, unrounded, clean, cosine FROM attacked WHERE key = ?"
        with _telling(self._path):
            found = self._connection.execute(sql, (key,)).fetchone()
        return None if found is None else AttackedFile(found[0], Figures(*found[1:]))

    def put_attacked(self, encoder: int, files: Mapping[bytes, AttackedFile]) -> list[AttackedFile]:
        """Store attacked pictures in one go; return what is stored now, which another process may have been first with."""
        rows = [(key, encoder, one.data, *astuple(one.figures), self._run) for key, one in files.items()]
        with _telling(self._path), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT OR IGNORE INTO attacked VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
        return self._all_of([self.attacked(key) for key in files])

    def counts(self, encoder: int) -> dict[str, int]:
        """Return how many of each kind this run had encoded or attacked, in all its goes."""
        encoded = "SELECT kind, count(*) FROM vectors WHERE run = ? AND encoder = ? GROUP BY kind"
        attacked = "SELECT 'attack', count(*) FROM attacked WHERE run = ? AND encoder = ?"
        with _telling(self._path):
            found = [
                self._connection.execute(sql, (self._run, encoder)).fetchall() for sql in (encoded, attacked)
            ]
        return dict(row for rows in found for row in rows)

    def _all_of(self, stored: Sequence[T | None]) -> list[T]:
        """Return what was stored; raises RunError where some of it is gone."""
        if any(one is None for one in stored):
            raise RunError(f"{self._path} lost what it had: was it changed by hand?")
        return [one for one in stored if one is not None]


@contextmanager
def open_vectors(path: Path, run: str) -> Iterator[VectorStore]:
    """Open a file of vectors, made where it is missing; for one thread at a time.

    Args:
        path: the file.
        run: name under which new vectors are counted.

    Raises:
        RunError: it is something else, or cannot be written.
    """
    with _telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    with closing(connection):
        with _telling(path):
            _set_up(connection, path)
        yield VectorStore(path, connection, run)


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into a RunError that names the file and what to do."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if "not a database" in str(error) or "malformed" in str(error):
            advice = "move it away, and what stood in it is encoded again: nothing in it was paid for"
            raise RunError(f"{path} is damaged, or no file of vectors ({error}): {advice}") from error
        raise cannot(path, error) from error


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute(
        "PRAGMA trusted_schema = OFF"
    )  # triggers of a stranger's file run nothing that may harm
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes is encoded again
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
            raise RunError(f"{path} is no file of vectors but some other SQLite file: move it away")
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)
    finally:
        connection.execute("COMMIT")
