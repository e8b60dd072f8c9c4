"""What several people say of the same two answers, made one verdict; or strengths, by the model of Bradley and Terry."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from pairwright.pairings._contrasts import significant
from pairwright.schemas.candidate import Comparison, Outcome
from pairwright.schemas.errors import RowError
from pairwright.schemas.settings import Settings

Deciding = Literal["majority", "plurality", "unanimous"]

_ITERATIONS = 1000
_CLOSE = 1e-10


class Votes(Settings):
    """How votes are counted."""

    rule: Deciding = "majority"
    """``majority``: more than half of the votes; ``plurality``: more than any other outcome has; ``unanimous``: all."""
    ties: Literal["vote", "split", "ignore"] = "vote"
    """What a vote for a tie is: a ``vote`` for neither, half a vote for each (``split``), or none (``ignore``)."""
    least: Annotated[int, Field(ge=1)] = 1
    """Fewest people that must have voted on two answers."""
    weights: dict[str, Annotated[FiniteFloat, Field(ge=0)]] = {}
    """Weight by person: how many votes theirs is; 1 for everybody else, 0 silences."""
    adjudicators: tuple[str, ...] = ()
    """People whose word stands alone on two answers where they gave one."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of the votes of a row."""

    comparisons: tuple[Comparison, ...]
    """One for every two answers that were decided, a tie among them, the lower number first."""
    undecided: tuple[tuple[int, int, RowError], ...]
    """Two answers that nobody's votes decide, and why."""


def decide(comparisons: Sequence[Comparison], votes: Votes) -> Decided:
    """Return one verdict for every two answers.

    >>> said = [Comparison(0, 1, "first", "ann"), Comparison(1, 0, "second", "bob"), Comparison(0, 1, "second", "eve")]
    >>> decide(said, Votes()).comparisons[0].outcome, decide(said, Votes(rule="unanimous")).undecided[0][2].reason
    ('first', 'no_agreement')
    """
    decided: list[Comparison] = []
    undecided: list[tuple[int, int, RowError]] = []
    for (first, second), ballot in sorted(_ballots(comparisons, votes).items()):
        people = {one.scorer for one in ballot}
        if len(people) < votes.least:
            told = f"{len(people)} of at least {votes.least} people voted"
            undecided.append((first, second, RowError("no_agreement", "votes.least", told)))
            continue
        counts = _counted(ballot, votes)
        outcome = _winner(counts, votes.rule)
        if outcome is None:
            told = ", ".join(f"{name} {count:g}" for name, count in counts.items() if count)
            undecided.append(
                (first, second, RowError("no_agreement", f"votes.{votes.rule}", told or "no votes"))
            )
        else:
            decided.append(Comparison(first, second, outcome, "votes", _strength(ballot, outcome, votes)))
    return Decided(tuple(decided), tuple(undecided))


def strengths(comparisons: Sequence[Comparison], candidates: int, votes: Votes) -> tuple[float | None, ...]:
    """Return the strengths of answers by which people's verdicts are likeliest, as logarithms with mean 0.

    Bradley and Terry (1952), fitted by the iteration of Hunter (2004, doi 10.1214/aos/1079120141). A tie is half a win for
    each. Each two answers that met are given half a win over the other beforehand, so that an answer that always won has
    a finite strength. None for answers that met no other.

    >>> said = [Comparison(0, 1, "first", "ann"), Comparison(1, 2, "first", "ann")]
    >>> [round(one, 2) for one in strengths(said, 3, Votes())]
    [1.1, 0.0, -1.1]
    """
    wins: dict[tuple[int, int], float] = {}
    for (first, second), ballot in _ballots(comparisons, votes).items():
        counts = _counted(ballot, votes.model_copy(update={"ties": "split"}))
        if sum(counts.values()):
            wins[first, second], wins[second, first] = counts["first"] + 0.5, counts["second"] + 0.5
    met = sorted({number for pair in wins for number in pair})
    worth = _fitted(met, wins)
    return tuple(worth.get(number) for number in range(candidates))


def _fitted(met: Sequence[int], wins: Mapping[tuple[int, int], float]) -> dict[int, float]:
    worth = dict.fromkeys(met, 1.0)
    total = {one: sum(count for (winner, _), count in wins.items() if winner == one) for one in met}
    for _ in range(_ITERATIONS if met else 0):
        before = worth
        worth = {
            one: total[one]
            / sum(
                (count + wins[other, one]) / (before[one] + before[other])
                for (winner, other), count in wins.items()
                if winner == one
            )
            for one in met
        }
        middle = exp(sum(log(value) for value in worth.values()) / len(worth))
        worth = {one: value / middle for one, value in worth.items()}
        if all(abs(log(worth[one] / before[one])) < _CLOSE for one in met):
            break
    return {one: significant(log(value)) if abs(log(value)) > _CLOSE else 0.0 for one, value in worth.items()}


def _ballots(comparisons: Sequence[Comparison], votes: Votes) -> dict[tuple[int, int], list[Comparison]]:
    """Return the votes that count on every two answers, the lower number first."""
    ballots: dict[tuple[int, int], list[Comparison]] = {}
    for one in _straight(comparisons):
        if one.outcome != "cannot_judge" and votes.weights.get(one.scorer, 1.0):
            ballots.setdefault((one.first, one.second), []).append(one)
    for pair, ballot in ballots.items():
        word = [one for one in ballot if one.scorer in votes.adjudicators]
        ballots[pair] = word or ballot
    return ballots


def _straight(comparisons: Sequence[Comparison]) -> Iterator[Comparison]:
    mirrored: dict[Outcome, Outcome] = {"first": "second", "second": "first"}
    for one in comparisons:
        if one.first == one.second:
            continue
        if one.first < one.second:
            yield one
        else:
            outcome = mirrored.get(one.outcome, one.outcome)
            yield Comparison(one.second, one.first, outcome, one.scorer, one.strength, one.rationale)


def _counted(ballot: Sequence[Comparison], votes: Votes) -> dict[Outcome, float]:
    counts: dict[Outcome, float] = {"first": 0.0, "second": 0.0, "tie": 0.0}
    for one in ballot:
        counts[one.outcome] += votes.weights.get(one.scorer, 1.0)
    if votes.ties != "vote":
        tied = counts.pop("tie")
        counts["tie"] = 0.0
        if votes.ties == "split":
            counts["first"] += tied / 2
            counts["second"] += tied / 2
    return counts


def _winner(counts: Mapping[Outcome, float], rule: Deciding) -> Outcome | None:
    total = significant(sum(counts.values()))
    (best, most), (_, next_most), *_ = sorted(counts.items(), key=lambda one: -one[1])
    most = significant(most)
    enough = {
        "majority": 2 * most > total,
        "plurality": most > significant(next_most),
        "unanimous": most == total,
    }
    return best if most and enough[rule] else None


def _strength(ballot: Sequence[Comparison], outcome: Outcome, votes: Votes) -> float:
    """Return the mean strength of the votes that won; 0 for a tie."""
    won = [(one.strength, votes.weights.get(one.scorer, 1.0)) for one in ballot if one.outcome == outcome]
    if outcome == "tie" or not won:
        return 0.0 if outcome == "tie" else 1.0
    return significant(sum(strength * weight for strength, weight in won) / sum(weight for _, weight in won))
