"""Answers ranked sentence by sentence: how well each sentence fits the picture, and how likely the model found it.

Steps: have the pictures encoded, let answers grow sentence by sentence (or have them written whole), have every sentence
encoded, rank each among its siblings, fuse the ranks, and set the answer of the best mean over that of the worst. No model
judges: the answers correct their own writer.

``search: tree`` needs a model that can be given the beginning of its answer and tells log-probabilities. ``search: whole``
needs neither where ``logprob_weight`` is 0: sentences of all answers to a prompt are then ranked among each other.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from pairwright.annotators._encoding import encoder_marks
from pairwright.builders import Asks, Built, ConstructEncoding, Encodes, EncodingBuilder, Neighbours, Run
from pairwright.builders._candidates import Line, candidate_rejects, in_line
from pairwright.builders._encoded import Encoders, Seen, encoders_by_place, names_of, seen_by, why_unscored
from pairwright.builders._fitting import check_by_scores, check_sides
from pairwright.builders._growing import Grow, Tree, prepare_growing, untold
from pairwright.builders._guarding import (
    Guarded,
    guard_codes,
    guard_marks,
    guard_models,
    prepare_guards,
    settle_guarded,
)
from pairwright.builders._looking import LookAt, LookedAt, Looking, prepare_looking
from pairwright.builders._pairer import Pairer
from pairwright.builders._sentence_ranks import SCORER, Fusion, Step, fits_of, fused, mean_logprobs, scored
from pairwright.builders._shown import Shown, case_of
from pairwright.builders._text_pair import Judged, Making, row_reject
from pairwright.builders._told import told_of
from pairwright.builders._writers import Write, Written, Wrote, prepare_tasks, prepare_writers, writer_models
from pairwright.correctors._sentences import sentences
from pairwright.pairings._forming import PairingSettings
from pairwright.pairings._forming import prepare as prepare_forming
from pairwright.samplers import Model, check_continuing, check_logprobs
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ModelError, ParameterError, RowError
from pairwright.schemas.reject import Reject
from pairwright.schemas.request import Token
from pairwright.schemas.source_row import SourceRow


class SentenceTree(Written, Encoders, Looking, Shown, Guarded):
    """Parameters of the builder."""

    search: Literal["tree", "whole"] = "tree"
    """``tree``: answers grow, and every sampler's ``n`` and ``max_tokens`` are those of one sentence. ``whole``: they are
    written as a whole and split."""
    tree: Tree = Tree()
    """How they grow."""
    logprob_weight: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the language model's rank in that of a sentence, against the encoders'. At 0 nobody needs to tell
    log-probabilities, unless answers grow."""
    over_context: Literal["drop", "keep"] = "drop"
    """What becomes of an answer with a sentence that is longer than an encoder reads (77 tokens of most): left out, or that
    sentence scored by its beginning."""
    pairing: PairingSettings = PairingSettings()
    """How pairs are formed."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A row's answers, before anything is ranked."""

    line: Line
    steps: tuple[tuple[Step, ...], ...]
    """The sentences of each answer that is ranked: the first ones of the line."""
    groups: tuple[tuple[Step, ...], ...]
    """Those that are ranked among each other."""
    rejects: tuple[Reject, ...]


_Answers = Callable[[SourceRow, Asks], Awaitable[_Told]]
"""Has answers to a row written. Raises RowError ``call_failed`` where some did not come, and may later."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: SentenceTree
    run: Run
    fusion: Fusion
    answers: _Answers
    look: LookAt
    pairer: Pairer[Comparison]


def prepare(settings: SentenceTree, run: Run) -> ConstructEncoding:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not go together, or do not fit an encoder, a pairing rule, a guard or a
            perturbation; a model of which is known that it cannot continue an answer, or tells no log-probabilities.
        UnknownPartError: a perturbation that does not exist.
    """
    try:
        form = prepare_forming(settings.pairing, run.round)
    except ParameterError as error:
        raise ParameterError(f"pairing.{error}") from error
    fusion = Fusion(names_of(settings), settings.logprob_weight, settings.over_context == "drop")
    check_by_scores(settings.pairing)
    check_sides(settings.pairing, [one.side for one in settings.samplers])
    bench = _Bench(
        settings,
        run,
        fusion,
        _answers(settings, run),
        prepare_looking(settings),
        Pairer(Making("sentence_tree", settings.pairing.rule, run), form, prepare_guards(settings)),
    )

    async def construct(row: SourceRow, neighbours: Neighbours, asks: Asks, encodes: Encodes) -> Built:
        try:
            bench.pairer.guarding.check(case_of(settings, row, run))
            looked = await bench.look(row)  # told before anything is paid for
            seen = await seen_by(row, encodes)
            told = await bench.answers(looked.row, asks)
        except RowError as error:
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        return await _ranked(bench, looked, told, seen=seen, asks=asks, encodes=encodes)

    return construct


def _answers(settings: SentenceTree, run: Run) -> _Answers:
    """Check the samplers once, and what is known of their models; return what has answers written."""
    grows = settings.search == "tree"
    told = grows or settings.logprob_weight > 0
    if grows:
        _check_tree(settings)
    for place, model in writer_models(settings).items():
        if model.model is not None:  # a packaged recipe names none
            _check_model(place, model, continued=grows, logprobs=told)
    if told:
        settings = _asking_logprobs(settings)
    if not grows:
        # How likely answers of earlier rounds are to this round's model, nobody knows.
        latest = run.round if told or settings.pairing.rounds == "latest" else None
        return partial(_whole, settings, prepare_writers(settings, run), told, latest)
    grow = prepare_growing(settings.tree, prepare_tasks(settings, run), run)
    return partial(_grown, settings, grow, run.round)


def _check_tree(settings: SentenceTree) -> None:
    if not settings.samplers:
        raise ParameterError(
            "samplers: answers grow, so somebody has to write; name one, or set search: whole"
        )
    for number, one in enumerate(settings.samplers):
        place = f"samplers.{number}"
        if one.n < 2 or 0 in one.temperatures:
            raise ParameterError(
                f"{place}.n: a tree branches where several sentences are drawn; set n to 2 or more, and no temperature of 0"
            )


def _check_model(place: str, model: Model, *, continued: bool, logprobs: bool) -> None:
    """Raise ParameterError for what a model is known to be unable to do."""
    try:
        if continued:
            check_continuing(model)
    except ParameterError as error:
        raise ParameterError(f"{place}.{error}, or set search: whole") from error
    try:
        if logprobs:
            check_logprobs(model)
    except ParameterError as error:
        advice = "set search: whole and logprob_weight: 0" if continued else "set logprob_weight: 0"
        raise ParameterError(f"{place}.{error}; {advice}") from error


def _asking_logprobs(settings: SentenceTree) -> SentenceTree:
    """Return the settings with samplers that ask for log-probabilities, without alternatives if none are named.

    Raises:
        ParameterError: an answer's beginning is given, of which nobody tells how likely it is.
    """
    for number, one in enumerate(settings.samplers):
        if one.prefill:
            told = "nobody tells how likely a given beginning is"
            raise ParameterError(f"samplers.{number}.prefill: {told}; leave it out")
    asking = (
        one if one.logprobs is not None else one.model_copy(update={"logprobs": 0})
        for one in settings.samplers
    )
    return settings.model_copy(update={"samplers": tuple(asking)})


async def _grown(settings: SentenceTree, grow: Grow, latest: int, row: SourceRow, asks: Asks) -> _Told:
    grown = await grow(row, asks)
    line = in_line(row, written=grown.candidates, truncated=settings.truncated, latest=latest)
    steps = [grown.steps.get(_place(one)) or _split(one, ()) for one in line.candidates[: line.different]]
    return _Told(line, tuple(steps), grown.groups, grown.rejects)


async def _whole(
    settings: SentenceTree, write: Write, told: bool, latest: int | None, row: SourceRow, asks: Asks
) -> _Told:
    wrote = await write(row, asks)
    if lost := wrote.lost():
        raise lost
    if told:
        _check_told(wrote)
    line = in_line(row, written=wrote.candidates, truncated=settings.truncated, latest=latest)
    running = line.candidates[: line.different]
    steps = [_split(one, wrote.tokens.get(_place(one), ())) for one in running]
    group = [step for path in steps for step in path if not told or step.logprob is not None]
    return _Told(line, tuple(steps), (tuple(group),), wrote.rejects)


def _check_told(wrote: Wrote) -> None:
    """Raise ModelError where a model told no log-probabilities of what it wrote."""
    for one in wrote.candidates:
        if one.text.strip() and one.finish not in ("filtered", "aborted") and _place(one) not in wrote.tokens:
            raise ModelError(untold(str(told_of(one)["sampler"])))


def _place(candidate: Candidate) -> tuple[str, int]:
    return candidate.request or "", candidate.sample or 0


def _split(candidate: Candidate, tokens: Sequence[Token]) -> tuple[Step, ...]:
    """Return the sentences of a whole answer."""
    spans = sentences(candidate.text)
    found = mean_logprobs(tokens, candidate.text, [end for _, end in spans])
    return tuple(
        Step(candidate.text[start:end], value) for (start, end), value in zip(spans, found, strict=True)
    )


async def _ranked(
    bench: _Bench, looked: LookedAt, told: _Told, *, seen: Seen, asks: Asks, encodes: Encodes
) -> Built:
    """Return what a row gave, of answers that are written."""
    steps = [step for group in (*told.steps, *told.groups) for step in group]
    fits = await fits_of(steps, seen=seen, encodes=encodes)
    by_step = fused(bench.fusion, told.groups, fits)
    line = told.line
    running, aside = line.candidates[: line.different], line.candidates[line.different : line.usable]
    found = scored(bench.fusion, running, told.steps, by_step=by_step, fits=fits)
    row = looked.row
    judged = Judged(
        row,
        line,
        (*found.candidates, *(replace(one, score=None) for one in aside)),
        line.comparisons,
        _judged_by(bench.settings, bench.fusion),
        found.agreement,
        of_images=looked.judgements,
    )
    return await bench.pairer.pairs(
        judged,
        line.comparisons,
        case=case_of(bench.settings, row, bench.run),
        asks=asks,
        rejects=[*told.rejects, *line.rejects, *candidate_rejects(row, found.faults)],
        why_none=why_unscored(line, told.rejects, found),
    )


def _judged_by(settings: SentenceTree, fusion: Fusion) -> tuple[Mapping[str, str], ...]:
    """Return who ranked, for provenance."""
    chosen = encoders_by_place(settings)
    by_encoders = [
        {"name": name, "kind": chosen[place].kind, "per": "sentence"} for place, name in fusion.names.items()
    ]
    how = {"name": SCORER, "search": settings.search, "logprob_weight": f"{settings.logprob_weight:g}"}
    return (*by_encoders, how)


def _models(settings: SentenceTree) -> Mapping[str, Model]:
    return {**writer_models(settings), **guard_models(settings)}


def _marks(settings: SentenceTree) -> Mapping[str, str]:
    return {**encoder_marks(encoders_by_place(settings)), **guard_marks(settings)}


PART = EncodingBuilder(
    settings=SentenceTree,
    models=_models,
    encoders=encoders_by_place,
    prepare=prepare,
    summary="answers grown sentence by sentence, ranked by how well each fits the picture and how likely it was",
    source="CSR (arXiv 2405.14622)",
    settle=settle_guarded,
    marks=_marks,
    runs_code=guard_codes,
)
