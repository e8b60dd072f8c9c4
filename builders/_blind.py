"""The blind test by models: who is shown no picture, and still finds the chosen answer, or gives the right one.

A pair that a judge decides without the picture teaches a model to answer from what is usual, not from what is there; a
question that a sampler answers without the picture does not ask for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pairwright.annotators import Case, Judge
from pairwright.builders import Asks, Run
from pairwright.builders._changed import without_images
from pairwright.builders._checking import Checker, checked_all, prepare_checker
from pairwright.builders._jury import JudgeSettings, Ruling, prepare_jury
from pairwright.builders._parts import annotator
from pairwright.builders._scoring import Scoring, scores_of
from pairwright.builders._text_pair import strength_for
from pairwright.pairings._contrasts import significant
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair
from pairwright.schemas.reasons import MAY_SUCCEED_LATER
from pairwright.schemas.request import Answer, Request, Sampling, messages_of, sampling_seed
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow

JUDGE, ANSWERS = "blind.judge", "blind.answers"
"""Where they stand in the parameters."""

DECIDED, PREFERENCE, RIGHT = "blind_decided", "blind_preference", "blind_right"
"""Aspects of what comes of it."""

Measure = Callable[[SourceRow, Pair, Asks], Awaitable[tuple[Judgement, ...]]]
"""Measures one pair. Raises RowError for a reason that may be gone at the next run: then the row is tried again."""

_QUESTION = "{question}"


class BlindJudge(JudgeSettings):
    """Who is to decide pairs without their pictures."""

    kind: str = "pairwise"
    """A judge; ``pairwright list annotators`` shows them. ``pairwise`` shows both orders, and is told by the prompt ``blind``
    that it sees no picture, unless ``params.prompt`` names another."""


class BlindChecker(Settings):
    """The verifier that says whether a blind answer is right."""

    kind: str
    """A verifier; ``pairwright list annotators`` shows them with their parameters."""
    params: dict[str, Any] = {}
    """Its parameters. Missing ones keep their defaults."""


class BlindAnswers(Model):
    """Who is to answer the question without the picture, and how."""

    verifier: BlindChecker
    """Checks the answers against the row's right answer."""
    reference: Literal["ground_truth", "chosen"] = "ground_truth"
    """Which text of the row is the right answer; a row without it has no value."""
    n: Annotated[int, Field(ge=1, le=1024)] = 8
    """Answers to each question."""
    temperature: Annotated[float, Field(ge=0, le=5)] = 1.0
    """Temperature; 0 gives one answer whatever ``n`` says."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Draw among the likeliest tokens that together have this probability."""
    max_tokens: Annotated[int, Field(ge=1)] = 1024
    """Longest answer, in tokens."""
    ask: str = _QUESTION
    """Template of the last user turn, with ``{question}`` once: what models that refuse to guess have to be told."""
    right_at: Annotated[float, Field(gt=0)] = 0.5
    """From which value of the verifier on an answer is right."""

    @model_validator(mode="after")
    def _can_be_asked(self) -> "BlindAnswers":
        if self.ask.count(_QUESTION) != 1:
            raise ValueError(f"ask must hold {_QUESTION} exactly once")
        return self


def judge_of(settings: BlindJudge) -> BlindJudge:
    """Return who judges, with the prompt that says that the picture is withheld, where none is named."""
    if settings.kind != "pairwise" or settings.params.get("prompt"):
        return settings
    return settings.model_copy(update={"params": {**settings.params, "prompt": "blind"}})


def prepare_judge(settings: BlindJudge, run: Run) -> Measure:
    """Check a blind judge once; return what has it decide a pair.

    Raises:
        ParameterError: there is no such judge, its parameters do not fit, or it would be told what the picture shows.
    """
    chosen = judge_of(settings)
    if not isinstance(annotator(chosen.kind, JUDGE), Judge):
        raise ParameterError(f"{JUDGE}.kind: {chosen.kind} checks by rule; take a judge, or {ANSWERS}")
    if chosen.params.get("look", "pictures") != "pictures":
        raise ParameterError(f"{JUDGE}.params.look: whoever reads what the picture shows is not blind")
    if chosen.params.get("reference", "none") != "none":
        raise ParameterError(f"{JUDGE}.params.reference: whoever is told the right answer is not blind")
    jury = prepare_jury({JUDGE: chosen}, "majority")

    async def measure(row: SourceRow, pair: Pair, asks: Asks) -> tuple[Judgement, ...]:
        said = partial(_judgements, chosen.model or chosen.kind)
        if pair.chosen == pair.rejected:
            return said(0.0, "both sides have the same text: nothing but their pictures tells them apart")
        try:
            prompt = without_images(row.prompt)
            two = (Candidate(pair.chosen), Candidate(pair.rejected))
            ruling = await jury.rule(Case(row.record_id, run.seed, prompt, two), asks)
        except RowError as error:
            return said(None, lasting(error).message)
        return said(*_preference(ruling))

    return measure


def prepare_answers(settings: BlindAnswers, run: Run) -> Measure:
    """Check blind answers once; return what has a question answered without its picture.

    Raises:
        ParameterError: there is no such verifier, or its parameters do not fit.
        MissingExtraError: the verifier needs a package that is not there.
    """
    verifier = settings.verifier
    checker = prepare_checker(verifier.kind, verifier.params, f"{ANSWERS}.verifier")

    async def measure(row: SourceRow, pair: Pair, asks: Asks) -> tuple[Judgement, ...]:
        said = partial(_right, settings.model or "unknown")
        reference = row.ground_truth if settings.reference == "ground_truth" else row.chosen
        if reference is None:
            return said(None, "the row has no right answer to check against")
        try:
            answers = await asks[ANSWERS](_request(settings, row, run))
        except RowError as error:
            return said(None, lasting(error).message)
        case = Case(
            row.record_id, run.seed, row.prompt, tuple(Candidate(one.text) for one in answers), reference
        )
        return said(*await asyncio.to_thread(_share, settings, checker, case, answers))

    return measure


def _request(settings: BlindAnswers, row: SourceRow, run: Run) -> Request:
    bare = without_images(row.prompt)
    asked = replace(bare, question=settings.ask.replace(_QUESTION, bare.question))
    sampling = Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_tokens,
        seed=sampling_seed(run.seed, row.record_id, ANSWERS),
    )
    return Request(messages_of(asked), sampling, n=settings.n if settings.temperature else 1)


def _share(
    settings: BlindAnswers, checker: Checker, case: Case, answers: Sequence[Answer]
) -> tuple[float | None, str]:
    """Return the share of right answers; one that was cut or cannot be read is none. None where the row cannot be checked."""
    found = checked_all(checker, case)
    unsound = next((one for one in found if one.reason == "no_ground_truth"), None)
    if unsound is not None:
        return None, unsound.message
    right = [
        answer.finish == "stop" and one.value is not None and one.value >= settings.right_at
        for answer, one in zip(answers, found, strict=True)
    ]
    said = dict.fromkeys(one.answer or "(none)" for one in found)
    shown = ", ".join(list(said)[:5])
    return sum(right) / len(right), f"{sum(right)} of {len(right)} right; said: {shown}"


def _preference(ruling: Ruling) -> tuple[float | None, str]:
    """Return by how much a ruling on (chosen, rejected) is for the chosen answer, and why; None where it is for neither."""
    verdict = ruling.verdict
    if verdict.comparisons:
        word = verdict.comparisons[0]
        return strength_for(word, 0), word.rationale or ""
    for failure in verdict.failures:
        return None, failure.message
    better, worse = scores_of(verdict.ratings or ((), ()), Scoring(), JUDGE)
    if better is None or worse is None:
        return None, "there is no score for both answers"
    return significant(better - worse), f"{better:g} for the chosen and {worse:g} for the rejected answer"


def _judgements(scorer: str, preference: float | None, why: str) -> tuple[Judgement, ...]:
    decided = None if preference is None else float(preference > 0)
    return (
        Judgement("pair", scorer, DECIDED, decided, 0.0, 1.0, why or None),
        Judgement("pair", scorer, PREFERENCE, preference),
    )


def _right(scorer: str, share: float | None, why: str) -> tuple[Judgement, ...]:
    return (Judgement("pair", scorer, RIGHT, share, 0.0, 1.0, why),)


def lasting(error: RowError) -> RowError:
    """Return an error that would be the same at the next run; raise any other."""
    if error.reason in MAY_SUCCEED_LATER:
        raise error
    return error
