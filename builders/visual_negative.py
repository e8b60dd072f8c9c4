"""Image negatives: the same question and answer, with a changed picture on the rejected side.

From prompts with answers, or on top of pairs that exist already. The pair says: this answer is right for the picture,
and not for the changed one. Steps: choose the operation, draw its parameters, change every image of the prompt,
measure each negative, refuse what is no negative, write the pair.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from pairwright.annotators.pixels import SCORER, MeasureName
from pairwright.builders import Builder, Built, Construct, Neighbours, Run
from pairwright.builders._image_pairs import (
    OWN,
    Attempts,
    Bounds,
    ImageMaking,
    ImageNegatives,
    check_row,
    drawn,
    image_pair,
    numbered,
    own_measures,
    own_pair,
    pixel_scores,
    target_of,
)
from pairwright.builders._negative import Band, Finish, Negative, Operation, View, make_negative, unaided
from pairwright.perturbations import ROOM as PERTURBATIONS
from pairwright.perturbations import Retrieval
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.knobs import plan
from pairwright.schemas.seeds import generator
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow

_FALLS: frozenset[MeasureName] = frozenset({"psnr", "ssim"})
"""Measures that go down as an operation gets stronger."""

_RISES: frozenset[MeasureName] = frozenset({"changed"})
"""Measures that go up."""


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


class VisualNegative(ImageNegatives):
    """Parameters of the builder."""

    perturbations: Annotated[tuple[Choice, ...], Field(min_length=1)]
    """Operations to draw from."""
    accept: dict[MeasureName, Bounds] = {}
    """Bounds on the measures of every negative; outside them it is a reject."""


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
    making = ImageMaking("visual_negative", run)

    def construct(row: SourceRow, neighbours: Neighbours) -> Built:
        if settings.per_row == "all" or len(operations) == 1:
            chosen: Sequence[Operation] = operations
        else:
            rng = generator(run.seed, row.record_id, "visual_negative")
            chosen = [operations[drawn(weights, rng.random())]]
        return _build(
            row, chosen, making=making, finish=finish, neighbours=neighbours, keep=settings.keep_pairs
        )

    return construct


def _build(
    row: SourceRow,
    operations: Sequence[Operation],
    *,
    making: ImageMaking,
    finish: Finish,
    neighbours: Neighbours,
    keep: bool,
) -> Built:
    views = tuple(View(image) for image in row.prompt.images)
    attempts = Attempts(row)
    if keep and row.rejected is not None:
        with attempts.of(OWN):
            attempts.add(OWN, own_pair(row, _own_scores(row, views), making))
    for operation in operations:
        with attempts.of(operation.name):
            negatives = _negatives(row, views, operation, making.run, finish, neighbours)
            scores = pixel_scores({number: one.measures for number, one in enumerate(negatives)})
            attempts.add(operation.name, image_pair(row, negatives, scores, making))
    return attempts.built()


def _own_scores(row: SourceRow, views: Sequence[View]) -> tuple[Judgement, ...]:
    measures = own_measures(views, row.rejected_images or ())
    measured = any(score.scorer == SCORER for score in row.scores)  # the source is a run of pairwright
    return () if measured else pixel_scores(measures)


def _negatives(
    row: SourceRow,
    views: Sequence[View],
    operation: Operation,
    run: Run,
    finish: Finish,
    neighbours: Neighbours,
) -> list[Negative]:
    check_row(row)
    return [
        make_negative(
            view,
            operation,
            rng=generator(run.seed, row.record_id, f"{operation.key}[{number}]"),
            finish=finish,
            neighbours=neighbours,
            record_id=row.record_id,
        )
        for number, view in enumerate(views)
    ]


def _operations(choices: Sequence[Choice]) -> tuple[Operation, ...]:
    made = []
    for key, choice in zip(numbered(choice.name for choice in choices), choices, strict=True):
        part = unaided(choice.name)
        checked = plan(choice.name, part.params, choice.params)
        until = target_of(choice.name, part.params, choice.params, choice.until, falls=_FALLS, rises=_RISES)
        made.append(Operation(key, choice.name, part, checked, choice.weight, until))
    return tuple(made)


def _uses_neighbours(settings: VisualNegative) -> bool:
    return any(isinstance(PERTURBATIONS.get(choice.name), Retrieval) for choice in settings.perturbations)


PART = Builder(
    settings=VisualNegative,
    prepare=prepare,
    uses_neighbours=_uses_neighbours,
    summary="same question and answer, with a changed picture on the rejected side",
    source="mDPO (arXiv 2406.11839), CHiP (2501.16629), ImageDPO (2501.00569)",
)
