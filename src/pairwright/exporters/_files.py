"""Loose files of an export: pictures, lines of JSON, and tar files. All are the same bytes for the same pairs."""

import io
import json
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, TextIO

from pairwright.exporters import Lines, PairRow, Picture, Tar
from pairwright.exporters._parquet import synced
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
        self._open: dict[str, TextIO] = {}
        self.rows = 0
        self.repeats = 0

    def add(self, pairs: Sequence[PairRow]) -> None:
        """Add the rows of some pairs."""
        for pair in pairs:
            file = self._file(self._lines.ending(pair) if self._lines.ending else "")
            for row in self._lines.rows(pair, self._pictures.place):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                self.rows += 1

    def close(self) -> tuple[str, ...]:
        """Finish the files and force them to disk; return their names relative to the export's folder."""
        for name, file in self._open.items():
            file.close()
            synced(self._folder / name)
        return tuple(sorted(self._open))

    def _file(self, ending: str) -> TextIO:
        name = f"{self._split}{ending}.jsonl"
        if name not in self._open:
            self._open[name] = (self._folder / name).open("w", encoding="utf-8", newline="\n")
        return self._open[name]


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

    def _member(self, name: str, content: bytes) -> None:
        if self._open is None:
            (self._folder / self._split).mkdir(exist_ok=True)
            self._names.append(f"{self._split}/{self._split}-{len(self._names):06d}.tar")
            file = (self._folder / self._names[-1]).open("wb")
            self._open = file, tarfile.TarFile(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)
        member = tarfile.TarInfo(name)  # its time is 0 and its owner 0, so that equal samples are equal bytes
        member.size = len(content)
        self._open[1].addfile(member, io.BytesIO(content))

    def _finish(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open[0].close()
            synced(self._folder / self._names[-1])
            self._open = None
