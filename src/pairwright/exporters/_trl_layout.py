"""The layout of TRL's pairs, which unsloth reads too: columns of the shared schema as they stand."""

from collections.abc import Mapping, Sequence

from pairwright.exporters import AsTheyStand, Extent, PairRow
from pairwright.exporters._layouts import refused
from pairwright.schemas.settings import Settings

REFUSALS: Mapping[str, str] = {
    "rejected_images": "it puts the images of the prompt on both sides and ignores others without a word, so it would "
    "train on equal answers",
}
"""What TRL does with what it cannot take."""


def refuse(row: PairRow, settings: Settings) -> Sequence[str]:
    """Refuse rejected images."""
    return refused(("rejected_images", row.rejected_images is not None))


def layout(settings: Settings, extent: Extent) -> AsTheyStand:
    """Messages, and images where any pair has some: by the mere column TRL takes the set for one with pictures, and a
    text-only model then cannot be trained on it."""
    return AsTheyStand(
        (*(("images",) if extent.images else ()), "prompt", "chosen", "rejected", "id"), image_features=True
    )
