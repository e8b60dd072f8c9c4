"""JSON files that are read as streams, and how deep they may nest.

The parser keeps the path to where it is and writes it out at every step: a megabyte of opening brackets would hold it for
hours.
"""

import re
from typing import BinaryIO

import numpy as np

from pairwright.schemas.errors import SourceError

DEEPEST = 1000
"""Lists and objects inside each other; what rows may have is far less, and a row above that is a reject."""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*("|\\?\Z)', re.DOTALL)
"""A string to its quote, or to the end of the piece with the backslash whose letter is in the next one."""
_STEPS = np.zeros(256, np.int64)
_STEPS[[*b"[{"]] = 1
_STEPS[[*b"]}"]] = -1


class Shallow:
    """A JSON file that is refused where it nests too deep."""

    def __init__(self, file: BinaryIO, name: str, *, deepest: int = DEEPEST) -> None:
        """``name`` is that of the file, for the error."""
        self._file, self._name, self._deepest = file, name, deepest
        self._level = 0
        self._open = b""  # how a string began that is not at its end

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of the file, as they are. Raises SourceError."""
        data = self._file.read(size)
        bare, strings = _STRING.subn(rb"\1", self._open + data)
        unfinished = strings > bare.count(b'"')
        self._open = (b'"\\' if bare.endswith(b"\\") else b'"') if unfinished else b""
        levels = self._level + np.cumsum(_STEPS[np.frombuffer(bare, np.uint8)])
        if len(levels):
            self._level = int(levels[-1])
            if levels.max() > self._deepest:
                raise SourceError(
                    f"{self._name}: more than {self._deepest:,} lists and objects inside each other"
                )
        return data
