"""Answers that are judged before they are paired: what the builders ``judged`` and ``self_critic`` share.

Steps: have candidates written, set aside what can be on no side of a pair, judge the rest, make one score of the
aspects, form pairs, guard them. Everything that was written and said goes to the config ``candidates``.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from pairwright.annotators import Case, Failure, Verdict
from pairwright.annotators._votes import Rule
from pairwright.builders import Asks, Built, ConstructAsking, Run
from pairwright.builders._candidates import Line, candidate_reject, gold_of, in_line, why_too_few
from pairwright.builders._fitting import check_judges, check_rule, check_sides, giving_of
from pairwright.builders._guarding import Guarded, prepare_guards
from pairwright.builders._jury import JudgeSettings, Jury, Ruling, prepare_jury
from pairwright.builders._pairer import Pairer
from pairwright.builders._scoring import Scoring, scores_of
from pairwright.builders._shown import Shown, case_of
from pairwright.builders._text_pair import Judged, Making, refused, row_reject
from pairwright.builders._writers import Write, Written, prepare_writers
from pairwright.pairings._forming import prepare as prepare_forming
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.reject import Reject
from pairwright.schemas.source_row import SourceRow

Said = TypeVar("Said", bound=Judgement | Comparison)


class Judgeable(Written, Shown, Guarded):
    """Parameters of every builder that has answers judged."""

    chosen_as_candidate: bool = False
    """Whether the row's own good answer is one of the candidates."""
    score: Scoring = Scoring()
    """How the aspects become the score that pairing goes by."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: Judgeable
    place: str
    """Where the judge, or the first of several, stands in the parameters."""
    write: Write
    jury: Jury
    pairer: Pairer[Comparison]


def prepare_judging(
    settings: Judgeable, run: Run, judges: Mapping[str, JudgeSettings], vote: Rule, *, builder: str
) -> ConstructAsking:
    """Check the settings once and return what every source row goes through.

    Args:
        settings: what the builders share.
        run: the run.
        judges: by where they stand in the parameters.
        vote: how many of several must say the same.
        builder: its name, for provenance.

    Raises:
        ParameterError: parameters that do not fit a judge, a pairing rule, a guard or a perturbation.
        UnknownPartError: a perturbation that does not exist.
        MissingExtraError: a verifier needs a package that is not there.
    """
    write = prepare_writers(settings, run)
    jury = prepare_jury(judges, vote)
    try:
        form = prepare_forming(settings.pairing, run.round)
    except ParameterError as error:
        raise ParameterError(f"pairing.{error}") from error
    _check_fit(settings, judges, vote)
    pairer = Pairer(Making(builder, settings.pairing.rule, run), form, prepare_guards(settings))
    bench = _Bench(settings, next(iter(judges)), write, jury, pairer)

    async def construct(row: SourceRow, asks: Asks) -> Built:
        try:
            gold = (gold_of(row),) if settings.chosen_as_candidate else ()
            case = case_of(settings, row, run)
            jury.check(case)
            pairer.guarding.check(case)
        except RowError as error:  # told before anything is paid for
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        return await _construct(bench, row, asks, gold, case)

    return construct


async def _construct(
    bench: _Bench, row: SourceRow, asks: Asks, gold: tuple[Candidate, ...], case: Case
) -> Built:
    settings = bench.settings
    wrote = await bench.write(row, asks)
    line = await asyncio.to_thread(  # to compare many answers word by word takes long
        in_line,
        row,
        gold=gold,
        written=wrote.candidates,
        truncated=settings.truncated,
        similarity=settings.pairing.similarity,
        latest=bench.pairer.making.run.round if settings.pairing.rounds == "latest" else None,
    )
    rejects = [*wrote.rejects, *line.rejects]
    if line.different < 2:
        judged = Judged(row, line, _unjudged(line), line.comparisons)
        why = why_too_few(line, wrote.rejects)
        return await bench.pairer.pairs(judged, case=case, asks=asks, rejects=rejects, why_none=why)
    try:
        ruling = await bench.jury.rule(replace(case, candidates=line.candidates[: line.different]), asks)
    except RowError as error:
        return refused(Judged(row, line, _unjudged(line), line.comparisons), error, rejects)
    verdict = ruling.verdict
    judged = _judged(row, line, ruling, settings.score)
    failures = _failures(verdict, judged.candidates[: line.different])
    rejects += _not_judged(row, verdict, failures, line.different, bench.place)
    why = _why_not_judged(verdict, failures, judged, bench.place)
    return await bench.pairer.pairs(
        judged, verdict.comparisons, case=case, asks=asks, rejects=rejects, why_none=why
    )


def _unjudged(line: Line) -> tuple[Candidate, ...]:
    return tuple(replace(one, score=None) for one in line.candidates[: line.usable])


def _judged(row: SourceRow, line: Line, ruling: Ruling, scoring: Scoring) -> Judged:
    """Return the candidates with what was said of them. Answers that repeat another one were not judged."""
    ratings = ruling.verdict.ratings or ((),) * line.different
    scores = scores_of(ratings, scoring, "score")
    judged = tuple(
        replace(
            one,
            score=scores[number],
            judgements=_with(one.judgements, ruling.judgements(number)),
            claims=ruling.claims(number) or one.claims,
        )
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
    row: SourceRow, verdict: Verdict, failures: Sequence[Failure], judged: int, place: str
) -> Iterator[Reject]:
    """Yield what the judge could not say, but for what concerns all candidates: that is the row's reason."""
    for failure in failures:
        if len(failure.candidates) == judged:
            continue
        if verdict.ratings:
            for number in failure.candidates:
                yield candidate_reject(row, number, RowError(failure.reason, place, failure.message))
        else:
            told = f"answers {' and '.join(map(str, failure.candidates))}: {failure.message}"
            yield Reject(row.record_id, failure.reason, "pair", place, told, row.source_id)


def _why_not_judged(
    verdict: Verdict, failures: Sequence[Failure], judged: Judged, place: str
) -> RowError | None:
    """Return the judge's failure where it leaves too little to form a pair of."""
    scored = sum(one.score is not None for one in judged.candidates)
    if not failures or verdict.comparisons or scored > 1:
        return None
    messages = dict.fromkeys(failure.message for failure in failures)
    return RowError(failures[0].reason, place, "; ".join(messages))


def _check_fit(settings: Judgeable, judges: Mapping[str, JudgeSettings], vote: Rule) -> None:
    """Raise ParameterError where judges, weights and pairing rule do not fit, so that no row would ever give a pair."""
    givings = [giving_of(one.kind, one.params, place) for place, one in judges.items()]
    check_judges(givings, vote, settings.score.weights)
    check_rule(settings.pairing, givings)
    check_sides(settings.pairing, [one.side for one in settings.samplers])
