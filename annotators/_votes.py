"""Several judges of the same answers: one verdict of all, and how far they agree.

A rating is the mean of those who gave one; a comparison is what enough of the judges say. Whoever could not judge has
no vote but is counted among the judges, so that one voice out of three is no majority.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Literal

from pairwright.annotators import Failure, Verdict
from pairwright.schemas.candidate import Comparison, Outcome
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.judgement import Judgement

Rule = Literal["majority", "unanimous"]

_MIRRORED: dict[Outcome, Outcome] = {
    "first": "second",
    "second": "first",
    "tie": "tie",
    "cannot_judge": "cannot_judge",
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two judges said the same of the same two answers; sums over rows by adding both numbers."""

    agreed: int
    compared: int
    """Pairs of judges that both gave a verdict, counted for every two answers."""

    @property
    def share(self) -> float | None:
        """Share from 0 to 1; None where no two judges spoke of the same answers.

        >>> Agreement(3, 4).share
        0.75
        """
        return self.agreed / self.compared if self.compared else None


@dataclass(frozen=True, slots=True)
class Panel:
    """What several judges say together."""

    verdict: Verdict
    agreement: Agreement


_PANEL = "panel of "
_SECOND = " (second_opinion)"


def panel_name(names: Sequence[str]) -> str:
    """Return what several judges together are called."""
    return _PANEL + ", ".join(names)


def second_name(scorer: str) -> str:
    """Return what a judge is called as the second opinion on pairs, which is no voice among those that form them."""
    return scorer + _SECOND


def is_second(scorer: str) -> bool:
    """Tell whether somebody was asked as the second opinion.

    >>> is_second(second_name("eve")), is_second("eve")
    (True, False)
    """
    return scorer.endswith(_SECOND)


def voices(scorers: Iterable[str]) -> tuple[str, ...]:
    """Return the scorers that count: without those who sit on a panel that is one of the scorers itself.

    What they said stands beside the panel's word, and to count both would count it twice. A second opinion, which was
    asked about paired answers only, counts where nobody else said anything.

    >>> voices(["panel of ann, bob", "ann", "bob", "eve"])
    ('panel of ann, bob', 'eve')
    >>> voices(["ann", second_name("eve")]), voices([second_name("eve")])
    (('ann',), ('eve (second_opinion)',))
    """
    said = tuple(dict.fromkeys(scorers))
    everyone = tuple(one for one in said if not is_second(one)) or said
    panels = [f", {one.removeprefix(_PANEL)}, " for one in everyone if one.startswith(_PANEL)]
    return tuple(one for one in everyone if not any(f", {one}, " in members for members in panels))


def panel_of(verdicts: Sequence[Verdict], *, scorer: str, rule: Rule = "majority") -> Panel:
    """Combine the verdicts of all judges on the same candidates into one of ``scorer``.

    With ``majority`` more than half of the judges must give a rating, or the same outcome; with ``unanimous`` all of
    them. Otherwise a rating is a judgement without a value, and a comparison is ``cannot_judge``. The ratings of single
    judges are not in the result: who keeps them beside it counts :func:`voices` only. Claims are those of the first judge
    that took the answers apart: statements of different judges are not the same ones.

    Raises:
        ParameterError: some judges rate and others compare, or two rate the same aspect on different scales.
    """
    rates = any(verdict.ratings for verdict in verdicts)
    if rates and any(verdict.comparisons for verdict in verdicts):
        raise ParameterError(
            "judges: some rate and some compare, which makes no common verdict; take one kind"
        )
    ratings, mute = _mean_ratings(verdicts, scorer, rule) if rates else ((), [])
    comparisons, silent = ((), []) if rates else _voted(verdicts, scorer, rule)
    prompts = list(dict.fromkeys(verdict.prompt for verdict in verdicts if verdict.prompt))
    claims = next((verdict.claims for verdict in verdicts if any(verdict.claims)), ())
    combined = Verdict(ratings, comparisons, (*mute, *silent), claims, prompt=", ".join(prompts) or None)
    return Panel(combined, agreement(verdicts))


def agreement(verdicts: Sequence[Verdict]) -> Agreement:
    """Return how far judges agree, two by two, on every two candidates of which both gave a verdict.

    What a judge's ratings say of two candidates is the order of their means over all aspects.

    >>> def says(outcome): return Verdict(comparisons=(Comparison(0, 1, outcome, "judge"),))
    >>> agreement([says("first"), says("first"), says("tie"), says("cannot_judge")])
    Agreement(agreed=1, compared=3)
    """
    agreed = compared = 0
    for one, other in combinations([_outcomes(verdict) for verdict in verdicts], 2):
        shared = one.keys() & other.keys()
        compared += len(shared)
        agreed += sum(one[pair] == other[pair] for pair in shared)
    return Agreement(agreed, compared)


def enough(votes: int, judges: int, rule: Rule) -> bool:
    """Tell whether so many of all judges decide."""
    return votes == judges if rule == "unanimous" else 2 * votes > judges


def _mean_ratings(
    verdicts: Sequence[Verdict], scorer: str, rule: Rule
) -> tuple[tuple[tuple[Judgement, ...], ...], list[Failure]]:
    count = max((len(verdict.ratings) for verdict in verdicts), default=0)
    ratings = []
    for number in range(count):
        given = [judgement for verdict in verdicts for judgement in _of(verdict.ratings, number)]
        aspects = dict.fromkeys(judgement.aspect for judgement in given)
        ratings.append(
            tuple(
                _mean([one for one in given if one.aspect == aspect], scorer, len(verdicts), rule)
                for aspect in aspects
            )
        )
    mute = tuple(number for number in range(count) if all(one.value is None for one in ratings[number]))
    told = Failure("cannot_judge", f"too few of {len(verdicts)} judges could rate it", mute)
    return tuple(ratings), [told] if mute else []


def _of(ratings: Sequence[tuple[Judgement, ...]], number: int) -> tuple[Judgement, ...]:
    return ratings[number] if number < len(ratings) else ()


def _mean(judgements: Sequence[Judgement], scorer: str, judges: int, rule: Rule) -> Judgement:
    first = judgements[0]
    scales = sorted({(one.low, one.high) for one in judgements}, key=str)
    if len(scales) > 1:
        raise ParameterError(
            f"judges: {first.aspect} is rated on different scales {scales}; give all the same scale"
        )
    values = [one.value for one in judgements if one.value is not None]
    value = fmean(values) if values and enough(len(values), judges, rule) else None
    return Judgement("candidate", scorer, first.aspect, value, first.low, first.high)


def _voted(
    verdicts: Sequence[Verdict], scorer: str, rule: Rule
) -> tuple[tuple[Comparison, ...], list[Failure]]:
    votes: dict[tuple[int, int], list[Comparison]] = {}
    for comparison in _straight(verdicts):
        votes.setdefault((comparison.first, comparison.second), []).append(comparison)
    failed = {failure.candidates: failure.message for verdict in verdicts for failure in verdict.failures}
    silent = [
        Failure("cannot_judge", f"none of {len(verdicts)} judges gave a verdict ({failed[numbers]})", numbers)
        for numbers in sorted(failed)
        if numbers not in votes
    ]
    return tuple(_majority(votes[pair], scorer, len(verdicts), rule) for pair in sorted(votes)), silent


def _straight(verdicts: Sequence[Verdict]) -> Iterator[Comparison]:
    """Yield all comparisons, the lower number first."""
    for one in (comparison for verdict in verdicts for comparison in verdict.comparisons):
        if one.first < one.second:
            yield one
        else:
            yield Comparison(
                one.second, one.first, _MIRRORED[one.outcome], one.scorer, one.strength, one.rationale
            )


def _majority(comparisons: Sequence[Comparison], scorer: str, judges: int, rule: Rule) -> Comparison:
    (outcome, votes), *_ = Counter(one.outcome for one in comparisons).most_common(1)
    first, second = comparisons[0].first, comparisons[0].second
    counted = ", ".join(f"{one.scorer}: {one.outcome}" for one in comparisons)
    if outcome == "cannot_judge" or not enough(votes, judges, rule):
        return Comparison(
            first, second, "cannot_judge", scorer, 0.0, f"no {rule} of {judges} judges ({counted})"
        )
    strength = fmean(one.strength for one in comparisons if one.outcome == outcome)
    return Comparison(first, second, outcome, scorer, strength, counted)


def _outcomes(verdict: Verdict) -> dict[tuple[int, int], Outcome]:
    """Return what a judge says of every two candidates, the lower number first, where it says something."""
    said = {(one.first, one.second): one.outcome for one in _straight([verdict])}
    means = {number: _level(judgements) for number, judgements in enumerate(verdict.ratings)}
    for first, second in combinations(means, 2):
        one, other = means[first], means[second]
        if one is not None and other is not None:
            said[first, second] = "tie" if one == other else "first" if one > other else "second"
    return {pair: outcome for pair, outcome in said.items() if outcome != "cannot_judge"}


def _level(judgements: Iterable[Judgement]) -> float | None:
    values = [judgement.value for judgement in judgements]
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
