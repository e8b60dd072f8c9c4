"""Marks of files: enough to notice that a source changed between two runs."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from pairwright.sources import FileMark

WHOLE = 64 * 2**20
"""Files up to this many bytes are hashed whole."""
_PIECE = 2**20


def mark_file(path: Path, name: str) -> FileMark:
    """Return the mark of one file.

    Up to 64 MiB the whole file is hashed. Above that its first, middle and last MiB are: a run must not read a
    terabyte twice, and Parquet has its footer, which changes with any of its columns, at the end.
    """
    size = path.stat().st_size
    hashed = sha256()
    with path.open("rb") as file:
        if size <= WHOLE:
            while piece := file.read(_PIECE):
                hashed.update(piece)
        else:
            for start in (0, (size - _PIECE) // 2, size - _PIECE):
                file.seek(start)
                hashed.update(file.read(_PIECE))
    return FileMark(name, size, hashed.hexdigest())


def mark_many(name: str, entries: Iterable[tuple[str, int, bytes]]) -> FileMark:
    """Return one mark for many small or unread files.

    Args:
        name: what they are, for people.
        entries: path, size in bytes and contents of each; empty contents where the size has to do.

    >>> mark_many("pictures", [("a.jpg", 10, b""), ("b.jpg", 5, b"")]).size
    15
    """
    hashed, total = sha256(), 0
    for path, size, contents in entries:
        hashed.update(f"{path}\0{size}\0".encode() + contents)
        total += size
    return FileMark(name, total, hashed.hexdigest())
