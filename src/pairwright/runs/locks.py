"""Locks of a file system, also of one that knows none: some network and FUSE file systems refuse every lock.

A build goes on there, since one process alone is safe without; who starts two on one folder is told that nobody notices.
"""

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TextIO

from pairwright.responses.claims import NO_LOCKS
from pairwright.schemas.errors import RunError

_PATIENCE_S = 60.0
"""How long to wait for a process that does what must not be done twice, seconds."""

_log = logging.getLogger(__name__)


def taken(file: TextIO, path: Path) -> bool | None:
    """Lock an open file for as long as it is open; tell whether it was free, None where there are no locks.

    Raises:
        RunError: the system fails in another way.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # which of the two is left to the system
        return False
    except OSError as error:
        if error.errno in NO_LOCKS:
            return None
        raise RunError(f"cannot lock {path}: {error.strerror}") from error
    return True


def is_held(path: Path) -> bool | None:
    """Tell whether a process holds the lock of a file, as far as this machine sees; None where that cannot be told."""
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError:  # no locks, or not ours to look at
        return None
    return False


@contextmanager
def alone(stand_in: Path | None) -> Iterator[None]:
    """Do something that must not be done twice at once, without locks: whoever makes the folder ``stand_in`` does it.

    Others wait a minute for it to be gone. Unlike a lock it stays when its maker is killed. Nothing happens where it is None.

    Raises:
        RunError: it stays.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while stand_in is not None and not _made(stand_in):
        if time.monotonic() > deadline:
            raise RunError(
                f"another process is at it, as {stand_in} says, or was killed: where there is none, remove that folder and "
                "give the same command again"
            )
        time.sleep(0.1)
    try:
        yield
    finally:
        if stand_in is not None:
            with suppress(FileNotFoundError):  # it lay in what was removed
                stand_in.rmdir()


def _made(stand_in: Path) -> bool:
    try:
        stand_in.mkdir()
    except FileExistsError:
        return False
    except FileNotFoundError:  # what it lies in is gone: it was done meanwhile
        return True
    except OSError as error:
        raise RunError(f"cannot write to {stand_in.parent}: {error.strerror}") from error
    return True


@cache
def warn_of_no_locks() -> None:
    """Say what a file system without locks cannot do; once in a process."""
    _log.warning(
        "pairwright: this file system knows no locks, so two runs on one folder would not notice each other: start one at a time"
    )
