"""Corrected answers: a corrector rewrites an answer, and the better one of the two texts stands over the other.

Either own answers are corrected, and the correction stands over the answer, or the row's gold answer is spoilt, and stands
over what came of it. Both texts then differ in what is right and wrong, and in little else: the pair teaches that, not
length or style.

Steps: have answers written where own ones are wanted, rewrite them, bring both texts to one style where that is
wanted, form pairs of texts that belong together, guard them. A rewritten text makes a pair with the text that it
was made of, and with no other one; the gold answer may stand over any that is rejected.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from pairwright.annotators import Case
from pairwright.builders import Asks, Built, ConstructAsking, ModelBuilder, Run
from pairwright.builders._by_sides import BySides, check_writers, prepare_by_sides
from pairwright.builders._candidates import gold_for, gold_of, in_line, why_too_few
from pairwright.builders._correcting import CorrectorSettings, corrector_marks
from pairwright.builders._families import Kin, Spans, Tie, restyled
from pairwright.builders._guarding import (
    Guarded,
    guard_codes,
    guard_marks,
    guard_models,
    prepare_guards,
    settle_guarded,
)
from pairwright.builders._originals import OPPOSITE, Sides, Texts, texts_of
from pairwright.builders._pairer import Pairer
from pairwright.builders._rewriting import Lost, Order, Rewriter, Rewrites, prepare_rewriter, rewritten
from pairwright.builders._roles import played
from pairwright.builders._shown import Shown, case_of
from pairwright.builders._text_pair import Judged, Making, refused, row_reject
from pairwright.builders._writers import Write, Written, prepare_writers, writer_models
from pairwright.correctors import Task
from pairwright.pairings._forming import prepare_within
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate, Side
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.source_row import SourceRow

STYLE = "style"
"""Where the corrector of style stands in the parameters."""


class CorrectedAnswers(Written, Shown, Guarded):
    """Parameters of the builder."""

    of: Literal["own", "chosen"] = "own"
    """What is rewritten: ``own`` answers, written by the samplers or there in the source; or the row's own good answer
    (``chosen``)."""
    correctors: Annotated[tuple[CorrectorSettings, ...], Field(min_length=1)]
    """Who rewrites, and how. All of them make answers better, or all worse; each rewrites every answer."""
    variants: Annotated[int, Field(ge=1, le=64)] = 1
    """How often each corrector rewrites an answer, each time with another seed."""
    also_gold: bool = False
    """With ``of: own``: the row's own good answer stands on the chosen side too."""
    style: CorrectorSettings | None = None
    """A corrector that changes the style only. Every text of a pair goes through it, so that no side is known by its style;
    none if not given."""
    style_variants: Annotated[int, Field(ge=1, le=64)] = 1
    """How often each text is brought to the style. Variant 0 of one side pairs with variant 0 of the other, and so on."""
    pairing: BySides = BySides()
    """How pairs are formed."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: CorrectedAnswers
    run: Run
    write: Write
    rewriters: tuple[Rewriter, ...]
    style: Rewriter | None
    sides: Sides
    pairer: Pairer[Sequence[int]]


def prepare(settings: CorrectedAnswers, run: Run) -> ConstructAsking:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit a corrector, a guard, a judge, the pairing rule or a perturbation, or
            answers that would be paid for and could stand in no pair.
        UnknownPartError: a perturbation that does not exist.
        MissingExtraError: the second opinion needs a package that is not there.
    """
    rewriters = tuple(
        prepare_rewriter(one, place) for place, one in _correctors(settings).items() if place != STYLE
    )
    style = prepare_rewriter(_correctors(settings)[STYLE], STYLE, same=True) if settings.style else None
    sides = _sides(settings, rewriters)
    _check_fit(settings, sides)
    prepare_by_sides(settings.pairing)
    bench = _Bench(
        settings,
        run,
        prepare_writers(settings, run),
        rewriters,
        style,
        sides,
        Pairer(
            Making("corrected", settings.pairing.rule, run),
            prepare_within(settings.pairing, run.round),
            prepare_guards(settings),
        ),
    )

    async def construct(row: SourceRow, asks: Asks) -> Built:
        case = case_of(settings, row, run)
        task = Task(row.record_id, run.seed, "", row.prompt, "", case.reference, case.evidence)
        try:
            gold = _gold(row, sides)
            for rewriter in (*rewriters, *([style] if style else ())):
                rewriter.desk.check(replace(task, part=rewriter.place))
            bench.pairer.guarding.check(case)
        except RowError as error:  # told before anything is paid for
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        return await _construct(bench, row, gold, task, case, asks)

    return construct


async def _construct(
    bench: _Bench, row: SourceRow, gold: tuple[Candidate, ...], task: Task, case: Case, asks: Asks
) -> Built:
    wrote, settings = await bench.write(row, asks), bench.settings
    texts = await asyncio.to_thread(
        texts_of, row, gold, wrote, bench.sides, settings.truncated, settings.pairing, bench.run.round
    )
    try:
        if unwritten := wrote.lost():
            raise unwritten
        done = await rewritten(_orders(bench, texts), task, asks, bench.run)
        kin = _kin(bench, texts, done)
        styled = await rewritten(_style_orders(bench, texts, done, kin), task, asks, bench.run)
    except RowError as error:
        so_far = Judged(texts.row, texts.line, texts.sided, texts.line.comparisons)
        return refused(so_far, error, (*texts.wrote.rejects, *texts.line.rejects))
    judged, families = await asyncio.to_thread(_together, bench, texts, done, styled, kin)
    lost = (*done.lost, *styled.lost)
    told = (*texts.wrote.rejects, *judged.line.rejects, *texts.repeats, *(one.reject(row) for one in lost))
    why = _why_none(texts, families, lost)
    return await bench.pairer.pairs(judged, families, case=case, asks=asks, rejects=told, why_none=why)


def _gold(row: SourceRow, sides: Sides) -> tuple[Candidate, ...]:
    """Return the row's own answer where it is a candidate; own answers that are rewritten can do without it."""
    if sides.gold is None:
        return ()
    return (replace(gold_of(row), side=sides.gold) if sides.of == "own" else gold_for(row, sides.gold),)


def _orders(bench: _Bench, texts: Texts) -> list[Order]:
    return [
        Order(rewriter, number, texts.sided[number], bench.sides.new, variant)
        for number in texts.originals
        for rewriter in bench.rewriters
        for variant in range(bench.settings.variants)
    ]


def _kin(bench: _Bench, texts: Texts, done: Rewrites) -> Kin:
    """Return who may pair; texts that were made are numbered on behind those that may stand in a pair."""
    first = texts.line.usable
    ties = tuple(
        Tie(one.order.number, first + place, one.original_spans, one.candidate.spans)
        for place, one in enumerate(done.made)
    )
    others = set(texts.under_gold)
    if bench.settings.also_gold:
        if bench.sides.new == bench.sides.gold:
            others |= set(texts.originals) - _faultless(texts, done)
        else:
            others |= {tie.new for tie in ties}
    return Kin(ties, texts.gold_at, tuple(sorted(others)))


def _faultless(texts: Texts, done: Rewrites) -> set[int]:
    """Return the answers in which every corrector found nothing to make better: they may be as good as the gold one."""
    found: dict[int, set[str]] = {number: set() for number in texts.originals}
    for lost in done.lost:
        found[lost.order.number].add(lost.error.reason)
    for made in done.made:
        found[made.order.number].add("made")
    return {number for number, reasons in found.items() if reasons == {"no_correction"}}


def _style_orders(bench: _Bench, texts: Texts, done: Rewrites, kin: Kin) -> list[Order]:
    if bench.style is None:
        return []
    everyone = [*texts.sided, *(one.candidate for one in done.made)]
    return [
        Order(bench.style, number, everyone[number], everyone[number].side, variant)
        for number in kin.members()
        for variant in range(bench.settings.style_variants)
    ]


def _together(
    bench: _Bench, texts: Texts, done: Rewrites, styled: Rewrites, kin: Kin
) -> tuple[Judged, list[tuple[int, ...]]]:
    """Return all texts with their spans, and the families of those that may make pairs."""
    new = [one.candidate for one in (*done.made, *styled.made)]
    line = in_line(
        texts.row,
        gold=texts.gold,
        written=[*texts.wrote.candidates, *new],
        truncated=bench.settings.truncated,
    )
    if line.usable != texts.line.usable + len(new):
        raise AssertionError("a text that was made cannot be used")
    candidates: tuple[Candidate, ...] = (*texts.sided, *new)
    first = texts.line.usable + len(done.made)
    where = {(one.order.number, one.order.variant): first + place for place, one in enumerate(styled.made)}
    words = [one.text for one in candidates]
    paired = restyled(kin, where, words) if bench.style else [kin]
    spans: dict[tuple[int, int], tuple[Spans, Spans]] = {}
    for one in [kin, *paired]:
        candidates = one.spanned(candidates)
        spans |= one.spans(candidates)
    families = [family for one in paired for family in one.families()]
    return Judged(texts.row, line, candidates, line.comparisons, spans=spans), families


def _why_none(texts: Texts, families: Sequence[tuple[int, ...]], lost: Sequence[Lost]) -> RowError | None:
    """Return why no pair could be formed, where forming does not know it."""
    if any(len(family) > 1 for family in families):
        return None
    if lost:
        (reason, count), *_ = Counter(one.error.reason for one in lost).most_common(1)
        told = next(one for one in lost if one.error.reason == reason).told()
        also = f" ({count} of {len(lost)} failed rewrites)" if len(lost) > 1 else ""
        return RowError(reason, told.field, f"{told.message}{also}")
    if why := why_too_few(texts.line, texts.wrote.rejects):
        return why
    repeats = "".join(f"; {one.message}" for one in texts.repeats)
    return RowError("too_few_answers", "candidates", f"there is no answer to rewrite{repeats}")


def _correctors(settings: CorrectedAnswers) -> dict[str, CorrectorSettings]:
    """Return the correctors by where they stand in the parameters."""
    named = {f"correctors.{number}": one for number, one in enumerate(settings.correctors)}
    if settings.style:
        named[STYLE] = settings.style
    return {place: played(one, settings.samplers, place) for place, one in named.items()}


def _sides(settings: CorrectedAnswers, rewriters: Sequence[Rewriter]) -> Sides:
    """Return on which side what stands.

    Raises:
        ParameterError: one corrector makes answers better and another one worse.
    """
    first = rewriters[0]
    for one in rewriters:
        if one.desk.makes != first.desk.makes:
            raise ParameterError(
                f"{one.place}.kind: {one.desk.kind} makes answers {one.desk.makes}, and {first.place}.kind "
                f"{first.desk.kind} makes them {first.desk.makes}; take one way"
            )
    original: Side = "rejected" if first.desk.makes == "better" else "chosen"
    gold: Side | None = original if settings.of == "chosen" else "chosen" if settings.also_gold else None
    return Sides(settings.of, original, OPPOSITE[original], gold)


def _check_fit(settings: CorrectedAnswers, sides: Sides) -> None:
    """Raise ParameterError for settings that count for nothing, and for answers that could stand in no pair."""
    if settings.also_gold and settings.of == "chosen":
        raise ParameterError("also_gold: with of: chosen the gold answer is what is rewritten; leave it out")
    if settings.style_variants > 1 and settings.style is None:
        raise ParameterError(
            "style_variants: there is no style to bring texts to; name its corrector in style"
        )
    own: tuple[Side, ...] = ("any",) if settings.of == "own" else ()
    under_gold: tuple[Side, ...] = (OPPOSITE[sides.gold],) if sides.gold else ()
    allowed = own + under_gold
    told = "answers of a sampler are rewritten (side any)" if own else "the gold answer is rewritten"
    if under_gold:
        joined = ", or" if own else ", and answers of a sampler"
        told += f"{joined} stand opposite to the gold answer (side {under_gold[0]})"
    check_writers(settings.samplers, allowed, told)


def _models(settings: CorrectedAnswers) -> Mapping[str, Model]:
    return {**writer_models(settings), **_correctors(settings), **guard_models(settings)}


def _marks(settings: CorrectedAnswers) -> Mapping[str, str]:
    marks = dict(guard_marks(settings))
    for place, one in _correctors(settings).items():
        marks |= corrector_marks(one, place)
    return marks


PART = ModelBuilder(
    settings=CorrectedAnswers,
    kin="a text that was made of an answer pairs with that answer alone",
    models=_models,
    prepare=prepare,
    summary="a corrector rewrites own answers for the better or gold answers for the worse; the better text over the other",
    source="HA-DPO (arXiv 2311.16839), OPA-DPO (2501.09695), POVID (2402.11411), BPO (2403.08730)",
    settle=settle_guarded,
    marks=_marks,
    runs_code=guard_codes,
)
