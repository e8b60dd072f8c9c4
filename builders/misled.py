"""Misleading questions: about what is not there, or with features that are not so; the correction stands over a yes-man.

Steps: a text model writes questions from what a text says of the pictures, each with a correction; answers that go along with
the false premise are written, by samplers or by the questioner itself; those that dispute it after all are set aside; each
question is a prompt of its own. Plain questions may be asked besides: the true answer stands over itself with errors put in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pairwright.annotators import Case
from pairwright.annotators._questions import (
    Kind,
    Posed,
    Question,
    Questioning,
    prepare_questioner,
    questioner_marks,
)
from pairwright.annotators._questions import Questioner as Poser
from pairwright.builders import Asks, Built, ConstructAsking, ModelBuilder, Run
from pairwright.builders._at_once import at_once
from pairwright.builders._by_sides import BySides, check_writers, prepare_by_sides
from pairwright.builders._correcting import CorrectorSettings, corrector_marks, prepare_corrector
from pairwright.builders._derived import derived, together
from pairwright.builders._guarding import (
    Guarded,
    guard_codes,
    guard_marks,
    guard_models,
    prepare_guards,
    settle_guarded,
)
from pairwright.builders._misleading import INJECT, QUESTIONER, Asked, Bench, answered
from pairwright.builders._pairer import Pairer
from pairwright.builders._parts import prepared
from pairwright.builders._rewriting import Rewriter
from pairwright.builders._roles import played
from pairwright.builders._text_pair import Making, row_reject
from pairwright.builders._writers import Written, prepare_writers, writer_models
from pairwright.correctors import Task
from pairwright.samplers import Model, model_id
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.special_tokens import special_token


class Questioner(Model):
    """Who writes the questions. Without ``model`` it is the first sampler's model."""

    params: Questioning = Questioning()
    """How it is asked."""


class Counts(Settings):
    """How many questions of each kind."""

    invented: Annotated[int, Field(ge=0, le=50)] = 3
    """About things, activities, features and interactions that are not there."""
    wrong_attribute: Annotated[int, Field(ge=0, le=50)] = 3
    """About what is there, with features that it does not have."""
    plain: Annotated[int, Field(ge=0, le=50)] = 0
    """Without a false premise."""

    @model_validator(mode="after")
    def _asks_something(self) -> "Counts":
        if not self.wanted():
            raise ValueError("every kind has 0 questions; ask for at least one")
        return self

    def wanted(self) -> dict[Kind, int]:
        """Return the number of questions by kind, without the kinds of which there are none."""
        everyone: dict[Kind, int] = {
            "invented": self.invented,
            "wrong_attribute": self.wrong_attribute,
            "plain": self.plain,
        }
        return {kind: count for kind, count in everyone.items() if count}


class MisleadingQuestions(Written, Guarded):
    """Parameters of the builder."""

    questioner: Questioner = Questioner()
    """Who writes questions and right answers, from the evidence alone."""
    questions: Counts = Counts()
    """How many questions of a row."""
    yes_man: Literal["sampled", "written"] = "sampled"
    """Who answers as if a false premise were true: the ``samplers``, or the questioner (``written``)."""
    evidence: Literal["evidence", "ground_truth", "chosen"] = "evidence"
    """Which text of the row tells what the pictures show."""
    inject: CorrectorSettings | None = None
    """Who puts errors into the answers to ``plain`` questions."""
    pairing: BySides = BySides()
    """How pairs are formed."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: MisleadingQuestions
    run: Run
    poser: Poser
    single: Bench
    """For each question."""


def prepare(settings: MisleadingQuestions, run: Run) -> ConstructAsking:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: blocks that do not fit each other; parameters that do not fit the questioner, a corrector, a guard,
            a judge, the pairing rule or a perturbation.
        UnknownPartError: a perturbation that does not exist.
        MissingExtraError: the second opinion needs a package that is not there.
    """
    _check_fit(settings)
    wanted = settings.questions.wanted()
    pose = partial(
        prepare_questioner, settings.questioner.params, wanted, yes_man=settings.yes_man == "written"
    )
    poser = prepared(pose, QUESTIONER)
    making = Making("misled", settings.pairing.rule, run)
    single = Bench(
        mark=poser.mark,
        identity=cache(partial(model_id, _questioner(settings))),
        write=prepare_writers(settings, run),
        truncated=settings.truncated,
        rewriter=_rewriter(settings),
        pairer=Pairer(making, prepare_by_sides(settings.pairing, run.round), prepare_guards(settings)),
    )
    bench = _Bench(settings, run, poser, single)

    async def construct(row: SourceRow, asks: Asks) -> Built:
        try:
            case = _checked_case(bench, row)
        except RowError as error:  # told before anything is paid for
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        return await _construct(bench, row, case, asks)

    return construct


async def _construct(bench: _Bench, row: SourceRow, case: Case, asks: Asks) -> Built:
    kinds = bench.settings.questions.wanted()
    posed = await at_once(partial(bench.poser.pose, case, kind, asks[QUESTIONER]) for kind in kinds)
    asked, faults = _prompts(bench, row, posed)
    if any(
        one.reason == "call_failed" for one in faults
    ):  # nobody answers what would have another number next time
        return together(row, (), faults)
    built = await at_once(partial(answered, bench.single, one, case, asks) for one in asked)
    made: list[tuple[SourceRow, Built]] = []
    for one, outcome in zip(asked, built, strict=True):
        if isinstance(outcome, RowError):
            told = f"{one.question.text!r}: {outcome.message}"
            faults.append(RowError(outcome.reason, outcome.field, told))
        else:
            made.append((one.prompt, outcome))
    return together(row, made, faults)


def _prompts(
    bench: _Bench, row: SourceRow, posed: Sequence[Posed | RowError]
) -> tuple[list[Asked], list[RowError]]:
    """Return the prompts that questions make, numbered in order, and what is wrong with the others."""
    asked: list[Asked] = []
    faults: list[RowError] = []
    seen: set[str] = set()
    evidence = _evidence(bench.settings, row)
    for one in posed:
        if isinstance(one, RowError):
            faults.append(RowError(one.reason, QUESTIONER, one.message))
            continue
        faults += [RowError("bad_question", QUESTIONER, told) for told in one.faults]
        for question in one.questions:
            told = _fault(question, seen)
            seen.add(_plain(question.text))
            if told is not None:
                faults.append(RowError("bad_question", QUESTIONER, f"{told}: {question.text!r}"))
                continue
            prompt = derived(row, len(asked) + 1, question.text, evidence=evidence)
            asked.append(Asked(prompt, question, one))
    return asked, faults


def _fault(question: Question, seen: set[str]) -> str | None:
    """Return what is wrong with a question, all earlier ones of its row being ``seen``."""
    token = special_token(question.text)
    if token is not None:
        return f"the question holds {token}"
    return "the question was asked before" if _plain(question.text) in seen else None


def _plain(question: str) -> str:
    return " ".join(question.casefold().split())


def _checked_case(bench: _Bench, row: SourceRow) -> Case:
    """Return the case of a row, without a question of its own.

    Raises:
        RowError: ``no_image`` or ``no_evidence``; or what a guard's judge or the corrector lacks.
    """
    if not row.prompt.images:
        raise RowError("no_image", "images", "the questions are about pictures, and the row has none")
    evidence = _evidence(bench.settings, row)
    if not evidence:
        where = bench.settings.evidence
        told = "the questions are made of a text that tells what the pictures show, and the row has none"
        raise RowError("no_evidence", where, f"{told}; name its column (source.columns.{where})")
    case = Case(
        row.record_id, bench.run.seed, Prompt(row.prompt.question, row.prompt.images), (), None, evidence
    )
    bench.single.pairer.guarding.check(case)
    if bench.single.rewriter is not None:
        bench.single.rewriter.desk.check(
            Task(row.record_id, case.seed, INJECT, row.prompt, "", "-", evidence)
        )
    return case


def _evidence(settings: MisleadingQuestions, row: SourceRow) -> str | None:
    return {"evidence": row.evidence, "ground_truth": row.ground_truth, "chosen": row.chosen}[
        settings.evidence
    ]


def _check_fit(settings: MisleadingQuestions) -> None:
    """Raise ParameterError where a block is missing that questions need, or one is there that none does."""
    counts, sampled = settings.questions, settings.yes_man == "sampled"
    misleading = counts.invented + counts.wrong_attribute > 0
    if sampled and misleading and not settings.samplers:
        raise ParameterError(
            "samplers: yes_man: sampled has them answer, and there is none; or set yes_man: written"
        )
    if settings.samplers and not (sampled and misleading):
        why = "yes_man: written" if misleading else "no misleading question"
        raise ParameterError(f"samplers: {why} leaves them nothing to answer; leave them out (samplers: [])")
    if counts.plain and settings.inject is None:
        raise ParameterError("inject: the answers to plain questions need a corrector that puts errors in")
    if settings.inject is not None and not counts.plain:
        raise ParameterError(
            "inject: questions.plain is 0, so there is nothing to put errors into; leave it out"
        )
    check_writers(settings.samplers, ("any", "rejected"), "a yes-man's answer stands on the rejected side")


def _questioner(settings: MisleadingQuestions) -> Questioner:
    return played(settings.questioner, settings.samplers, QUESTIONER)


def _injector(settings: MisleadingQuestions, inject: CorrectorSettings) -> CorrectorSettings:
    return played(inject, settings.samplers or (settings.questioner,), INJECT)


def _rewriter(settings: MisleadingQuestions) -> Rewriter | None:
    if settings.inject is None:
        return None
    inject = _injector(settings, settings.inject)
    return Rewriter(INJECT, prepare_corrector(inject, INJECT, ("worse",)), inject.model)


def _models(settings: MisleadingQuestions) -> Mapping[str, Model]:
    inject = {INJECT: _injector(settings, settings.inject)} if settings.inject else {}
    return {QUESTIONER: _questioner(settings), **writer_models(settings), **inject, **guard_models(settings)}


def _marks(settings: MisleadingQuestions) -> Mapping[str, str]:
    own = {
        f"{QUESTIONER}.params.{key}": mark
        for key, mark in questioner_marks(settings.questioner.params).items()
    }
    inject = corrector_marks(settings.inject, INJECT) if settings.inject else {}
    return {**own, **inject, **guard_marks(settings)}


PART = ModelBuilder(
    settings=MisleadingQuestions,
    models=_models,
    prepare=prepare,
    summary="questions with a false premise, written from a text: the correction over an answer that goes along",
    source="LRV-Instruction (arXiv 2306.14565), whose data are made for fine-tuning",
    settle=settle_guarded,
    marks=_marks,
    runs_code=guard_codes,
)
