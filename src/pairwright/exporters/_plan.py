"""The look at a run before anything is written: what cannot be taken, and which pair goes to which split."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pairwright.exporters import Exporter, Extent
from pairwright.exporters._reading import CHECKED, RunFiles, checked_rows, rows_with_spans
from pairwright.exporters._splits import TRAIN, Apart, Groups, Wish, assign
from pairwright.schemas.errors import ParameterError, RunError
from pairwright.schemas.room import unknown
from pairwright.schemas.settings import Settings

LEFT_OUT = 255
"""Stands in :attr:`Plan.split_of` for a pair that is not exported."""

MOST_SPLITS = LEFT_OUT - 1

ADVICE: Mapping[str, str] = {
    "rejected_images": "ms-swift, mm-rlhf, jsonl and webdataset take rejected images",
    "both": "ms-swift, jsonl and webdataset take pairs whose texts and images differ",
    "image_inside": "TRL, LLaMA-Factory and ms-swift keep images where they stand",
    "images": "TRL, LLaMA-Factory and ms-swift take images",
    "several_images": "TRL, LLaMA-Factory, ms-swift and internvl take several images",
    "no_image": "TRL, LLaMA-Factory and ms-swift take pairs without images",
    "system": "TRL, LLaMA-Factory and ms-swift take system texts",
    "history": "TRL, LLaMA-Factory and ms-swift take earlier turns",
    "no_scores": "Without --set margin=true they are taken",
    "no_ground_truth": "TRL, LLaMA-Factory and ms-swift train on pairs and need none",
}
"""Who takes what a trainer refuses."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done with each pair."""

    split_of: bytearray
    """Number of the split of each pair, 0 for train, or :data:`LEFT_OUT`."""
    names: tuple[str, ...]
    """Names of the splits by number."""
    left_out: Mapping[str, int]
    """Pairs that are left out, by reason; one with several reasons counts for each."""
    extent: Extent
    spans: int
    """Pairs of the run that have words with a weight of their own."""


def plan(
    files: RunFiles,
    name: str,
    exporter: Exporter[Any],
    settings: Settings,
    *,
    asked: Sequence[Wish],
    apart: Apart,
    seed: int,
    leave_out: Collection[str],
) -> Plan:
    """Look at every pair.

    Raises:
        ParameterError: ``leave_out`` names a reason that this exporter does not have, or the splits cannot be had.
        RunError: the trainer cannot take pairs that are not to be left out, or nothing would be left.
    """
    for reason in leave_out:
        if reason not in exporter.refusals:
            known = list(exporter.refusals) or ["(it refuses nothing)"]
            raise ParameterError(f"--leave-out: {unknown(f'reasons of {name}', reason, known)}")
    if len(asked) > MOST_SPLITS - 1:
        raise ParameterError(f"--splits: at most {MOST_SPLITS - 1}")
    split_of, refused = bytearray(), Counter[str]()
    groups, sources = Groups(apart), list[str]()
    images = image_pairs = False
    spans = 0
    for batch in files.batches(CHECKED):
        spans += rows_with_spans(batch)
        for row in checked_rows(batch):
            reasons = exporter.refuse(row, settings)
            refused.update(reasons)
            split_of.append(LEFT_OUT if reasons else 0)
            if reasons:
                continue
            images = images or bool(row.images)
            image_pairs = image_pairs or row.rejected_images is not None
            if asked:
                groups.add(row)
                sources.append(row.source)
    _require_takable(name, exporter, refused, split_of, leave_out)
    if asked:
        drawn = iter(assign(groups.roots(), sources, asked, seed))
        for number, split in enumerate(split_of):
            if split != LEFT_OUT:
                split_of[number] = next(drawn)
    taken = len(split_of) - split_of.count(LEFT_OUT)
    names = (TRAIN, *(wish.name for wish in asked))
    return Plan(split_of, names, dict(sorted(refused.items())), Extent(taken, images, image_pairs), spans)


def _require_takable(
    name: str,
    exporter: Exporter[Any],
    refused: Mapping[str, int],
    split_of: bytearray,
    leave_out: Collection[str],
) -> None:
    pairs, left = len(split_of), split_of.count(LEFT_OUT)
    if left < pairs and not set(refused) - set(leave_out):
        return
    lines = [
        f"  - {count:,} for {reason}: {exporter.refusals[reason]}. {ADVICE[reason]}."
        for reason, count in sorted(refused.items())
    ]
    if left == pairs:
        lines.append("No pair is left; nothing was written.")
    else:
        wanted = " ".join(f"--leave-out {reason}" for reason in sorted(refused))
        lines.append(f"Nothing was written. To export the other {pairs - left:,}: {wanted}")
    raise RunError(f"{name} cannot take {left:,} of {pairs:,} pairs:\n" + "\n".join(lines))
