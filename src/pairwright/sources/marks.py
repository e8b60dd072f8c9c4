"""Marks of files: enough to notice that a source changed between two runs."""

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from pairwright.schemas.errors import SourceError
from pairwright.sources import FileMark
from pairwright.sources.files import open_regular, why

WHOLE = 64 * 2**20
"""Files up to this many bytes are hashed whole."""
_PIECE = 2**20


def mark_file(path: Path, name: str) -> FileMark:
    """Return the mark of one file.

    Up to 64 MiB the whole file is hashed. Above that its first, middle and last MiB are: a run must not read a
    terabyte twice, and Parquet has its footer, which changes with any of its columns, at the end.

    Raises:
        SourceError: the file cannot be read.
    """
    try:
        return _marked(path, name)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({why(error)}); mend or remove it") from error


def mark_many(name: str, entries: Iterable[tuple[str, Path]], read: int) -> FileMark:
    """Return one mark for many small or unread files. One that cannot be read is marked as such: its row is a reject.

    Args:
        name: what they are, for people.
        entries: name and path of each.
        read: bytes to hash of each, besides its size; 0 where the size has to do.
    """
    hashed, total = sha256(), 0
    for told, path in entries:
        size, contents = _beginning(path, read)
        hashed.update(f"{told}\0{'unreadable' if size is None else size}\0".encode() + contents)
        total += size or 0
    return FileMark(name, total, hashed.hexdigest())


def _beginning(path: Path, read: int) -> tuple[int | None, bytes]:
    """Return a file's size and first bytes, without a size where it cannot be read."""
    try:
        with open_regular(path) as file:
            return os.fstat(file.fileno()).st_size, file.read(read)
    except OSError:
        return None, b""


def _marked(path: Path, name: str) -> FileMark:
    hashed = sha256()
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size <= WHOLE:
            while piece := file.read(_PIECE):
                hashed.update(piece)
        else:
            for start in (0, (size - _PIECE) // 2, size - _PIECE):
                file.seek(start)
                hashed.update(file.read(_PIECE))
    return FileMark(name, size, hashed.hexdigest())
