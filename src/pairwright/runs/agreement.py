"""How far people agree: on which of two answers is better, and in their ratings; and what each person's votes are like.

Votes on two answers are nominal: the first is better, a tie, or the second. Cohen's and Fleiss' kappa are closed formulas; Krippendorff's
alpha, which also takes ratings and people who did not see everything, comes from the package ``krippendorff``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import isfinite
from statistics import median
from typing import Any, Literal

import numpy as np

from pairwright.annotators._votes import voices

OUTCOMES = ("first", "tie", "second")
_MIRRORED = {"first": "second", "second": "first"}
_MOST_KEPT = 1000
"""People, pairs of people, and aspects that are counted apart."""
_MOST_SECONDS = 10_000
"""Times of a person that are kept for their median: the first ones."""
MOST_SHOWN = 10

Row = Mapping[str, Any]
Units = Counter[tuple[int, ...]]
"""How often each count of votes by value occurs."""


@dataclass(frozen=True, slots=True)
class Cohen:
    """Two people on the same pairs of answers."""

    one: str
    other: str
    both: int
    """Pairs of answers on which both voted."""
    agreed: int
    kappa: float | None
    """Cohen's kappa, 1960; None where both always said the same one thing."""


@dataclass(frozen=True, slots=True)
class Person:
    """What one person's votes are like."""

    annotator: str
    votes: int
    """First, tie or second."""
    ties: int
    cannot_judge: int
    with_others: float | None
    """Share of the votes of others, on the same answers, that were the same; None where nobody else voted."""
    seconds: float | None
    """Median time of an annotation, where it is known."""
    left: float | None
    """Share of the verdicts for one side that were for the answer shown first, where the order is known: near a half for
    somebody who does not go by the place."""


@dataclass(frozen=True, slots=True)
class RatedAlike:
    """How far people agree in their ratings on one aspect."""

    aspect: str
    answers: int
    """Answers with at least two ratings."""
    alpha: float | None
    """Krippendorff's alpha for intervals; None without the package, or where all ratings are the same."""


@dataclass(frozen=True, slots=True)
class AgreementSummary:
    """All of it."""

    units: int
    """Pairs of answers on which at least two voted."""
    fleiss: float | None
    """Fleiss' kappa, 1971, over the pairs of answers with the commonest number of votes."""
    fleiss_votes: int
    """That number."""
    alpha: float | None
    """Krippendorff's alpha over all of them; None without the package, or where all votes are the same."""
    cohen: tuple[Cohen, ...]
    """Those with most in common first."""
    people: tuple[Person, ...]
    """Those with most votes first."""
    ratings: tuple[RatedAlike, ...]


@dataclass(slots=True)
class _Voter:
    outcomes: Counter[str] = field(default_factory=Counter)
    same: int = 0
    met: int = 0
    seconds: list[float] = field(default_factory=list)
    placed: Counter[bool] = field(default_factory=Counter)


@dataclass(slots=True)
class Voting:
    """Counts over all rows that were added."""

    units: Units = field(default_factory=Counter)
    two: dict[tuple[str, str], Counter[tuple[str, str]]] = field(default_factory=dict)
    voters: dict[str, _Voter] = field(default_factory=dict)
    ratings: dict[str, Counter[tuple[float, ...]]] = field(default_factory=dict)


def add_votes(
    voting: Voting, answers: Sequence[Row], comparisons: Sequence[Row], annotations: Sequence[Row]
) -> None:
    """Count what was said of one prompt's answers."""
    ballots: dict[tuple[int, int], dict[str, str]] = {}
    counted = set(voices(str(one["scorer"]) for one in comparisons))
    shown = {str(one["annotator"]): list(one["shown"] or ()) for one in annotations}
    for one in comparisons:
        scorer, outcome = str(one["scorer"]), str(one["outcome"])
        voter = _of(voting.voters, scorer, _Voter)
        if scorer not in counted or voter is None or one["first"] == one["second"]:
            continue
        voter.outcomes[outcome] += 1
        if outcome not in OUTCOMES:
            continue
        if outcome != "tie":
            _add_place(
                voter, one[outcome], one["first"] + one["second"] - one[outcome], shown.get(scorer, [])
            )
        straight = outcome if one["first"] < one["second"] else _MIRRORED.get(outcome, outcome)
        key = min(one["first"], one["second"]), max(one["first"], one["second"])
        ballots.setdefault(key, {})[scorer] = straight
    for ballot in ballots.values():
        _add_ballot(voting, ballot)
    for one in annotations:
        voter = _of(voting.voters, str(one["annotator"]), _Voter)
        if voter and one["seconds"] is not None and len(voter.seconds) < _MOST_SECONDS:
            voter.seconds.append(one["seconds"])
    _add_ratings(voting, answers)


def _add_place(voter: _Voter, better: int, worse: int, shown: Sequence[int]) -> None:
    if better in shown and worse in shown:
        voter.placed[shown.index(better) < shown.index(worse)] += 1


def _add_ballot(voting: Voting, ballot: Mapping[str, str]) -> None:
    if len(ballot) < 2:
        return
    said = Counter(ballot.values())
    voting.units[tuple(said[outcome] for outcome in OUTCOMES)] += 1
    for person, outcome in ballot.items():
        voting.voters[person].same += said[outcome] - 1
        voting.voters[person].met += len(ballot) - 1
    for one, other in combinations(sorted(ballot), 2):
        together = _of(voting.two, (one, other), Counter)
        if together is not None:
            together[ballot[one], ballot[other]] += 1


def _add_ratings(voting: Voting, answers: Sequence[Row]) -> None:
    for answer in answers:
        said: dict[str, dict[str, float]] = {}
        for one in answer["judgements"] or ():
            value = one["value"]
            if value is not None and isfinite(value):
                said.setdefault(str(one["aspect"]), {})[str(one["scorer"])] = value
        for aspect, by_person in said.items():
            counted = voices(by_person)
            if len(counted) > 1 and (values := _of(voting.ratings, aspect, Counter)) is not None:
                values[tuple(sorted(by_person[person] for person in counted))] += 1


def agreement_summary(voting: Voting) -> AgreementSummary | None:
    """Return what was counted, or None where no two people said anything of the same answers, and nobody told their time."""
    timed = any(voter.seconds or voter.placed for voter in voting.voters.values())
    if not (voting.units or voting.ratings or timed):
        return None
    kappa, votes = fleiss(voting.units)
    cohens = sorted(_cohens(voting), key=lambda one: (-one.both, one.one, one.other))
    people = sorted(voting.voters.items(), key=lambda one: (-one[1].outcomes.total(), one[0]))
    return AgreementSummary(
        units=voting.units.total(),
        fleiss=kappa,
        fleiss_votes=votes,
        alpha=_alpha([(range(len(OUTCOMES)), unit, n) for unit, n in voting.units.items()], "nominal"),
        cohen=tuple(cohens[:MOST_SHOWN]),
        people=tuple(_person(name, voter) for name, voter in people[:MOST_SHOWN]),
        ratings=tuple(
            RatedAlike(aspect, values.total(), _alpha(list(_rated(values)), "interval"))
            for aspect, values in sorted(voting.ratings.items(), key=lambda one: -one[1].total())[:MOST_SHOWN]
        ),
    )


def _person(name: str, voter: _Voter) -> Person:
    votes = {outcome: voter.outcomes[outcome] for outcome in OUTCOMES}
    placed = voter.placed.total()
    return Person(
        annotator=name,
        votes=sum(votes.values()),
        ties=votes["tie"],
        cannot_judge=voter.outcomes["cannot_judge"],
        with_others=voter.same / voter.met if voter.met else None,
        seconds=median(voter.seconds) if voter.seconds else None,
        left=voter.placed[True] / placed if placed else None,
    )


def _cohens(voting: Voting) -> Iterator[Cohen]:
    for (one, other), together in voting.two.items():
        agreed = sum(n for (first, second), n in together.items() if first == second)
        yield Cohen(one, other, together.total(), agreed, cohen(together))


def cohen(together: Counter[tuple[str, str]]) -> float | None:
    """Return Cohen's kappa of how often two people said what; None where chance alone agrees always.

    The example of Cohen's kappa in many textbooks: 20 and 15 of 50 agreed, 5 and 10 not.

    >>> cohen(Counter({("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15}))
    0.4
    """
    total = together.total()
    by_one, by_other = Counter[str](), Counter[str]()
    for (first, second), n in together.items():
        by_one[first] += n
        by_other[second] += n
    observed = sum(n for (first, second), n in together.items() if first == second) / total
    expected = sum(by_one[value] * by_other[value] for value in by_one) / total**2
    return None if expected == 1 else round((observed - expected) / (1 - expected), 9)


def fleiss(units: Units) -> tuple[float | None, int]:
    """Return Fleiss' kappa over the units with the commonest number of votes, and that number; None where all votes are the same.

    >>> fleiss(Counter({(3, 0, 0): 1, (0, 0, 3): 1})), fleiss(Counter({(2, 0, 1): 1, (1, 0, 2): 1}))
    ((1.0, 3), (-0.333333333, 3))
    """
    sizes = Counter[int]()
    for unit, n in units.items():
        sizes[sum(unit)] += n
    if not sizes:
        return None, 0
    votes = max(sizes, key=lambda size: (sizes[size], size))
    chosen = {unit: n for unit, n in units.items() if sum(unit) == votes}
    total = sum(chosen.values())
    shares = [sum(unit[value] * n for unit, n in chosen.items()) / (total * votes) for value in range(3)]
    expected = sum(share**2 for share in shares)
    alike = sum(n * sum(count * (count - 1) for count in unit) for unit, n in chosen.items())
    observed = alike / (total * votes * (votes - 1))
    return (None if expected == 1 else round((observed - expected) / (1 - expected), 9)), votes


_Counts = tuple[Sequence[float], Sequence[int], int]
"""Values, how often each was given to a unit, and how many such units there are."""


def _rated(values: Counter[tuple[float, ...]]) -> Iterator[_Counts]:
    for rated, n in values.items():
        counts = Counter(rated)
        yield list(counts), list(counts.values()), n


def _alpha(counted: Sequence[_Counts], level: Literal["nominal", "interval"]) -> float | None:
    """Return Krippendorff's alpha, None where it is not defined, or the package is not there."""
    try:
        import krippendorff
    except ImportError:
        return None
    domain = sorted(
        {value for values, counts, _ in counted for value, n in zip(values, counts, strict=True) if n}
    )
    if len(domain) < 2:
        return None
    place = {value: number for number, value in enumerate(domain)}
    # Units that were counted alike are one line each: alpha is a ratio of sums over units, so that lines are repeated.
    table = np.zeros((sum(n for *_, n in counted), len(domain)), dtype=np.int64)
    line = 0
    for values, counts, n in counted:
        for value, count in zip(values, counts, strict=True):
            if count:
                table[line : line + n, place[value]] += count
        line += n
    found = krippendorff.alpha(
        value_counts=table, value_domain=np.array(domain, dtype=float), level_of_measurement=level
    )
    return round(float(found), 9)


def _of(known: dict[Any, Any], key: Any, new: type[Any]) -> Any:
    """Return the entry of a name, made new where there are few enough; None beyond that."""
    if key not in known and len(known) >= _MOST_KEPT:
        return None
    return known.setdefault(key, new())
