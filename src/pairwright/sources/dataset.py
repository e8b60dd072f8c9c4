"""Sets of the ``datasets`` library: an id of the Hub or a local folder, streamed, or a folder of ``save_to_disk``.

Pictures are never decoded by ``datasets``: their features are switched to raw bytes, so that these stay the original
ones. No code of a data set is run: ``trust_remote_code`` is never passed.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from pairwright.schemas.errors import MissingExtraError, SourceError
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import FileMark, RawRow
from pairwright.sources.columns import check_said
from pairwright.sources.folder import walk
from pairwright.sources.marks import mark_file
from pairwright.sources.rows import Reading, parse_row

_PIECE_ROWS = 32


def is_saved(folder: Path) -> bool:
    """Tell whether a folder was written by ``save_to_disk``."""
    return (folder / "dataset_dict.json").is_file() or (
        (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()
    )


class SavedSource:
    """A folder of ``Dataset.save_to_disk`` or ``DatasetDict.save_to_disk``, memory-mapped."""

    def __init__(self, folder: Path, reading: Reading) -> None:
        """Raises SourceError for a split that is not there, MissingExtraError without ``datasets``."""
        datasets = _library(str(folder))
        self.name = reading.name
        self.local = True
        self._folder = folder
        self._reading = reading
        loaded = _guarded(str(folder), datasets.load_from_disk, str(folder))
        if isinstance(loaded, dict):
            split = reading.settings.split
            if split not in loaded:
                raise SourceError(f"{folder}: no split {split!r}; source.split can be {', '.join(loaded)}")
            loaded = loaded[split]
        self._raw = loaded.with_format("arrow")  # as stored: nothing is decoded
        check_said(reading.settings.columns, loaded.column_names, str(folder))

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        """Yield all rows from number ``start`` on."""
        for first in range(start, len(self._raw), _PIECE_ROWS):
            piece = self._raw[first : first + _PIECE_ROWS].to_pylist()
            for number, fields in enumerate(piece, first):
                yield RawRow(f"{self._reading.settings.split}:{number}", fields)

    def parse(self, raw: RawRow) -> SourceRow:
        """Return a row's prompt, answers and images. Raises RowError for a reject."""
        return parse_row(raw, self._reading)

    def marks(self) -> tuple[FileMark, ...]:
        """Return a mark of every file of the folder."""
        return _folder_marks(self._folder)

    def count(self) -> int:
        """Return the number of rows."""
        return len(self._raw)

    def columns(self) -> Mapping[str, str]:
        """Return which column was taken for which field."""
        return dict(self._reading.columns(self._raw.column_names).taken)


class StreamedSource:
    """A set that ``load_dataset`` knows, streamed: nothing is prepared on disk first."""

    def __init__(self, path: str, reading: Reading) -> None:
        """``path`` is an id of the Hub or a local folder.

        Raises:
            SourceError: no such set, subset or split.
            MissingExtraError: ``datasets`` is not installed.
        """
        datasets = _library(path)
        settings = reading.settings
        self.name = reading.name
        self.local = False
        self._path = path
        self._reading = reading
        self._builder = _guarded(
            path, datasets.load_dataset_builder, path, settings.subset, revision=settings.revision
        )
        stream = _guarded(path, self._builder.as_streaming_dataset, settings.split)
        features = stream.features
        if features is None:
            features = _guarded(path, stream._resolve_features).features
        self._stream = stream.cast(datasets.Features({name: _raw_feature(f) for name, f in features.items()}))
        self._names = tuple(features)
        check_said(settings.columns, self._names, path)

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        """Yield all rows from number ``start`` on; the rows before it are read and left out."""
        split = self._reading.settings.split
        number = start
        try:
            for number, fields in enumerate(self._stream.skip(start), start):
                yield RawRow(f"{split}:{number}", fields)
        except (OSError, RuntimeError, ValueError) as error:
            raise SourceError(f"{self._path}: the stream broke off after row {number}: {error}") from error

    def parse(self, raw: RawRow) -> SourceRow:
        """Return a row's prompt, answers and images. Raises RowError for a reject."""
        return parse_row(raw, self._reading)

    def marks(self) -> tuple[FileMark, ...]:
        """Return marks of a local folder's files, or one of the Hub's commit and the names of the data files."""
        folder = Path(self._path)
        if folder.is_dir():
            return _folder_marks(folder)
        files = (self._builder.config.data_files or {}).get(self._reading.settings.split)
        told = repr((list(files or ()), getattr(files, "origin_metadata", None)))
        return (
            FileMark(f"{self._path} ({self._reading.settings.split})", 0, sha256(told.encode()).hexdigest()),
        )

    def count(self) -> None:
        """Return None: cards tell a number, but not a reliable one."""

    def columns(self) -> Mapping[str, str]:
        """Return which column was taken for which field."""
        return dict(self._reading.columns(self._names).taken)


def _library(path: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(f"the source {path}", "datasets", "hub") from error
    return datasets


def _guarded(path: str, call: Any, *arguments: Any, **options: Any) -> Any:
    """Call ``datasets`` and turn what it raises for a wrong id, subset or split, or without a network, into one error."""
    try:
        return call(*arguments, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(
            f"{path}: datasets cannot open it ({error}). Check source.path, source.subset, source.split and "
            "source.revision; a gated set needs a login, and a Hub id needs the network"
        ) from error


def _raw_feature(feature: Any) -> Any:
    """Return a feature with every picture, sound or video in it left undecoded."""
    import datasets

    if isinstance(feature, dict):
        return {name: _raw_feature(member) for name, member in feature.items()}
    if isinstance(feature, list):
        return [_raw_feature(member) for member in feature]
    if hasattr(feature, "decode_example") and hasattr(feature, "decode"):
        return type(feature)(decode=False)
    if isinstance(feature, datasets.LargeList):
        return datasets.LargeList(_raw_feature(feature.feature))
    if hasattr(feature, "feature"):
        return type(feature)(_raw_feature(feature.feature), length=feature.length)
    return feature


def _folder_marks(folder: Path) -> tuple[FileMark, ...]:
    return tuple(mark_file(path, path.relative_to(folder).as_posix()) for path in walk(folder))
