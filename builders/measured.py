"""Pairs that are there already, measured, and filtered by the measures; nothing else about them changes.

The field's complaint about preference sets for vision-language models is that a model can learn them without looking, and that
nobody measures it. This does, for the pairs of any source, a run of pairwright as well: can the pair be decided without the
picture (by a model, by length, by what is usual), how much do its answers owe to the picture, and, with encoders, how far is
the rejected picture from the true one.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pydantic import field_validator

from pairwright.annotators._encoding import EncoderSettings, encoder_marks
from pairwright.builders import (
    Asks,
    Built,
    ConstructEncoding,
    Encodes,
    EncodingBuilder,
    Neighbours,
    Run,
    Settle,
)
from pairwright.builders._as_it_is import pair_as_it_is, with_measures, with_note
from pairwright.builders._at_once import all_at_once
from pairwright.builders._blind import (
    ANSWERS,
    JUDGE,
    BlindAnswers,
    BlindJudge,
    judge_of,
    prepare_answers,
    prepare_judge,
)
from pairwright.builders._blind_text import Cue, by_frequency, by_length
from pairwright.builders._dependence import (
    DEPENDENCE,
    FLUENCY,
    Dependence,
    check_able,
    dependence_of,
    fluency_of,
)
from pairwright.builders._encoded import Fitting, encoders_by_place, names_of, scored_text
from pairwright.builders._encoder_measures import compared
from pairwright.builders._image_pairs import OWN, negatives_in
from pairwright.builders._jury import judge_marks
from pairwright.builders._measure_bands import (
    ENCODERS,
    FREE,
    FREQUENCY,
    LENGTH,
    Accept,
    PairBounds,
    PairMeasure,
    check_accept,
    outside,
)
from pairwright.builders._parts import code_of
from pairwright.builders._text_pair import row_reject
from pairwright.samplers import Model
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair
from pairwright.schemas.reject import Reject
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow


class Blind(Settings):
    """The blind test: what tells the sides of a pair apart without its picture."""

    judge: BlindJudge | None = None
    """Who is to decide each pair without its picture; nobody if not given."""
    answers: BlindAnswers | None = None
    """Who is to answer the question without the picture, where the row has a right answer; nobody if not given."""
    text: tuple[Cue, ...] = ("length", "frequency")
    """What the texts alone tell, free of charge: which answer is longer, which one is the more usual one in the shard."""
    fluency: Model | None = None
    """A model, of text alone as well, that tells which answer is the likelier one without the picture. It must be able to tell
    how likely a given answer is (``docs/models.md``)."""

    @field_validator("text")
    @classmethod
    def _each_once(cls, cues: tuple[Cue, ...]) -> tuple[Cue, ...]:
        if len(set(cues)) < len(cues):
            raise ValueError(f"one stands there twice: {', '.join(cues)}")
        return cues


class Measured(Fitting):
    """Parameters of the builder."""

    blind: Blind = Blind()
    """The blind test."""
    dependence: Dependence | None = None
    """Who tells how much the answers owe to the picture: a model that can be asked how likely a given answer is."""
    encoders: tuple[EncoderSettings, ...] = ()
    """Who measures rejected pictures against the true ones; nobody if not given."""
    accept: dict[PairMeasure, PairBounds] = {}
    """Bounds on what is measured; a pair outside them is a reject."""


_Measure = Callable[[SourceRow, Pair, Asks, Encodes], Awaitable[tuple[Judgement, ...]]]


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    steps: tuple[tuple[tuple[_Measure, ...], Accept], ...]
    """Measures that are taken together, and the bounds on them: first those that ask no model."""
    note: Mapping[str, object]


def prepare(settings: Measured, run: Run) -> ConstructEncoding:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit a judge or a verifier; a model that cannot tell how likely a given answer
            is; bounds on what nobody measures; or nothing is measured at all.
        MissingExtraError: a verifier needs a package that is not there.
    """
    measured = _measured(settings)
    if not measured:
        raise ParameterError("nothing is measured: set blind, dependence or encoders")
    check_accept(settings.accept, measured)
    if "drop_agreement" in settings.accept and len(settings.encoders) < 2:
        raise ParameterError("accept.drop_agreement: one encoder agrees with itself; give several encoders")
    accept = settings.accept
    free: Accept = {name: bounds for name, bounds in accept.items() if name in FREE}
    paid: Accept = {name: bounds for name, bounds in accept.items() if name not in {*FREE, "frequent"}}
    steps = ((_free(settings), free), (_paid(settings, run), paid))
    bench = _Bench(steps, _note(settings, run))

    async def construct(row: SourceRow, neighbours: Neighbours, asks: Asks, encodes: Encodes) -> Built:
        return await _construct(bench, row, asks, encodes)

    return construct


async def _construct(bench: _Bench, row: SourceRow, asks: Asks, encodes: Encodes) -> Built:
    made: list[Judgement] = []
    try:
        pair = pair_as_it_is(row)
        for measures, accept in bench.steps:
            found = await all_at_once(partial(measure, row, pair, asks, encodes) for measure in measures)
            made += [judgement for one in found for judgement in one]
            why = outside(accept, made)
            if why is not None:
                raise why
    except RowError as error:
        return Built(rejects=(row_reject(row, error),))
    return Built((with_note(with_measures(pair, made), bench.note),), record_id=row.record_id)


def _measured(settings: Measured) -> list[str]:
    """Return the parameters by which something is measured."""
    blind = settings.blind
    given = {
        JUDGE: blind.judge,
        ANSWERS: blind.answers,
        LENGTH: "length" in blind.text,
        FREQUENCY: "frequency" in blind.text,
        FLUENCY: blind.fluency,
        DEPENDENCE: settings.dependence,
        ENCODERS: settings.encoders,
    }
    return [place for place, one in given.items() if one]


def _free(settings: Measured) -> tuple[_Measure, ...]:
    """Return the measures that ask no model."""
    made: list[_Measure] = [_length] if "length" in settings.blind.text else []
    if settings.encoders:
        made.append(partial(_pictures, settings, names_of(settings)))
    return tuple(made)


def _paid(settings: Measured, run: Run) -> tuple[_Measure, ...]:
    """Return the measures that ask a model."""
    blind, made = settings.blind, list[_Measure]()
    if blind.judge is not None:
        made.append(_asking(prepare_judge(blind.judge, run)))
    if blind.answers is not None:
        made.append(_asking(prepare_answers(blind.answers, run)))
    if blind.fluency is not None:
        check_able(blind.fluency, FLUENCY)
        made.append(partial(_fluency, blind.fluency))
    if settings.dependence is not None:
        check_able(settings.dependence, DEPENDENCE)
        made.append(partial(_dependence, settings.dependence))
    return tuple(made)


def _asking(measure: Callable[[SourceRow, Pair, Asks], Awaitable[tuple[Judgement, ...]]]) -> _Measure:
    async def measured(row: SourceRow, pair: Pair, asks: Asks, encodes: Encodes) -> tuple[Judgement, ...]:
        return await measure(row, pair, asks)

    return measured


async def _length(row: SourceRow, pair: Pair, asks: Asks, encodes: Encodes) -> tuple[Judgement, ...]:
    return (by_length(pair),) if pair.kind != "image" else ()


async def _fluency(
    model: Model, row: SourceRow, pair: Pair, asks: Asks, encodes: Encodes
) -> tuple[Judgement, ...]:
    return await fluency_of(model, row.prompt, pair, asks) if pair.kind != "image" else ()


async def _dependence(
    settings: Dependence, row: SourceRow, pair: Pair, asks: Asks, encodes: Encodes
) -> tuple[Judgement, ...]:
    return await dependence_of(settings, row.prompt, pair, asks)


async def _pictures(
    settings: Measured, names: Mapping[str, str], row: SourceRow, pair: Pair, asks: Asks, encodes: Encodes
) -> tuple[Judgement, ...]:
    """Return what encoders say of the rejected pictures; nothing of a pair that has none."""
    text = scored_text(settings.scored, row.prompt.question, pair.chosen)
    different = negatives_in(row.prompt.images, pair.rejected_images or ())
    found = await all_at_once(
        partial(compared, image, negative, text, settings=settings, names=names, encodes=encodes)
        for image, negative in different.values()
    )
    return tuple(
        judgement
        for number, one in zip(different, found, strict=True)
        for judgement in one.judgements(f"{OWN}[{number}]")
    )


def settle(settings: Measured) -> Settle | None:
    """Return what counts how usual the answers of a shard are; None where nobody goes by that."""
    if "frequency" not in settings.blind.text:
        return None
    late: Accept = {name: bounds for name, bounds in settings.accept.items() if name == "frequent"}

    def settled(results: Sequence[Built]) -> list[Built]:
        of_text = [pair for one in results for pair in one.pairs if pair.kind != "image"]
        told = iter(by_frequency(of_text))
        return [_with_frequency(one, told, late) for one in results]

    return settled


def _with_frequency(one: Built, told: Iterator[Judgement], accept: Accept) -> Built:
    """Return what a row gave with what is told of its pair, if it gave one; a pair outside the bounds becomes a reject."""
    pairs: list[Pair] = []
    for pair in one.pairs:  # one at most
        made = [next(told)] if pair.kind != "image" else []
        why = outside(accept, made)
        if why is None or one.record_id is None:
            pairs.append(with_measures(pair, made))
            continue
        reject = Reject(one.record_id, why.reason, "row", why.field, why.message, pair.source_id)
        one = replace(one, rejects=(*one.rejects, reject))
    return replace(one, pairs=tuple(pairs))


def _note(settings: Measured, run: Run) -> Mapping[str, object]:
    """Return how pairs are measured, for their provenance."""
    blind, by = settings.blind, dict[str, object]()
    if blind.judge is not None:
        judge = judge_of(blind.judge)
        by[JUDGE] = {"model": judge.model, "kind": judge.kind, "params": judge.params}
        by |= {key: digest[:8] for key, digest in judge_marks({JUDGE: judge}).items()}
    if blind.answers is not None:
        by[ANSWERS] = blind.answers.model_dump(
            mode="json", include={"model", "n", "temperature", "top_p", "ask", "verifier", "reference"}
        )
    if blind.fluency is not None:
        by[FLUENCY] = {"model": blind.fluency.model}
    if settings.dependence is not None:
        by[DEPENDENCE] = {"model": settings.dependence.model, "without": settings.dependence.without}
    if settings.encoders:
        by[ENCODERS] = list(names_of(settings).values())
    return {"recipe": run.recipe, "pairwright": run.version, "seed": run.seed, "by": by}


def _models(settings: Measured) -> Mapping[str, Model]:
    blind = settings.blind
    given: dict[str, Model | None] = {
        JUDGE: blind.judge,
        ANSWERS: blind.answers,
        FLUENCY: blind.fluency,
        DEPENDENCE: settings.dependence,
    }
    return {place: model for place, model in given.items() if model is not None}


def _marks(settings: Measured) -> Mapping[str, str]:
    judges = {JUDGE: judge_of(settings.blind.judge)} if settings.blind.judge is not None else {}
    return {**encoder_marks(encoders_by_place(settings)), **judge_marks(judges)}


def _runs_code(settings: Measured) -> Mapping[str, str]:
    answers = settings.blind.answers
    if answers is None:
        return {}
    place = f"{ANSWERS}.verifier"
    code = code_of(answers.verifier.kind, answers.verifier.params, place)
    return {place: code} if code else {}


PART: EncodingBuilder[Any] = EncodingBuilder(
    settings=Measured,
    models=_models,
    encoders=encoders_by_place,
    prepare=prepare,
    summary="pairs that are there already, measured (blind test, image dependence, encoders) and filtered by the measures",
    source="the field's complaint that methods ignore the picture; mDPO (arXiv 2406.11839); V-DPO (2411.02712)",
    settle=settle,
    marks=_marks,
    runs_code=_runs_code,
)
