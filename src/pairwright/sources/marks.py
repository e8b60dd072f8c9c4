"""Marks of files: enough to notice that a source changed between two runs."""

import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from pairwright.schemas.errors import SourceError
from pairwright.sources import FileMark
from pairwright.sources.files import open_regular, why

WHOLE = 64 * 2**20
"""Files up to this many bytes are hashed whole."""
_PIECE = 2**20
_TOGETHER = 2**30
"""Bytes that are hashed of all files of a source, about: each process that builds does so before it begins."""
_LEAST = 2**14
"""Bytes of a piece at least, however many files there are."""


def mark_files(files: Sequence[tuple[Path, str]]) -> tuple[FileMark, ...]:
    """Return the mark of every file of a source, each given with its name.

    As :func:`mark_file` does, as long as all files together have 1 GiB at most. Of more, no file is hashed whole, and the
    pieces are the smaller the more files there are, down to 16 KiB: a thousand files of 60 MB would else be read whole,
    once by every process.

    Raises:
        SourceError: a file cannot be read.
    """
    if sum(map(_size, files)) <= _TOGETHER:
        return tuple(mark_file(path, name) for path, name in files)
    piece = max(_LEAST, min(_PIECE, _TOGETHER // (3 * len(files))))
    return tuple(mark_file(path, name, whole=3 * piece, piece=piece) for path, name in files)


def _size(file: tuple[Path, str]) -> int:
    path, _ = file
    try:
        return path.stat().st_size
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({why(error)}); mend or remove it") from error


def mark_file(path: Path, name: str, *, whole: int | None = None, piece: int = _PIECE) -> FileMark:
    """Return the mark of one file.

    Up to ``whole`` bytes, 64 MiB if not given, the whole file is hashed. Above that its first, middle and last ``piece``
    bytes are, a MiB each: a run must not read a terabyte twice, and Parquet has its footer, which changes with any of its
    columns, at the end.

    Raises:
        SourceError: the file cannot be read.
    """
    try:
        return _marked(path, name, WHOLE if whole is None else whole, piece)
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


def _marked(path: Path, name: str, whole: int, length: int) -> FileMark:
    hashed = sha256()
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size <= whole:
            while piece := file.read(_PIECE):
                hashed.update(piece)
        else:
            for start in (0, (size - length) // 2, size - length):
                file.seek(start)
                hashed.update(file.read(length))
    return FileMark(name, size, hashed.hexdigest())
