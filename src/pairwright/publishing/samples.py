"""Pairs that a card shows, with small copies of their pictures as files of the repository."""

from collections.abc import Sequence
from pathlib import Path

from pairwright.edition import SamplePair
from pairwright.excerpts import clipped
from pairwright.publishing.items import Item, of_bytes
from pairwright.runs.endpoints import public_name
from pairwright.runs.samples import TEXT, Sample, Side, choose, evenly, shares
from pairwright.runs.wording import score_text
from pairwright.thumbnails import thumbnail

FOLDER = "samples"
"""Folder of the repository that holds the small copies."""

_MOST = 6
"""Pairs shown."""
_LOOKED_AT = 48
"""Pairs from which they are taken."""
_MOST_PICTURES = 3
"""Pictures shown of one side."""
_BUDGET = 24 * 1024
"""Bytes of one small copy."""
_LONGEST = 500
"""Characters shown of a text."""


def sample_pairs(folder: Path) -> tuple[tuple[SamplePair, ...], tuple[Item, ...]]:
    """Return the pairs to show of a run, always the same ones, and the files that they need."""
    files: dict[str, Item] = {}
    shown = tuple(_shown(sample, files) for sample in _chosen(choose(folder, _LOOKED_AT)))
    return shown, tuple(files.values())


def _chosen(samples: Sequence[Sample]) -> list[Sample]:
    """Return some text pairs and some of the others, half of each where there are as many."""
    texts = [sample for sample in samples if sample.group == TEXT]
    others = [sample for sample in samples if sample.group != TEXT]
    sizes = shares([len(others), len(texts)], _MOST)
    return [
        found[number]
        for found, size in zip((others, texts), sizes, strict=True)
        for number in (evenly(len(found), size) if size else ())
    ]


def _shown(sample: Sample, files: dict[str, Item]) -> SamplePair:
    negatives = sample.rejected_images or Side((), ())
    return SamplePair(
        question=clipped(sample.question.replace("<image>", "").strip() or sample.question, _LONGEST),
        chosen=clipped(sample.chosen, _LONGEST),
        rejected="" if sample.rejected == sample.chosen else clipped(sample.rejected, _LONGEST),
        pictures=_pictures(sample.images.pictures, f"{sample.id}-chosen", files),
        rejected_pictures=_pictures(negatives.pictures, f"{sample.id}-rejected", files),
        chosen_by=_by(sample.chosen_model, sample.score_chosen),
        rejected_by=_by(sample.rejected_model, sample.score_rejected),
        edits=tuple(dict.fromkeys(edit for edit in negatives.edits if edit)),
    )


def _by(model: str | None, score: float | None) -> str:
    told = (public_name(model) if model else "", "" if score is None else f"score {score_text(score)}")
    return ", ".join(filter(None, told))


def _pictures(pictures: Sequence[bytes], name: str, files: dict[str, Item]) -> tuple[str, ...]:
    paths = []
    for number, data in enumerate(pictures[:_MOST_PICTURES], 1):
        small = thumbnail(data, _BUDGET).webp
        if small:
            path = f"{FOLDER}/{name}-{number}.webp"
            files[path] = of_bytes(path, small)
            paths.append(path)
    return tuple(paths)
