"""What stands between forming pairs and writing them: guards that look at each pair, and a second opinion on it.

The end of every builder of text pairs. A pair that is caught is a reject of scope ``pair``; where that leaves a row
without pairs, the first of them is the reject of the row.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

from pydantic import Field, FiniteFloat

from pairwright.annotators import Case
from pairwright.annotators._votes import second_name
from pairwright.builders import Asks, Built, Settle
from pairwright.builders._fitting import giving_of
from pairwright.builders._jury import JudgeSettings, Ruling, judge_marks, judge_models, prepare_jury
from pairwright.builders._parts import codes_of, prepared
from pairwright.builders._scoring import Scoring, scores_of
from pairwright.builders._text_pair import Group, Judged, Making, built, drop_pairs, length_balance, refused
from pairwright.guards import ROOM as GUARDS
from pairwright.guards import Contrast, Guard, SetGuard, Watch, WatchSet
from pairwright.pairings import Chosen
from pairwright.pairings._contrasts import significant
from pairwright.pairings._forming import Dropped, Formed, PairingSettings
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ParameterError, RowError, UnknownPartError
from pairwright.schemas.reasons import MAY_SUCCEED_LATER, Reason
from pairwright.schemas.reject import Reject
from pairwright.schemas.settings import Settings, parsed
from pairwright.schemas.source_row import SourceRow

Caught = dict[Chosen, RowError]
"""Pairs that are not to be written, and why."""

SECOND_OPINION = "second_opinion"
"""Where it stands in the parameters."""


class GuardChoice(Settings):
    """One guard."""

    kind: str
    """A guard; ``pairwright list guards`` shows them with their parameters."""
    params: dict[str, Any] = {}
    """Its parameters. Missing ones keep their defaults."""


class SecondOpinion(JudgeSettings):
    """A judge or verifier that must find the chosen answer of every pair better than the rejected one."""

    margin: Annotated[FiniteFloat, Field(ge=0)] = 0.0
    """By how much its score must be higher at least; 0 for any difference. A judge that compares has no scores: there its
    verdict counts, and a margin is an error."""


class Guarded(Settings):
    """Parameters of every builder whose pairs are guarded."""

    guards: tuple[GuardChoice, ...] = ()
    """What each pair is looked at for; naming some replaces those that are there by default."""
    second_opinion: SecondOpinion | None = None
    """Who must agree with each pair; nobody if not given."""


@dataclass(frozen=True, slots=True)
class Guarding:
    """The guards of a recipe, checked."""

    catch: Callable[[Contrast], RowError | None]
    """Returns why a pair is not to be written, with the guard's place as field; None where it may be."""
    check: Callable[[Case], None]
    """Raises RowError where a row lacks what the second opinion goes by; called before anything is asked."""
    rule: Callable[[Case, Asks], Awaitable[Ruling]] | None
    """Gives the second opinion on the two candidates of a case, the chosen one first; None where nobody does."""
    margin: float


def prepare_guards(settings: Guarded) -> Guarding:
    """Check the guards once.

    Raises:
        ParameterError: there is no such guard, judge or verifier, or its parameters do not fit.
        MissingExtraError: a verifier needs a package that is not there.
    """
    watching: list[tuple[str, Reason, Watch]] = []
    for place, guard, own in _chosen(settings):
        if isinstance(guard, Guard):
            watching.append((place, guard.reason, prepared(partial(guard.prepare, own), place)))
        else:  # checked only: its turn comes when the shard is settled
            prepared(partial(guard.prepare, own), place)
    opinion = settings.second_opinion

    def catch(contrast: Contrast) -> RowError | None:
        for place, reason, watch in watching:
            told = watch(contrast)
            if told is not None:
                return RowError(reason, place, told)
        return None

    if opinion is None:
        return Guarding(catch, lambda case: None, None, 0.0)
    giving = giving_of(opinion.kind, opinion.params, SECOND_OPINION)
    if opinion.margin and giving.gives == "comparisons":
        told = f"{opinion.kind} compares and gives no scores, so there is no margin"
        raise ParameterError(f"{SECOND_OPINION}.margin: {told}")
    jury = prepare_jury({SECOND_OPINION: opinion}, "majority")
    return Guarding(catch, jury.check, jury.rule, opinion.margin)


def guard_models(settings: Guarded) -> dict[str, Model]:
    """Return the models that give a second opinion, by where they stand in the parameters."""
    return judge_models(_opinions(settings))


def guard_marks(settings: Guarded) -> dict[str, str]:
    """Return the SHA-256 of each file that decides what they say. Raises ParameterError for one that cannot be read."""
    return judge_marks(_opinions(settings))


def guard_codes(settings: Guarded) -> dict[str, str]:
    """Return the user's code that a second opinion runs, by where it is named."""
    return codes_of(_opinions(settings))


def settle_guarded(settings: Guarded, pairing: PairingSettings) -> Settle | None:
    """Return what is decided over a shard: guards that look at all pairs, then the balance of lengths."""
    steps: list[Settle] = [
        _settle_by(place, guard, prepared(partial(guard.prepare, own), place))
        for place, guard, own in _chosen(settings)
        if isinstance(guard, SetGuard)
    ]
    if pairing.balance_length:
        steps.append(length_balance)
    if not steps:
        return None

    def settle(results: Sequence[Built]) -> list[Built]:
        left = list(results)
        for step in steps:
            left = step(left)
        return left

    return settle


async def guarded(
    guarding: Guarding,
    making: Making,
    judged: Judged,
    groups: Sequence[Group],
    *,
    case: Case,
    asks: Asks,
    rejects: Sequence[Reject],
    why_none: RowError | None = None,
) -> Built:
    """Return what a row gave, without the pairs that a guard or the second opinion catches.

    Args:
        guarding: the guards.
        making, judged, groups, rejects, why_none: as for ``_text_pair.built``.
        case: the row as the second opinion is shown it; the candidates are put in here.
        asks: ways to ask the models.
    """
    before = {pair for group in groups for pair in group.formed.pairs}
    caught = await asyncio.to_thread(_watched, guarding, judged, before) if before else {}
    left = [pair for group in groups for pair in group.formed.pairs if pair not in caught]
    if guarding.rule is not None and left:
        pairs = list(dict.fromkeys(left))
        try:
            judged, against = await _agreed(
                guarding.rule, guarding.margin, judged, pairs, case=case, asks=asks
            )
        except RowError as error:
            return refused(judged, error, [*rejects, *_told(judged.row, caught.items())])
        caught |= against
    if caught:
        groups = [replace(group, formed=_without(group.formed, caught)) for group in groups]
        told = list(caught.items())
        if len(caught) == len(before):
            pair, why = told.pop(0)
            why_none = RowError(why.reason, why.field, _of_pair(pair, why))
        rejects = [*rejects, *_told(judged.row, told)]
    return await asyncio.to_thread(built, making, judged, groups, rejects=rejects, why_none=why_none)


def _opinions(settings: Guarded) -> dict[str, JudgeSettings]:
    return {SECOND_OPINION: settings.second_opinion} if settings.second_opinion else {}


def _chosen(settings: Guarded) -> Iterator[tuple[str, Guard[Any] | SetGuard[Any], Settings]]:
    """Yield place, guard and its settings, in order."""
    for number, one in enumerate(settings.guards):
        place = f"guards.{number}"
        try:
            guard = GUARDS.get(one.kind)
        except UnknownPartError as error:
            raise ParameterError(f"{place}.kind: {error}") from error
        yield place, guard, parsed(guard.settings, one.params, where=f"{place}.params", owner=one.kind)


def _watched(guarding: Guarding, judged: Judged, pairs: Iterable[Chosen]) -> Caught:
    found = ((pair, guarding.catch(_contrast(judged, pair))) for pair in sorted(pairs, key=_place))
    return {pair: why for pair, why in found if why is not None}


def _place(pair: Chosen) -> tuple[int, int]:
    return pair.chosen, pair.rejected


def _contrast(judged: Judged, pair: Chosen) -> Contrast:
    better, worse = judged.candidates[pair.chosen], judged.candidates[pair.rejected]
    return Contrast(judged.row.prompt.question, better.text, worse.text, given_prefix(worse))


def given_prefix(candidate: Candidate) -> str:
    """Return the beginning that a candidate's writer was given of another answer; empty where it was given none."""
    if candidate.params is None:
        return ""
    try:
        told = json.loads(candidate.params)
    except (ValueError, RecursionError):  # a source may write what it likes there
        return ""
    prefix = told.get("prefix") if isinstance(told, dict) else None
    return prefix if isinstance(prefix, str) else ""


def _without(formed: Formed, caught: Caught) -> Formed:
    """Return what was formed without the pairs that were caught, each of which is told of by :func:`_told`."""
    left = tuple(pair for pair in formed.pairs if pair not in caught)
    if left or not formed.pairs:
        return replace(formed, pairs=left)
    why = caught[formed.pairs[0]]  # what is formed without pairs says why at its end
    return Formed((), (*formed.dropped, Dropped(why.reason, why.message, ())))


def _told(row: SourceRow, caught: Iterable[tuple[Chosen, RowError]]) -> Iterator[Reject]:
    for pair, why in caught:
        yield Reject(row.record_id, why.reason, "pair", why.field, _of_pair(pair, why), row.source_id)


def _of_pair(pair: Chosen, why: RowError) -> str:
    return f"answers {pair.chosen} over {pair.rejected}: {why.message}"


async def _agreed(
    rule: Callable[[Case, Asks], Awaitable[Ruling]],
    margin: float,
    judged: Judged,
    pairs: Sequence[Chosen],
    *,
    case: Case,
    asks: Asks,
) -> tuple[Judged, Caught]:
    """Return the candidates with what the second opinion said, and the pairs that it is against.

    Raises:
        RowError: it could not be asked, for a reason that may be gone at the next run.
    """
    caught: Caught = {}
    for pair in pairs:  # few, mostly one
        two = tuple(judged.candidates[number] for number in (pair.chosen, pair.rejected))
        try:
            ruling = await rule(replace(case, candidates=two), asks)
        except RowError as error:
            if error.reason in MAY_SUCCEED_LATER:
                raise
            caught[pair] = RowError(error.reason, SECOND_OPINION, error.message)
            continue
        judged = _with_opinion(judged, pair, ruling)
        found = _against(ruling, margin)
        if found:
            caught[pair] = found
    return judged, caught


def _with_opinion(judged: Judged, pair: Chosen, ruling: Ruling) -> Judged:
    """Return the candidates with what was said of two of them, under the scorer's name as one who was asked second."""
    candidates = list(judged.candidates)
    two = (pair.chosen, pair.rejected)
    for place, number in enumerate(two):
        one = candidates[number]
        said = [replace(word, scorer=second_name(word.scorer)) for word in ruling.judgements(place)]
        new = [word for word in said if word not in one.judgements]  # an answer may stand in several pairs
        claims = one.claims or ruling.claims(place)
        candidates[number] = replace(one, judgements=(*one.judgements, *new), claims=claims)
    compared = (
        replace(word, first=two[word.first], second=two[word.second], scorer=second_name(word.scorer))
        for word in ruling.comparisons()
    )
    judges = ({**one, "name": second_name(one["name"])} for one in ruling.judged_by)
    return replace(
        judged,
        candidates=tuple(candidates),
        comparisons=(*judged.comparisons, *compared),
        judged_by=(*judged.judged_by, *(one for one in judges if one not in judged.judged_by)),
    )


def _against(ruling: Ruling, margin: float) -> RowError | None:
    """Return why a ruling on (chosen, rejected) is against the pair; None where it agrees."""
    verdict = ruling.verdict
    if verdict.comparisons:
        return _against_verdict(verdict.comparisons[0])
    better, worse = scores_of(verdict.ratings or ((), ()), Scoring(), SECOND_OPINION)
    if better is None or worse is None:
        for failure in verdict.failures:
            return RowError(failure.reason, SECOND_OPINION, failure.message)
        return RowError("cannot_judge", SECOND_OPINION, "the second opinion has no score for both answers")
    difference = significant(better - worse)
    if difference > 0 and difference >= margin:
        return None
    needed = f", where {margin:g} more is needed" if difference > 0 else ""
    told = f"the second opinion gives {better:g} to the chosen and {worse:g} to the rejected answer{needed}"
    return RowError("rejected_as_good", SECOND_OPINION, told)


def _against_verdict(verdict: Comparison) -> RowError | None:
    if verdict.outcome == "cannot_judge":
        told = verdict.rationale or "the second opinion contradicts itself, or cannot tell"
        return RowError("cannot_judge", SECOND_OPINION, told)
    if verdict.outcome == "tie":
        return RowError(
            "rejected_as_good", SECOND_OPINION, f"{verdict.scorer} finds both answers equally good"
        )
    winner = verdict.first if verdict.outcome == "first" else verdict.second
    if winner == 0:
        return None
    return RowError("rejected_as_good", SECOND_OPINION, f"{verdict.scorer} finds the rejected answer better")


def _settle_by(place: str, guard: SetGuard[Any], watch: WatchSet) -> Settle:
    def settle(results: Sequence[Built]) -> list[Built]:
        pairs = [pair for one in results for pair in one.pairs]
        told = iter(watch([Contrast(one.prompt.question, one.chosen, one.rejected) for one in pairs]))
        return [drop_pairs(one, [next(told) for _ in one.pairs], guard.reason, place) for one in results]

    return settle
