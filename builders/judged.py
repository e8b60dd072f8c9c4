"""Judged answers: models write candidates, a judge rates or compares them, pairs are formed by what it says.

Steps: have candidates written, set aside what can be on no side of a pair, judge the rest, make one score of the
aspects, form pairs. Everything that was written and said goes to the config ``candidates``.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from pairwright.annotators import Case, Failure, Verdict
from pairwright.annotators._votes import Rule
from pairwright.builders import Asks, Built, ConstructAsking, ModelBuilder, Run, Settle
from pairwright.builders._candidates import Line, candidate_reject, gold_of, in_line, why_too_few
from pairwright.builders._fitting import check_judges, check_rule, check_sides, giving_of
from pairwright.builders._jury import JudgeSettings, Jury, Ruling, judge_marks, judge_models, prepare_jury
from pairwright.builders._parts import codes_of
from pairwright.builders._scoring import Scoring, scores_of
from pairwright.builders._text_pair import Group, Judged, Making, built, refused, row_reject, settle_by_length
from pairwright.builders._writers import Write, Written, prepare_writers, writer_models
from pairwright.pairings._forming import FormPairs, PairingSettings
from pairwright.pairings._forming import prepare as prepare_forming
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.reject import Reject
from pairwright.schemas.seeds import generator
from pairwright.schemas.source_row import SourceRow

Said = TypeVar("Said", bound=Judgement | Comparison)


class JudgedAnswers(Written):
    """Parameters of the builder."""

    chosen_as_candidate: bool = False
    """Whether the row's own good answer is one of the candidates."""
    judge: JudgeSettings
    """Who judges."""
    jury: tuple[JudgeSettings, ...] = ()
    """Further judges of the same kind. A rating is then the mean of all; a verdict is what enough of them say."""
    vote: Rule = "majority"
    """How many of several judges must give a rating, or the same verdict: more than half, or all (``unanimous``)."""
    score: Scoring = Scoring()
    """How the aspects become the score that pairing goes by."""
    reference: Literal["ground_truth", "chosen", "none"] = "ground_truth"
    """Which text of the row is the right answer that a judge may see: the judge's own ``reference`` says whether it does."""
    evidence: Literal["evidence", "ground_truth", "chosen"] = "evidence"
    """Which text of the row tells what the pictures show, for judges that read instead of look."""
    pairing: PairingSettings = PairingSettings()
    """How pairs are formed."""


def prepare(settings: JudgedAnswers, run: Run) -> ConstructAsking:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit a judge, a pairing rule or a perturbation.
        UnknownPartError: a perturbation that does not exist.
    """
    write = prepare_writers(settings, run)
    jury = prepare_jury(_judges(settings), settings.vote)
    try:
        form = prepare_forming(settings.pairing)
    except ParameterError as error:
        raise ParameterError(f"pairing.{error}") from error
    _check_fit(settings)
    bench = _Bench(settings, run, write, jury, form)

    async def construct(row: SourceRow, asks: Asks) -> Built:
        try:
            gold = (gold_of(row),) if settings.chosen_as_candidate else ()
            jury.check(_case(bench, row, ()))
        except RowError as error:  # told before anything is paid for
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        return await _construct(bench, row, asks, gold)

    return construct


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: JudgedAnswers
    run: Run
    write: Write
    jury: Jury
    form: FormPairs


async def _construct(bench: _Bench, row: SourceRow, asks: Asks, gold: tuple[Candidate, ...]) -> Built:
    settings = bench.settings
    wrote = await bench.write(row, asks)
    line = await asyncio.to_thread(  # to compare many answers word by word takes long
        in_line,
        row,
        gold=gold,
        written=wrote.candidates,
        truncated=settings.truncated,
        similarity=settings.pairing.similarity,
    )
    rejects = [*wrote.rejects, *line.rejects]
    if line.different < 2:
        judged = Judged(row, line, _unjudged(line), line.comparisons)
        why = why_too_few(line, wrote.rejects)
        return await asyncio.to_thread(_formed, bench, judged, (), rejects, why)
    case = _case(bench, row, line.candidates[: line.different])
    try:
        ruling = await bench.jury.rule(case, asks)
    except RowError as error:
        return refused(Judged(row, line, _unjudged(line), line.comparisons), error, rejects)
    verdict = ruling.verdict
    judged = _judged(row, line, ruling, settings.score)
    failures = _failures(verdict, judged.candidates[: line.different])
    rejects += _not_judged(row, verdict, failures, line.different)
    why = _why_not_judged(verdict, failures, judged)
    return await asyncio.to_thread(_formed, bench, judged, verdict.comparisons, rejects, why)


def _formed(
    bench: _Bench,
    judged: Judged,
    comparisons: Sequence[Comparison],
    rejects: Sequence[Reject],
    why: RowError | None,
) -> Built:
    rng = generator(bench.run.seed, judged.row.record_id, "pairing")
    group = Group(bench.form(judged.candidates, comparisons, rng))
    making = Making("judged", bench.settings.pairing.rule, bench.run)
    return built(making, judged, [group], rejects=rejects, why_none=why)


def _case(bench: _Bench, row: SourceRow, candidates: tuple[Candidate, ...]) -> Case:
    texts = {"ground_truth": row.ground_truth, "chosen": row.chosen, "evidence": row.evidence, "none": None}
    reference, evidence = texts[bench.settings.reference], texts[bench.settings.evidence]
    return Case(row.record_id, bench.run.seed, row.prompt, candidates, reference, evidence)


def _unjudged(line: Line) -> tuple[Candidate, ...]:
    return tuple(replace(one, score=None) for one in line.candidates[: line.usable])


def _judged(row: SourceRow, line: Line, ruling: Ruling, scoring: Scoring) -> Judged:
    """Return the candidates with what was said of them. Answers that repeat another one were not judged."""
    ratings = ruling.verdict.ratings or ((),) * line.different
    scores = scores_of(ratings, scoring, "score")
    judged = tuple(
        replace(one, score=scores[number], judgements=_with(one.judgements, ruling.judgements(number)))
        for number, one in enumerate(line.candidates[: line.different])
    )
    return Judged(
        row=row,
        line=line,
        candidates=(*judged, *_unjudged(line)[line.different :]),
        comparisons=_with(line.comparisons, ruling.comparisons()),
        judged_by=ruling.judged_by,
        agreement=ruling.agreement,
    )


def _with(before: Sequence[Said], said: Sequence[Said]) -> tuple[Said, ...]:
    """Return what was said before with what is new, which takes the place of its scorers' earlier words."""
    scorers = {one.scorer for one in said}
    return (*(one for one in before if one.scorer not in scorers), *said)


def _failures(verdict: Verdict, candidates: Sequence[Candidate]) -> tuple[Failure, ...]:
    """Return what the judge could not say, an answer that it rated on some aspects only among it."""
    told = {number for failure in verdict.failures for number in failure.candidates}
    partly = [number for number, one in enumerate(candidates) if one.score is None and number not in told]
    why = "the judge did not rate it on every aspect that counts"
    made = tuple(Failure("cannot_judge", why, (number,)) for number in partly if verdict.ratings)
    return verdict.failures + made


def _not_judged(
    row: SourceRow, verdict: Verdict, failures: Sequence[Failure], judged: int
) -> Iterator[Reject]:
    """Yield what the judge could not say, but for what concerns all candidates: that is the row's reason."""
    for failure in failures:
        if len(failure.candidates) == judged:
            continue
        if verdict.ratings:
            for number in failure.candidates:
                yield candidate_reject(row, number, RowError(failure.reason, "judge", failure.message))
        else:
            told = f"answers {' and '.join(map(str, failure.candidates))}: {failure.message}"
            yield Reject(row.record_id, failure.reason, "pair", "judge", told, row.source_id)


def _why_not_judged(verdict: Verdict, failures: Sequence[Failure], judged: Judged) -> RowError | None:
    """Return the judge's failure where it leaves too little to form a pair of."""
    scored = sum(one.score is not None for one in judged.candidates)
    if not failures or verdict.comparisons or scored > 1:
        return None
    messages = dict.fromkeys(failure.message for failure in failures)
    return RowError(failures[0].reason, "judge", "; ".join(messages))


def _check_fit(settings: JudgedAnswers) -> None:
    """Raise ParameterError where judges, weights and pairing rule do not fit, so that no row would ever give a pair."""
    judges = [giving_of(one.kind, one.params, place) for place, one in _judges(settings).items()]
    check_judges(judges, settings.vote, settings.score.weights)
    check_rule(settings.pairing, judges)
    check_sides(settings.pairing, [one.side for one in settings.samplers])


def _judges(settings: JudgedAnswers) -> dict[str, JudgeSettings]:
    return {"judge": settings.judge} | {f"jury.{number}": one for number, one in enumerate(settings.jury)}


def _models(settings: JudgedAnswers) -> Mapping[str, Model]:
    return {**writer_models(settings), **judge_models(_judges(settings))}


def _marks(settings: JudgedAnswers) -> Mapping[str, str]:
    return judge_marks(_judges(settings))


def _runs_code(settings: JudgedAnswers) -> Mapping[str, str]:
    return codes_of(_judges(settings))


def _settle(settings: JudgedAnswers) -> Settle | None:
    return settle_by_length(settings.pairing.balance_length)


PART = ModelBuilder(
    settings=JudgedAnswers,
    models=_models,
    prepare=prepare,
    summary="models write answers, a judge rates or compares them, pairs are formed by what it says",
    source="Silkie (arXiv 2312.10665), LLaVA-Hound (2404.01258), SIMA (2405.15973), 3D-CT-GPT++, INTERACTIVECOT",
    settle=_settle,
    marks=_marks,
    runs_code=_runs_code,
)
