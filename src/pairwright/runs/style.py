"""Whether style alone tells the chosen answers of a run from the rejected ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pairwright.guards import Contrast
from pairwright.guards.style import style_accuracy
from pairwright.runs import manifest
from pairwright.runs.contents import parsed
from pairwright.runs.files import Files
from pairwright.runs.sampled_rows import sampled_rows
from pairwright.schemas.pair import FOLDERS

MOST_PAIRS = 1000
"""Pairs that are looked at, spread over the run."""

_COLUMNS = ("question", "chosen_text", "rejected_text", "pair_kind", "provenance")


@dataclass(frozen=True, slots=True)
class StyleSummary:
    """How well a small classifier finds the chosen side of pairs that it has not seen, by style alone."""

    accuracy: float
    """Share of the pairs, 0 to 1; about 0.5 where style tells nothing."""
    looked_at: int
    pairs: int
    """All pairs of the run but image negatives, whose answers are the same."""


def style_summary(folder: Path, files: Files | None = None) -> StyleSummary | None:
    """Return what style tells of the pairs of a run; None where there are too few for it to mean anything."""
    contrasts = [
        _contrast(row)
        for batch in sampled_rows(
            folder, frozenset(FOLDERS.values()), _COLUMNS, MOST_PAIRS, files=files
        ).batches()
        for row in batch.to_pylist()
        if row["pair_kind"] != "image"
    ]
    accuracy = style_accuracy(contrasts)
    if accuracy is None:
        return None
    counted = manifest.total(manifest.read(folder)).pairs
    pairs = sum(number for kind, number in counted.items() if kind != "image")
    return StyleSummary(accuracy, len(contrasts), pairs)


def _contrast(row: Mapping[str, str]) -> Contrast:
    return Contrast(row["question"], row["chosen_text"], row["rejected_text"], _prefix(row["provenance"]))


def _prefix(provenance: str | None) -> str:
    """Return the beginning that the rejected answer's writer was given, as the pair's provenance has it."""
    told: object = parsed(provenance)
    for key in ("rejected", "params", "prefix"):
        told = told.get(key) if isinstance(told, dict) else None
    return told if isinstance(told, str) else ""
