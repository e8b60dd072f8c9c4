"""A second opinion on pairs: a judge or verifier that must find the chosen answer better than the rejected one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Annotated

from pydantic import Field, FiniteFloat

from pairwright.annotators import Case
from pairwright.annotators._votes import is_second, second_name
from pairwright.builders import Asks
from pairwright.builders._jury import JudgeSettings, Ruling
from pairwright.builders._scoring import Scoring, scores_of
from pairwright.builders._text_pair import Judged
from pairwright.pairings import Chosen
from pairwright.pairings._contrasts import significant
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import RowError
from pairwright.schemas.reasons import MAY_SUCCEED_LATER

Caught = dict[Chosen, RowError]
"""Pairs that are not to be written, and why."""

SECOND_OPINION = "second_opinion"
"""Where it stands in the parameters."""


class SecondOpinion(JudgeSettings):
    """A judge or verifier that must find the chosen answer of every pair better than the rejected one."""

    margin: Annotated[FiniteFloat, Field(ge=0)] = 0.0
    """By how much its score must be higher at least; 0 for any difference. A judge that compares has no scores: there its
    verdict counts, and a margin is an error."""


async def agreed(
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
    rulings: dict[Chosen, Ruling] = {}
    for pair in pairs:  # few, mostly one
        two = tuple(judged.candidates[number] for number in (pair.chosen, pair.rejected))
        try:
            rulings[pair] = await rule(replace(case, candidates=two), asks)
        except RowError as error:
            if error.reason in MAY_SUCCEED_LATER:
                raise
            caught[pair] = RowError(error.reason, SECOND_OPINION, error.message)
            continue
        found = _against(rulings[pair], margin)
        if found:
            caught[pair] = found
    judged = _without_earlier(judged, rulings)
    for pair, ruling in rulings.items():
        judged = _with_opinion(judged, pair, ruling)
    return judged, caught


def _without_earlier(judged: Judged, rulings: Mapping[Chosen, Ruling]) -> Judged:
    """Return the candidates without what the same scorers said of the same pairs in an earlier run."""
    scorers = {second_name(one["name"]) for ruling in rulings.values() for one in ruling.judged_by}
    asked = {frozenset((pair.chosen, pair.rejected)) for pair in rulings}
    numbers = {number for two in asked for number in two}
    return replace(
        judged,
        candidates=tuple(
            replace(one, judgements=tuple(word for word in one.judgements if word.scorer not in scorers))
            if number in numbers
            else one
            for number, one in enumerate(judged.candidates)
        ),
        comparisons=tuple(
            word
            for word in judged.comparisons
            if word.scorer not in scorers or frozenset((word.first, word.second)) not in asked
        ),
    )


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


def said_before(judged: Judged, pair: Chosen) -> RowError | None:
    """Return how a second opinion that was given before is against a pair; None where it is not, or where there is none."""
    two = (pair.chosen, pair.rejected)
    for word in judged.comparisons:
        if is_second(word.scorer) and {word.first, word.second} == set(two):
            against = _against_verdict(
                replace(word, first=two.index(word.first), second=two.index(word.second))
            )
            if against is not None:
                return against
    better, worse = (_second_ratings(judged.candidates[number]) for number in two)
    for scorer in better.keys() & worse.keys():
        if significant(better[scorer] - worse[scorer]) <= 0:
            told = f"{scorer} gives {better[scorer]:g} to the chosen and {worse[scorer]:g} to the rejected answer"
            return RowError("rejected_as_good", SECOND_OPINION, told)
    return None


def _second_ratings(candidate: Candidate) -> dict[str, float]:
    """Return the mean of what each second opinion said of a candidate, by scorer."""
    said: dict[str, list[float]] = {}
    for word in candidate.judgements:
        if is_second(word.scorer) and word.value is not None:
            said.setdefault(word.scorer, []).append(word.value)
    return {scorer: fmean(values) for scorer, values in sorted(said.items())}
