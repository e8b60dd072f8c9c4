"""The layout of TRL's pairs, which unsloth reads too: columns of the shared schema as they stand."""

from collections.abc import Mapping, Sequence

from pairwright.exporters import AsTheyStand, Extent, PairRow
from pairwright.exporters._layouts import refused
from pairwright.schemas.settings import Settings


class TrlSettings(Settings):
    """Settings of exports that TRL reads."""

    pictures: bool = True
    """``false`` for a text-only model: pairs with images are then refused."""


REFUSALS: Mapping[str, str] = {
    "rejected_images": "it puts the images of the prompt on both sides and ignores others without a word, so it would "
    "train on equal answers",
    "images": "pictures=false makes a set for a text-only model",
}
"""What TRL does with what it cannot take."""


def refuse(row: PairRow, settings: TrlSettings) -> Sequence[str]:
    """Refuse rejected images, and all images for a text-only model."""
    return refused(
        ("rejected_images", row.rejected_images is not None),
        ("images", not settings.pictures and bool(row.images)),
    )


def layout(settings: TrlSettings, extent: Extent) -> AsTheyStand:
    """Messages, and images where any pair has some: by the mere column TRL takes the set for one with pictures, and a
    text-only model then cannot be trained on it."""
    return AsTheyStand(
        (*(("images",) if extent.images else ()), "prompt", "chosen", "rejected", "id"), image_features=True
    )
