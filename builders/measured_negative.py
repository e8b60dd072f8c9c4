"""Image negatives that are measured by encoders: how alike the two pictures are, and how much less the answer fits.

As `visual_negative`, with encoders at hand: attacks and the most similar picture are among the perturbations, bounds may be
set on what the encoders say, and the strength may be searched by it. With no perturbation at all, the source's own
negatives are measured, and those outside the bounds left out.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

from pydantic import Field

from pairwright.annotators._encoding import encoder_marks
from pairwright.annotators.pixels import RANGES as PIXEL_RANGES
from pairwright.annotators.pixels import SCORER, Measures
from pairwright.builders import Asks, Built, ConstructEncoding, Encodes, EncodingBuilder, Neighbours, Run
from pairwright.builders._aided import (
    Aided,
    AnyMeasure,
    Eyes,
    Retriever,
    Subject,
    Wanted,
    aided_negative,
    of_encoders,
    of_pixels,
)
from pairwright.builders._at_once import all_at_once
from pairwright.builders._attacking import Attacker, Attacking, check_lossless, prepare_attack
from pairwright.builders._encoded import Fitting, encoders_by_place, names_of, scored_text
from pairwright.builders._encoder_measures import RANGES as ENCODER_RANGES
from pairwright.builders._encoder_measures import EncoderMeasure, EncoderMeasures
from pairwright.builders._image_pairs import (
    OWN,
    Attempts,
    Bounds,
    ImageMaking,
    ImageNegatives,
    check_row,
    drawn,
    image_pair,
    negatives_in,
    numbered,
    own_measures,
    own_pair,
    pixel_scores,
    target_of,
)
from pairwright.builders._nearest import Galleries
from pairwright.builders._negative import Band, Finish, Negative, Operation, View, check_bands
from pairwright.perturbations import ROOM as PERTURBATIONS
from pairwright.perturbations import Adversary, AnyPerturbation, Nearest, Retrieval
from pairwright.samplers import Model
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.knobs import plan, strength
from pairwright.schemas.pair import Pair
from pairwright.schemas.seeds import generator
from pairwright.schemas.source_row import SourceRow

_FALLS: frozenset[AnyMeasure] = frozenset({"psnr", "ssim", "image_image"})
"""Measures that go down as an operation gets stronger."""

_RISES: frozenset[AnyMeasure] = frozenset({"changed", "image_text_drop", "drop_agreement"})
"""Measures that go up."""


class AidedChoice(Attacking):
    """One operation that a recipe offers."""

    name: str
    """A perturbation, those that need an encoder among them; ``pairwright list perturbations`` shows them."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """How often it is drawn, relative to the other operations' weights. Without effect where ``per_row`` is all."""
    until: dict[AnyMeasure, Bounds] = {}
    """Instead of drawing the strength, search per picture the weakest one that brings this measure to its bound."""
    encoder: Annotated[int, Field(ge=0)] = 0
    """Number of the encoder that an attack misleads, or that knows the most similar picture: 0 is the first."""


class MeasuredNegative(ImageNegatives, Fitting):
    """Parameters of the builder."""

    perturbations: tuple[AidedChoice, ...] = ()
    """Operations to draw from; without any, the negatives that the source has are measured."""
    accept: dict[AnyMeasure, Bounds] = {}
    """Bounds on the measures of every negative, the source's own among them; outside them it is a reject. Of several encoders
    the mean counts."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: MeasuredNegative
    making: ImageMaking
    names: Mapping[str, str]
    """Name of each encoder's model, by its place."""
    operations: tuple[Aided, ...]
    finish: Finish
    bands: tuple[tuple[EncoderMeasure, Band], ...]
    """On measures of encoders; those on pixels are in ``finish``."""


def prepare(settings: MeasuredNegative, run: Run) -> ConstructEncoding:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit an operation or an encoder; nothing to be done; a bound that no negative
            could keep.
        UnknownPartError: an operation that does not exist.
    """
    names = names_of(settings)
    if not settings.perturbations and not settings.keep_pairs:
        raise ParameterError("perturbations: none, and keep_pairs is false: nothing would be measured")
    _check_bounds(settings)
    bands = {name: Band(name, bounds.min, bounds.max) for name, bounds in settings.accept.items()}
    bench = _Bench(
        settings,
        ImageMaking("measured_negative", run, tuple(names.values())),
        names,
        _operations(settings),
        Finish(
            tuple(band for name, band in bands.items() if not of_encoders(name)),
            settings.encoding,
            settings.quality,
        ),
        tuple((name, band) for name, band in bands.items() if of_encoders(name)),
    )

    async def construct(row: SourceRow, neighbours: Neighbours, asks: Asks, encodes: Encodes) -> Built:
        return await _construct(bench, row, neighbours, Eyes(settings, names, encodes))

    return construct


def _check_bounds(settings: MeasuredNegative) -> None:
    """Raise ParameterError for bounds that no negative could keep: outside a measure's range, more encoders than there are."""
    places = {"accept": settings.accept} | {f"{one.name}.until": one.until for one in settings.perturbations}
    for place, bounds in places.items():
        for name, one in bounds.items():
            low, high = ENCODER_RANGES[name] if of_encoders(name) else PIXEL_RANGES[name]
            if (one.min is not None and high is not None and one.min > high) or (
                one.max is not None and low is not None and one.max < low
            ):
                told = f"{low:g} to {high:g}" if high is not None else f"{low:g} and more"
                raise ParameterError(f"{place}.{name}: no negative keeps it; values go from {told}")
        wanted, count = bounds.get("drop_agreement"), len(settings.encoders)
        if wanted and wanted.min is not None and wanted.min > count:
            raise ParameterError(
                f"{place}.drop_agreement: {wanted.min:g} encoders are to agree, and there are {count}"
            )


async def _construct(bench: _Bench, row: SourceRow, neighbours: Neighbours, eyes: Eyes) -> Built:
    settings, run, attempts = bench.settings, bench.making.run, Attempts(row)
    if settings.keep_pairs and row.rejected is not None:
        with attempts.of(OWN):
            attempts.add(OWN, await _own_pair(bench, row, eyes))
    elif not settings.perturbations:
        with attempts.of(OWN):
            raise RowError("no_image", OWN, "the row has no negative that could be measured")
    chosen: Sequence[Aided] = bench.operations
    if settings.per_row == "one" and len(chosen) > 1:
        position = generator(run.seed, row.record_id, "measured_negative").random()
        chosen = [chosen[drawn([one.weight for one in chosen], position)]]
    for aided in chosen:
        with attempts.of(aided.name):
            attempts.add(aided.name, await _made_pair(bench, aided, row, neighbours, eyes))
    return attempts.built()


async def _made_pair(bench: _Bench, aided: Aided, row: SourceRow, neighbours: Neighbours, eyes: Eyes) -> Pair:
    text = _text(bench, row)
    subjects = [
        Subject(row, image, number, text, bench.making.run.seed, neighbours)
        for number, image in enumerate(row.prompt.images)
    ]
    negatives = await all_at_once(
        partial(aided_negative, aided, one, eyes=eyes, finish=bench.finish) for one in subjects
    )
    seen = await all_at_once(
        partial(_seen, bench, aided.name, subject.image, negative.image, text, eyes)
        for subject, negative in zip(subjects, negatives, strict=True)
    )
    scores = [
        score
        for number, (negative, measures) in enumerate(zip(negatives, seen, strict=True))
        for score in _scores(negative, measures, f"{OWN}[{number}]")
    ]
    return image_pair(row, negatives, tuple(scores), bench.making)


def _text(bench: _Bench, row: SourceRow) -> str:
    """Return the text that is compared with the pictures. Raises RowError where the row lacks it, or a picture."""
    return scored_text(bench.settings.scored, row.prompt.question, check_row(row))


async def _own_pair(bench: _Bench, row: SourceRow, eyes: Eyes) -> Pair:
    """Return the pair that the source row is already, its negatives measured.

    Raises:
        RowError: a picture of either side is broken, the negatives look the same as their originals, or lie outside a band.
    """
    pixels = await asyncio.to_thread(_own_pixels, row)
    for one in pixels.values():
        check_bands(OWN, one, bench.finish.accept)
    text = scored_text(bench.settings.scored, row.prompt.question, row.chosen or "")
    different = negatives_in(row.prompt.images, row.rejected_images or ())
    seen = await all_at_once(
        partial(_seen, bench, OWN, image, negative, text, eyes) for image, negative in different.values()
    )
    measured = any(score.scorer == SCORER for score in row.scores)  # the source is a run of pairwright
    by_encoders = (
        score
        for number, one in zip(different, seen, strict=True)
        for score in one.judgements(f"{OWN}[{number}]")
    )
    scores = (*(() if measured else pixel_scores(pixels)), *by_encoders)
    return own_pair(_unsaid(row, scores), scores, bench.making)


def _own_pixels(row: SourceRow) -> dict[int, Measures]:
    return own_measures([*map(View, row.prompt.images)], row.rejected_images or ())


def _unsaid(row: SourceRow, scores: Sequence[Judgement]) -> SourceRow:
    """Return a row without what the same encoders said of it before."""
    said = {(one.target, one.scorer, one.aspect) for one in scores}
    return replace(
        row, scores=tuple(one for one in row.scores if (one.target, one.scorer, one.aspect) not in said)
    )


async def _seen(
    bench: _Bench, name: str, image: Image, negative: Image, text: str, eyes: Eyes
) -> EncoderMeasures:
    """Return what the encoders say of a negative of an operation. Raises RowError ``outside_band``."""
    measures = await eyes.compared(image, negative, text)
    for measure, band in bench.bands:
        refusal = band.refuses(measures.value(measure))
        if refusal:
            raise RowError("outside_band", name, refusal)
    return measures


def _scores(negative: Negative, seen: EncoderMeasures, target: str) -> tuple[Judgement, ...]:
    """Return all that was measured of a negative. An attack has its own word on how alike the pictures are: said once."""
    said = seen.judgements(target)
    known = {(one.scorer, one.aspect) for one in said}
    return (*(one for one in negative.judgements(target) if (one.scorer, one.aspect) not in known), *said)


def _operations(settings: MeasuredNegative) -> tuple[Aided, ...]:
    galleries: dict[str, Galleries] = {}
    places = list(encoders_by_place(settings))
    made = []
    for key, choice in zip(
        numbered(one.name for one in settings.perturbations), settings.perturbations, strict=True
    ):
        if choice.encoder >= len(places):
            raise ParameterError(
                f"{key}.encoder: there is no encoder {choice.encoder}; 0 is the first of {len(places)}"
            )
        place = places[choice.encoder]
        made.append(_operation(settings, choice, key, place, galleries.setdefault(place, Galleries())))
    return tuple(made)


def _operation(
    settings: MeasuredNegative, choice: AidedChoice, key: str, place: str, galleries: Galleries
) -> Aided:
    part = PERTURBATIONS.get(choice.name)
    checked = plan(choice.name, part.params, choice.params)
    until = _until(choice, part.params)
    _check_aids(choice, part)
    how: Operation | Attacker | Retriever
    match part:
        case Adversary():
            check_lossless(settings.encoding, "encoding")
            how = prepare_attack(choice, key)
        case Nearest():
            how = Retriever(part, galleries)
        case _:
            in_pixels = (until.measure, until.target) if until and of_pixels(until.measure) else None
            how = Operation(key, choice.name, part, checked, choice.weight, in_pixels)
            until = None if in_pixels else until
    return Aided(key, choice.name, choice.weight, checked, how, until, place)


def _check_aids(choice: AidedChoice, part: AnyPerturbation) -> None:
    """Raise ParameterError for settings of an operation that mean nothing to it."""
    misleads = isinstance(part, Adversary)
    given = {"towards", "max_cosine"} & choice.model_fields_set
    if given and not misleads:
        raise ParameterError(f"{choice.name}.{min(given)}: {choice.name} misleads no encoder; leave it out")
    if "encoder" in choice.model_fields_set and not (misleads or isinstance(part, Nearest)):
        raise ParameterError(f"{choice.name}.encoder: {choice.name} needs no encoder; leave it out")


def _until(choice: AidedChoice, params: type[Any]) -> Wanted | None:
    wanted = target_of(choice.name, params, choice.params, choice.until, falls=_FALLS, rises=_RISES)
    found = strength(params)
    return None if wanted is None or found is None else Wanted(*wanted, *found)


def _uses_neighbours(settings: MeasuredNegative) -> bool:
    return any(
        choice.towards == "other_image" or isinstance(PERTURBATIONS.get(choice.name), Retrieval | Nearest)
        for choice in settings.perturbations
    )


def _models(settings: MeasuredNegative) -> Mapping[str, Model]:
    return {}


def _marks(settings: MeasuredNegative) -> Mapping[str, str]:
    return encoder_marks(encoders_by_place(settings))


PART = EncodingBuilder(
    settings=MeasuredNegative,
    models=_models,
    encoders=encoders_by_place,
    prepare=prepare,
    uses_neighbours=_uses_neighbours,
    marks=_marks,
    summary="image negatives measured by encoders, with attacks and the most similar picture among the perturbations",
    source="the measures are ours; CLIPScore (arXiv 2104.08718) for text and picture, Re-Align (2502.13146) and AdPO "
    "(2504.01735) for pictures that take an encoder to find",
)
