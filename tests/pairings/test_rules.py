"""What single rules do with scores, ties and verdicts, beyond the examples of the page."""

from typing import Any

import pytest

from pairwright.pairings import ROOM, Chosen
from pairwright.schemas.candidate import Candidate, Comparison, Outcome


def pairs(
    name: str, candidates: list[Candidate], *verdicts: Comparison, **params: Any
) -> list[tuple[int, int]]:
    part = ROOM.get(name)
    return [(p.chosen, p.rejected) for p in part.prepare(part.settings(**params))(candidates, verdicts)]


def scored(*scores: float | None) -> list[Candidate]:
    return [Candidate(f"answer {number}", score=score) for number, score in enumerate(scores)]


def verdict(first: int, second: int, outcome: Outcome, strength: float = 1.0) -> Comparison:
    return Comparison(first, second, outcome, "judge", strength)


def test_ties_are_broken_by_the_nearest_length_then_by_the_text() -> None:
    best = [Candidate("a very long and good answer", score=5), Candidate("a good one", score=5)]
    worst = [Candidate("bad", score=1), Candidate("a bad one", score=1), Candidate("a bad day", score=1)]
    assert pairs("best_worst", [*best, *worst]) == [(1, 4)]
    assert pairs("threshold", [*worst, *best]) == [(4, 2)]


def test_best_and_worst_look_past_those_on_the_wrong_side() -> None:
    candidates = [
        Candidate("best", score=5, side="rejected"),
        Candidate("good", score=4),
        Candidate("bad", score=2),
        Candidate("worst", score=1, side="chosen"),
    ]
    assert pairs("best_worst", candidates) == [(1, 2)]


def test_a_threshold_may_leave_a_band() -> None:
    assert pairs("threshold", scored(4, 3, 2), at_least=4, below=2) == []
    assert pairs("threshold", scored(4, 3, 1.9), at_least=4, below=2) == [(0, 2)]


@pytest.mark.parametrize("name", ["threshold", "product"])
def test_a_score_at_the_bound_is_good(name: str) -> None:
    params = {"cut": 3} if name == "product" else {"pairs": "all"}
    assert pairs(name, scored(3, 2.999), **params) == [(0, 1)]
    assert pairs(name, scored(3 - 4e-16, 2), **params) == [(0, 1)]


def test_a_margin_at_the_bound_counts() -> None:
    assert pairs("margin", scored(0.3, 0.2), at_least=0.1) == [(0, 1)]
    assert pairs("margin", scored(0.3, 0.21), at_least=0.1) == []
    assert pairs("moderate_gap", scored(0.3, 0.2, 0.0), low=0.1, high=0.2) == [(1, 2), (0, 1)]


def test_verdicts_on_the_same_two_must_agree() -> None:
    three = scored(None, None, None)
    assert pairs("preferences", three, verdict(0, 1, "first"), verdict(1, 0, "second")) == [(0, 1)]
    assert pairs("preferences", three, verdict(0, 1, "first"), verdict(1, 0, "first")) == []
    assert pairs("preferences", three, verdict(0, 1, "first"), verdict(0, 1, "tie")) == []
    assert pairs("preferences", three, verdict(0, 1, "first"), verdict(0, 1, "cannot_judge")) == [(0, 1)]


def test_a_majority_is_enough_where_the_recipe_says_so() -> None:
    votes = [verdict(0, 1, "first"), verdict(1, 0, "second", 2.0), verdict(0, 1, "second")]
    part = ROOM.get("preferences")
    form = part.prepare(part.settings(agreement=0.6))
    assert form(scored(1, 2), votes) == (Chosen(0, 1, 0.666666667),)
    assert pairs("preferences", scored(1, 2), *votes, agreement=0.7) == []


def test_weak_verdicts_can_be_left_out() -> None:
    votes = [verdict(0, 1, "first", 1.0), verdict(0, 2, "first", 2.0)]
    assert pairs("preferences", scored(1, 1, 1), *votes, min_strength=2) == [(0, 2)]


def test_an_answer_is_not_preferred_to_itself() -> None:
    assert pairs("preferences", scored(1, 2), verdict(1, 1, "first")) == []


def test_sides_go_by_scores_only_where_the_recipe_says_so() -> None:
    candidates = [
        Candidate("gold", side="chosen", score=3),
        Candidate("own", side="rejected", score=4),
        Candidate("bad", side="rejected", score=1),
        Candidate("unscored", side="rejected"),
        Candidate("any", score=0),
    ]
    assert pairs("sides", candidates) == [(0, 2), (0, 1), (0, 3)]
    assert pairs("sides", candidates, min_margin=2) == [(0, 2)]
