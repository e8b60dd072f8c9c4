"""Pairs with another picture on the rejected side, made of text pairs: the answer beside both pictures, or both sides differ.

A construction that has an answer for each of two similar pictures has three contrasts at once: of the answers beside one
picture, of the pictures beside one answer, and of both. Which of them are written is the recipe's to say.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field, model_validator

from pairwright.annotators.pixels import Measures, measure
from pairwright.builders import Built, Settle
from pairwright.builders._guarding import Watched, settle_guarded
from pairwright.builders._negative import NO_OP_PSNR, View
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair, PairKind, pair_id
from pairwright.schemas.settings import Settings

TARGET = "rejected_images[0]"
"""What measures of a rival are said of."""


class Kinds(Settings):
    """Parameters of a builder that has another picture for the rejected side."""

    kinds: Annotated[tuple[PairKind, ...], Field(min_length=1)] = ("text", "image")
    """Which pairs each contrast gives: ``text`` (the answers differ), ``image`` (the pictures differ, the answer is the chosen
    one), ``both`` (answers and pictures differ)."""

    @model_validator(mode="after")
    def _each_once(self) -> "Kinds":
        if len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f"kinds has one twice: {', '.join(self.kinds)}")
        return self

    @property
    def pictured(self) -> bool:
        """Whether any pair has another picture on its rejected side."""
        return self.kinds != ("text",)


@dataclass(frozen=True, slots=True)
class Rival:
    """The picture that stands on the rejected side in place of the first one of a prompt."""

    image: Image
    scores: tuple[Judgement, ...]
    """What was measured of it, with target ``rejected_images[0]``."""
    told: Mapping[str, object]
    """How it came about, for provenance."""


Sides = tuple[str, str]
"""Chosen and rejected text of a pair."""


def of_kinds(built: Built, settings: Kinds, record_id: str, rivals: Mapping[Sides, Rival]) -> Built:
    """Return what a row gave, with pairs of the wanted kinds made of each of its text pairs.

    Args:
        built: with pairs of kind ``text``, each of which has a rival where other kinds are wanted.
        settings: which kinds.
        record_id: of the row, or of the prompt that was made of it.
        rivals: by chosen and rejected text of the pair.
    """
    if not settings.pictured:
        return built
    return replace(
        built, pairs=tuple(one for pair in built.pairs for one in _kinds(pair, settings, record_id, rivals))
    )


def settle_pictured(settings: Watched) -> Settle | None:
    """Return what is decided over a shard, as ``settle_guarded``: by the pairs whose texts differ. An image pair goes with its
    text pair."""
    inner = settle_guarded(settings)
    if inner is None:
        return None

    def settle(results: Sequence[Built]) -> list[Built]:
        texts = [replace(one, pairs=tuple(p for p in one.pairs if p.kind != "image")) for one in results]
        return [
            _followed(left, one) if among.pairs else one
            for left, among, one in zip(inner(texts), texts, results, strict=True)
        ]

    return settle


def _followed(left: Built, before: Built) -> Built:
    """Return what is left of a row's pairs, with the image pairs that belong to it, in their order."""
    kept = {_contrast(pair) for pair in left.pairs}
    return replace(left, pairs=tuple(pair for pair in before.pairs if _contrast(pair) in kept))


def _contrast(pair: Pair) -> tuple[tuple[str, ...], str]:
    """Return what the pairs of one contrast have in common, whatever their kind."""
    return tuple(image.sha256 for image in pair.prompt.images), pair.chosen


def pixel_measures(image: Image, rival: Image, field: str) -> Measures:
    """Return the pixel measures of a rival against the picture in whose place it stands.

    Raises:
        RowError: ``no_op`` where both look the same; or one cannot be decoded.
    """
    measures = measure(View(image).to_measure(), View(rival).to_measure())
    if measures.psnr >= NO_OP_PSNR:
        told = f"both pictures look the same (PSNR {measures.psnr:.1f} dB, {NO_OP_PSNR:g} or more)"
        raise RowError("no_op", field, told)
    return measures


def _kinds(pair: Pair, settings: Kinds, record_id: str, rivals: Mapping[Sides, Rival]) -> Iterator[Pair]:
    for kind in settings.kinds:
        yield pair if kind == "text" else _pictured(pair, kind, record_id, rivals[pair.chosen, pair.rejected])


def _pictured(pair: Pair, kind: PairKind, record_id: str, rival: Rival) -> Pair:
    images = (rival.image, *pair.prompt.images[1:])
    told = {**json.loads(pair.provenance or "{}"), "negatives": [dict(rival.told)]}
    if kind == "image":  # what was said of the rejected text says nothing of this pair
        pair = replace(
            pair,
            rejected=pair.chosen,
            scores=tuple(one for one in pair.scores if one.target == "chosen"),
            score_rejected=None,
            rejected_model=pair.chosen_model,
            chosen_spans=(),
            rejected_spans=(),
        )
        told.pop("rejected", None)
    return replace(
        pair,
        id=pair_id(record_id, pair.prompt, pair.chosen, pair.rejected, images),
        kind=kind,
        rejected_images=images,
        scores=(*pair.scores, *rival.scores),
        provenance=json.dumps(told, ensure_ascii=False),
    )
