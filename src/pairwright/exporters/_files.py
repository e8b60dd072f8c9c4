"""Loose files of an export: pictures, lines of JSON, and tar files. All are the same bytes for the same pairs."""

import io
import json
import re
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from pairwright.exporters import Lines, PairRow, Picture, Tar
from pairwright.exporters._parquet import synced
from pairwright.runs.disk import temporary
from pairwright.schemas.errors import RunError

PICTURES = "images"
"""Folder of the pictures."""

_TAR_BYTES = 400_000_000
"""A tar file ends with the sample that reaches this."""

_KEY = re.compile(r"[0-9a-zA-Z_-]+")


class PictureFolder:
    """Pictures as files that are named by their content, in folders by the first two digits of it."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is the export's."""
        self._folder = folder
        self.pictures = 0
        """Files written."""

    def place(self, picture: Picture) -> str:
        """Write a picture unless it is there, and return its path relative to the export's folder."""
        name = f"{PICTURES}/{picture.sha256[:2]}/{picture.name}"
        path = self._folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture.data)
            self.pictures += 1
        return name


class LineFiles:
    """The JSON Lines of one split: ``{split}.jsonl``, and ``{split}{ending}.jsonl`` where the layout has endings."""

    def __init__(self, folder: Path, split: str, lines: Lines, pictures: PictureFolder) -> None:
        """``lines`` says how rows are made."""
        self._folder, self._split, self._lines, self._pictures = folder, split, lines, pictures
        self._open: dict[str, _LineFile] = {}
        self.rows = 0
        self.repeats = 0

    def add(self, pairs: Sequence[PairRow]) -> None:
        """Add the rows of some pairs."""
        full = self._lines.full
        for pair in pairs:
            file = self._file(self._lines.ending(pair) if self._lines.ending else "")
            for row in self._lines.rows(pair, self._pictures.place):
                file.add(json.dumps(row, ensure_ascii=False) + "\n", full=full is None or full(pair))
                self.rows += 1

    def close(self) -> tuple[str, ...]:
        """Finish the files and force them to disk; return their names relative to the export's folder."""
        for file in self._open.values():
            file.close()
        return tuple(sorted(self._open))

    def abort(self) -> None:
        """Let go of open files; nothing to do after :meth:`close`."""
        for file in self._open.values():
            file.abort()

    def _file(self, ending: str) -> "_LineFile":
        name = f"{self._split}{ending}.jsonl"
        if name not in self._open:
            self._open[name] = _LineFile(self._folder / name)
        return self._open[name]


class _LineFile:
    """One file, whose first line is full if any is: lines before that one wait in a file of their own."""

    def __init__(self, path: Path) -> None:
        self._path, self._waiting = path, temporary(path)
        self._lines = self._waiting.open("wb")
        self._has_full = False

    def add(self, line: str, *, full: bool) -> None:
        if full and not self._has_full:
            self._has_full = True
            self._lines.close()
            self._lines = self._path.open("wb")
            self._lines.write(line.encode())
            with self._waiting.open("rb") as waiting:
                shutil.copyfileobj(waiting, self._lines)
            self._waiting.unlink()
        else:
            self._lines.write(line.encode())

    def close(self) -> None:
        self._lines.close()
        if not self._has_full:
            self._waiting.replace(self._path)
        synced(self._path)

    def abort(self) -> None:
        self._lines.close()


class TarFiles:
    """The tar files of one split: ``{split}/{split}-000000.tar`` and so on."""

    def __init__(self, folder: Path, split: str, tar: Tar) -> None:
        """``tar`` says what a sample has."""
        self._folder, self._split, self._tar = folder, split, tar
        self._open: tuple[BinaryIO, tarfile.TarFile] | None = None
        self._names: list[str] = []
        self.rows = 0
        self.repeats = 0

    def add(self, pairs: Sequence[PairRow]) -> None:
        """Add the samples of some pairs."""
        for pair in pairs:
            if not _KEY.fullmatch(pair.id):
                raise RunError(
                    f"pair {pair.id!r}: an id with these letters cannot name files; see pairwright validate"
                )
            for ending, content in self._tar.members(pair):
                self._member(f"{pair.id}.{ending}", content)
            self.rows += 1
            if self._open is not None and self._open[0].tell() >= _TAR_BYTES:
                self._finish()

    def close(self) -> tuple[str, ...]:
        """As :meth:`LineFiles.close`."""
        self._finish()
        return tuple(self._names)

    def abort(self) -> None:
        """Let go of an open file; nothing to do after :meth:`close`."""
        if self._open is not None:
            self._open[0].close()

    def _member(self, name: str, content: bytes) -> None:
        if self._open is None:
            (self._folder / self._split).mkdir(exist_ok=True)
            self._names.append(f"{self._split}/{self._split}-{len(self._names):06d}.tar")
            file = (self._folder / self._names[-1]).open("wb")
            self._open = file, tarfile.TarFile(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)
        member = tarfile.TarInfo(name)  # its time is 0 and its owner 0, so that equal samples are equal bytes
        member.size = len(content)
        self._open[1].addfile(member, io.BytesIO(content))

    def _finish(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open[0].close()
            synced(self._folder / self._names[-1])
            self._open = None
