"""Picture values of a row: a path, bytes, base64, a data: URI or ``{bytes, path}``, as an :class:`Image`.

A text is, in this order: a data: URI if it starts with ``data:``; a URL if it starts with a scheme and ``://``; base64 if
it has 32 characters or more, all of base64's alphabet (a path with an extension has a dot, which is not among them), and
its first bytes are those of a picture; otherwise a path.
"""

import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from urllib.parse import unquote_to_bytes

from pairwright.schemas.codec import read_image
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.sources.cells import bad_value, from_json, text, utf8
from pairwright.sources.files import NotRegularError, open_regular

_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{32,}={0,2}\s*")
_ALPHABET = re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?:://|::)")
_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_KINDS = (".jpg", ".jpeg", ".png", ".webp")
_OF_COCO = re.compile(r"COCO_(?:train|val|test)\d{4}_")
_COCO_DIGITS = 12
_COCO_SPLITS = ("train2014", "val2014")
_FOLDERS = ("images", "train2017", "val2017", "train2014", "val2014", "VG_100K", "VG_100K_2")
_ACCEPTED = "a path, bytes, base64 text, a data: URI or {bytes, path}"


@dataclass(frozen=True, slots=True)
class Pictures:
    """Where picture files may be read from, and how big a picture may be."""

    root: Path | None
    """Resolved folder that no path may leave; None for a source that has no folder, where no path is read at all."""
    from_root: bool
    """Whether relative paths start at ``root`` (the recipe set it) or at the folder of the row's own file."""
    max_pixels: int
    max_bytes: int
    min_side: int
    searched: bool = False
    """Whether a picture that is not where its path says is looked for under the names that published sets have for it."""

    def read(self, value: object, *, field: str, folder: str = "", license: str | None = None) -> Image:
        """Return the image that ``value`` stands for, with its bytes as they are.

        Args:
            value: path, bytes, base64 text, data: URI or ``{bytes, path}``; the bytes win, the path is read where
                they are null.
            field: column to name in errors.
            folder: folder of the row's file, relative to ``root``.
            license: licence of the picture.

        Raises:
            RowError: ``bad_value``, ``image_url``, ``image_outside_root``, ``image_missing``, or any reason of
                :func:`pairwright.schemas.codec.read_image`.
        """
        data, uri = self._bytes_of(value, field, folder)
        return read_image(
            data,
            field=field,
            source_uri=uri,
            license=license,
            max_pixels=self.max_pixels,
            min_side=self.min_side,
        )

    def _bytes_of(self, value: object, field: str, folder: str) -> tuple[bytes, str | None]:
        if isinstance(value, Mapping):
            return self._from_struct(value, field, folder)
        return self._from_value(value, field, folder)

    def _from_value(self, value: object, field: str, folder: str) -> tuple[bytes, str | None]:
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value), None
        if not isinstance(value, str):
            raise bad_value(field, _ACCEPTED, value)
        value = text(value, field)
        if value[:5].lower() == "data:":
            return _from_data_uri(value, field), None
        if _URL.match(value):
            raise RowError("image_url", field, f"{value[:200]} would have to be downloaded first")
        data = from_base64(value)
        return (data, None) if data is not None else self._from_path(value, field, folder)

    def _from_struct(self, value: Mapping[str, object], field: str, folder: str) -> tuple[bytes, str | None]:
        path = next((value[key] for key in ("path", "file_name", "url") if value.get(key) is not None), None)
        data = value.get("bytes")
        if data is None:
            if path is None:
                raise RowError("bad_value", field, f"expected {_ACCEPTED}, got neither bytes nor path")
            return self._from_value(path, field, folder)
        found, _ = self._from_value(data, field, folder)
        return found, _told(text(path, field)) if path else None

    def _from_path(self, value: str, field: str, folder: str) -> tuple[bytes, str]:
        if self.root is None:
            raise RowError(
                "image_missing", field, f"{value[:200]!r} is a path; set source.image_root for this source"
            )
        start = self.root if self.from_root else self.root / folder
        try:
            resolved = Path(os.path.realpath(start / value))
            if self.searched and not resolved.exists():
                resolved = self._found_elsewhere(start, value) or resolved
        except (ValueError, OSError) as error:  # a null byte, or a loop of links
            raise RowError("image_missing", field, f"not a path: {value[:200]!r} ({error})") from error
        if not resolved.is_relative_to(self.root):
            raise RowError("image_outside_root", field, f"{value!r} leads out of the image root")
        try:
            return self._read_file(resolved, field), utf8(resolved.relative_to(self.root).as_posix())
        except (OSError, ValueError) as error:
            # Relative, so that rejects are the same wherever the source lies, and may be published.
            shown = f"{start.relative_to(self.root) / value}"[:300]
            raise RowError(
                "image_missing", field, f"no {shown} under the image root ({_why(error)})"
            ) from error

    def _found_elsewhere(self, start: Path, value: str) -> Path | None:
        """Return the first of the other names of a picture that is there, and does not leave the root."""
        root = self.root or start
        beside = [start / PurePath(value).parent, *_folders_of(start), *_folders_of(root)]
        for folder in dict.fromkeys(beside):
            for name in other_names(PurePath(value).name):
                path = folder / name
                if path.is_file() and (real := Path(os.path.realpath(path))).is_relative_to(root):
                    return real
        return None

    def _read_file(self, path: Path, field: str) -> bytes:
        try:
            file = open_regular(path)
        except NotRegularError as error:
            raise RowError("image_unreadable", field, f"{path.name} is no regular file") from error
        with file:
            size = os.fstat(file.fileno()).st_size
            if size > self.max_bytes:
                told = f"{size / 1e6:.0f} MB, more than source.max_file_mb"
                raise RowError("image_too_large", field, f"{path.name} has {told} ({self.max_bytes / 1e6:g})")
            return file.read(size)


def other_names(name: str) -> list[str]:
    """Return the names under which a picture may lie that is not called ``name``, likeliest first, ``name`` among them.

    Tables say ``.png`` where the file is ``.jpg``; sets of COCO name a picture with or without ``COCO_train2014_``.

    >>> other_names("cat.png")
    ['cat.png', 'cat.jpg', 'cat.jpeg', 'cat.webp']
    >>> "000000000009.jpg" in other_names("COCO_train2014_000000000009.jpg")
    True
    """
    told = PurePath(name)
    kinds = dict.fromkeys((told.suffix, *_KINDS))
    bare = _OF_COCO.sub("", told.stem)
    stems = [told.stem]
    if bare.isdigit() and len(bare) == _COCO_DIGITS:
        stems = list(dict.fromkeys([told.stem, bare, *(f"COCO_{split}_{bare}" for split in _COCO_SPLITS)]))
    return [f"{stem}{kind}" for stem in stems for kind in kinds]


@lru_cache(maxsize=1024)  # asked for every picture that is not in its place
def _folders_of(folder: Path) -> tuple[Path, ...]:
    """Return a folder and those of its folders in which published sets keep pictures."""
    under = [folder, *(folder / name for name in _FOLDERS), *(folder / "coco" / name for name in _FOLDERS)]
    return tuple(path for path in under if path.is_dir())


def picture_values(value: object, field: str) -> list[tuple[object, str]]:
    """Return the picture values of a cell with the name each goes by in errors.

    >>> picture_values('["a.jpg", "b.jpg"]', "images")
    [('a.jpg', 'images[0]'), ('b.jpg', 'images[1]')]
    >>> picture_values("a.jpg", "image"), picture_values("", "image")
    ([('a.jpg', 'image')], [])
    """
    value = from_json(value)
    if value is None or value == "":
        return []
    if not isinstance(value, (list, tuple)):
        return [(value, field)]
    if len(value) == 1:
        return [(value[0], field)]
    return [(item, f"{field}[{number}]") for number, item in enumerate(value)]


def from_base64(value: str) -> bytes | None:
    """Return the bytes of base64 text of a picture, None for any other text.

    >>> from_base64("R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==")[:6]
    b'GIF89a'
    >>> from_base64("images/train/COCO_train2014_000000000009") is None
    True
    """
    if not _BASE64.fullmatch(value):
        return None
    try:
        data = binascii.a2b_base64(value)
    except binascii.Error:
        return None
    return data if data.startswith(_STARTS) or data[4:8] == b"ftyp" else None


def _from_data_uri(value: str, field: str) -> bytes:
    kind, comma, body = value.partition(",")
    try:
        if not comma:
            raise ValueError("no comma after its type")
        if kind.lower().endswith(";base64"):
            if not _ALPHABET.fullmatch(body):
                raise ValueError("not base64")
            return binascii.a2b_base64(body)
        return unquote_to_bytes(body)
    except ValueError as error:
        raise RowError("image_unreadable", field, f"a broken data: URI ({error})") from error


def _told(path: str) -> str:
    """Return the path kept beside bytes: the machine's own folders are left out."""
    return PurePath(path).name if PurePath(path).is_absolute() else path


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
