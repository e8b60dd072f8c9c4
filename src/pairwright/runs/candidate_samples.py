"""Choosing prompts to show with all their candidates: the same ones every time, even over the run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairwright.runs.samples import Side, evenly, files_in, judgements_of, read_rows, side_of
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.candidate_table import FOLDERS
from pairwright.schemas.claim import Claim
from pairwright.schemas.span import Span

_BATCH = 2048
_THINNEST = "candidates.list.element.sample"
"""Part of the column that says how many candidates there are at the least cost."""


@dataclass(frozen=True, slots=True)
class PromptSample:
    """A prompt with its candidates."""

    record_id: str
    system: str | None
    history: tuple[tuple[str, str], ...]
    question: str
    images: Side
    ground_truth: str | None
    candidates: tuple[Candidate, ...]
    """In the order of the data set, which is what ``comparisons`` number."""
    comparisons: tuple[Comparison, ...]


def choose_prompts(folder: Path, limit: int) -> list[PromptSample]:
    """Return at most ``limit`` prompts that have candidates, at equal distances over the run.

    Files that are missing or cannot be read are passed over; the summary names them.
    """
    rows: dict[str, int] = {}
    for name in files_in(folder, FOLDERS):
        try:
            rows[name] = sum(1 for _ in _filled(folder / name))
        except (OSError, pa.ArrowException, KeyError):
            continue  # the summary names it
    total, start = sum(rows.values()), 0
    positions = evenly(total, min(limit, total))
    chosen: list[PromptSample] = []
    for name, count in rows.items():
        inside = {position - start for position in positions if start <= position < start + count}
        if inside:
            wanted = [row for nth, row in enumerate(_filled(folder / name)) if nth in inside]
            chosen += [_sample(row) for _, row in read_rows(folder / name, wanted)]
        start += count
    return chosen


def _filled(path: Path) -> Iterator[int]:
    """Yield the numbers of the rows that have candidates."""
    with pq.ParquetFile(path) as opened:
        start = 0
        for batch in opened.iter_batches(_BATCH, columns=[_THINNEST]):
            lengths = pc.fill_null(pc.list_value_length(batch["candidates"]), 0).to_pylist()
            yield from (start + number for number, length in enumerate(lengths) if length)
            start += batch.num_rows


def _sample(row: Mapping[str, Any]) -> PromptSample:
    return PromptSample(
        record_id=row["record_id"],
        system=row["system"],
        history=tuple((user, assistant) for user, assistant in row["history"] or ()),
        question=row["question"],
        images=side_of(row["images"], row["images_meta"]),
        ground_truth=row["ground_truth"],
        candidates=tuple(_candidates(row["candidates"])),
        comparisons=tuple(Comparison(**one) for one in row["comparisons"] or ()),
    )


def _candidates(rows: Sequence[Mapping[str, Any]]) -> Iterator[Candidate]:
    for row in rows:
        told = dict(row)
        judgements = tuple(judgements_of(told.pop("judgements") or ()))
        claims = tuple(Claim(**one) for one in told.pop("claims", None) or ())  # older files have none
        spans = tuple(Span(**one) for one in told.pop("spans", None) or ())
        yield Candidate(**told, judgements=judgements, claims=claims, spans=spans)
