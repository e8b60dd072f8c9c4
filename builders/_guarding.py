"""What stands between forming pairs and writing them: guards that look at each pair, and a second opinion on it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pairwright.annotators import Case
from pairwright.builders import Asks, Built, Settle
from pairwright.builders._jury import JudgeSettings, Ruling, judge_marks, judge_models, prepare_jury
from pairwright.builders._parts import codes_of, prepared
from pairwright.builders._scoring import Scoring, scores_of
from pairwright.builders._text_pair import Group, Judged, Making, built, drop_pairs, length_balance, refused
from pairwright.guards import ROOM as GUARDS
from pairwright.guards import Contrast, Guard, SetGuard, WatchSet
from pairwright.pairings import Chosen
from pairwright.pairings._forming import Dropped, Formed, PairingSettings
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError, UnknownPartError
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.reasons import Reason
from pairwright.schemas.reject import Reject
from pairwright.schemas.settings import Settings, parsed

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

    margin: float = 0.0
    """By how much its score must be higher; of a judge that compares, nothing but its verdict counts."""


class Guarded(Settings):
    """Parameters of every builder whose pairs are guarded."""

    guards: tuple[GuardChoice, ...] = ()
    """What each pair is looked at for; naming some replaces those that are there by default."""
    second_opinion: SecondOpinion | None = None
    """Who must agree with each pair; nobody if not given."""


@dataclass(frozen=True, slots=True)
class Guarding:
    """The guards of a recipe, checked."""

    catch: Callable[[Contrast], tuple[Reason, str] | None]
    """Says why a pair is not to be written; None where it may be."""
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
    watching = [
        (guard, prepared(partial(guard.prepare, own), place))
        for place, guard, own in _chosen(settings)
        if isinstance(guard, Guard)
    ]
    opinion = settings.second_opinion

    def catch(contrast: Contrast) -> tuple[Reason, str] | None:
        for guard, watch in watching:
            told = watch(contrast)
            if told is not None:
                return guard.reason, told
        return None

    if opinion is None:
        return Guarding(catch, lambda case: None, None, 0.0)
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
        _settle_by(guard, guard.prepare(own))
        for _, guard, own in _chosen(settings)
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
    watched = [replace(group, formed=_watched(guarding, judged, group.formed)) for group in groups]
    if guarding.rule is not None and any(group.formed.pairs for group in watched):
        try:
            judged, watched = await _agreed(guarding, judged, watched, case=case, asks=asks)
        except RowError as error:
            return refused(judged, error, rejects)
    return await asyncio.to_thread(built, making, judged, watched, rejects=rejects, why_none=why_none)


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


def _watched(guarding: Guarding, judged: Judged, formed: Formed) -> Formed:
    caught = {
        pair: found
        for pair in formed.pairs
        if (found := guarding.catch(_contrast(judged.row.prompt, judged.candidates, pair)))
    }
    return _without(formed, caught)


def _contrast(prompt: Prompt, candidates: Sequence[Candidate], pair: Chosen) -> Contrast:
    better, worse = candidates[pair.chosen], candidates[pair.rejected]
    return Contrast(prompt.question, better.text, worse.text, given_prefix(worse))


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


def _without(formed: Formed, caught: Mapping[Chosen, tuple[Reason, str]]) -> Formed:
    """Return what was formed without the pairs that were caught; each is told of, and why."""
    if not caught:
        return formed
    told = (
        Dropped(reason, f"answers {pair.chosen} over {pair.rejected}: {why}", (pair.chosen, pair.rejected))
        for pair, (reason, why) in caught.items()
    )
    return Formed(tuple(pair for pair in formed.pairs if pair not in caught), (*formed.dropped, *told))


async def _agreed(
    guarding: Guarding, judged: Judged, groups: Sequence[Group], *, case: Case, asks: Asks
) -> tuple[Judged, list[Group]]:
    """Return the candidates with what the second opinion said, and the groups without pairs that it is against."""
    rule = guarding.rule
    if rule is None:
        raise AssertionError("nobody to ask for a second opinion")
    pairs = list(dict.fromkeys(pair for group in groups for pair in group.formed.pairs))
    caught: dict[Chosen, tuple[Reason, str]] = {}
    candidates, comparisons, judged_by = list(judged.candidates), list(judged.comparisons), judged.judged_by
    for pair in pairs:  # few: mostly one
        two = (pair.chosen, pair.rejected)
        ruling = await rule(replace(case, candidates=tuple(judged.candidates[n] for n in two)), asks)
        for place, number in enumerate(two):
            said = ruling.judgements(place)
            new = [one for one in said if one not in candidates[number].judgements]
            candidates[number] = replace(
                candidates[number], judgements=(*candidates[number].judgements, *new)
            )
        comparisons += [
            replace(one, first=two[one.first], second=two[one.second]) for one in ruling.comparisons()
        ]
        judged_by = (*judged_by, *(one for one in ruling.judged_by if one not in judged_by))
        if found := _against(ruling, guarding.margin):
            caught[pair] = found
    kept = replace(judged, candidates=tuple(candidates), comparisons=tuple(comparisons), judged_by=judged_by)
    return kept, [replace(group, formed=_without(group.formed, caught)) for group in groups]


def _against(ruling: Ruling, margin: float) -> tuple[Reason, str] | None:
    """Return why a ruling on (chosen, rejected) is against the pair; None where it agrees."""
    verdict = ruling.verdict
    for one in verdict.comparisons:
        if one.outcome == "cannot_judge":
            return "cannot_judge", one.rationale or "the second opinion contradicts itself or cannot tell"
        winner = {"first": one.first, "second": one.second}.get(one.outcome)
        if winner != 0:
            found = "equally good" if winner is None else "worse than the rejected one"
            return "rejected_as_good", f"{one.scorer} finds the chosen answer {found}"
        return None
    better, worse = scores_of(verdict.ratings or ((), ()), Scoring(), SECOND_OPINION)
    if better is None or worse is None:
        told = "; ".join(failure.message for failure in verdict.failures)
        return "cannot_judge", told or "the second opinion has no score for both answers"
    if better - worse <= margin:
        return (
            "rejected_as_good",
            f"the second opinion gives {better:g} to the chosen and {worse:g} to the rejected",
        )
    return None


def _settle_by(guard: SetGuard[Any], watch: WatchSet) -> Settle:
    def settle(results: Sequence[Built]) -> list[Built]:
        pairs = [pair for one in results for pair in one.pairs]
        told = iter(watch([Contrast(one.prompt.question, one.chosen, one.rejected) for one in pairs]))
        return [drop_pairs(one, [next(told) for _ in one.pairs], guard.reason, "guards") for one in results]

    return settle
