"""Gold over own: the row's gold answer stands over what the model itself writes, without anybody scoring either.

Steps: have answers written, set the gold answer over each, guard the pairs. It teaches where the model is worse than the
gold answer and misleads where it is better, so own answers that are nearly the gold one make no pair, and a
``second_opinion`` can say that an own answer is as good.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pairwright.annotators import Case
from pairwright.builders import Asks, Built, ConstructAsking, ModelBuilder, Run
from pairwright.builders._by_sides import BySides, check_writers, prepare_by_sides
from pairwright.builders._candidates import gold_for, in_line, why_too_few
from pairwright.builders._guarding import (
    GuardChoice,
    Guarded,
    guard_codes,
    guard_marks,
    guard_models,
    prepare_guards,
    settle_guarded,
)
from pairwright.builders._pairer import Pairer
from pairwright.builders._shown import Shown, case_of
from pairwright.builders._text_pair import Judged, Making, refused, row_reject
from pairwright.builders._writers import Write, Written, prepare_writers, writer_models
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import RowError
from pairwright.schemas.source_row import SourceRow


class GoldVsOwn(Written, Shown, Guarded):
    """Parameters of the builder."""

    reference: Literal["ground_truth", "none"] = "ground_truth"
    """Which text of the row is the right answer that the second opinion may be shown. Never ``chosen``: that would set the
    gold answer beside itself."""
    evidence: Literal["evidence", "ground_truth"] = "evidence"
    """Which text of the row tells the second opinion what the pictures show, if it reads instead of looks."""
    guards: tuple[GuardChoice, ...] = (GuardChoice(kind="near_equal"),)
    """What each pair is looked at for; naming some replaces those that are there by default."""
    pairing: BySides = BySides()
    """How pairs are formed."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: GoldVsOwn
    write: Write
    pairer: Pairer[Comparison]


def prepare(settings: GoldVsOwn, run: Run) -> ConstructAsking:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit a guard, a judge, the pairing rule or a perturbation.
        UnknownPartError: a perturbation that does not exist.
        MissingExtraError: the second opinion needs a package that is not there.
    """
    check_writers(settings.samplers, ("any", "rejected"), "own answers stand under the gold answer")
    form = prepare_by_sides(settings.pairing, run.round)
    pairer = Pairer(Making("gold_vs_own", settings.pairing.rule, run), form, prepare_guards(settings))
    bench = _Bench(settings, prepare_writers(settings, run), pairer)

    async def construct(row: SourceRow, asks: Asks) -> Built:
        try:
            gold, case = gold_for(row, "chosen"), case_of(settings, row, run)
            bench.pairer.guarding.check(case)
        except RowError as error:  # told before anything is paid for
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        return await _construct(bench, row, gold, case, asks)

    return construct


async def _construct(bench: _Bench, row: SourceRow, gold: Candidate, case: Case, asks: Asks) -> Built:
    settings = bench.settings
    wrote = await bench.write(row, asks)
    line = in_line(
        replace(row, candidates=tuple(replace(one, side="rejected") for one in row.candidates)),
        gold=[gold],
        written=[replace(one, side="rejected") for one in wrote.candidates],
        truncated=settings.truncated,
    )
    judged = Judged(row, line, line.candidates[: line.usable], line.comparisons)
    rejects = [*wrote.rejects, *line.rejects]
    if lost := wrote.lost():
        return refused(judged, lost, rejects)
    why = why_too_few(line, wrote.rejects) if line.usable < 2 else None
    return await bench.pairer.pairs(judged, case=case, asks=asks, rejects=rejects, why_none=why)


def _models(settings: GoldVsOwn) -> Mapping[str, Model]:
    return {**writer_models(settings), **guard_models(settings)}


PART = ModelBuilder(
    settings=GoldVsOwn,
    models=_models,
    prepare=prepare,
    summary="the row's gold answer over the model's own answers, none of which is scored",
    source="SQuBa (OpenReview zOMa82W1HV), for speech; SPIN (arXiv 2401.01335), for text",
    settle=settle_guarded,
    marks=guard_marks,
    runs_code=guard_codes,
)
