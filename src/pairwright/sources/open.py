"""Opening a source: what a path is, and which kind of source reads it."""

import difflib
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from pairwright.layouts import ROOM as LAYOUTS
from pairwright.layouts._recognising import AUTO, recognised
from pairwright.remote import is_url
from pairwright.schemas.candidate_table import FOLDER as CANDIDATES
from pairwright.schemas.candidate_table import files_in as candidate_files
from pairwright.schemas.errors import SourceError
from pairwright.schemas.pair import FOLDERS
from pairwright.schemas.room import unknown
from pairwright.sources import Source
from pairwright.sources.columns import said
from pairwright.sources.dataset import SavedSource, StreamedSource, is_saved
from pairwright.sources.earlier_round import SUBSET as EARLIER_ROUND
from pairwright.sources.earlier_round import EarlierRound
from pairwright.sources.folder import FolderSource, is_picture, walk
from pairwright.sources.grouped import GroupedSource
from pairwright.sources.in_layout import PLAIN, LayoutSource
from pairwright.sources.merged import MergedSource
from pairwright.sources.pictures import Pictures
from pairwright.sources.rows import Reading
from pairwright.sources.settings import SourceSettings, VotesSettings
from pairwright.sources.table import FORMATS, TableSource
from pairwright.sources.votes import VotedSource

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_WILDCARDS = re.compile(r"[*?\[]")
_LOOKED_AT = 8
"""Rows by which a layout is recognised."""
_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def open_source(settings: SourceSettings) -> Source:
    """Return the source that a recipe's ``source`` block describes.

    Raises:
        SourceError: nothing fits the path; the message says what was looked for and what to do.
        MissingExtraError: ``datasets`` is needed and not installed.
    """
    if settings.sets:
        if settings.path is not None:
            raise SourceError("source.sets takes the place of source.path; leave one of them out")
        return MergedSource([open_source(one) for one in settings.sets])
    if settings.votes is not None:
        return _voted(settings, settings.votes)
    if settings.layout is not None:
        return _in_layout(settings, settings.layout)
    if settings.group_by is None:
        return _by_path(settings)
    # In a group the column of answers holds candidates: what is left of a row has no such column.
    columns = settings.columns.model_copy(update={"chosen": None})
    source = _by_path(settings.model_copy(update={"columns": columns}))
    return GroupedSource(source, settings.group_by, settings.columns.chosen)


def votes_source(votes: VotesSettings) -> Source:
    """Return the source that reads a labelling tool's file. Raises SourceError where nothing fits the path."""
    return _by_path(SourceSettings(path=votes.path, layout=votes.layout))


def _voted(settings: SourceSettings, votes: VotesSettings) -> Source:
    """Return the prompts of a run with what people said of its answers."""
    run = Path(settings.path or "").expanduser()
    if settings.subset != CANDIDATES or not (run / "run.json").is_file():
        raise SourceError("source.votes goes with the folder of a run in source.path and subset: candidates")
    source = _by_path(settings)
    return VotedSource(source, votes_source(votes), votes.layout, run)


def layout_of(settings: SourceSettings) -> str:
    """Return the name of the layout that a source's first rows are in.

    Raises:
        SourceError: nothing fits the path, or no layout is recognised.
    """
    source = _by_path(settings.model_copy(update={"layout": PLAIN}))
    seen = islice((raw.fields for raw in source.rows() if raw.problem is None), _LOOKED_AT)
    return recognised(list(seen), settings.path or source.name)


def _in_layout(settings: SourceSettings, layout: str) -> Source:
    """Return a source whose rows are in a published layout."""
    if settings.group_by is not None:
        raise SourceError(
            "source.layout reads rows as they are published, and does not go with source.group_by"
        )
    if layout != PLAIN and said(settings.columns):
        raise SourceError(f"source.layout: {layout} has columns of its own; source.columns goes with {PLAIN}")
    if layout == AUTO:
        return _in_layout(settings, layout_of(settings))
    return LayoutSource(_by_path(settings.model_copy(update={"layout": layout})), layout)


def _by_path(settings: SourceSettings) -> Source:
    if not settings.path:
        raise SourceError("source.path is not set: give a file, a folder, a glob or an id of a data set")
    path = Path(settings.path).expanduser()
    if settings.kind == "dataset":
        return _dataset(settings, path)
    if path.is_dir():
        return _from_folder(settings, path)
    if path.is_file():
        return _table(settings, [path], path.parent, path.stem)
    if _WILDCARDS.search(settings.path):
        return _from_glob(settings, path)
    if settings.kind == "auto" and _may_be_hub_id(settings.path):
        return _dataset(settings, path)
    if is_url(settings.path):
        raise SourceError(
            f"{settings.path}: a source is read from files that this machine sees, and from the Hub: copy it here, or mount it. "
            "Only --out may be an address in an object store"
        )
    raise SourceError(_not_found(path))


def _from_folder(settings: SourceSettings, folder: Path) -> Source:
    if settings.kind != "folder" and (folder / "run.json").is_file():
        return _run(settings, folder)
    if settings.kind == "auto" and is_saved(folder):
        return _dataset(settings, folder)
    files = walk(folder)
    metadata = [path for path in files if path.name in _METADATA]
    if metadata and settings.kind in ("auto", "folder"):
        return _table(settings, metadata, folder, _named(folder))
    if settings.kind == "folder":
        return _pictures(settings, folder)
    tables = [path for path in files if path.suffix.lower() in FORMATS]
    here = [path for path in tables if path.parent == folder]
    if here:
        return _table(settings, here, folder, _named(folder))
    if settings.kind == "auto" and any(is_picture(path) for path in files):
        return _pictures(settings, folder)
    if tables:
        return _table(settings, tables, folder, _named(folder))
    raise SourceError(
        f"{folder}: found neither tables ({', '.join(FORMATS)}), nor pictures, nor a run (run.json), nor a folder of "
        "save_to_disk (state.json); name the file or folder that holds the rows in source.path"
    )


def _from_glob(settings: SourceSettings, path: Path) -> Source:
    parts = path.parts
    wild = next(number for number, part in enumerate(parts) if _WILDCARDS.search(part))
    base = Path(*parts[:wild])
    pattern = str(Path(*parts[wild:]))
    files = sorted(
        (found for found in base.glob(pattern) if found.is_file()), key=lambda found: found.as_posix()
    )
    if not files:
        raise SourceError(f"{path}: no file fits this pattern (looked in {base.resolve()})")
    return _table(settings, files, base, _named(base))


def _run(settings: SourceSettings, folder: Path) -> Source:
    """Return the pairs of a folder that pairwright wrote: the text pairs, or else the image negatives.

    With ``subset: candidates`` its candidates, with ``subset: earlier_round`` the same for the round that follows.
    """
    if settings.subset not in (None, CANDIDATES, EARLIER_ROUND):
        known = [CANDIDATES, EARLIER_ROUND]
        raise SourceError(
            f"source.subset: {unknown('what a run has beside its pairs', settings.subset, known)}"
        )
    if settings.subset is not None:
        files = candidate_files(folder)
        if files:
            table = _table(settings, files, folder, _named(folder))
            return EarlierRound(table) if settings.subset == EARLIER_ROUND else table
        raise SourceError(f"{folder}: a run without candidates: no Parquet file in {CANDIDATES}/")
    for config in FOLDERS.values():
        files = sorted((folder / config).glob("*.parquet"))
        if files:
            return _table(settings, files, folder, _named(folder))
    raise SourceError(f"{folder}: a run without pairs: no Parquet file in data/ or visual_negative/")


def _table(settings: SourceSettings, files: Sequence[Path], base: Path, name: str) -> Source:
    for path in files:
        if path.suffix.lower() not in FORMATS:
            raise SourceError(
                f"{path}: the extension {path.suffix or '(none)'} is not one of {', '.join(FORMATS)}; "
                "unpack or convert the file"
            )
        if not path.is_file():
            raise SourceError(f"{path}: no regular file (a link into nothing, or a pipe); mend or remove it")
    kinds = sorted({path.suffix.lower() for path in files})
    if len(kinds) > 1:
        raise SourceError(
            f"{base}: holds {', '.join(kinds)} files, perhaps the same rows twice; choose with a pattern, "
            f"for example {base / ('*' + kinds[0])}"
        )
    source = TableSource(files, base, _reading(settings, name, base))
    if settings.kind == "conversations" and "conversations" not in source.columns():
        raise SourceError(f"{files[0]}: no column of dialogues; name it in source.columns.conversations")
    return source


def _pictures(settings: SourceSettings, folder: Path) -> Source:
    return FolderSource(folder, _reading(settings, _named(folder), folder))


def _dataset(settings: SourceSettings, path: Path) -> Source:
    told = settings.path or ""
    if path.is_file():
        raise SourceError(f"{path} is a file: kind dataset takes an id or a folder; leave source.kind away")
    if not path.is_dir():
        return StreamedSource(told, _reading(settings, told, None))
    reading = _reading(settings, _named(path), path)
    return SavedSource(path, reading) if is_saved(path) else StreamedSource(str(path), reading)


def _reading(settings: SourceSettings, name: str, folder: Path | None) -> Reading:
    root = Path(settings.image_root).expanduser() if settings.image_root else folder
    if root is not None and not root.is_dir():
        raise SourceError(f"source.image_root: no folder {root} (working directory: {Path.cwd()})")
    pictures = Pictures(
        root=None if root is None else root.resolve(),
        from_root=settings.image_root is not None,
        max_pixels=settings.max_pixels,
        max_bytes=int(settings.max_file_mb * 1e6),
        min_side=settings.min_side,
        searched=settings.layout is not None,
    )
    layout = None if settings.layout is None else LAYOUTS.get(settings.layout)
    return Reading(settings.name or name, settings, pictures, layout)


def _named(folder: Path) -> str:
    return folder.resolve().name or "root"


def _may_be_hub_id(path: str) -> bool:
    """Tell whether a path that does not exist may mean a set of the Hub, rather than be a misspelt local one.

    >>> _may_be_hub_id("openbmb/RLAIF-V-Dataset"), _may_be_hub_id("./data/x.csv"), _may_be_hub_id("data/x.csv")
    (True, False, False)
    """
    if not _HUB_ID.fullmatch(path):
        return False
    known = Path(path).suffix.lower() in FORMATS or is_picture(Path(path))
    return not known and not Path(path).parent.is_dir()


def _not_found(path: Path) -> str:
    message = f"{path}: no such file or folder (working directory: {Path.cwd()})."
    if path.parent.is_dir():
        beside = sorted(found.name for found in path.parent.iterdir())
        near = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.5)
        if near:
            message += f" Did you mean {path.parent / near[0]}?"
    elif not path.parent.exists():
        message += f" The folder {path.parent} does not exist either."
    return message + " For a set of the Hub write org/name, or set kind: dataset."
