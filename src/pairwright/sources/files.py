"""Opening single files of a source: a link into nothing, a pipe or a device among them must not stop or hold a run."""

import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegularError(OSError):
    """A pipe, a socket or a device where a file was expected."""


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, never waiting for what is behind it.

    Raises:
        NotRegularError: it is no regular file.
        OSError: it is not there, a folder, or may not be read.
    """
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115  # handed to the caller
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise NotRegularError(None, "no regular file")
    return file


def why(error: OSError) -> str:
    """Return what went wrong without the path, which would tell where the source lies."""
    return error.strerror or type(error).__name__


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for a writer for ever
