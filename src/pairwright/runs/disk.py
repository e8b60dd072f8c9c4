"""Writing small files so that they are whole or not there, with errors that say what to do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pairwright.schemas.errors import RunError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says against a write into a RunError that names the file."""
    try:
        yield
    except OSError as error:
        advice = "free space, or choose another place, then run again: what is finished is kept"
        raise RunError(f"{path} cannot be written ({error}); {advice}") from error


def temporary(path: Path) -> Path:
    """Return the name under which a file is written before it gets its own."""
    return path.with_name(f".{path.name}.tmp")


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and force it to disk. Raises OSError."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, force it to disk, and move it in place."""
    with writing(path):
        try:
            write_synced(temporary(path), content)
            temporary(path).replace(path)
        except BaseException:
            temporary(path).unlink(missing_ok=True)
            raise


def append_line(path: Path, line: bytes) -> None:
    """Append a line and force it to disk; after a failure the file is as it was before."""
    with writing(path), path.open("ab") as file:
        before = file.tell()
        try:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, before)
            raise
