"""The end of a run in an object store: what makes its prefix look like a run folder, and what is cleared away."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from pairwright.card import NAME as CARD
from pairwright.card import write_card
from pairwright.encoding.store import NAME as VECTORS
from pairwright.remote.keys import RESPONSES as SEGMENTS
from pairwright.remote.keys import key_of
from pairwright.remote.lease import Lease
from pairwright.remote.prefix import Prefix
from pairwright.remote.records import line_of
from pairwright.remote.run_json import put_run_file
from pairwright.responses.layout import NAME as RESPONSES
from pairwright.responses.segments import copy_whole
from pairwright.runs import manifest
from pairwright.runs.disk import temporary
from pairwright.runs.folder import WRITTEN
from pairwright.runs.manifest import ShardEntry
from pairwright.runs.slices import FOLDER as SLICES


class PutFiles:
    """The parts of a run in an object store."""

    def __init__(self, prefix: Prefix, entries: Iterable[ShardEntry]) -> None:
        """``entries`` are its shards; sizes are taken from them, since each part was listed before."""
        self._prefix = prefix
        self._files = {file.name: file for entry in entries for file in entry.files}

    def size(self, name: str) -> int | None:
        """Return the size of a part."""
        file = self._files.get(name)
        return None if file is None else file.bytes

    def open(self, name: str) -> BinaryIO:
        """Open a part for reading at any place of it. Raises OSError."""
        return self._prefix.open(key_of(self._files[name]))


def put_stores(own: Prefix, folder: Path) -> None:
    """Put the response store and the vectors of a run folder, each in one piece."""
    if (folder / RESPONSES).exists():
        copied = temporary(folder / RESPONSES)  # not in /tmp, which may be small, or memory
        copy_whole(folder / RESPONSES, copied)
        own.put_file(RESPONSES, copied)
        copied.unlink()
    if (folder / VECTORS).exists():
        own.put_file(VECTORS, folder / VECTORS)


def finish(prefix: Prefix, folder: Path, lease: Lease) -> None:
    """Put all that a finished run has beside its parts, ``run.json`` last, and clear away what is of no use any more.

    ``folder`` is a run folder without the parts, all of which are in the prefix; ``lease`` is that of the prefix. No record
    refuses what is put and removed here, so a process that stood still looks at the lease again.

    Raises:
        RunError: somebody else has taken over.
    """
    entries = manifest.read(folder)
    lease.confirm()
    put_stores(prefix, folder)
    prefix.put(manifest.NAME, b"".join(map(line_of, entries)))
    prefix.put(CARD, write_card(folder, PutFiles(prefix, entries)).read_bytes())
    lease.confirm()
    put_run_file(prefix, folder)
    lease.confirm()
    clear(prefix, entries)


def clear(prefix: Prefix, entries: Iterable[ShardEntry]) -> None:
    """Remove what a finished run has no use for any more."""
    prefix.remove(leftovers(prefix, entries))


def leftovers(prefix: Prefix, entries: Iterable[ShardEntry]) -> list[str]:
    """Return the keys of segments of answers, of what slices had of their own, and of parts that no record names."""
    named = {key_of(file) for entry in entries for file in entry.files}
    parts = tuple(f"{name}/" for name in WRITTEN)
    beside = (f"{SEGMENTS}/", f"{SLICES}/")
    return [
        key
        for key in prefix.sizes()
        if key.startswith(beside) or (key.startswith(parts) and key not in named)
    ]
