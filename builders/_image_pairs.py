"""What builders of image negatives share: settings of a choice, attempts with a row, and the pair that is written."""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, model_validator

from pairwright.annotators.pixels import Measures, measure
from pairwright.builders import Built, Run
from pairwright.builders._negative import NO_OP_PSNR, Negative, View
from pairwright.perturbations._search import Target
from pairwright.schemas.codec import Encoding, shrink
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.knobs import strength
from pairwright.schemas.pair import Pair, PairKind, group_id, pair_id
from pairwright.schemas.reasons import Reason
from pairwright.schemas.reject import Reject
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow

M = TypeVar("M", bound=str)

OWN = "rejected_images"
"""Stands for the operation of a negative that came with the source."""

_BROKEN: frozenset[Reason] = frozenset({"image_truncated", "image_unreadable", "image_format"})
"""Reasons that speak of the row's own picture, not of what was made of it."""


class ImageNegatives(Settings):
    """Parameters of every builder of image negatives."""

    per_row: Literal["one", "all"] = "one"
    """``one`` operation per row, drawn by weight, or ``all`` of them, each a pair of its own."""
    keep_pairs: bool = True
    """Also write the pair that the source row itself holds, where it holds one."""
    encoding: Encoding | Literal["auto"] = "auto"
    """File format of changed pictures. ``auto``: JPEG where the original is lossy, PNG where it is not."""
    quality: Annotated[int, Field(ge=1, le=100)] = 95
    """JPEG quality of changed pictures."""


class Bounds(Settings):
    """Bounds of one measure."""

    min: float | None = None
    """Smallest value let through."""
    max: float | None = None
    """Largest value let through."""

    @model_validator(mode="after")
    def _has_one(self) -> "Bounds":
        if self.min is None and self.max is None:
            raise ValueError("give min, max, or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


@dataclass(frozen=True, slots=True)
class ImageMaking:
    """Who makes the pairs, for provenance."""

    builder: str
    run: Run
    encoders: tuple[str, ...] = ()
    """Names of those who measured, if any did."""


def target_of(
    part: str,
    params: type[Any],
    given: Mapping[str, object],
    until: Mapping[M, Bounds],
    *,
    falls: AbstractSet[M],
    rises: AbstractSet[M],
) -> tuple[M, Target] | None:
    """Check what a strength is to be searched for; return the measure and its target, None where nothing is searched.

    Args:
        part: name of the perturbation.
        params: its parameter class.
        given: parameters that the recipe sets; the strength cannot be among them.
        until: what the recipe says, by measure.
        falls: measures that fall as an operation gets stronger.
        rises: measures that rise. One in neither set may be bounded on either side.

    Raises:
        ParameterError: it cannot be searched.
    """
    if not until:
        return None
    where = f"{part}.until"
    if len(until) > 1:
        raise ParameterError(f"{where}: one measure at a time, got {', '.join(until)}")
    found = strength(params)
    if found is None:
        raise ParameterError(f"{where}: {part} has no strength that could be searched")
    if found[0] in given:
        raise ParameterError(f"{where}: {found[0]} is searched, so it cannot be set in params as well")
    [(name, bounds)] = until.items()
    if bounds.min is not None and bounds.max is not None:
        raise ParameterError(f"{where}.{name}: give max or min, not both")
    if name in falls and bounds.max is None:
        raise ParameterError(f"{where}.{name}: it falls as {part} gets stronger, so give max")
    if name in rises and bounds.min is None:
        raise ParameterError(f"{where}.{name}: it rises as {part} gets stronger, so give min")
    return name, Target(at_most=bounds.max, at_least=bounds.min)


def numbered(names: Iterable[str]) -> list[str]:
    """Return what seeds are drawn for: each name, with ``#2`` and so on where it stands again.

    >>> numbered(["blank", "jpeg", "blank"])
    ['blank', 'jpeg', 'blank#2']
    """
    seen: Counter[str] = Counter()
    keys = []
    for name in names:
        seen[name] += 1
        keys.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return keys


def drawn(weights: Sequence[float], position: float) -> int:
    """Return the number of the weight in which a position (0 to 1, of their sum) lies.

    >>> drawn([1, 3], 0.2), drawn([1, 3], 0.3)
    (0, 1)
    """
    reached = list(accumulate(weights))
    return min(bisect_right(reached, position * reached[-1]), len(weights) - 1)


@dataclass(frozen=True, slots=True)
class Attempts:
    """What was tried with a row: the pairs that came of it, and why others did not."""

    row: SourceRow
    pairs: dict[str, Pair] = field(default_factory=dict)
    failures: list[tuple[str, RowError]] = field(default_factory=list)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Try one operation: a RowError is kept, but for one that speaks of the row's own picture."""
        try:
            yield
        except RowError as error:
            if error.reason in _BROKEN:
                raise  # any pair of this row would carry the broken picture into a training
            self.failures.append((name, error))

    def add(self, name: str, pair: Pair) -> None:
        """Keep a pair. Raises RowError ``no_op`` where the source holds this very one, or two operations did the same."""
        if pair.id in self.pairs:
            raise RowError("no_op", name, "the same negative is there already")
        self.pairs[pair.id] = pair

    def built(self) -> Built:
        """Return the pairs, and one reject per failed negative, or one for the whole row when it gave nothing at all."""
        if self.pairs:
            rejects = (self._reject(*one, "negative", one[1].message) for one in self.failures)
            return Built(tuple(self.pairs.values()), tuple(rejects))
        told = "; ".join(dict.fromkeys(f"{name}: {error.message}" for name, error in self.failures))
        return Built(rejects=(self._reject(*self.failures[0], "row", told),))

    def _reject(self, name: str, error: RowError, scope: Literal["row", "negative"], message: str) -> Reject:
        row = self.row
        return Reject(row.record_id, error.reason, scope, error.field or name, message, row.source_id)


def check_row(row: SourceRow) -> str:
    """Return a row's good answer. Raises RowError where it lacks that, or a picture: then it can have no image negative."""
    if not row.prompt.images:
        raise RowError("no_image", "images", "the prompt has no image to change")
    if row.chosen is None:
        raise RowError("no_answer", "chosen", "an image negative needs the right answer for the picture")
    return row.chosen


def pixel_scores(measures: Mapping[int, Measures]) -> tuple[Judgement, ...]:
    """Return measures in pixels as judgements, those of each negative under its number."""
    return tuple(score for number, one in measures.items() for score in one.judgements(f"{OWN}[{number}]"))


def negatives_in(images: Sequence[Image], rejected: Sequence[Image]) -> dict[int, tuple[Image, Image]]:
    """Return each picture with what stands in its place on the rejected side, by number; what is the same file is no negative.

    Of several pictures often one alone is another one: the others would be measured as negatives that look the same.
    """
    sides = enumerate(zip(images, rejected, strict=False))
    return {number: two for number, two in sides if two[0].sha256 != two[1].sha256}


def own_measures(views: Sequence[View], rejected: Sequence[Image]) -> dict[int, Measures]:
    """Return the measures in pixels of the source's own negatives, by number; none where there are no rejected pictures.

    Raises:
        RowError: a picture of either side is broken, or all negatives look the same as their originals (``no_op``).
    """
    for view in views:
        view.to_measure()
    different = negatives_in([view.image for view in views], rejected)
    # Both decoded in full: a reduced decode of one would be a difference of its own.
    measures = {
        number: measure(
            *(shrink(one.at(1), views[number].measured_at) for one in (views[number], View(negative)))
        )
        for number, (_, negative) in different.items()
    }
    if rejected and all(one.psnr >= NO_OP_PSNR for one in measures.values()):
        raise RowError("no_op", OWN, "the source's own negative looks the same as its original")
    return measures


def own_pair(row: SourceRow, scores: tuple[Judgement, ...], making: ImageMaking) -> Pair:
    """Return the pair that the source row is already, with scores beside those that it has."""
    pair = _pair(
        row,
        row.chosen or "",
        row.rejected or "",
        rejected_images=row.rejected_images,
        scores=(*row.scores, *scores),
        provenance=_provenance(row, making, ()),
    )
    return replace(pair, chosen_spans=row.chosen_spans, rejected_spans=row.rejected_spans)


def image_pair(
    row: SourceRow, negatives: Sequence[Negative], scores: tuple[Judgement, ...], making: ImageMaking
) -> Pair:
    """Return the pair of a row's good answer with its pictures and with their negatives."""
    chosen = check_row(row)
    images = tuple(negative.image for negative in negatives)
    provenance = _provenance(row, making, negatives)
    return _pair(row, chosen, chosen, rejected_images=images, scores=scores, provenance=provenance)


def _pair(
    row: SourceRow,
    chosen: str,
    rejected: str,
    *,
    rejected_images: tuple[Image, ...] | None,
    scores: tuple[Judgement, ...],
    provenance: str,
) -> Pair:
    kind: PairKind = "text" if rejected_images is None else "image" if chosen == rejected else "both"
    of_text = kind != "image"  # scores and models of the source's rejected text do not speak of an image pair
    return Pair(
        id=pair_id(row.record_id, row.prompt, chosen, rejected, rejected_images),
        prompt=row.prompt,
        chosen=chosen,
        rejected=rejected,
        rejected_images=rejected_images,
        kind=kind,
        source=row.source,
        source_id=row.source_id,
        group_id=group_id(row.prompt),
        scores=scores,
        score_chosen=row.score_chosen if of_text else None,
        score_rejected=row.score_rejected if of_text else None,
        ground_truth=row.ground_truth,
        chosen_model=row.chosen_model,
        rejected_model=row.rejected_model if of_text else row.chosen_model,
        license=row.license,
        language=row.language,
        tags=row.tags,
        provenance=provenance,
        extra=row.extra,
    )


def _provenance(row: SourceRow, making: ImageMaking, negatives: Sequence[Negative]) -> str:
    run = making.run
    told: dict[str, object] = {
        "builder": making.builder,
        "pairwright": run.version,
        "recipe": run.recipe,
        "seed": run.seed,
        "record_id": row.record_id,
    }
    if making.encoders:
        told["encoders"] = making.encoders
    if negatives:
        told["negatives"] = [negative.told() for negative in negatives]
    if row.provenance:
        told["of_source"] = row.provenance
    return json.dumps(told, ensure_ascii=False)
