"""Reading a run's files wherever they are: in its folder, or in an object store."""

from pathlib import Path
from typing import BinaryIO, Protocol


class Files(Protocol):
    """The files that a manifest names."""

    def size(self, name: str) -> int | None:
        """Return the size of a file; None where it is gone."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading at any place of it. Raises OSError."""
        ...


class FilesIn:
    """The files of a run folder."""

    def __init__(self, folder: Path) -> None:
        """Read below a folder."""
        self._folder = folder

    def size(self, name: str) -> int | None:
        """Return the size of a file; None where it is gone."""
        path = self._folder / name
        return path.stat().st_size if path.is_file() else None

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading at any place of it. Raises OSError."""
        return (self._folder / name).open("rb")
