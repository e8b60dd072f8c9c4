"""Judges at work: one or several, each a model or a verifier, and one verdict of all."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pairwright.annotators import Case, Judge, Verdict, Verifier
from pairwright.annotators._judging import Judging, check_case
from pairwright.annotators._votes import Agreement, Rule, panel_name, panel_of
from pairwright.builders import Asks
from pairwright.builders._at_once import at_once
from pairwright.builders._checking import Checker, checked_all, checker_of, verdict_of
from pairwright.builders._parts import annotator, prepared, settings_of
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.claim import Claim
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.judgement import Judgement


class JudgeSettings(Model):
    """Who judges, and how. A verifier asks no model, so it needs none."""

    kind: str
    """A judge or a verifier; ``pairwright list annotators`` shows them with their parameters."""
    params: dict[str, Any] = {}
    """Its parameters. Missing ones keep their defaults."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What all judges together say of the candidates of a case."""

    verdict: Verdict
    """What counts: the word of the only judge, or that of the panel."""
    judged_by: tuple[Mapping[str, str], ...]
    """Name, kind and prompt of each judge."""
    own: tuple[Verdict, ...] = ()
    """What each judge says, where there are several."""
    agreement: Agreement | None = None
    """How far they agree, where there are several."""

    def judgements(self, number: int) -> tuple[Judgement, ...]:
        """Return all that was said of a candidate alone, first what counts."""
        everyone = (self.verdict, *self.own)
        return tuple(one for said in everyone for rated in said.ratings[number : number + 1] for one in rated)

    def claims(self, number: int) -> tuple[Claim, ...]:
        """Return the statements of a candidate, where a judge took it apart."""
        return next(iter(self.verdict.claims[number : number + 1]), ())

    def comparisons(self) -> tuple[Comparison, ...]:
        """Return all that was said of two candidates side by side, first what counts."""
        return tuple(one for said in (self.verdict, *self.own) for one in said.comparisons)


@dataclass(frozen=True, slots=True)
class Jury:
    """All judges of a recipe, checked."""

    check: Callable[[Case], None]
    """Raises RowError where a row lacks what a judge goes by; called before anything is asked."""
    rule: Callable[[Case, Asks], Awaitable[Ruling]]
    """Judges a case, all judges at the same time. Raises RowError where one of them cannot be asked."""


@dataclass(frozen=True, slots=True)
class _Seat:
    name: str
    """``scorer`` of all it says."""
    kind: str
    check: Callable[[Case], None]
    decide: Callable[[Case, Asks], Awaitable[Verdict]]


def prepare_jury(judges: Mapping[str, JudgeSettings], vote: Rule) -> Jury:
    """Check the judges once.

    Args:
        judges: by where they stand in the parameters.
        vote: how many of several must say the same.

    Raises:
        ParameterError: there is no such judge, or its parameters do not fit.
        MissingExtraError: a verifier needs a package that is not there.
    """
    names = _names(judges)
    seats = [_seat(place, settings, names[place]) for place, settings in judges.items()]

    def check(case: Case) -> None:
        for seat in seats:
            seat.check(case)

    async def rule(case: Case, asks: Asks) -> Ruling:
        verdicts = []
        for outcome in await at_once(partial(seat.decide, case, asks) for seat in seats):
            if isinstance(outcome, RowError):
                raise outcome  # the others' verdict would be another one when the row is tried again
            verdicts.append(outcome)
        told = tuple(_told(seat, verdict) for seat, verdict in zip(seats, verdicts, strict=True))
        if len(verdicts) == 1:
            return Ruling(verdicts[0], told)
        panel = panel_of(verdicts, scorer=panel_name([seat.name for seat in seats]), rule=vote)
        return Ruling(panel.verdict, told, tuple(verdicts), panel.agreement)

    return Jury(check, rule)


def judge_models(judges: Mapping[str, JudgeSettings]) -> dict[str, Model]:
    """Return the models among the judges, by where they stand in the parameters."""
    return {
        place: settings
        for place, settings in judges.items()
        if not isinstance(annotator(settings.kind, place), Verifier)
    }


def judge_marks(judges: Mapping[str, JudgeSettings]) -> dict[str, str]:
    """Return the SHA-256 of each file that decides what the judges say, by the key that names it.

    Raises:
        ParameterError: such a file cannot be read.
    """
    marks: dict[str, str] = {}
    for place, settings in judges.items():
        part = annotator(settings.kind, place)
        if isinstance(part, Judge) and part.marks:
            parsed = settings_of(part, settings.params, settings.kind, place)
            found = prepared(partial(part.marks, parsed), place)
            marks |= {f"{place}.params.{key}": digest for key, digest in found.items()}
    return marks


def _told(seat: _Seat, verdict: Verdict) -> dict[str, str]:
    told = {"name": seat.name, "kind": seat.kind}
    return told | {"prompt": verdict.prompt} if verdict.prompt else told


def _names(judges: Mapping[str, JudgeSettings]) -> dict[str, str]:
    """Return what each judge is called: its model, or its kind; with its place where two would be called the same."""
    plain = {place: settings.model or settings.kind for place, settings in judges.items()}
    said = list(plain.values())
    return {place: name if said.count(name) == 1 else f"{name} ({place})" for place, name in plain.items()}


def _check_reference(part: Verifier[Any], checker: Checker, case: Case) -> None:
    """Raise RowError where a verifier needs a right answer and the row has none: it says so of any text, of none too."""
    if case.reference is not None or part.runs_code is not None:
        return
    (found,) = checked_all(checker, replace(case, candidates=(Candidate(""),)))
    if found.reason == "no_ground_truth":
        raise RowError("no_ground_truth", "ground_truth", f"{checker.kind}: {found.message}")


def _seat(place: str, settings: JudgeSettings, name: str) -> _Seat:
    part = annotator(settings.kind, place)
    if isinstance(part, Verifier):
        if settings.model is not None:
            raise ParameterError(f"{place}.model: {settings.kind} asks no model")
        checker = replace(checker_of(part, settings.params, settings.kind, place), kind=name)

        async def verify(case: Case, asks: Asks) -> Verdict:
            return verdict_of(checker, await asyncio.to_thread(checked_all, checker, case))

        return _Seat(name, settings.kind, partial(_check_reference, part, checker), verify)
    parsed = settings_of(part, settings.params, settings.kind, place)
    decide = prepared(partial(part.prepare, parsed, name), place)

    def check(case: Case) -> None:
        if isinstance(parsed, Judging):
            check_case(parsed, case)

    async def judge(case: Case, asks: Asks) -> Verdict:
        return await decide(case, asks[place])

    return _Seat(name, settings.kind, check, judge)
