"""Reading the pairs of a run, or of any folder in its layout, a few rows at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairwright.exporters import PairRow, Picture
from pairwright.runs import manifest
from pairwright.runs.folder import damaged_files
from pairwright.runs.readback import read_run
from pairwright.runs.run_file import NAME as RUN_FILE
from pairwright.runs.run_file import none_in
from pairwright.runs.slices import slices_in
from pairwright.schemas.arrow import REQUIRED, SCHEMA
from pairwright.schemas.candidate_table import CANDIDATES_SCHEMA
from pairwright.schemas.candidate_table import FOLDERS as CANDIDATES
from pairwright.schemas.errors import RunError
from pairwright.schemas.image import EXTENSIONS, digest
from pairwright.schemas.pair import FOLDERS

_BATCH = 100
"""Rows at a time: a row group of ours."""

_TEXTS = (
    "id",
    "pair_kind",
    "question",
    "system",
    "history",
    "chosen_text",
    "rejected_text",
    "source",
    "group_id",
    "ground_truth",
    "score_chosen",
    "score_rejected",
)
_META = ("images_meta", "rejected_images_meta")
_PIXELS = ("images", "rejected_images")
_SPANS = ("chosen_spans", "rejected_spans")
CHECKED = (
    *_TEXTS,
    *(f"{name}.list.element.{member}" for name in _META for member in ("sha256", "format")),
    *(f"{name}.list.element.path" for name in _PIXELS),
    *(f"{name}.list.element.start" for name in _SPANS),
)
"""Leaf columns that a check needs: everything but the pictures."""
WHOLE = (*CHECKED, *(f"{name}.list.element.bytes" for name in _PIXELS))
"""Leaf columns that a layout needs which writes pictures itself."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of some configs of a folder."""

    folder: Path
    names: tuple[str, ...]
    """Relative to the folder, config by config."""
    schema: pa.Schema

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, some at a time.

        Raises:
            RunError: a file cannot be read, or has not the columns of the shared schema.
        """
        for name in self.names:
            path = self.folder / name
            try:
                with pq.ParquetFile(path) as opened:
                    _require(path, opened.schema_arrow, columns, self.schema)
                    yield from opened.iter_batches(_BATCH, columns=list(columns))
            except (OSError, pa.ArrowException) as error:
                raise RunError(f"{path} cannot be read as Parquet ({error})") from error


def pair_files(folder: Path, *, unfinished: bool) -> RunFiles:
    """Return the files of pairs that a folder holds, text pairs first: those of its manifest, or all where it has none.

    Raises:
        RunError: it holds no pairs, the run is not finished and ``unfinished`` is not set, or a file is damaged.
    """
    configs = tuple(dict.fromkeys(FOLDERS.values()))
    return _files(folder, configs, SCHEMA, unfinished=unfinished, what="pairs")


def candidate_files(folder: Path, *, unfinished: bool) -> RunFiles:
    """Return the files of the config ``candidates``, as :func:`pair_files` does."""
    return _files(folder, CANDIDATES, CANDIDATES_SCHEMA, unfinished=unfinished, what="candidates")


def _files(
    folder: Path, configs: Sequence[str], schema: pa.Schema, *, unfinished: bool, what: str
) -> RunFiles:
    if (folder / RUN_FILE).is_file():
        if read_run(folder).status != "finished" and not unfinished:
            raise RunError(
                f"the run in {folder} is not finished; build it to its end, or export what there is with --unfinished"
            )
        if damaged := damaged_files(folder):
            raise RunError(
                f"{folder / damaged[0].name} is gone or was cut short; build again to have it made anew"
            )
        files = manifest.parquet_files(manifest.read(folder), configs)
        found = [file.name for file in files if file.rows]
    else:
        paths = [path for name in configs for path in (folder / name).glob("*.parquet")]
        found = [path.relative_to(folder).as_posix() for path in paths]
    named = [name for config in configs for name in sorted(found) if name.startswith(f"{config}/")]
    if not named and slices_in(folder):
        raise none_in(folder)
    if not named:
        raise RunError(f"{folder} holds no {what}: nothing in {' or '.join(f'{name}/' for name in configs)}")
    return RunFiles(folder, tuple(named), schema)


def checked_rows(batch: pa.RecordBatch) -> list[PairRow]:
    """Return the rows of a batch of the columns :data:`CHECKED`, without their pictures' bytes.

    Raises:
        RunError: a value is missing that no row may lack, or a row has not as many pictures as ``images_meta`` tells of.
    """
    for name in (*_TEXTS, *_META, *_PIXELS):
        if name in REQUIRED and batch[name].null_count:
            raise RunError(f"{name} is null in a row, which no trainer would take; see pairwright validate")
    for name, meta in zip(_PIXELS, _META, strict=True):
        found, told = (pc.fill_null(pc.list_value_length(batch[column]), -1) for column in (name, meta))
        if not found.equals(told):
            raise RunError(f"{name} has not the pictures that {meta} tells of; see pairwright validate")
    return [pair_row(told, (), {}) for told in batch.to_pylist()]


def rows_with_spans(batch: pa.RecordBatch) -> int:
    """Return how many rows of a batch of the columns :data:`CHECKED` have words with a weight of their own."""
    either = pc.or_(*(pc.is_valid(batch[name]) for name in _SPANS))
    return int(pc.sum(either).as_py() or 0)


def whole_rows(batch: pa.RecordBatch, further: Sequence[str]) -> list[PairRow]:
    """Return the rows of a batch of the columns :data:`WHOLE` and some further ones."""
    return [
        pair_row(told, [told["images"], told["rejected_images"]], {name: told[name] for name in further})
        for told in batch.to_pylist()
    ]


def pair_row(
    told: Mapping[str, Any], pixels: Sequence[Sequence[Mapping[str, Any]] | None], further: Mapping[str, Any]
) -> PairRow:
    """Return a row of the shared schema as exporters see it; ``pixels`` are its image columns, or nothing."""
    images, negatives = pixels or (None, None)
    metas = told["rejected_images_meta"]
    return PairRow(
        id=told["id"],
        kind=told["pair_kind"],
        question=told["question"],
        system=told["system"],
        history=tuple((user, assistant) for user, assistant in told["history"] or ()),
        chosen=told["chosen_text"],
        rejected=told["rejected_text"],
        images=pictures_of(f"pair {told['id']}", told["images_meta"], images),
        rejected_images=None if metas is None else pictures_of(f"pair {told['id']}", metas, negatives),
        source=told["source"],
        group_id=told["group_id"],
        ground_truth=told["ground_truth"],
        score_chosen=told["score_chosen"],
        score_rejected=told["score_rejected"],
        further=further,
    )


def pictures_of(
    named: str, metas: Sequence[Mapping[str, Any]], pixels: Sequence[Mapping[str, Any]] | None
) -> tuple[Picture, ...]:
    if pixels is not None and len(pixels) != len(metas):
        raise RunError(f"{named}: {len(pixels)} pictures, but images_meta tells of {len(metas)}")
    if unknown := [meta["format"] for meta in metas if meta["format"] not in EXTENSIONS]:
        raise RunError(f"{named}: images_meta names the format {unknown[0]!r}, which is none")
    if pixels is None:
        return tuple(Picture(meta["sha256"], meta["format"]) for meta in metas)
    return tuple(_picture(named, meta, pixel["bytes"]) for meta, pixel in zip(metas, pixels, strict=True))


def _picture(named: str, meta: Mapping[str, Any], data: bytes) -> Picture:
    if digest(data) != meta["sha256"]:  # files will be named by it
        raise RunError(
            f"{named}: a picture is not the one that images_meta tells of (SHA-256 {meta['sha256']!r}); "
            "see pairwright validate"
        )
    return Picture(meta["sha256"], meta["format"], data)


def _require(path: Path, found: pa.Schema, columns: Sequence[str], wanted: pa.Schema) -> None:
    for name in dict.fromkeys(column.partition(".")[0] for column in columns):
        if name not in found.names or found.field(name).type != wanted.field(name).type:
            raise RunError(
                f"{path} has no column {name} of the shared schema's type; see pairwright validate"
            )
