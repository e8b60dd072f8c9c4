"""What encoders say of an image negative: how alike the two pictures are, and how much less the answer fits.

Pixels say how much was changed; these say whether it matters. A negative that looks the same to an encoder teaches
nothing, and one whose picture fits the answer as well as before is no reason to reject it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pairwright.annotators import Encode
from pairwright.annotators._similarity import SCALE, Similarity, rounded, score
from pairwright.builders import Encodes
from pairwright.builders._at_once import all_at_once
from pairwright.builders._encoded import Fitting, fit
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement

EncoderMeasure = Literal["image_image", "image_text_drop", "drop_agreement"]

RANGES: dict[EncoderMeasure, tuple[float | None, float | None]] = {
    "image_image": (-SCALE, SCALE),
    "image_text_drop": (-2 * SCALE, 2 * SCALE),
    "drop_agreement": (0.0, None),
}
"""Smallest and largest value of each measure; no more encoders can agree than there are."""

ALL = "encoders"
"""Who judged, where it is all encoders together."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What one encoder says of a negative."""

    scorer: str
    """Name of the encoder."""
    image_image: float
    """100 × cosine of the two pictures, -100 to 100; 100 looks the same to it."""
    fits: Similarity
    """How well the chosen answer fits the true picture."""
    fits_negative: Similarity
    """How well it fits the negative."""

    @property
    def image_text_drop(self) -> float:
        """By how much less the chosen answer fits the negative, in 100 × cosine; below 0 it fits the negative better."""
        return rounded(self.fits.value - self.fits_negative.value)

    def judgements(self, target: str) -> Iterator[Judgement]:
        """Yield both measures as judgements on ``target``."""
        told = f"{self.fits.value:g} with its picture, {self.fits_negative.value:g} with the negative"
        if self.fits.cut:
            told += "; cut: longer than the encoder reads"
        yield Judgement(target, self.scorer, "image_image", self.image_image, *RANGES["image_image"])
        yield Judgement(
            target, self.scorer, "image_text_drop", self.image_text_drop, *RANGES["image_text_drop"], told
        )


@dataclass(frozen=True, slots=True)
class EncoderMeasures:
    """What all encoders say of a negative."""

    by_encoder: tuple[Compared, ...]
    """At least one."""

    @property
    def drop_agreement(self) -> int:
        """How many encoders say that the answer fits the negative less."""
        return sum(one.image_text_drop > 0 for one in self.by_encoder)

    def value(self, name: EncoderMeasure) -> float:
        """Return a measure, of several encoders the mean: what bounds go by."""
        if name == "drop_agreement":
            return float(self.drop_agreement)
        values: list[float] = [getattr(one, name) for one in self.by_encoder]
        return rounded(math.fsum(values) / len(values))

    def judgements(self, target: str) -> tuple[Judgement, ...]:
        """Return the measures as judgements on ``target``, for example ``rejected_images[0]``.

        Two of each encoder, under its name, and of several encoders how many agree, under the name ``encoders``.
        """
        told = [judgement for one in self.by_encoder for judgement in one.judgements(target)]
        count = len(self.by_encoder)
        if count > 1:
            told.append(
                Judgement(target, ALL, "drop_agreement", float(self.drop_agreement), 0.0, float(count))
            )
        return tuple(told)


async def compared(
    image: Image,
    negative: Image,
    text: str,
    *,
    settings: Fitting,
    names: Mapping[str, str],
    encodes: Encodes,
) -> EncoderMeasures:
    """Return what the encoders say of a negative; all of them are asked at the same time.

    Args:
        image: the true picture.
        negative: the file that is, or would be, stored.
        text: the chosen answer as it is scored (:func:`pairwright.builders._encoded.scored_text`).
        settings: how a text is scored: as a whole, or sentence by sentence.
        names: name of each encoder that is to be asked, by its place.
        encodes: the encoders, these places among them.

    Raises:
        RowError: one of the pictures cannot be decoded.
    """
    found = await all_at_once(
        partial(_compared, image, negative, text, settings, encodes[place], name)
        for place, name in names.items()
    )
    return EncoderMeasures(tuple(found))


async def _compared(
    image: Image, negative: Image, text: str, settings: Fitting, encode: Encode, name: str
) -> Compared:
    before, after = await all_at_once(partial(encode.image, one) for one in (image, negative))
    return Compared(
        scorer=name,
        image_image=score(before, after),
        fits=await fit(settings, encode, [before], text),
        fits_negative=await fit(settings, encode, [after], text),
    )
