"""One file of a published set, and whether the Hub has it already."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Item:
    """A file that is to stand in the repository."""

    path: str
    """Its place there."""
    content: bytes | Path
    """What it holds, or the local file that does."""
    size: int
    """Bytes."""
    sha256: str


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that stands in the repository."""

    path: str
    size: int
    sha256: str | None
    """None for a small file, which the Hub keeps in git itself."""
    blob: str
    """The name that git gives to its content; to that of a pointer where ``sha256`` is set."""


def of_bytes(path: str, content: bytes) -> Item:
    """Return an item of a content in memory."""
    return Item(path, content, len(content), hashlib.sha256(content).hexdigest())


def of_text(path: str, content: str) -> Item:
    """Return an item of a text; lone surrogates of a source cannot be written and become question marks."""
    return of_bytes(path, content.encode(errors="replace"))


def of_file(path: str, file: Path) -> Item:
    """Return an item of a local file, which is read once for its hash. Raises OSError."""
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    return Item(path, file, file.stat().st_size, found)


def same(item: Item, remote: RemoteFile | None) -> bool:
    """Tell whether the Hub's file has the item's content."""
    if remote is None or remote.size != item.size:
        return False
    return remote.sha256 == item.sha256 if remote.sha256 else remote.blob == _blob(item)


def _blob(item: Item) -> str:
    """Return git's name of a content: SHA-1 over its kind, length and bytes."""
    digest = hashlib.sha1(b"blob %d\0" % item.size, usedforsecurity=False)
    if isinstance(item.content, bytes):
        digest.update(item.content)
        return digest.hexdigest()
    with item.content.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
