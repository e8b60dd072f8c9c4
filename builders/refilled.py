"""Refilled answers: the words of an answer that tell what the picture shows are filled in again from a similar picture.

The good answer stands over what came of it: both have the same sentences, and differ in what they say of the picture. The
similar picture is a hard negative of its own, beside the good answer.

Steps: find the most similar pictures of other rows, have an answer written where own ones are wanted, have its words blanked by
a text model, have the blanks filled in by a model that looks at one similar picture after the other, until the completion says
otherwise than the answer; form the pairs, guard them, and give each the kinds that are wanted.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat

from pairwright.annotators import Case
from pairwright.annotators._encoding import EncoderSettings, encoder_marks
from pairwright.builders import Asks, Built, ConstructEncoding, Encodes, EncodingBuilder, Neighbours, Run
from pairwright.builders._at_once import all_at_once
from pairwright.builders._by_sides import BySides, check_writers, prepare_by_sides
from pairwright.builders._candidates import gold_for, in_line, why_too_few
from pairwright.builders._encoded import Fitting, encoders_by_place, names_of, scored_text
from pairwright.builders._encoder_measures import compared
from pairwright.builders._guarding import (
    Guarded,
    guard_codes,
    guard_marks,
    guard_models,
    prepare_guards,
)
from pairwright.builders._nearest import Galleries, Similar
from pairwright.builders._originals import Sides, Texts, texts_of
from pairwright.builders._pairer import Pairer
from pairwright.builders._parts import prepared
from pairwright.builders._pictured import TARGET, Kinds, Rival, of_kinds, pixel_measures, settle_pictured
from pairwright.builders._refilling import MASKER, REFILLER, Completion, Refilled, Refiller, refilled
from pairwright.builders._roles import played
from pairwright.builders._shown import Shown, case_of
from pairwright.builders._text_pair import Judged, Making, refused, row_reject
from pairwright.builders._writers import Write, Written, prepare_writers, writer_models
from pairwright.correctors import Task
from pairwright.correctors._masks import (
    Mask,
    Refill,
    mask_marks,
    prepare_mask,
    prepare_refill,
    refill_marks,
)
from pairwright.pairings._forming import prepare_within
from pairwright.perturbations import ROOM as PERTURBATIONS
from pairwright.perturbations import Nearest
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError, UnknownPartError
from pairwright.schemas.knobs import Plan, plan
from pairwright.schemas.reject import Reject
from pairwright.schemas.seeds import generator
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow

_LOOKS = "encoders.0"
"""The encoder that finds similar pictures."""


class Masker(Model):
    """Who blanks words. Without ``model`` it is the first sampler's model."""

    params: Mask = Mask()
    """How it is asked."""


class Filler(Model):
    """Who fills them in again. Without ``model`` it is the first sampler's model."""

    params: Refill = Refill()
    """How it is asked."""


class Pictures(Settings):
    """Which other pictures blanks are filled in from."""

    count: Annotated[int, Field(ge=1, le=100)] = 5
    """How many are tried at most, the most similar first."""
    name: str = "similar_image"
    """A perturbation that takes the most similar picture by an encoder; ``pairwright list perturbations`` shows them."""
    params: dict[str, float | int | list[float | int]] = {}
    """Its parameters: a value, or a range [low, high] drawn from per record. Missing ones keep their defaults."""


class RefilledAnswers(Written, Shown, Guarded, Fitting, Kinds):
    """Parameters of the builder."""

    of: Literal["own", "chosen"] = "own"
    """What stands on the chosen side: ``own`` answers, written by the samplers or there in the source; or the row's own good
    answer (``chosen``)."""
    masker: Masker = Masker()
    """Who blanks the words that tell what the picture shows; sees no picture."""
    refiller: Filler = Filler()
    """Who fills them in from a similar picture; sees no answer."""
    pictures: Pictures = Pictures()
    """Which similar pictures, out of the row's shard."""
    encoders: Annotated[tuple[EncoderSettings, ...], Field(min_length=1)] = (EncoderSettings(),)
    """Who compares. The first one finds similar pictures; texts and pictures of a pair are compared by each."""
    per: Literal["text", "sentence"] = "sentence"
    """What of a text is encoded: the ``text`` as a whole, of which an encoder reads the beginning, or each ``sentence``, of which
    the mean direction counts."""
    max_similarity: Annotated[FiniteFloat, Field(gt=0, le=100)] = 95.0
    """A completion makes a pair if 100 × cosine of it and the answer is lower than this in every encoder."""
    pairing: BySides = BySides()
    """How pairs are formed."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: RefilledAnswers
    run: Run
    part: Nearest[Any]
    knobs: Plan[Any]
    galleries: Galleries
    write: Write
    refiller: Refiller
    pairer: Pairer[Sequence[int]]

    @property
    def sides(self) -> Sides:
        """On which side what stands."""
        of = self.settings.of
        return Sides(of, "chosen", "rejected", "chosen" if of == "chosen" else None)


def prepare(settings: RefilledAnswers, run: Run) -> ConstructEncoding:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit an encoder, a guard, a judge, the pairing rule or a perturbation; a prompt
            that cannot be used; answers that would be paid for and could stand in no pair.
        UnknownPartError: samplers are shown a perturbation that does not exist.
        MissingExtraError: the second opinion needs a package that is not there.
    """
    _check_fit(settings)
    prepare_by_sides(settings.pairing)
    part = _part(settings.pictures)
    making = Making("refilled", settings.pairing.rule, run)
    bench = _Bench(
        settings,
        run,
        part,
        _plan(settings.pictures, part),
        Galleries(),
        prepare_writers(settings, run),
        Refiller(
            run,
            prepared(partial(prepare_mask, settings.masker.params), MASKER),
            prepared(partial(prepare_refill, settings.refiller.params), REFILLER),
            _refiller(settings).model,
            names_of(settings),
            settings.per,
            settings.max_similarity,
        ),
        Pairer(making, prepare_within(settings.pairing, run.round), prepare_guards(settings)),
    )

    async def construct(row: SourceRow, neighbours: Neighbours, asks: Asks, encodes: Encodes) -> Built:
        case = case_of(settings, row, run)
        try:
            gold = (gold_for(row, "chosen"),) if settings.of == "chosen" else ()
            bench.pairer.guarding.check(case)
            pictures = await _similar(bench, row, neighbours, encodes)
        except RowError as error:  # told before anything is paid for
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        return await _construct(bench, row, gold, pictures, case, asks=asks, encodes=encodes)

    return construct


def _check_fit(settings: RefilledAnswers) -> None:
    """Raise ParameterError for answers that would be paid for and could stand in no pair."""
    if settings.of == "chosen" and settings.samplers:
        raise ParameterError(
            "samplers: with of: chosen the gold answer stands on the chosen side; leave them out (samplers: []), and name "
            f"the models of {MASKER} and {REFILLER}"
        )
    told = "their answers stand on the chosen side, and others are made of them"
    check_writers(settings.samplers, ("any", "chosen"), told)


def _part(pictures: Pictures) -> Nearest[Any]:
    try:
        part = PERTURBATIONS.get(pictures.name)
    except UnknownPartError as error:
        raise ParameterError(f"pictures.name: {error}") from error
    if not isinstance(part, Nearest):
        others = [name for name in PERTURBATIONS.names() if isinstance(PERTURBATIONS.get(name), Nearest)]
        raise ParameterError(
            f"pictures.name: {pictures.name} takes no similar picture; here stands {', '.join(others)}"
        )
    return part


def _plan(pictures: Pictures, part: Nearest[Any]) -> Plan[Any]:
    try:
        checked = plan(pictures.name, part.params, pictures.params)
    except ParameterError as error:
        raise ParameterError(f"pictures.params: {error}") from error
    tries = checked.settings.get("tries", pictures.count)
    if (least := tries if isinstance(tries, int | float) else tries[0]) < pictures.count:
        raise ParameterError(
            f"pictures.count: {pictures.count} pictures are wanted, and {pictures.name} looks at {least:g} (params.tries)"
        )
    return checked


async def _similar(
    bench: _Bench, row: SourceRow, neighbours: Neighbours, encodes: Encodes
) -> tuple[Similar, ...]:
    """Return the pictures that blanks are filled in from, the most similar first; at least one.

    Raises:
        RowError: ``no_image`` or ``no_other_image``; or the row's own picture cannot be decoded.
    """
    if not row.prompt.images:
        raise RowError("no_image", "images", "the row has no picture that others could be similar to")
    pictures = bench.settings.pictures
    looked = await bench.galleries.look(
        row.prompt.images[0],
        bench.part,
        bench.knobs.draw(generator(bench.run.seed, row.record_id, f"pictures {pictures.name}")),
        record_id=row.record_id,
        neighbours=neighbours,
        encode=encodes[_LOOKS],
        count=pictures.count,
    )
    if not looked.found:
        told = f"{looked.others} other pictures in the shard, {looked.looked_at} of them looked at; each is a near copy or"
        message = f"{told} outside the bounds" if looked.others else "the shard has no other picture"
        raise RowError("no_other_image", "pictures", message)
    return looked.found


async def _construct(
    bench: _Bench,
    row: SourceRow,
    gold: tuple[Candidate, ...],
    pictures: Sequence[Similar],
    case: Case,
    *,
    asks: Asks,
    encodes: Encodes,
) -> Built:
    settings = bench.settings
    wrote = await bench.write(row, asks)
    texts = await asyncio.to_thread(
        texts_of, row, gold, wrote, bench.sides, settings.truncated, settings.pairing, bench.run.round
    )
    task = Task(row.record_id, bench.run.seed, "", row.prompt, "")
    try:
        if unwritten := wrote.lost():
            raise unwritten
        done = await all_at_once(
            partial(refilled, bench.refiller, n, texts.sided[n], pictures, task, asks=asks, encodes=encodes)
            for n in texts.originals
        )
        rivals = await _rivals(bench, row, texts, done, encodes)
    except RowError as error:
        so_far = Judged(texts.row, texts.line, texts.sided, texts.line.comparisons)
        return refused(so_far, error, (*wrote.rejects, *texts.line.rejects))
    judged, families = await asyncio.to_thread(_together, bench, texts, done)
    built = await bench.pairer.pairs(
        judged,
        families,
        case=case,
        asks=asks,
        rejects=[*wrote.rejects, *judged.line.rejects, *texts.repeats, *_told(row, done)],
        why_none=_why_none(texts, done),
    )
    return of_kinds(built, settings, row.record_id, rivals)


def _together(bench: _Bench, texts: Texts, done: Sequence[Refilled]) -> tuple[Judged, list[tuple[int, int]]]:
    """Return all texts with their spans, and which completion belongs to which answer."""
    made = [(one.number, completion) for one in done for completion in one.completions]
    new = [completion.candidate for _, completion in made]
    line = in_line(
        texts.row,
        gold=texts.gold,
        written=[*texts.wrote.candidates, *new],
        truncated=bench.settings.truncated,
    )
    first = texts.line.usable
    if line.usable != first + len(new):
        raise AssertionError("a text that was made cannot be used")
    families, spans = [], {}
    for place, (number, completion) in enumerate(made, first):
        if completion.fault is None:
            families.append((number, place))
            spans[number, place] = (completion.original_spans, completion.candidate.spans)
    judged = Judged(texts.row, line, (*texts.sided, *new), line.comparisons, spans=spans)
    return judged, families


async def _rivals(
    bench: _Bench, row: SourceRow, texts: Texts, done: Sequence[Refilled], encodes: Encodes
) -> dict[tuple[str, str], Rival]:
    """Return the similar picture of each contrast, measured, by both its texts; none where only texts make pairs."""
    if not bench.settings.pictured:
        return {}
    found = {
        (texts.sided[one.number].text, contrast.candidate.text): contrast
        for one in done
        if (contrast := one.contrast) is not None
    }
    rivals = await all_at_once(
        partial(_rival, bench, row, chosen, contrast, encodes) for (chosen, _), contrast in found.items()
    )
    return dict(zip(found, rivals, strict=True))


async def _rival(bench: _Bench, row: SourceRow, chosen: str, contrast: Completion, encodes: Encodes) -> Rival:
    image, picture, name = row.prompt.images[0], contrast.picture, bench.settings.pictures.name
    pixels = await asyncio.to_thread(pixel_measures, image, picture.image, "pictures")
    encoded = await compared(
        image,
        picture.image,
        scored_text(bench.settings.scored, row.prompt.question, chosen),
        settings=bench.settings,
        names=bench.refiller.names,
        encodes=encodes,
    )
    return Rival(
        picture.image.with_edit(f"{name} from {picture.record_id}"),
        (*pixels.judgements(TARGET), *encoded.judgements(TARGET)),
        {"perturbation": name, "other": picture.record_id, "similarity": picture.similarity},
    )


def _told(row: SourceRow, done: Sequence[Refilled]) -> list[Reject]:
    """Return what could not be blanked or filled in, and the completions that are no contrast."""
    faults = [
        fault
        for one in done
        for fault in (*one.faults, *(completion.fault for completion in one.completions))
        if fault is not None
    ]
    return [
        Reject(row.record_id, one.reason, "candidate", one.field, one.message, row.source_id)
        for one in faults
    ]


def _why_none(texts: Texts, done: Sequence[Refilled]) -> RowError | None:
    """Return why no pair could be formed, where forming does not know it."""
    if any(one.contrast is not None for one in done):
        return None
    if done:
        return done[0].why_none()
    if why := why_too_few(texts.line, texts.wrote.rejects):
        return why
    return RowError("too_few_answers", "candidates", "there is no answer to blank words in")


def _masker(settings: RefilledAnswers) -> Masker:
    return played(settings.masker, settings.samplers, MASKER)


def _refiller(settings: RefilledAnswers) -> Filler:
    return played(settings.refiller, settings.samplers, REFILLER)


def _models(settings: RefilledAnswers) -> Mapping[str, Model]:
    roles: dict[str, Model] = {MASKER: _masker(settings), REFILLER: _refiller(settings)}
    return {**writer_models(settings), **roles, **guard_models(settings)}


def _marks(settings: RefilledAnswers) -> Mapping[str, str]:
    masks = {f"{MASKER}.params.{key}": mark for key, mark in mask_marks(settings.masker.params).items()}
    fills = {f"{REFILLER}.params.{key}": mark for key, mark in refill_marks(settings.refiller.params).items()}
    return {**encoder_marks(encoders_by_place(settings)), **masks, **fills, **guard_marks(settings)}


PART = EncodingBuilder(
    settings=RefilledAnswers,
    models=_models,
    encoders=encoders_by_place,
    prepare=prepare,
    summary="an answer over itself with what it says of the picture filled in from a similar one, which is the rejected picture",
    source="Re-Align (arXiv 2502.13146): words blanked by a text model, filled in from the most similar pictures in turn, "
    "similarity below 0.95, triples of texts and of pictures",
    uses_neighbours=lambda settings: True,
    settle=settle_pictured,
    marks=_marks,
    runs_code=guard_codes,
    kin="a completion pairs with the answer that it was made of, beside the picture that it was filled in from",
)
