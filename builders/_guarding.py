"""What stands between forming pairs and writing them: guards that look at each pair, and a second opinion on it.

The end of every builder of text pairs. A pair that is caught is a reject of scope ``pair``; where that leaves a row
without pairs, the first of them is the reject of the row.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pairwright.annotators import Case
from pairwright.builders import Asks, Built, Settle
from pairwright.builders._fitting import giving_of
from pairwright.builders._jury import JudgeSettings, Ruling, judge_marks, judge_models, prepare_jury
from pairwright.builders._parts import codes_of, prepared
from pairwright.builders._second_opinion import SECOND_OPINION, Caught, SecondOpinion, agreed, said_before
from pairwright.builders._text_pair import Group, Judged, Making, built, drop_pairs, length_balance, refused
from pairwright.builders._told import told_of
from pairwright.guards import ROOM as GUARDS
from pairwright.guards import Contrast, Guard, SetGuard, Watch, WatchSet
from pairwright.pairings import Chosen
from pairwright.pairings._forming import Dropped, Formed, PairingSettings
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError, UnknownPartError
from pairwright.schemas.reasons import Reason
from pairwright.schemas.reject import Reject
from pairwright.schemas.settings import Settings, parsed
from pairwright.schemas.source_row import SourceRow


class GuardChoice(Settings):
    """One guard."""

    kind: str
    """A guard; ``pairwright list guards`` shows them with their parameters."""
    params: dict[str, Any] = {}
    """Its parameters. Missing ones keep their defaults."""


class Watched(Settings):
    """Parameters of every builder whose pairs are looked at by guards."""

    guards: tuple[GuardChoice, ...] = ()
    """What each pair is looked at for; naming some replaces those that are there by default."""
    pairing: PairingSettings = PairingSettings()
    """How pairs are formed."""


class Guarded(Watched):
    """Parameters of every builder whose pairs may need a second opinion besides."""

    second_opinion: SecondOpinion | None = None
    """Who must agree with each pair; nobody if not given."""


Catch = Callable[[Contrast], RowError | None]
"""Returns why a pair is not to be written, with the guard's place as field; None where it may be."""


@dataclass(frozen=True, slots=True)
class Guarding:
    """The guards of a recipe, checked."""

    catch: Catch
    check: Callable[[Case], None]
    """Raises RowError where a row lacks what the second opinion goes by; called before anything is asked."""
    rule: Callable[[Case, Asks], Awaitable[Ruling]] | None
    """Gives the second opinion on the two candidates of a case, the chosen one first; None where nobody does."""
    margin: float


def prepare_catch(settings: Watched) -> Catch:
    """Check the guards once.

    Raises:
        ParameterError: there is no such guard, or its parameters do not fit.
    """
    watching: list[tuple[str, Reason, Watch]] = []
    for place, guard, own in _chosen(settings):
        if isinstance(guard, Guard):
            watching.append((place, guard.reason, prepared(partial(guard.prepare, own), place)))
        else:  # checked only: its turn comes when the shard is settled
            prepared(partial(guard.prepare, own), place)

    def catch(contrast: Contrast) -> RowError | None:
        for place, reason, watch in watching:
            told = watch(contrast)
            if told is not None:
                return RowError(reason, place, told)
        return None

    return catch


def prepare_guards(settings: Guarded) -> Guarding:
    """Check the guards and the second opinion once.

    Raises:
        ParameterError: there is no such guard, judge or verifier, or its parameters do not fit.
        MissingExtraError: a verifier needs a package that is not there.
    """
    catch, opinion = prepare_catch(settings), settings.second_opinion
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


def settle_guarded(settings: Watched) -> Settle | None:
    """Return what is decided over a shard: guards that look at all pairs, then the balance of lengths."""
    steps: list[Settle] = [
        _settle_by(place, guard, prepared(partial(guard.prepare, own), place))
        for place, guard, own in _chosen(settings)
        if isinstance(guard, SetGuard)
    ]
    if settings.pairing.balance_length:
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
    caught = await asyncio.to_thread(_watched, guarding.catch, judged, before) if before else {}
    left = [pair for group in groups for pair in group.formed.pairs if pair not in caught]
    if guarding.rule is not None and left:
        pairs = list(dict.fromkeys(left))
        try:
            judged, against = await agreed(
                guarding.rule, guarding.margin, judged, pairs, case=case, asks=asks
            )
        except RowError as error:
            return refused(judged, error, [*rejects, *_told(judged.row, caught.items())])
        caught |= against
    return await asyncio.to_thread(_left, making, judged, groups, caught, rejects=rejects, why_none=why_none)


def guarded_anew(
    catch: Catch,
    making: Making,
    judged: Judged,
    group: Group,
    *,
    rejects: Sequence[Reject],
    why_none: RowError | None = None,
) -> Built:
    """Return what a row gave whose pairs are formed anew: nobody is asked, what a second opinion once said still counts.

    Args:
        catch: the guards.
        making, judged, rejects, why_none: as for ``_text_pair.built``.
        group: what was formed.
    """
    caught = _watched(catch, judged, group.formed.pairs)
    for pair in group.formed.pairs:
        said = None if pair in caught else said_before(judged, pair)
        if said is not None:
            caught[pair] = said
    return _left(making, judged, [group], caught, rejects=rejects, why_none=why_none)


def _left(
    making: Making,
    judged: Judged,
    groups: Sequence[Group],
    caught: Caught,
    *,
    rejects: Sequence[Reject],
    why_none: RowError | None,
) -> Built:
    """Return what a row gave without the pairs that were caught."""
    if caught:
        before = {pair for group in groups for pair in group.formed.pairs}
        groups = [replace(group, formed=_without(group.formed, caught)) for group in groups]
        told = list(caught.items())
        if len(caught) == len(before):
            pair, why = told.pop(0)
            why_none = RowError(why.reason, why.field, _of_pair(pair, why))
        rejects = [*rejects, *_told(judged.row, told)]
    return built(making, judged, groups, rejects=rejects, why_none=why_none)


def _opinions(settings: Guarded) -> dict[str, JudgeSettings]:
    return {SECOND_OPINION: settings.second_opinion} if settings.second_opinion else {}


def _chosen(settings: Watched) -> Iterator[tuple[str, Guard[Any] | SetGuard[Any], Settings]]:
    """Yield place, guard and its settings, in order."""
    for number, one in enumerate(settings.guards):
        place = f"guards.{number}"
        try:
            guard = GUARDS.get(one.kind)
        except UnknownPartError as error:
            raise ParameterError(f"{place}.kind: {error}") from error
        yield place, guard, parsed(guard.settings, one.params, where=f"{place}.params", owner=one.kind)


def _watched(catch: Catch, judged: Judged, pairs: Iterable[Chosen]) -> Caught:
    found = ((pair, catch(_contrast(judged, pair))) for pair in sorted(pairs, key=_place))
    return {pair: why for pair, why in found if why is not None}


def _place(pair: Chosen) -> tuple[int, int]:
    return pair.chosen, pair.rejected


def _contrast(judged: Judged, pair: Chosen) -> Contrast:
    better, worse = judged.candidates[pair.chosen], judged.candidates[pair.rejected]
    return Contrast(judged.row.prompt.question, better.text, worse.text, given_prefix(worse))


def given_prefix(candidate: Candidate) -> str:
    """Return the beginning that a candidate's writer was given of another answer; empty where it was given none."""
    prefix = told_of(candidate).get("prefix")
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


def _settle_by(place: str, guard: SetGuard[Any], watch: WatchSet) -> Settle:
    def settle(results: Sequence[Built]) -> list[Built]:
        pairs = [pair for one in results for pair in one.pairs]
        told = iter(watch([Contrast(one.prompt.question, one.chosen, one.rejected) for one in pairs]))
        return [drop_pairs(one, [next(told) for _ in one.pairs], guard.reason, place) for one in results]

    return settle
