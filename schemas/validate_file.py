"""Validation of Parquet files and of folders of them: metadata and layout besides the rows."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pairwright.schemas.arrow import METADATA
from pairwright.schemas.candidate_table import CANDIDATES_SCHEMA, FAILED, files_in
from pairwright.schemas.candidate_table import FOLDER as CANDIDATES
from pairwright.schemas.codec import DEFAULT_MAX_PIXELS
from pairwright.schemas.errors import SchemaError
from pairwright.schemas.pair import FOLDERS
from pairwright.schemas.validate import Problem, Rules, column_problems, row_problems, rows_readable
from pairwright.schemas.validate_candidates import candidate_problems, candidates_readable
from pairwright.schemas.validate_candidates import column_problems as candidate_column_problems
from pairwright.schemas.validate_row import KINDS

MAX_GROUP_ROWS = 100
"""Most rows of a row group, which the Hub's viewer and every streaming reader take as a whole."""

MOST_PROBLEMS = 1000
"""A check stops after this many problems, unless it is told another number."""

KINDS_OF_FOLDER = {
    folder: tuple(kind for kind, own in FOLDERS.items() if own == folder) for folder in FOLDERS.values()
}
"""Folders of a run or data set that hold pairs, and the pair kinds that each may hold."""

_ROWS_AT_A_TIME = 16
_METADATA_OF_CANDIDATES = {
    key.decode(): value.decode() for key, value in (CANDIDATES_SCHEMA.metadata or {}).items()
}
_VERSION_OF_CANDIDATES = b"pairwright_candidates"


def validate_file(
    path: str | Path,
    *,
    decode_images: bool = True,
    kinds: tuple[str, ...] = KINDS,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    limit: int = MOST_PROBLEMS,
) -> list[Problem]:
    """Return what is wrong with a Parquet file of pairs or candidates, its layout included; nothing for a good one.

    A file is one of candidates where its metadata say so. Holds a few rows and all ids in memory.

    Args:
        path: the file.
        decode_images: decode every picture whole; without it only headers are read.
        kinds: pair kinds that may occur.
        max_pixels: pictures with more pixels are refused before they are decoded.
        limit: stop after this many problems.
    """
    rules = Rules(decode_images, kinds, max_pixels)
    return list(islice(_file_problems(Path(path), rules, {}, str(path)), limit))


def validate_folder(
    folder: str | Path,
    *,
    decode_images: bool = True,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    limit: int = MOST_PROBLEMS,
) -> list[Problem]:
    """Return what is wrong with the pairs and candidates of a run or data set folder; nothing for a good one.

    ``data`` may hold text pairs only, ``visual_negative`` pairs of kind image and both only, ``candidates`` prompts with
    their answers, as may ``failed`` (of rows that are to be tried again); an id may occur once in each. A folder with none of them is taken for one of them by its name, else
    for a folder of pairs of any kind. Other Parquet files are left out.

    Args:
        folder: the folder.
        decode_images: decode every picture whole; without it only headers are read.
        max_pixels: pictures with more pixels are refused before they are decoded.
        limit: stop after this many problems.
    """
    rules = Rules(decode_images, KINDS, max_pixels)
    return list(islice(_folder_problems(Path(folder), rules), limit))


def require_valid(
    path: str | Path, *, decode_images: bool = True, max_pixels: int = DEFAULT_MAX_PIXELS, shown: int = 20
) -> None:
    """Raise :class:`SchemaError` with the first ``shown`` problems of a file or folder, if it has any."""
    check = validate_folder if Path(path).is_dir() else validate_file
    problems = check(path, decode_images=decode_images, max_pixels=max_pixels)
    if problems:
        least = "at least " if len(problems) >= MOST_PROBLEMS else ""
        more = [f"and {least}{len(problems) - shown} more"] if len(problems) > shown else []
        raise SchemaError(str(path), [*map(str, problems[:shown]), *more])


def _folder_problems(folder: Path, rules: Rules) -> Iterator[Problem]:
    files = {
        name: sorted((folder / name).glob("*.parquet"))
        for name in KINDS_OF_FOLDER
        if (folder / name).is_dir()
    }
    if any((folder / name).is_dir() for name in (CANDIDATES, FAILED)):
        files[CANDIDATES] = files_in(folder)
    files = files or {folder.resolve().name: sorted(folder.glob("*.parquet"))}
    if not any(files.values()):
        expected = "expected Parquet files in its folders data or visual_negative, or in itself"
        yield Problem(None, None, "", f"holds no pairs; {expected}", str(folder))
    for name, paths in files.items():
        seen: dict[str, str] = {}
        for path in paths:
            allowed = replace(rules, kinds=KINDS_OF_FOLDER.get(name, KINDS))
            shown = path.relative_to(folder).as_posix()
            yield from _file_problems(path, allowed, seen, shown, candidates=name == CANDIDATES)


def _file_problems(
    path: Path, rules: Rules, seen: dict[str, str], name: str, *, candidates: bool = False
) -> Iterator[Problem]:
    """Yield what is wrong with a file; ``candidates`` says that it stands where only candidates may be."""
    try:
        with pq.ParquetFile(path) as file:
            if candidates or _VERSION_OF_CANDIDATES in (file.schema_arrow.metadata or {}):
                yield from _candidate_file_problems(file, rules, seen, name)
                return
            columns = list(column_problems(file.schema_arrow))
            metadata = _metadata_problems(file.schema_arrow, METADATA)
            for problem in (*columns, *metadata, *_layout_problems(file)):
                yield replace(problem, file=name)
            if rows_readable(columns):
                yield from row_problems(_batches(file), rules, seen, name)
    except (OSError, pa.ArrowException) as error:
        told = f"cannot be read as Parquet ({error}); write or fetch it again"
        yield Problem(None, None, "", told, name)


def _candidate_file_problems(
    file: pq.ParquetFile, rules: Rules, seen: dict[str, str], name: str
) -> Iterator[Problem]:
    columns = list(candidate_column_problems(file.schema_arrow))
    metadata = _metadata_problems(file.schema_arrow, _METADATA_OF_CANDIDATES)
    for problem in (*columns, *metadata, *_layout_problems(file)):
        yield replace(problem, file=name)
    if candidates_readable(columns):
        yield from candidate_problems(_batches(file), rules, seen, name)


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    for group in range(
        file.metadata.num_row_groups
    ):  # over all groups at once, Arrow keeps the whole file in memory
        yield from file.iter_batches(_ROWS_AT_A_TIME, row_groups=[group])


def _metadata_problems(schema: pa.Schema, expected: Mapping[str, str]) -> Iterator[Problem]:
    metadata = {
        key.decode(): value.decode(errors="replace") for key, value in (schema.metadata or {}).items()
    }
    for key, wanted in expected.items():
        found = metadata.get(key)
        if key == "huggingface" and not _same_json(found, wanted):
            told = f"is {found or 'missing'}; expected {wanted}, which every release of datasets reads"
        elif key != "huggingface" and found != wanted:
            told = f"is {'missing' if found is None else repr(found)}; expected {wanted!r}"
        else:
            continue
        yield Problem(None, None, "", f"the metadata key {key} {told}")


def _same_json(found: str | None, expected: str) -> bool:
    try:
        return found is not None and json.loads(found) == json.loads(expected)
    except ValueError:
        return False


def _layout_problems(file: pq.ParquetFile) -> Iterator[Problem]:
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    for number, group in enumerate(groups):
        if group.num_rows > MAX_GROUP_ROWS:
            told = f"row group {number} has {group.num_rows} rows; expected at most {MAX_GROUP_ROWS}"
            yield Problem(None, None, "", f"{told}; write it again with row_group_size={MAX_GROUP_ROWS}")
    chunks = (group.column(number) for group in groups for number in range(group.num_columns))
    bare = {chunk.path_in_schema.partition(".")[0] for chunk in chunks if not chunk.has_offset_index}
    if bare:
        told = f"has no page index for {', '.join(sorted(bare))}; write it again with write_page_index=True"
        yield Problem(None, None, "", told)
