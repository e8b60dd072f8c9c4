"""Folders of pictures: each picture a row, with the caption of the text file that has its name, where there is one."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pairwright.schemas.errors import RowError, SourceError
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import FileMark, RawRow
from pairwright.sources.cells import utf8
from pairwright.sources.columns import check_said
from pairwright.sources.files import open_regular, why
from pairwright.sources.marks import mark_many
from pairwright.sources.rows import Reading, parse_row

READABLE = frozenset(["avif", "bmp", "gif", "jfif", "jpeg", "jpg", "png", "tif", "tiff", "webp"])
_OTHER = frozenset(
    ["fli", "heic", "heif", "ico", "j2k", "jp2", "jxl", "pgm", "ppm", "psd", "svg", "tga", "xpm"]
)
"""Picture files that trainers do not read: they are rows too, so that they are counted as rejects."""

COLUMNS = ("image", "caption")
"""Columns of a picture's row."""
_LONGEST_CAPTION = 2**20


def is_picture(path: Path) -> bool:
    """Tell from its extension whether a file is a picture; what it holds decides later."""
    return path.suffix[1:].lower() in READABLE | _OTHER


def walk(folder: Path) -> list[Path]:
    """Return all files of a folder and the folders in it, sorted by path; hidden ones are left out."""
    found: list[Path] = []
    for top, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(top, name) for name in files if not name.startswith(".")]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


class FolderSource:
    """Pictures of a folder and the folders in it, sorted by path.

    ``cat.jpg`` has its caption in ``cat.txt``, or in ``cat.jpg.txt``.
    """

    def __init__(self, folder: Path, reading: Reading) -> None:
        """Raises SourceError when the folder has no picture."""
        self.name = reading.name
        self.local = True
        self._folder = folder
        self._reading = reading
        files = walk(folder)
        known = frozenset(files)
        self._pictures = tuple((path, _caption_of(path, known)) for path in files if is_picture(path))
        if not self._pictures:
            raise SourceError(
                f"{folder}: no picture in it or in the folders below ({', '.join(sorted(READABLE))})"
            )
        check_said(reading.settings.columns, COLUMNS, f"a folder of pictures ({folder})")

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        """Yield a row for every picture from number ``start`` on."""
        for path, caption in self._pictures[start:]:
            relative = path.relative_to(self._folder).as_posix()
            record_id, fields = utf8(relative), {"image": relative}
            try:
                if caption is not None:
                    fields["caption"] = _read_caption(caption)
            except RowError as problem:
                yield RawRow(record_id, {}, problem)
            else:
                yield RawRow(record_id, fields)

    def parse(self, raw: RawRow) -> SourceRow:
        """Return a picture with its caption as the chosen answer. Raises RowError for a reject."""
        return parse_row(raw, self._reading)

    def marks(self) -> tuple[FileMark, ...]:
        """Return one mark of the names and sizes of the pictures, and one of the captions."""
        pictures = [(self._named(path), path) for path, _ in self._pictures]
        captions = [(self._named(path), path) for _, path in self._pictures if path is not None]
        marks = [mark_many("pictures (names and sizes)", pictures, read=0)]
        if captions:
            marks.append(mark_many("captions", captions, read=_LONGEST_CAPTION + 1))
        return tuple(marks)

    def count(self) -> int:
        """Return the number of pictures."""
        return len(self._pictures)

    def columns(self) -> Mapping[str, str]:
        """Return which column was taken for which field."""
        names = COLUMNS if any(caption for _, caption in self._pictures) else COLUMNS[:1]
        return dict(self._reading.columns(names).taken)

    def _named(self, path: Path) -> str:
        return utf8(path.relative_to(self._folder).as_posix())


def _caption_of(picture: Path, files: frozenset[Path]) -> Path | None:
    candidates = (picture.with_suffix(".txt"), picture.with_name(picture.name + ".txt"))
    return next((path for path in candidates if path in files), None)


def _read_caption(path: Path) -> str:
    try:
        with open_regular(path) as file:
            text = file.read(_LONGEST_CAPTION + 1)
        if len(text) > _LONGEST_CAPTION:
            raise RowError("bad_row", None, f"{path.name}: a caption of more than 1 MiB")
        return text.decode("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        told = why(error) if isinstance(error, OSError) else str(error)
        raise RowError("bad_row", None, f"{path.name}: the caption cannot be read ({told})") from error
