"""Verified answers: models write candidates, a rule checks their final answers, right ones stand over wrong ones.

Steps: have candidates written, set aside what can be on no side of a pair, take out and check the final answers, form
pairs. Prompts of which every answer is right, or every one wrong, give no pair; the second are the hard set of
MMPR, and stand in the config ``candidates`` with all that was written.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from pairwright.annotators import Case, Checked
from pairwright.builders import Asks, Built, ConstructAsking, ModelBuilder, Run
from pairwright.builders._candidates import Line, candidate_reject, gold_for, in_line, why_too_few
from pairwright.builders._checking import Checker, checked_all, prepare_checker
from pairwright.builders._fitting import check_rule, check_sides, giving_of
from pairwright.builders._guarding import (
    Guarded,
    Guarding,
    guard_codes,
    guard_marks,
    guard_models,
    guarded,
    prepare_guards,
    settle_guarded,
)
from pairwright.builders._parts import codes_of
from pairwright.builders._text_pair import Group, Judged, Making, row_reject
from pairwright.builders._writers import Write, Written, prepare_writers, writer_models
from pairwright.pairings._forming import Formed, FormPairs, PairingSettings
from pairwright.pairings._forming import prepare as prepare_forming
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.reject import Reject
from pairwright.schemas.seeds import generator
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow

FORMAT_TAG = "format"
"""Tag of pairs whose rejected answer has no final answer that could be read."""


class VerifierChoice(Settings):
    """One verifier, and for which rows."""

    kind: str
    """A verifier; ``pairwright list annotators`` shows them with their parameters."""
    params: dict[str, Any] = {}
    """Its parameters. Missing ones keep their defaults."""
    tag: str | None = None
    """Only for rows that have this tag; for all rows if not given. The first verifier that fits a row checks it."""


class RightOverWrong(PairingSettings):
    """How pairs are formed, with the defaults of this builder."""

    rule: str = "product"
    """Which answers make a pair; ``pairwright list pairings`` shows the rules."""
    per_prompt: Annotated[int, Field(ge=1)] | None = 15
    """Most pairs of one prompt; ``null`` for all."""


class VerifiedAnswers(Written, Guarded):
    """Parameters of the builder."""

    verifiers: Annotated[tuple[VerifierChoice, ...], Field(min_length=1)]
    """Who checks the answers."""
    reference: Literal["ground_truth", "chosen", "none"] = "ground_truth"
    """Which text of the row is the right answer. ``none`` for verifiers that need none."""
    gold: Literal["none", "chosen"] = "none"
    """``chosen``: the row's own answer stands on the chosen side, and written ones on the rejected side only."""
    right_at: Annotated[float, Field(gt=0)] = 0.5
    """Answers of this value or more are right; the cut of the rule ``product`` where that does not set its own."""
    unparsable: Literal["reject", "wrong", "pair"] = "reject"
    """Answers without a final answer: left out; counted as wrong; or each the rejected side of pairs of their own, with
    the tag ``format``."""
    pairing: RightOverWrong = RightOverWrong()
    """How pairs are formed."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: VerifiedAnswers
    run: Run
    write: Write
    checkers: tuple[tuple[str | None, Checker], ...]
    """Tag and verifier."""
    form: FormPairs
    guarding: Guarding

    def checker_for(self, row: SourceRow) -> Checker:
        """Return the verifier of a row; raises RowError where there is none."""
        for tag, checker in self.checkers:
            if tag is None or tag in row.tags:
                return checker
        known = ", ".join(str(tag) for tag, _ in self.checkers)
        raise RowError(
            "bad_value", "tags", f"no verifier for a row tagged {list(row.tags)}; there are some for {known}"
        )


def prepare(settings: VerifiedAnswers, run: Run) -> ConstructAsking:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit a verifier, a pairing rule or a perturbation.
        UnknownPartError: a perturbation that does not exist.
        MissingExtraError: a verifier needs a package that is not there.
    """
    checkers = tuple(
        (one.tag, prepare_checker(one.kind, one.params, f"verifiers.{number}"))
        for number, one in enumerate(settings.verifiers)
    )
    for one in checkers:
        if settings.gold == "chosen" and one[1].high is None:
            raise ParameterError(
                f"gold: {one[1].kind} has no highest value, which the row's own answer would be given"
            )
    try:
        form = prepare_forming(_pairing(settings), run.round)
    except ParameterError as error:
        raise ParameterError(f"pairing.{error}") from error
    _check_fit(settings)
    write, guarding = prepare_writers(settings, run), prepare_guards(settings)
    bench = _Bench(settings, run, write, checkers, form, guarding)

    async def construct(row: SourceRow, asks: Asks) -> Built:
        try:
            gold = (gold_for(row, "chosen"),) if settings.gold == "chosen" else ()
            checker, reference = bench.checker_for(row), _reference(settings, row)
            case = Case(row.record_id, run.seed, row.prompt, (), reference, row.evidence)
            guarding.check(case)
        except RowError as error:  # told before anything is paid for
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        wrote = await bench.write(row, asks)
        if gold:
            row = replace(row, candidates=tuple(replace(one, side="rejected") for one in row.candidates))
        line = in_line(
            row,
            gold=gold,
            written=[replace(one, side="rejected") if gold else one for one in wrote.candidates],
            truncated=settings.truncated,
        )
        # Checking takes long, and other rows' answers arrive meanwhile.
        came = await asyncio.to_thread(_verified, bench, row, line, wrote.rejects, checker=checker, case=case)
        return await guarded(
            guarding,
            Making("verified", settings.pairing.rule, run),
            came.judged,
            came.groups,
            case=case,
            asks=asks,
            rejects=came.rejects,
            why_none=came.why_none,
        )

    return construct


def _pairing(settings: VerifiedAnswers) -> PairingSettings:
    """Return the pairing settings, with ``right_at`` as the cut of ``product``."""
    pairing = settings.pairing
    if pairing.rule != "product" or "cut" in pairing.params:
        return pairing
    return pairing.model_copy(update={"params": {**pairing.params, "cut": settings.right_at}})


def _check_fit(settings: VerifiedAnswers) -> None:
    """Raise ParameterError where the rule goes by what verifiers never say: no row would ever give a pair."""
    givings = [giving_of(one.kind, one.params, f"verifiers.{n}") for n, one in enumerate(settings.verifiers)]
    # `right_at` wants the higher number to be the better one, whichever verifier it comes from.
    check_rule(settings.pairing, [replace(one, may_rank=False) for one in givings])
    if settings.gold == "none":
        check_sides(settings.pairing, [one.side for one in settings.samplers])


def _reference(settings: VerifiedAnswers, row: SourceRow) -> str | None:
    if settings.reference == "none":
        return None
    if settings.reference == "chosen":
        if row.chosen is None:
            raise RowError(
                "no_answer", "chosen", "the recipe checks against the row's own answer, and it has none"
            )
        return row.chosen
    if row.ground_truth is None:
        told = "the row has no right answer to check against"
        if row.chosen is not None:
            told += ": name its column, or set reference: chosen if it is what was taken for chosen"
        raise RowError("no_ground_truth", "ground_truth", told)
    return row.ground_truth


@dataclass(frozen=True, slots=True)
class _Came:
    """What came of a row before its pairs are guarded."""

    judged: Judged
    groups: Sequence[Group]
    rejects: Sequence[Reject]
    why_none: RowError | None


def _verified(
    bench: _Bench, row: SourceRow, line: Line, failed: Sequence[Reject], *, checker: Checker, case: Case
) -> _Came:
    settings = bench.settings
    running = line.candidates[: line.usable]
    found = checked_all(checker, replace(case, candidates=running))
    candidates = tuple(
        _with(settings, checker, candidate, one) for candidate, one in zip(running, found, strict=True)
    )
    mute = [number for number, one in enumerate(candidates) if one.score is None]
    judged = Judged(row, line, candidates, line.comparisons, ({"name": checker.kind, "kind": checker.kind},))
    groups = [Group(_formed(bench, candidates, row, "pairing"))]
    if settings.unparsable == "pair":
        unread = [number for number in mute if found[number].reason == "answer_unparsable"]
        against = _against_unread(candidates, unread, settings.right_at, checker.low or 0.0)
        groups.append(Group(_formed(bench, against, row, "pairing.format"), (FORMAT_TAG,), margins=False))
        mute = [number for number in mute if number not in unread]
    rejects = [*failed, *line.rejects, *(_unchecked(row, number, found[number]) for number in mute)]
    why = why_too_few(line, failed) if line.usable < 2 else _why_none(settings, candidates, found)
    return _Came(judged, groups, rejects, why)


def _with(settings: VerifiedAnswers, checker: Checker, candidate: Candidate, found: Checked) -> Candidate:
    """Return a candidate with what was found of it; the row's own answer is right because the recipe says so."""
    if settings.gold == "chosen" and candidate.side == "chosen":
        return replace(candidate, score=checker.high, answer=found.answer)
    value = found.value
    if value is None and found.reason == "answer_unparsable" and settings.unparsable == "wrong":
        value = checker.low or 0.0
    if value is None:
        return replace(candidate, score=None, answer=found.answer)
    before = (one for one in candidate.judgements if one.scorer != checker.kind)
    judgements = (*before, checker.judgement(value, found.message))
    return replace(candidate, score=value, answer=found.answer, judgements=judgements)


def _formed(bench: _Bench, candidates: Sequence[Candidate], row: SourceRow, part: str) -> Formed:
    return bench.form(candidates, (), generator(bench.run.seed, row.record_id, part))


def _against_unread(
    candidates: Sequence[Candidate], unread: Sequence[int], right_at: float, low: float
) -> tuple[Candidate, ...]:
    """Return the candidates for pairs of right answers over those without a final answer; the wrong ones stay out."""
    scores = {number: one.score for number, one in enumerate(candidates) if (one.score or 0.0) >= right_at}
    scores |= dict.fromkeys(unread, low)
    return tuple(replace(one, score=scores.get(number)) for number, one in enumerate(candidates))


def _unchecked(row: SourceRow, number: int, found: Checked) -> Reject:
    return candidate_reject(row, number, RowError(found.reason or "no_score", "verifiers", found.message))


def _why_none(
    settings: VerifiedAnswers, candidates: Sequence[Candidate], found: Sequence[Checked]
) -> RowError | None:
    """Return why no pair could be formed, where the values of the answers tell."""
    gold = settings.gold == "chosen"
    own = [number for number, one in enumerate(candidates) if not gold or one.side != "chosen"]
    values = [value for number in own if (value := candidates[number].score) is not None]
    mute = [found[number] for number in own if candidates[number].score is None]
    right = sum(value >= settings.right_at for value in values)
    told = f"{right} right, {len(values) - right} wrong, {len(mute)} not checked"
    if mute and len(values) < (1 if gold else 2):
        return RowError(mute[0].reason or "no_score", "verifiers", f"{told}; {mute[0].message}")
    if right == len(values):
        return RowError("all_right", "verifiers", told)
    return RowError("all_wrong", "verifiers", told) if not right and not gold else None


def _models(settings: VerifiedAnswers) -> Mapping[str, Model]:
    return {**writer_models(settings), **guard_models(settings)}


def _runs_code(settings: VerifiedAnswers) -> Mapping[str, str]:
    verifiers = {f"verifiers.{number}": one for number, one in enumerate(settings.verifiers)}
    return {**codes_of(verifiers), **guard_codes(settings)}


PART = ModelBuilder(
    settings=VerifiedAnswers,
    models=_models,
    prepare=prepare,
    summary="models write answers, a rule checks the final answers, right ones stand over wrong ones",
    source="MMPR (arXiv 2411.10442), MAVIS (2407.08739), LMM-R1 (2503.07536), VLM-R1 (2504.07615)",
    settle=settle_guarded,
    marks=guard_marks,
    runs_code=_runs_code,
)
