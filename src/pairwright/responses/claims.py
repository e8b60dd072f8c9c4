"""Claims: who asks a request right now, when several processes on one machine share a store.

A claim is a lock on one byte of an empty file beside the store (``fcntl.lockf``), at an offset made of the name that is
claimed. The kernel frees it when the process ends, however it ends, so that nobody waits for the dead. Such locks
belong to the process and are all gone when it closes any descriptor of the file; so a process opens each file once.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock

from pairwright.schemas.errors import RunError

NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
"""What systems answer where there are no locks: NFS without its lock service, Lustre without ``flock``, FUSE."""

_OFFSET_BITS = 60
"""Of ten thousand claims held at once, two meet on one byte once in 23 billion cases; then one waits for the other."""


@dataclass(slots=True, eq=False)
class _LockFile:
    descriptor: int
    users: int = 0
    held: set[int] = field(default_factory=set)
    """Offsets that this process holds: the kernel would grant them to it twice."""


_OPEN: dict[tuple[int, int], _LockFile] = {}
"""Lock files of this process, by device and inode."""
_OPENING = Lock()


class Claims:
    """The claims of one user of a lock file."""

    def __init__(self, identity: tuple[int, int], file: _LockFile, path: Path) -> None:
        """Use :func:`open_claims`."""
        self._identity = identity
        self._file = file
        self._path = path
        self._mine: set[int] = set()

    def take(self, name: str) -> bool:
        """Claim a name; False if somebody else holds it.

        Raises:
            RunError: the disk knows no locks.
        """
        offset = _offset(name)
        if offset in self._file.held:
            return False
        try:
            fcntl.lockf(self._file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except (BlockingIOError, PermissionError):  # which of the two is left to the system
            return False
        except OSError as error:
            raise RunError(
                f"{self._path} cannot be locked ({error}); keep the store on a local disk"
            ) from error
        self._file.held.add(offset)
        self._mine.add(offset)
        return True

    def free(self, name: str) -> None:
        """Give up a claim; nothing happens to one that was never got."""
        if _offset(name) in self._mine:
            self._free(_offset(name))

    @contextmanager
    def waiting_for(self, name: str) -> Iterator[None]:
        """Hold a name for a moment's work, waiting for it without end."""
        offset = _offset(name)
        with _OPENING:
            fcntl.lockf(self._file.descriptor, fcntl.LOCK_EX, 1, offset)
            try:
                yield
            finally:
                fcntl.lockf(self._file.descriptor, fcntl.LOCK_UN, 1, offset)

    def close(self) -> None:
        """Give up all claims."""
        for offset in list(self._mine):
            self._free(offset)
        with _OPENING:
            self._file.users -= 1
            if not self._file.users:
                del _OPEN[self._identity]
                os.close(self._file.descriptor)

    def _free(self, offset: int) -> None:
        fcntl.lockf(self._file.descriptor, fcntl.LOCK_UN, 1, offset)
        self._mine.discard(offset)
        self._file.held.discard(offset)


def open_claims(path: Path) -> Claims:
    """Open a lock file, making it where it is missing. Raises OSError."""
    with _OPENING:
        file = _OPEN.get(_identity(path)) if path.exists() else None
        if file is None:
            file = _LockFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
        file.users += 1
        identity = _identity(path)
        _OPEN[identity] = file
    return Claims(identity, file, path)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()  # opening it only to look would drop the locks
    return status.st_dev, status.st_ino


def _offset(name: str) -> int:
    return int.from_bytes(sha256(name.encode()).digest()[:8]) >> (64 - _OFFSET_BITS)
