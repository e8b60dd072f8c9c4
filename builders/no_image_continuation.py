"""Continuation without the picture: the rejected answer begins as the chosen one and goes on without what can be seen.

Steps: have answers written from the pictures, or take the row's own; give the beginning of each to a model that sees no
pictures, or changed ones; set each answer over its own continuation; look at the pairs with guards. Both sides begin alike,
so they differ where the pictures were needed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from pairwright.builders import Asks, Built, ConstructAsking, ModelBuilder, Run
from pairwright.builders._at_once import at_once
from pairwright.builders._by_sides import BySides, check_writers, prepare_by_sides
from pairwright.builders._candidates import Line, candidate_reject, gold_for, in_line, why_too_few
from pairwright.builders._changed import Seen
from pairwright.builders._continuing import CONTINUER, Continuing, Hand, prepare_continuing
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
from pairwright.builders._roles import played
from pairwright.builders._shown import Shown, case_of
from pairwright.builders._text_pair import Judged, Making, refused, row_reject
from pairwright.builders._writers import Write, Written, Wrote, prepare_writers, writer_models
from pairwright.pairings._forming import among_rounds, prepare_within
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.reject import Reject
from pairwright.schemas.source_row import SourceRow


class NoImageContinuation(Written, Continuing, Shown, Guarded):
    """Parameters of the builder."""

    gold: Literal["none", "chosen"] = "none"
    """``chosen``: the row's own answer is the chosen one, and nobody writes others. ``none``: every answer that a sampler
    writes, or that the source has, is."""
    guards: tuple[GuardChoice, ...] = (
        GuardChoice(kind="cut_word"),
        GuardChoice(kind="near_equal"),
        GuardChoice(kind="damage_talk"),
        GuardChoice(kind="repetition"),
    )
    """What each pair is looked at for; naming some replaces those that are there by default."""
    pairing: BySides = BySides()
    """What pairs must be besides: each answer stands over its own continuation."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: NoImageContinuation
    run: Run
    write: Write
    hand: Hand
    pairer: Pairer[Sequence[int]]


def prepare(settings: NoImageContinuation, run: Run) -> ConstructAsking:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: settings that do not go together, or parameters that do not fit a guard, the pairing rule or a
            perturbation.
        UnknownPartError: a perturbation that does not exist.
    """
    _check(settings)
    prepare_by_sides(settings.pairing)
    bench = _Bench(
        settings,
        run,
        prepare_writers(settings, run),
        prepare_continuing(settings, settings.samplers, run),
        Pairer(
            Making("no_image_continuation", settings.pairing.rule, run),
            prepare_within(settings.pairing, run.round),
            prepare_guards(settings),
        ),
    )

    async def construct(row: SourceRow, asks: Asks) -> Built:
        try:
            gold = gold_for(row, "chosen") if settings.gold == "chosen" else None
            seen = await _seen(bench, row)
        except RowError as error:  # told before anything is paid for
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        return await _construct(bench, _sided(row, gold), seen, gold, asks)

    return construct


def _check(settings: NoImageContinuation) -> None:
    if settings.gold == "chosen" and settings.samplers:
        raise ParameterError(
            "samplers: with gold: chosen nobody writes but the continuer; leave samplers out, and set continuer.model"
        )
    check_writers(settings.samplers, ("any", "chosen"), "these answers stand over their continuations")
    for number, writer in enumerate(settings.samplers):
        if writer.images != "same":
            raise ParameterError(
                f"samplers.{number}.images: chosen answers are written from the pictures as they are; "
                "what the continuer sees is set by images, beside samplers"
            )


async def _seen(bench: _Bench, row: SourceRow) -> Seen:
    """Return the prompt as the continuer sees it; raises RowError where a row lacks what the recipe goes by."""
    if not row.prompt.images:
        raise RowError("no_image", "images", "the row has no picture that could be taken away")
    bench.pairer.guarding.check(case_of(bench.settings, row, bench.run))
    return await bench.hand.see(row)


def _sided(row: SourceRow, gold: Candidate | None) -> SourceRow:
    """Return a row whose candidates are chosen answers, where those of the source count."""
    if gold is not None:
        return row
    return replace(row, candidates=_chosen(row.candidates))


def _chosen(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    return tuple(replace(one, side="chosen") if one.side == "any" else one for one in candidates)


async def _construct(bench: _Bench, row: SourceRow, seen: Seen, gold: Candidate | None, asks: Asks) -> Built:
    wrote = await bench.write(row, asks) if gold is None else Wrote()
    written = _chosen(wrote.candidates)
    best = () if gold is None else (gold,)
    truncated, same = bench.settings.truncated, bench.settings.pairing.similarity
    line = await asyncio.to_thread(
        in_line, row, gold=best, written=written, truncated=truncated, similarity=same
    )
    if lost := wrote.lost():  # told before their beginnings are continued
        judged = Judged(row, line, line.candidates[: line.usable], line.comparisons)
        return refused(judged, lost, [*wrote.rejects, *line.rejects])
    answers = _answers(bench, line, best)
    continued = await at_once(partial(bench.hand.go_on, row, seen, one, asks) for one in answers)
    rejected = [one for one in continued if isinstance(one, Candidate)]
    line = in_line(row, gold=best, written=(*written, *rejected), truncated=truncated)
    return await _formed(bench, row, line, dict(zip(answers, continued, strict=True)), wrote.rejects, asks)


def _answers(bench: _Bench, line: Line, best: Sequence[Candidate]) -> list[Candidate]:
    """Return the answers that are to be continued: different ones, which may pair."""
    if best:
        return [one for one in line.candidates[: line.different] if one in best]
    taken = among_rounds(line.candidates[: line.different], bench.settings.pairing.rounds, bench.run.round)
    return [line.candidates[number] for number in taken if line.candidates[number].side == "chosen"]


async def _formed(
    bench: _Bench,
    row: SourceRow,
    line: Line,
    continued: Mapping[Candidate, Candidate | RowError],
    failed: Sequence[Reject],
    asks: Asks,
) -> Built:
    """Return what a row gave; ``continued`` has the continuation of each answer, or why there is none."""
    places = {one: number for number, one in reversed([*enumerate(line.candidates)])}
    faults = {places[one]: other for one, other in continued.items() if isinstance(other, RowError)}
    pairs = [(places[one], places[other]) for one, other in continued.items() if isinstance(other, Candidate)]
    families = [family for family in pairs if max(family) < line.usable]
    judged = Judged(row, line, line.candidates[: line.usable], line.comparisons)
    rejects = [*failed, *line.rejects, *(candidate_reject(row, *fault) for fault in faults.items())]
    if why := _why_refused(line, families, [*faults.values()], failed):
        return refused(judged, why, rejects)
    case = case_of(bench.settings, row, bench.run)
    return await bench.pairer.pairs(judged, families, case=case, asks=asks, rejects=rejects)


def _why_refused(
    line: Line, families: Sequence[tuple[int, int]], faults: Sequence[RowError], failed: Sequence[Reject]
) -> RowError | None:
    """Return why a row can give no pair, or should be tried again first."""
    lost = next((one for one in faults if one.reason == "call_failed"), None)
    if lost is not None or families:
        return lost
    if faults:
        return faults[0]
    return why_too_few(line, failed) or RowError("too_few_answers", "candidates", "no answer to continue")


def _models(settings: NoImageContinuation) -> Mapping[str, Model]:
    continuer = played(settings.continuer, settings.samplers, CONTINUER)
    return {**writer_models(settings), CONTINUER: continuer, **guard_models(settings)}


PART = ModelBuilder(
    settings=NoImageContinuation,
    kin="an answer stands over its own continuation alone",
    models=_models,
    prepare=prepare,
    summary="each answer over its own first part, continued by a model that does not see the pictures",
    source="MMPR, Dropout-NTP (arXiv 2411.10442); BDHS (2407.02477)",
    settle=settle_guarded,
    marks=guard_marks,
    runs_code=guard_codes,
)
