"""Refusals: what should be refused is refused, and what should be answered is answered.

Steps: tell from the row what it wants, have answers written, tell which of them refuse, set the row's own answer over those
that are on the wrong side. Rows that should be answered belong to it: trained on refusals alone, a model learns to refuse
everything.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pairwright.annotators import Case, Checked
from pairwright.builders import Asks, Built, ConstructAsking, ModelBuilder, Run
from pairwright.builders._by_sides import BySides, check_writers, prepare_by_sides
from pairwright.builders._candidates import candidate_reject, gold_for, in_line, why_too_few
from pairwright.builders._checking import Checker, checked_all, prepare_checker
from pairwright.builders._guarding import (
    Guarded,
    guard_codes,
    guard_marks,
    guard_models,
    prepare_guards,
    settle_guarded,
)
from pairwright.builders._pairer import Pairer
from pairwright.builders._text_pair import Judged, Making, refused, row_reject
from pairwright.builders._writers import Write, Written, Wrote, prepare_writers, writer_models
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import RowError
from pairwright.schemas.reject import Reject
from pairwright.schemas.source_row import SourceRow

Want = Literal["refusal", "answer"]

TAGS: Mapping[Want, str] = {"refusal": "refusal", "answer": "over_refusal"}
"""What pairs are tagged with, by what their row wants."""

_DOES: Mapping[Want, str] = {"refusal": "refuse", "answer": "comply"}
_DETECTOR = "refusal"
"""The verifier that tells refusals."""
_SHOWN = 80
"""Characters of an answer that a message quotes."""


class Refusals(Written, Guarded):
    """Parameters of the builder."""

    by: Literal["gold", "tag"] = "gold"
    """What tells that a row should be refused: its own answer refuses (``gold``), or it has a tag (``tag``)."""
    tag: str | None = None
    """With ``by: tag``, the tag of rows that should be refused; all others should be answered."""
    sentences: Annotated[int, Field(ge=1, le=20)] = 2
    """How many of an answer's first sentences are read to tell whether it refuses."""
    pairing: BySides = BySides()
    """How pairs are formed."""

    @model_validator(mode="after")
    def _tag_is_used(self) -> "Refusals":
        if self.by == "tag" and not self.tag:
            raise ValueError("by: tag goes by a tag of the rows that should be refused; name it in tag")
        if self.by == "gold" and self.tag is not None:
            raise ValueError(
                f"tag: {self.tag} would count for nothing, by: gold goes by the row's own answer"
            )
        return self


@dataclass(frozen=True, slots=True)
class _Bench:
    """All that was checked."""

    settings: Refusals
    write: Write
    checkers: Mapping[Want, Checker]
    """The verifier, by what it finds right."""
    pairer: Pairer[Comparison]

    @property
    def run(self) -> Run:
        """The run."""
        return self.pairer.making.run


def prepare(settings: Refusals, run: Run) -> ConstructAsking:
    """Check the settings once and return what every source row goes through.

    Raises:
        ParameterError: parameters that do not fit a guard, a judge, the pairing rule or a perturbation.
        UnknownPartError: a perturbation that does not exist.
        MissingExtraError: the second opinion needs a package that is not there.
    """
    check_writers(settings.samplers, ("any",), "whether an answer refuses decides on which side it stands")
    form = prepare_by_sides(settings.pairing, run.round)
    pairer = Pairer(Making("refusal", settings.pairing.rule, run), form, prepare_guards(settings))
    bench = _Bench(
        settings,
        prepare_writers(settings, run),
        {want: _checker(settings, want) for want in TAGS},
        pairer,
    )

    async def construct(row: SourceRow, asks: Asks) -> Built:
        try:
            want = _wanted(bench, row)
            bench.pairer.guarding.check(_case(bench, row, ()))
        except RowError as error:  # told before anything is paid for
            return Built(rejects=(row_reject(row, error),), candidates=(row,))
        return await _construct(bench, row, want, asks)

    return construct


async def _construct(bench: _Bench, row: SourceRow, want: Want, asks: Asks) -> Built:
    wrote = await bench.write(row, asks)
    judged, found = await asyncio.to_thread(_told_apart, bench, row, want, wrote)
    rejects = [*wrote.rejects, *judged.line.rejects, *_unread(judged, found)]
    if lost := wrote.lost():
        return refused(judged, lost, rejects)
    return await bench.pairer.pairs(
        judged,
        case=_case(bench, row, ()),
        asks=asks,
        rejects=rejects,
        why_none=_why_none(judged, found, want, wrote.rejects),
        tags=(TAGS[want],),
    )


def _told_apart(
    bench: _Bench, row: SourceRow, want: Want, wrote: Wrote
) -> tuple[Judged, tuple[Checked, ...]]:
    """Return the answers, each with its side and score, and what was found in each."""
    gold = (gold_for(row, "chosen"),) if row.chosen is not None else ()
    given = replace(row, candidates=tuple(replace(one, side="any") for one in row.candidates))
    line = in_line(given, gold=gold, written=wrote.candidates, truncated=bench.settings.truncated)
    running = line.candidates[: line.usable]
    checker = bench.checkers[want]
    found = checked_all(checker, _case(bench, row, running))
    candidates = tuple(
        _sided(checker, one, told, gold=bool(gold)) for one, told in zip(running, found, strict=True)
    )
    told_by = ({"name": checker.kind, "kind": checker.kind},)
    return Judged(given, line, candidates, line.comparisons, told_by), found


def _sided(checker: Checker, candidate: Candidate, found: Checked, *, gold: bool) -> Candidate:
    """Return an answer with its side: right ones are chosen where there is no gold answer to be chosen over the others."""
    if found.value is None:
        return replace(candidate, score=None)
    before = (one for one in candidate.judgements if one.scorer != checker.kind)
    judgements = (*before, checker.judgement(found.value, found.message))
    told = replace(candidate, score=found.value, judgements=judgements)
    if not found.value:
        return replace(told, side="rejected")
    return told if gold else replace(told, side="chosen")


def _wanted(bench: _Bench, row: SourceRow) -> Want:
    """Return what a row wants of a model.

    Raises:
        RowError: ``no_answer`` where its own answer should tell and it has none; ``bad_value`` where that answer and its tags
            contradict each other; or where that answer can be on no side, or the verifier finds nothing in it.
    """
    settings = bench.settings
    if row.chosen is None:
        if settings.by == "gold":
            told = "the row's own answer tells whether to refuse, and it has none; name its column, or set by: tag"
            raise RowError("no_answer", "chosen", told)
        return "refusal" if settings.tag in row.tags else "answer"
    [found] = checked_all(bench.checkers["refusal"], _case(bench, row, (gold_for(row, "chosen"),)))
    if found.value is None:
        raise RowError("empty_answer", "chosen", found.message)
    said: Want = "refusal" if found.value else "answer"
    if settings.by == "gold" or (settings.tag in row.tags) == (said == "refusal"):
        return said
    tagged, does = ("not tagged", "refuses") if said == "refusal" else ("tagged", "does not refuse")
    raise RowError(
        "bad_value",
        "tags",
        f"the row is {tagged} {settings.tag}, and its own answer {does}: {_quoted(row.chosen)}",
    )


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + " …")


def _checker(settings: Refusals, want: Want) -> Checker:
    return prepare_checker(_DETECTOR, {"want": want, "sentences": settings.sentences}, _DETECTOR)


def _case(bench: _Bench, row: SourceRow, candidates: tuple[Candidate, ...]) -> Case:
    return Case(row.record_id, bench.run.seed, row.prompt, candidates, row.ground_truth, row.evidence)


def _unread(judged: Judged, found: Sequence[Checked]) -> Iterator[Reject]:
    for number, one in enumerate(found):
        if one.value is None:
            why = RowError(one.reason or "answer_unparsable", _DETECTOR, one.message)
            yield candidate_reject(judged.row, number, why)


def _why_none(
    judged: Judged, found: Sequence[Checked], want: Want, failed: Sequence[Reject]
) -> RowError | None:
    """Return why no pair could be formed, where what the answers do tells."""
    gold = sum(one.side == "chosen" for one in judged.line.candidates)
    own = [one.value for one in found[gold:] if one.value is not None]
    if not own:
        unread = next((one for one in found if one.value is None), None)
        if unread is not None:
            return RowError(unread.reason or "answer_unparsable", _DETECTOR, unread.message)
        return why_too_few(judged.line, failed)
    if all(own):
        return RowError("all_right", _DETECTOR, f"{len(own)} answers {_DOES[want]}, as they should")
    if not any(own) and not gold:
        told = f"none of {len(own)} answers would {_DOES[want]}, and the row has no answer of its own"
        return RowError("all_wrong", _DETECTOR, told)
    return None


def _models(settings: Refusals) -> Mapping[str, Model]:
    return {**writer_models(settings), **guard_models(settings)}


PART = ModelBuilder(
    settings=Refusals,
    models=_models,
    prepare=prepare,
    summary="a refusal over answers that should not have been given, an answer over refusals of harmless questions",
    source="VLGuard (arXiv 2402.02207), whose data are made for fine-tuning; pairs as its keyword refusal rate tells answers apart",
    settle=settle_guarded,
    marks=guard_marks,
    runs_code=guard_codes,
)
