"""Received answers on their way to a prefix and back: segments of the response store."""

import threading
import time
from pathlib import Path

from pairwright.remote.keys import RESPONSES
from pairwright.remote.prefix import Prefix
from pairwright.responses.layout import NAME
from pairwright.responses.segments import merge_segment, note_segment, segments_of, take_whole, write_segment
from pairwright.runs.disk import temporary
from pairwright.schemas.errors import RunError

BETWEEN_S = 10.0
"""Shards that are finished sooner after each other share a segment, so that a long run has no more objects than it needs."""


class Answers:
    """The response store of a work folder, put piece by piece. May be used by several threads."""

    def __init__(self, own: Prefix, store: Path, owner: str) -> None:
        """``own`` is the prefix of the run or the slice, ``owner`` the name of the work folder."""
        self._own, self._store, self._owner = own, store, owner
        self._lock = threading.Lock()
        self._last = time.monotonic()

    def put(self) -> None:
        """Put what came since the last time. Raises RunError."""
        with self._lock:
            self._put()

    def put_if_due(self) -> None:
        """Put it if the last time is long enough ago."""
        with self._lock:
            if time.monotonic() - self._last > BETWEEN_S:
                self._put()

    def _put(self) -> None:
        self._last = time.monotonic()
        if not self._store.exists():
            return
        file = temporary(self._store)
        try:
            while (name := write_segment(self._store, self._owner, file)) is not None:
                self._own.put_file(f"{RESPONSES}/{name}.sqlite", file)
                note_segment(self._store, name)
        finally:
            file.unlink(missing_ok=True)


def fetch_answers(own: Prefix, store: Path) -> None:
    """Bring what other work folders received into the store of this one.

    Raises:
        RunError: a segment cannot be read, or is gone since somebody finished the run meanwhile.
    """
    there, file = own.sizes(RESPONSES), temporary(store)
    try:
        if own.got_file(NAME, file):  # of a finished run, of which this store may have the beginning
            take_whole(store, file)
        known = {f"{RESPONSES}/{name}.sqlite" for name in segments_of(store)}
        for key in sorted(there.keys() - known):
            own.get_file(key, file)
            merge_segment(store, file, key.removeprefix(f"{RESPONSES}/").removesuffix(".sqlite"))
    except FileNotFoundError as error:
        raise RunError(f"{own.url} has changed meanwhile: give the same command again") from error
    finally:
        file.unlink(missing_ok=True)
