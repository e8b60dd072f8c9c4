"""Choosing pairs to show: the same ones every time, even over perturbations and over the run."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pairwright.annotators.pixels import SCORER, MeasureName
from pairwright.runs import manifest
from pairwright.runs.contents import negative_number, negatives_told, parsed
from pairwright.runs.seen import SeenBy, seen_by
from pairwright.schemas.errors import RunError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import FOLDERS

TEXT = "text pairs"
"""Group of the pairs whose images do not differ."""

_BATCH = 2048
_HEAVY_BATCH = 16
"""Rows read at once where pictures are read too."""


@dataclass(frozen=True, slots=True)
class Side:
    """The pictures of one side of a pair."""

    pictures: tuple[bytes, ...]
    edits: tuple[str | None, ...]
    """How each was made; None for an original."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A pair to show."""

    id: str
    kind: str
    group: str
    """Perturbation of its first negative, or :data:`TEXT`."""
    source: str
    source_id: str | None
    system: str | None
    history: tuple[tuple[str, str], ...]
    question: str
    chosen: str
    rejected: str
    chosen_model: str | None
    rejected_model: str | None
    images: Side
    rejected_images: Side | None
    measures: tuple[Mapping[MeasureName, float], ...]
    """Values of each negative by measure in pixels."""
    seen: tuple[Mapping[SeenBy, float], ...]
    """Values of each negative by measure and encoder."""
    score_chosen: float | None
    score_rejected: float | None
    judgements: tuple[Judgement, ...]
    """All others, with target ``chosen``, ``rejected`` or ``pair``."""


def choose(folder: Path, limit: int) -> list[Sample]:
    """Return at most ``limit`` pairs, grouped by perturbation, text pairs last.

    Every group gets the same number as far as it has as many, and its pairs stand at equal distances over the run.
    Files that are missing or cannot be read are passed over; the summary names them.
    """
    sizes = _sizes(folder)
    groups = sorted(sum(sizes.values(), Counter[str]()), key=lambda group: (group == TEXT, group))
    wanted: dict[str, list[tuple[str, int]]] = {}
    totals = [sum(counts[group] for counts in sizes.values()) for group in groups]
    for group, total, number in zip(groups, totals, shares(totals, limit), strict=True):
        for file, nth in _located(sizes, group, evenly(total, number)):
            wanted.setdefault(file, []).append((group, nth))
    samples = [sample for file in sizes if file in wanted for sample in _samples(folder / file, wanted[file])]
    order = {group: number for number, group in enumerate(groups)}
    return sorted(samples, key=lambda sample: order[sample.group])  # stable: the run's order within a group


def shares(sizes: Sequence[int], limit: int) -> list[int]:
    """Divide ``limit`` over groups: equal parts, and what small groups leave goes to the others.

    >>> shares([100, 2, 50], 12)
    [5, 2, 5]
    """
    taken = [0] * len(sizes)
    left = min(limit, sum(sizes))
    while left:
        for group in [number for number, size in enumerate(sizes) if taken[number] < size]:
            if left:
                taken[group] += 1
                left -= 1
    return taken


def evenly(size: int, number: int) -> list[int]:
    """Return ``number`` positions at equal distances in ``size``.

    >>> evenly(100, 4)
    [12, 37, 62, 87]
    """
    return [(2 * position + 1) * size // (2 * number) for position in range(number)]


def _sizes(folder: Path) -> dict[str, Counter[str]]:
    """Return how many pairs of each group every file has."""
    sizes = {}
    for name in files_in(folder, FOLDERS.values()):
        try:
            sizes[name] = Counter(_groups(folder / name))
        except (OSError, pa.ArrowException):
            continue  # the summary names it
    return sizes


def _located(
    sizes: Mapping[str, Counter[str]], group: str, positions: Sequence[int]
) -> Iterator[tuple[str, int]]:
    """Yield (file, which of the group's pairs in it) for rising positions in a group."""
    start = 0
    for file, counts in sizes.items():
        end = start + counts[group]
        yield from ((file, position - start) for position in positions if start <= position < end)
        start = end


def files_in(folder: Path, configs: Collection[str]) -> list[str]:
    """Return the Parquet files that a run's manifest has in some of its folders, in the run's order."""
    return [file.name for file in manifest.parquet_files(manifest.read(folder), configs)]


def _groups(path: Path) -> Iterator[str]:
    with pq.ParquetFile(path) as opened:
        for batch in opened.iter_batches(_BATCH, columns=["provenance", "rejected_images_meta"]):
            metas = batch["rejected_images_meta"].to_pylist()
            for provenance, negatives in zip(batch["provenance"].to_pylist(), metas, strict=True):
                told = negatives_told(parsed(provenance), [meta["edit"] for meta in negatives or ()][:1])
                yield told[0].perturbation if told else TEXT


def _samples(path: Path, wanted: Sequence[tuple[str, int]]) -> Iterator[Sample]:
    """Yield the pairs of a file that are the nth of their group."""
    seen: Counter[str] = Counter()
    rows: dict[int, str] = {}
    asked = set(wanted)
    for row, group in enumerate(_groups(path)):
        if (group, seen[group]) in asked:
            rows[row] = group
        seen[group] += 1
    for number, row_values in read_rows(path, sorted(rows)):
        yield _sample(row_values, rows[number])


def read_rows(path: Path, wanted: Sequence[int]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the wanted rows, reading only their row groups and few rows at a time.

    Raises:
        RunError: the file is damaged.
    """
    try:
        with pq.ParquetFile(path) as opened:
            start = 0
            for group in range(opened.metadata.num_row_groups):
                end = start + opened.metadata.row_group(group).num_rows
                inside = [row for row in wanted if start <= row < end]
                if inside:
                    yield from _read_group(opened, group, start, inside)
                start = end
    except (OSError, pa.ArrowException) as error:
        told = " ".join(str(error).split())
        raise RunError(
            f"{path} is damaged ({told}): remove it, and the command that built the run builds its shard again"
        ) from error


def _read_group(
    opened: pq.ParquetFile, group: int, start: int, wanted: Sequence[int]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for batch in opened.iter_batches(_HEAVY_BATCH, row_groups=[group]):
        end = start + batch.num_rows
        for row in wanted:
            if start <= row < end:
                yield row, batch.slice(row - start, 1).to_pylist()[0]
        start = end
        if start > wanted[-1]:
            return


def _sample(row: Mapping[str, Any], group: str) -> Sample:
    negatives = row["rejected_images"]
    measures: list[dict[MeasureName, float]] = [{} for _ in negatives or ()]
    seen: list[dict[SeenBy, float]] = [{} for _ in negatives or ()]
    for score in row["scores"]:
        number, value = negative_number(score["target"]), score["value"]
        if number is None or number >= len(measures) or value is None:
            continue
        if score["scorer"] == SCORER:
            measures[number][score["aspect"]] = value
        elif by := seen_by(score["aspect"], score["scorer"]):
            seen[number][by] = value
    return Sample(
        id=row["id"],
        kind=row["pair_kind"],
        group=group,
        source=row["source"],
        source_id=row["source_id"],
        system=row["system"],
        history=tuple((user, assistant) for user, assistant in row["history"] or ()),
        question=row["question"],
        chosen=row["chosen_text"],
        rejected=row["rejected_text"],
        chosen_model=row["chosen_model"],
        rejected_model=row["rejected_model"],
        images=side_of(row["images"], row["images_meta"]),
        rejected_images=None if negatives is None else side_of(negatives, row["rejected_images_meta"] or []),
        measures=tuple(measures),
        seen=tuple(seen),
        score_chosen=row["score_chosen"],
        score_rejected=row["score_rejected"],
        judgements=tuple(judgements_of(row["scores"])),
    )


def side_of(stored: Sequence[Mapping[str, Any]], metas: Sequence[Mapping[str, Any]]) -> Side:
    """Return the pictures of a row, from its columns of pictures and of what is known of them."""
    return Side(tuple(x["bytes"] for x in stored), tuple(meta["edit"] for meta in metas))


def judgements_of(scores: Sequence[Mapping[str, Any]]) -> Iterator[Judgement]:
    """Yield the judgements of a column of scores; measures of pictures are none of them."""
    for one in scores:
        if negative_number(one["target"] or "") is None:
            yield Judgement(
                one["target"],
                one["scorer"],
                one["aspect"],
                one["value"],
                one["min"],
                one["max"],
                one["rationale"],
            )
