"""A pair: one row of the shared schema."""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.span import Span

PairKind = Literal["text", "image", "both"]

FOLDERS: dict[PairKind, str] = {"text": "data", "image": "visual_negative", "both": "visual_negative"}
"""Folder of a data set in which pairs of each kind stand, the one of the default config first."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt with chosen and rejected side."""

    id: str
    """Made by :func:`pair_id`."""
    prompt: Prompt
    chosen: str
    rejected: str
    rejected_images: tuple[Image, ...] | None
    """Images on the rejected side; None where both sides have the same."""
    kind: PairKind
    source: str
    source_id: str
    group_id: str
    """Equal for rows with the same images, or the same question where there are none: splits go by it."""
    scores: tuple[Judgement, ...] = ()
    score_chosen: float | None = None
    score_rejected: float | None = None
    ground_truth: str | None = None
    chosen_model: str | None = None
    rejected_model: str | None = None
    chosen_spans: tuple[Span, ...] = ()
    """Stretches of the chosen answer that have a weight of their own, in order, none over another."""
    rejected_spans: tuple[Span, ...] = ()
    license: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    provenance: str | None = None
    """JSON text: what made the row, with versions, parameters and seed."""
    extra: str | None = None


def pair_id(
    record_id: str, prompt: Prompt, chosen: str, rejected: str, rejected_images: tuple[Image, ...] | None
) -> str:
    """Return the id of a pair: 32 hex digits over its content and its place in the source.

    The place is part of it because sources repeat rows: equal rows get ids of their own, and ids stay unique
    without a look at any other row.
    """
    content = [
        record_id,
        prompt.system,
        prompt.history,
        prompt.question,
        [image.sha256 for image in prompt.images],
        chosen,
        rejected,
        None if rejected_images is None else [image.sha256 for image in rejected_images],
    ]
    return sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:32]


def group_id(prompt: Prompt) -> str:
    """Return the split key of a prompt: equal for equal sets of images, or for equal questions without images."""
    content = sorted({image.sha256 for image in prompt.images}) or [prompt.question]
    return sha256("\n".join(content).encode()).hexdigest()[:16]
