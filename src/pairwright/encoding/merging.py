"""Making one file of vectors of several: those that slices of a run kept for themselves."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pairwright.encoding.store import open_vectors
from pairwright.responses.layout import telling
from pairwright.responses.merging import attached, execute_all

_COPY = """
INSERT OR IGNORE INTO main.encoders (identity, name) SELECT identity, name FROM other.encoders;
INSERT OR IGNORE INTO main.vectors
    SELECT key, own.id, kind, vector, cut, :run FROM other.vectors
    JOIN other.encoders AS its ON its.id = encoder JOIN main.encoders AS own ON own.identity = its.identity;
INSERT OR IGNORE INTO main.attacked
    SELECT key, own.id, image, objective, unrounded, clean, cosine, :run FROM other.attacked
    JOIN other.encoders AS its ON its.id = encoder JOIN main.encoders AS own ON own.identity = its.identity;
"""


def merge_vectors(files: Sequence[Path], into: Path, *, run: str) -> None:
    """Copy all that files of vectors hold into one, where all of it belongs to one run; what is there already stays.

    Attacked pictures are why: made again, on another machine they may come out otherwise, and what was answered about them
    would be asked and paid for once more.

    Raises:
        RunError: one of them cannot be read, or the new one cannot be written.
    """
    with open_vectors(into, run):
        pass  # made, and seen to be no other file
    with telling(into), closing(sqlite3.connect(into, isolation_level=None)) as writer:
        for file in files:
            with telling(file), attached(writer, file):
                execute_all(writer, _COPY, run)
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
