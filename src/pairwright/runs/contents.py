"""Counting what the data files of a run hold, column by column, without reading a picture."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairwright.annotators.pixels import SCORER, MeasureName
from pairwright.runs.candidates import COLUMNS as CANDIDATE_COLUMNS
from pairwright.runs.candidates import Candidates, add_candidates
from pairwright.runs.files import Files
from pairwright.runs.manifest import FileEntry
from pairwright.runs.measured import MeasuredCounts
from pairwright.runs.on_policy import Rounds, add_pairs
from pairwright.runs.readback import RIGHT_AT
from pairwright.runs.seen import SeenBy, add_seen, seen_by
from pairwright.runs.spread import Axis, MeasureInfo, Tally
from pairwright.runs.text_pairs import COLUMNS as TEXT_COLUMNS
from pairwright.runs.text_pairs import TextPairs, add_text_pairs
from pairwright.schemas.candidate_table import FOLDERS as CANDIDATES_FOLDERS
from pairwright.schemas.pair import FOLDERS

_COLUMNS = ("source", "license", "language", "provenance", "scores", "images_meta", "rejected_images_meta")
_BATCH = 4096

GIVEN = "given by the source"
"""Stands for the perturbation of a negative that came with the source and says no edit."""


MEASURES: Mapping[MeasureName, MeasureInfo] = {
    "changed": MeasureInfo(
        "changed",
        "%",
        "share of pixels whose grey level moved by more than 20 of 255; 0 is the same picture",
        0.001,
        Axis(0.0, 1.0, 0.25),
    ),
    "psnr": MeasureInfo("PSNR", "dB", "peak signal-to-noise ratio; lower is a stronger change", 0.01, None),
    "ssim": MeasureInfo("SSIM", "", "structural similarity; 1 is the same picture", 0.001, None),
    "entropy_ratio": MeasureInfo(
        "entropy",
        "",
        "entropy of the grey levels after the change over before; below 1 grey levels were lost, above 1 there are more",
        0.001,
        None,
    ),
}
"""Measures of ``annotators.pixels`` in the order in which they are shown."""


@dataclass(slots=True)
class Negatives:
    """Negatives of one perturbation."""

    n: int = 0
    measures: dict[MeasureName, Tally] = field(
        default_factory=lambda: {name: Tally(info.step) for name, info in MEASURES.items()}
    )
    seen: dict[SeenBy, Tally] = field(default_factory=dict)
    """Measures by encoders."""
    parameters: dict[str, tuple[str, float, float]] = field(default_factory=dict)
    """Unit, smallest and largest value by parameter name."""


@dataclass(slots=True)
class Contents:
    """Counts over all files that were added."""

    default_license: str | None
    """Licence of rows that name none."""
    rows: int = 0
    sources: Counter[str | None] = field(default_factory=Counter)
    licenses: Counter[str | None] = field(default_factory=Counter)
    languages: Counter[str | None] = field(default_factory=Counter)
    shorter: Counter[int] = field(default_factory=Counter)
    longer: Counter[int] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    negatives: dict[str, Negatives] = field(default_factory=dict)
    measured: MeasuredCounts = field(default_factory=MeasuredCounts)
    text_pairs: TextPairs = field(default_factory=TextPairs)
    rounds: Counter[Rounds] = field(default_factory=Counter)
    candidates: Candidates = field(default_factory=lambda: Candidates(RIGHT_AT))


@dataclass(frozen=True, slots=True)
class NegativeTold:
    """What a pair's provenance tells of one negative."""

    perturbation: str
    parameters: Mapping[str, float]
    units: Mapping[str, str]


def add_file(contents: Contents, files: Files, file: FileEntry) -> str | None:
    """Count the rows of one file; return what is wrong with it, in one line, or None."""
    config = file.name.partition("/")[0]
    if config in CANDIDATES_FOLDERS:
        return _each_batch(files, file, CANDIDATE_COLUMNS, partial(add_candidates, contents.candidates))
    if config == FOLDERS["text"]:
        columns = tuple(dict.fromkeys((*_COLUMNS, *TEXT_COLUMNS)))
        return _each_batch(files, file, columns, partial(_add_batch, contents, of_text=True))
    return _each_batch(files, file, _COLUMNS, partial(_add_batch, contents, of_text=False))


def _each_batch(
    files: Files, file: FileEntry, columns: Sequence[str], add: Callable[[pa.RecordBatch], None]
) -> str | None:
    size = files.size(file.name)
    if size is None:
        return f"{file.name} is missing: the manifest says {file.rows:,} rows"
    try:
        with files.open(file.name) as content, pq.ParquetFile(content, pre_buffer=True) as opened:
            lacking = {name.partition(".")[0] for name in columns} - set(opened.schema_arrow.names)
            if lacking:
                return f"{file.name} has no column {', '.join(sorted(lacking))}; see pairwright validate"
            for batch in opened.iter_batches(_BATCH, columns=list(columns)):
                add(batch)
            rows = opened.metadata.num_rows
    except (OSError, pa.ArrowException) as error:
        return f"{file.name} cannot be read as Parquet ({error})"
    if (rows, size) != (file.rows, file.bytes):
        return (
            f"{file.name} is not as it was written: {rows:,} rows and {size:,} bytes,"
            f" the manifest says {file.rows:,} and {file.bytes:,}"
        )
    return None


def _add_batch(contents: Contents, batch: pa.RecordBatch, *, of_text: bool) -> None:
    contents.rows += batch.num_rows
    contents.sources.update(batch["source"].to_pylist())
    contents.languages.update(batch["language"].to_pylist())
    provenances = [parsed(one) for one in batch["provenance"].to_pylist()]
    add_pairs(contents.rounds, provenances)
    _add_pictures(contents, batch["images_meta"])
    _add_licenses(contents, batch)
    told = [*_told(batch["rejected_images_meta"], provenances)]
    for negatives in told:
        for negative in negatives:
            _add_negative(contents, negative)
    _add_scores(contents, batch["scores"], told)
    if of_text:
        add_text_pairs(contents.text_pairs, batch, provenances)


def parsed(provenance: str | None) -> Mapping[str, Any]:
    """Return a provenance as a mapping, empty where it is none: the column may hold what a source had there."""
    try:
        told = json.loads(provenance or "{}")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def negatives_told(provenance: Mapping[str, Any], edits: Sequence[str | None]) -> tuple[NegativeTold, ...]:
    """Return what is known of each negative of a pair: from its provenance, or else from the edit's first word.

    >>> negatives_told({}, ["gaussian_blur radius=27.3 px", None])[0].perturbation
    'gaussian_blur'
    """
    told = _listed(provenance)
    return tuple(
        _negative(told[number])
        if number < len(told)
        else NegativeTold((edit or "").partition(" ")[0] or GIVEN, {}, {})
        for number, edit in enumerate(edits)
    )


def _listed(provenance: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the ``negatives`` of a provenance, which may hold anything that a source had there."""
    negatives = provenance.get("negatives")
    sound = isinstance(negatives, list) and all(
        isinstance(x, dict) and "perturbation" in x for x in negatives
    )
    return negatives if sound else ()  # type: ignore[return-value]  # a list of mappings, by the line above


def _negative(told: Mapping[str, Any]) -> NegativeTold:
    values = told.get("params") or {}
    numbers = {
        str(name): float(value)
        for name, value in values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    return NegativeTold(str(told["perturbation"]), numbers, told.get("units") or {})


def _told(metas: pa.Array, provenances: Sequence[Mapping[str, Any]]) -> Iterator[tuple[NegativeTold, ...]]:
    edits = pc.struct_field(pc.list_flatten(metas), "edit").to_pylist()
    lengths = pc.fill_null(pc.list_value_length(metas), 0).to_pylist()
    start = 0
    for length, provenance in zip(lengths, provenances, strict=True):
        yield negatives_told(provenance, edits[start : start + length])
        start += length


def _add_negative(contents: Contents, told: NegativeTold) -> None:
    negatives = contents.negatives.setdefault(told.perturbation, Negatives())
    negatives.n += 1
    for name, value in told.parameters.items():
        unit = told.units.get(name, "")
        if unit == "seed":
            continue
        _, low, high = negatives.parameters.get(name, (unit, value, value))
        negatives.parameters[name] = (unit, min(low, value), max(high, value))


def _add_scores(contents: Contents, scores: pa.Array, told: Sequence[Sequence[NegativeTold]]) -> None:
    flat = pc.list_flatten(scores)
    rows = pc.list_parent_indices(scores).to_pylist()
    columns = [pc.struct_field(flat, name).to_pylist() for name in ("target", "scorer", "aspect", "value")]
    for row, target, scorer, aspect, value in zip(rows, *columns, strict=True):
        contents.measured.add(target, scorer, aspect, value)
        number = negative_number(target)
        if number is None or number >= len(told[row]):
            continue
        negatives = contents.negatives[told[row][number].perturbation]
        if scorer == SCORER and aspect in MEASURES:
            negatives.measures[aspect].add(value)
        elif by := seen_by(aspect, scorer):
            add_seen(negatives.seen, by, value)


def negative_number(target: str) -> int | None:
    """Return which rejected image a judgement's target is, or None where it is something else.

    >>> negative_number("rejected_images[2]"), negative_number("chosen")
    (2, None)
    """
    inner = target.removeprefix("rejected_images[").removesuffix("]")
    return int(inner) if inner != target and inner.isdecimal() else None


def _add_pictures(contents: Contents, metas: pa.Array) -> None:
    flat = pc.list_flatten(metas)
    width, height = (
        pc.struct_field(flat, name).to_numpy(zero_copy_only=False) for name in ("width", "height")
    )
    contents.shorter.update(np.minimum(width, height).tolist())
    contents.longer.update(np.maximum(width, height).tolist())
    contents.formats.update(pc.struct_field(flat, "format").to_pylist())


def _add_licenses(contents: Contents, batch: pa.RecordBatch) -> None:
    """Count each pair under its own licence and under every licence of its pictures."""
    named: list[set[str | None]] = [{one} if one else set() for one in batch["license"].to_pylist()]
    for column in ("images_meta", "rejected_images_meta"):
        licenses = pc.struct_field(pc.list_flatten(batch[column]), "license")
        if licenses.null_count == len(licenses):
            continue
        for row, one in zip(
            pc.list_parent_indices(batch[column]).to_pylist(), licenses.to_pylist(), strict=True
        ):
            if one:
                named[row].add(one)
    for licenses in named:
        contents.licenses.update(licenses or {contents.default_license})
