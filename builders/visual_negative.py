"""Image negatives: the same question and answer, with a changed picture on the rejected side.

From prompts with answers, or on top of pairs that exist already. The pair says: this answer is right for the picture,
and not for the changed one. Steps: choose the operation, draw its parameters, change every image of the prompt,
measure each negative, refuse what is no negative, write the pair.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pairwright.annotators.pixels import SCORER, MeasureName, Measures, measure
from pairwright.builders import Builder, Built, Construct, Neighbours, Run
from pairwright.builders._negative import (
    NO_OP_PSNR,
    Band,
    Finish,
    Negative,
    Operation,
    View,
    make_negative,
    unaided,
)
from pairwright.perturbations import ROOM as PERTURBATIONS
from pairwright.perturbations import Retrieval
from pairwright.perturbations._search import Target
from pairwright.schemas.codec import Encoding, shrink
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.knobs import plan, strength
from pairwright.schemas.pair import Pair, PairKind, group_id, pair_id
from pairwright.schemas.reasons import Reason
from pairwright.schemas.reject import Reject
from pairwright.schemas.seeds import generator
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow

_FALLS: frozenset[MeasureName] = frozenset({"psnr", "ssim"})
"""Measures that go down as an operation gets stronger."""


_BROKEN: frozenset[Reason] = frozenset({"image_truncated", "image_unreadable", "image_format"})
"""Reasons that speak of the row's own picture, not of what was made of it."""


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


class Choice(Settings):
    """One operation that a recipe offers."""

    name: str
    """A perturbation; ``pairwright list perturbations`` shows them."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """How often it is drawn, relative to the other operations' weights. Without effect where ``per_row`` is all."""
    params: dict[str, float | int | list[float | int]] = {}
    """Its parameters: a value, or a range [low, high] drawn from per record. Missing ones keep their defaults."""
    until: dict[MeasureName, Bounds] = {}
    """Instead of drawing the strength, search per picture the weakest one that brings this measure to its bound."""


class VisualNegative(Settings):
    """Parameters of the builder."""

    perturbations: Annotated[tuple[Choice, ...], Field(min_length=1)]
    """Operations to draw from."""
    per_row: Literal["one", "all"] = "one"
    """``one`` operation per row, drawn by weight, or ``all`` of them, each a pair of its own."""
    keep_pairs: bool = True
    """Also write the pair that the source row itself holds, where it holds one."""
    accept: dict[MeasureName, Bounds] = {}
    """Bounds on the measures of every negative; outside them it is a reject."""
    encoding: Encoding | Literal["auto"] = "auto"
    """File format of changed pictures. ``auto``: JPEG where the original is lossy, PNG where it is not."""
    quality: Annotated[int, Field(ge=1, le=100)] = 95
    """JPEG quality of changed pictures."""


def prepare(settings: VisualNegative, run: Run) -> Construct:
    """Check the settings and return the function that every source row goes through.

    Raises:
        ParameterError: parameters that do not fit an operation.
        UnknownPartError: an operation that does not exist.
    """
    operations = _operations(settings.perturbations)
    bands = tuple(Band(name, bounds.min, bounds.max) for name, bounds in settings.accept.items())
    finish = Finish(bands, settings.encoding, settings.quality)
    weights = [operation.weight for operation in operations]

    def construct(row: SourceRow, neighbours: Neighbours) -> Built:
        if settings.per_row == "all" or len(operations) == 1:
            chosen: Sequence[Operation] = operations
        else:
            rng = generator(run.seed, row.record_id, "visual_negative")
            chosen = [operations[_drawn(weights, rng.random())]]
        return _build(row, chosen, run=run, finish=finish, neighbours=neighbours, keep=settings.keep_pairs)

    return construct


def _drawn(weights: Sequence[float], position: float) -> int:
    """Return the number of the weight in which a position (0 to 1, of their sum) lies.

    >>> _drawn([1, 3], 0.2), _drawn([1, 3], 0.3)
    (0, 1)
    """
    reached = list(accumulate(weights))
    return min(bisect_right(reached, position * reached[-1]), len(weights) - 1)


def _build(
    row: SourceRow,
    operations: Sequence[Operation],
    *,
    run: Run,
    finish: Finish,
    neighbours: Neighbours,
    keep: bool,
) -> Built:
    views = tuple(View(image) for image in row.prompt.images)
    pairs: dict[str, Pair] = {}
    failures: list[tuple[str, RowError]] = []

    def attempt(name: str, make: Callable[[], Pair]) -> None:
        try:
            pair = make()
            if pair.id in pairs:  # the source holds this very negative, or two operations did the same
                raise RowError("no_op", name, "the same negative is there already")
            pairs[pair.id] = pair
        except RowError as error:
            if error.reason in _BROKEN:
                raise  # any pair of this row would carry the broken picture into a training
            failures.append((name, error))

    if keep and row.rejected is not None:
        attempt("rejected_images", lambda: _own_pair(row, views, run))
    for operation in operations:
        make = partial(_image_pair, row, views, operation, run=run, finish=finish, neighbours=neighbours)
        attempt(operation.name, make)
    return Built(tuple(pairs.values()), _rejects(row, failures, gave_pairs=bool(pairs)))


def _image_pair(
    row: SourceRow,
    views: Sequence[View],
    operation: Operation,
    *,
    run: Run,
    finish: Finish,
    neighbours: Neighbours,
) -> Pair:
    if not views:
        raise RowError("no_image", "images", "the prompt has no image to change")
    if row.chosen is None:
        raise RowError("no_answer", "chosen", "an image negative needs the right answer for the picture")
    negatives = tuple(
        make_negative(
            view,
            operation,
            rng=generator(run.seed, row.record_id, f"{operation.key}[{number}]"),
            finish=finish,
            neighbours=neighbours,
            record_id=row.record_id,
        )
        for number, view in enumerate(views)
    )
    scores = _scores([negative.measures for negative in negatives])
    images = tuple(negative.image for negative in negatives)
    provenance = _provenance(row, run, negatives)
    return _pair(row, row.chosen, row.chosen, rejected_images=images, scores=scores, provenance=provenance)


def _own_pair(row: SourceRow, views: Sequence[View], run: Run) -> Pair:
    """Return the pair that the source row is already.

    Raises:
        RowError: a picture of either side is broken, or the source's own negatives look the same as their originals.
    """
    for view in views:
        view.to_measure()
    sides = zip(views, map(View, row.rejected_images or ()), strict=False)
    # Both decoded in full: a reduced decode of one would be a difference of its own.
    measures = [
        measure(*(shrink(view.at(1), one.measured_at) for view in (one, other))) for one, other in sides
    ]
    if measures and all(one.psnr >= NO_OP_PSNR for one in measures):
        raise RowError("no_op", "rejected_images", "the source's own negative looks the same as its original")
    pair = _pair(
        row,
        row.chosen or "",
        row.rejected or "",
        rejected_images=row.rejected_images,
        scores=row.scores if _measured(row.scores) else (*row.scores, *_scores(measures)),
        provenance=_provenance(row, run, ()),
    )
    return replace(pair, chosen_spans=row.chosen_spans, rejected_spans=row.rejected_spans)


def _measured(scores: Sequence[Judgement]) -> bool:
    """Tell whether the source has these measures already: then it is a run of pairwright."""
    return any(score.scorer == SCORER for score in scores)


def _scores(measures: Sequence[Measures]) -> tuple[Judgement, ...]:
    return tuple(
        score for number, one in enumerate(measures) for score in one.judgements(f"rejected_images[{number}]")
    )


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


def _provenance(row: SourceRow, run: Run, negatives: Sequence[Negative]) -> str:
    told: dict[str, object] = {
        "builder": "visual_negative",
        "pairwright": run.version,
        "recipe": run.recipe,
        "seed": run.seed,
        "record_id": row.record_id,
    }
    if negatives:
        told["negatives"] = [
            {
                "perturbation": negative.perturbation,
                "params": dict(negative.params),
                "units": dict(negative.units),
            }
            | ({"other": negative.other} if negative.other else {})
            for negative in negatives
        ]
    if row.provenance:
        told["of_source"] = row.provenance
    return json.dumps(told, ensure_ascii=False)


def _rejects(
    row: SourceRow, failures: Sequence[tuple[str, RowError]], *, gave_pairs: bool
) -> tuple[Reject, ...]:
    """Return one reject per failed negative, or one for the whole row when it gave nothing at all."""

    def reject(name: str, error: RowError, scope: Literal["row", "negative"], message: str) -> Reject:
        return Reject(row.record_id, error.reason, scope, error.field or name, message, row.source_id)

    if gave_pairs:
        return tuple(reject(name, error, "negative", error.message) for name, error in failures)
    told = "; ".join(dict.fromkeys(f"{name}: {error.message}" for name, error in failures))
    name, error = failures[0]
    return (reject(name, error, "row", told),)


def _operations(choices: Sequence[Choice]) -> tuple[Operation, ...]:
    seen: Counter[str] = Counter()
    made = []
    for choice in choices:
        seen[choice.name] += 1
        key = choice.name if seen[choice.name] == 1 else f"{choice.name}#{seen[choice.name]}"
        part = unaided(choice.name)
        checked = plan(choice.name, part.params, choice.params)
        made.append(Operation(key, choice.name, part, checked, choice.weight, _until(choice, part.params)))
    return tuple(made)


def _until(choice: Choice, params: type) -> tuple[MeasureName, Target] | None:
    if not choice.until:
        return None
    where = f"{choice.name}.until"
    if len(choice.until) > 1:
        raise ParameterError(f"{where}: one measure at a time, got {', '.join(choice.until)}")
    found = strength(params)
    if found is None:
        raise ParameterError(f"{where}: {choice.name} has no strength that could be searched")
    if found[0] in choice.params:
        raise ParameterError(f"{where}: {found[0]} is searched, so it cannot be set in params as well")
    [(name, bounds)] = choice.until.items()
    if bounds.min is not None and bounds.max is not None:
        raise ParameterError(f"{where}.{name}: give max or min, not both")
    if name in _FALLS and bounds.max is None:
        raise ParameterError(f"{where}.{name}: it falls as {choice.name} gets stronger, so give max")
    if name == "changed" and bounds.min is None:
        raise ParameterError(f"{where}.{name}: it rises as {choice.name} gets stronger, so give min")
    return name, Target(at_most=bounds.max, at_least=bounds.min)


def _uses_neighbours(settings: VisualNegative) -> bool:
    return any(isinstance(PERTURBATIONS.get(choice.name), Retrieval) for choice in settings.perturbations)


PART = Builder(
    settings=VisualNegative,
    prepare=prepare,
    uses_neighbours=_uses_neighbours,
    summary="same question and answer, with a changed picture on the rejected side",
    source="mDPO (arXiv 2406.11839), CHiP (2501.16629), ImageDPO (2501.00569)",
)
