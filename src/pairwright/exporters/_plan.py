"""The look at a run before anything is written: what cannot be taken, and which pair goes to which split."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pairwright.exporters import Exporter, Extent, PairRow
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


@dataclass(frozen=True, slots=True)
class Choices:
    """What an export was asked to do, whichever trainer it is for."""

    asked: tuple[Wish, ...]
    """Splits beside train."""
    apart: Apart
    seed: int
    leave_out: frozenset[str]
    """Reasons for which pairs may be left out."""
    unfinished: bool
    """Export what there is of a run that is not finished."""


def plan(files: RunFiles, name: str, exporter: Exporter[Any], settings: Settings, choices: Choices) -> Plan:
    """Look at every pair.

    Raises:
        ParameterError: the choices name a reason that this exporter does not have, or splits that cannot be had.
        RunError: the trainer cannot take pairs that are not to be left out, or nothing would be left.
    """
    known = list(exporter.refusals) or ["(it refuses nothing)"]
    for reason in choices.leave_out:
        if reason not in known:
            raise ParameterError(f"--leave-out: {unknown(f'reasons of {name}', reason, known)}")
    if len(choices.asked) > MOST_SPLITS - 1:
        raise ParameterError(f"--splits: at most {MOST_SPLITS - 1}")
    look = _Look(Groups(choices.apart))
    for batch in files.batches(CHECKED):
        look.spans += rows_with_spans(batch)
        for row in checked_rows(batch):
            look.add(row, exporter.refuse(row, settings), grouped=bool(choices.asked))
    _require_takable(name, exporter, look, choices.leave_out)
    if choices.asked:
        drawn = iter(assign(look.groups.roots(), look.sources, choices.asked, choices.seed))
        for number, split in enumerate(look.split_of):
            if split != LEFT_OUT:
                look.split_of[number] = next(drawn)
    names = (TRAIN, *(wish.name for wish in choices.asked))
    extent = Extent(look.images, look.image_pairs)
    return Plan(look.split_of, names, dict(sorted(look.refused.items())), extent, look.spans)


@dataclass(slots=True)
class _Look:
    """What was seen of the pairs so far."""

    groups: Groups
    sources: list[str] = field(default_factory=list)
    """Of each pair that is in a group."""
    split_of: bytearray = field(default_factory=bytearray)
    refused: Counter[str] = field(default_factory=Counter)
    images: bool = False
    image_pairs: bool = False
    spans: int = 0

    def add(self, row: PairRow, reasons: Sequence[str], *, grouped: bool) -> None:
        self.refused.update(reasons)
        self.split_of.append(LEFT_OUT if reasons else 0)
        if reasons:
            return
        self.images = self.images or bool(row.images)
        self.image_pairs = self.image_pairs or row.rejected_images is not None
        if grouped:
            self.groups.add(row)
            self.sources.append(row.source)


def _require_takable(name: str, exporter: Exporter[Any], look: _Look, leave_out: Collection[str]) -> None:
    refused, pairs, left = look.refused, len(look.split_of), look.split_of.count(LEFT_OUT)
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
