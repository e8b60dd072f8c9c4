"""What every pairing rule must do, whichever it is: run over all parts that the room finds."""

import math
from collections.abc import Callable, Sequence
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairwright.pairings import ROOM, Chosen, Form
from pairwright.schemas.candidate import Candidate, Comparison, Outcome, Side

unhurried = settings(max_examples=50, deadline=None)
EVERY = ROOM.names()
BY_SCORE = [name for name in EVERY if ROOM.get(name).basis in ("scores", "ranks")]
SIDES: list[Side] = ["any", "chosen", "rejected"]
OUTCOMES: list[Outcome] = ["first", "second", "tie", "cannot_judge"]
SCORES = st.sampled_from([None, math.nan, math.inf]) | st.integers(0, 5).map(float) | st.floats(-10, 10)
Answers = tuple[list[Candidate], list[Comparison]]


@st.composite
def answers(draw: st.DrawFn) -> Answers:
    """Draw up to eight different answers, and verdicts on some of them."""
    texts = draw(st.lists(st.text("ab ,x", max_size=12), max_size=8, unique=True))
    candidates = [Candidate(text, side=draw(st.sampled_from(SIDES)), score=draw(SCORES)) for text in texts]
    two = st.sampled_from(list(permutations(range(len(texts)), 2)) or [None])
    shown = [numbers for numbers in draw(st.lists(two, max_size=12)) if numbers]
    verdicts = [
        Comparison(first, second, draw(st.sampled_from(OUTCOMES)), "judge", draw(st.sampled_from([1.0, 2.0])))
        for first, second in shown
    ]
    return candidates, verdicts


def rule(name: str) -> Form:
    """Return a rule with its defaults."""
    part = ROOM.get(name)
    return part.prepare(part.settings())


def paired_texts(pairs: Sequence[Chosen], candidates: Sequence[Candidate]) -> list[tuple[str, str, str]]:
    return sorted(
        (candidates[pair.chosen].text, candidates[pair.rejected].text, repr(pair.margin)) for pair in pairs
    )


def test_the_room_has_its_rules() -> None:
    assert len(EVERY) >= 9
    assert {ROOM.get(name).basis for name in EVERY} == {"scores", "ranks", "comparisons", "sides"}


@pytest.mark.parametrize("name", EVERY)
@unhurried
@given(given_answers=answers())
def test_pairs_are_of_two_candidates_on_the_sides_they_may_take(name: str, given_answers: Answers) -> None:
    candidates, verdicts = given_answers
    pairs = rule(name)(candidates, verdicts)
    for pair in pairs:
        assert pair.chosen != pair.rejected
        assert candidates[pair.chosen].side != "rejected"
        assert candidates[pair.rejected].side != "chosen"
    both_ways = [frozenset((pair.chosen, pair.rejected)) for pair in pairs]
    assert len(set(both_ways)) == len(pairs)


@pytest.mark.parametrize("name", BY_SCORE)
@unhurried
@given(given_answers=answers())
def test_rules_by_score_pair_only_different_scores(name: str, given_answers: Answers) -> None:
    candidates, verdicts = given_answers
    for pair in rule(name)(candidates, verdicts):
        high, low = candidates[pair.chosen].score, candidates[pair.rejected].score
        assert high is not None
        assert low is not None
        better = high < low if ROOM.get(name).basis == "ranks" else high > low
        assert better
        assert pair.margin is not None
        assert pair.margin == pytest.approx(abs(high - low), rel=1e-6, abs=1e-6)
        assert pair.margin > 0


@pytest.mark.parametrize("name", BY_SCORE)
def test_scores_that_differ_by_rounding_are_equal(name: str) -> None:
    scores = [0.1 + 0.2, 0.3, 0.3 - 1e-16]
    candidates = [Candidate(f"answer {number}", score=score) for number, score in enumerate(scores)]
    assert rule(name)(candidates, ()) == ()


@pytest.mark.parametrize("name", EVERY)
@unhurried
@given(given_answers=answers())
def test_the_same_answers_give_the_same_pairs_widest_first(name: str, given_answers: Answers) -> None:
    candidates, verdicts = given_answers
    pairs = rule(name)(candidates, verdicts)
    assert pairs == rule(name)(tuple(candidates), tuple(verdicts))
    order = [(pair.margin is None, -(pair.margin or 0.0), pair.chosen, pair.rejected) for pair in pairs]
    assert order == sorted(order)


@pytest.mark.parametrize("name", EVERY)
@unhurried
@given(given_answers=answers(), data=st.data())
def test_the_order_of_the_list_does_not_matter(
    name: str, given_answers: Answers, data: st.DataObject
) -> None:
    candidates, verdicts = given_answers
    order = data.draw(st.permutations(range(len(candidates))))
    moved = [candidates[number] for number in order]
    place: Callable[[int], int] = list(order).index
    renumbered = [
        Comparison(place(one.first), place(one.second), one.outcome, one.scorer, one.strength)
        for one in verdicts
    ]
    form = rule(name)
    assert paired_texts(form(candidates, verdicts), candidates) == paired_texts(
        form(moved, renumbered), moved
    )


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("number", [0, 1])
def test_fewer_than_two_candidates_give_nothing(name: str, number: int) -> None:
    assert rule(name)([Candidate("a", score=5.0)] * number, ()) == ()


@pytest.mark.parametrize("name", EVERY)
def test_rules_explain_themselves(name: str) -> None:
    part = ROOM.get(name)
    assert part.summary
    assert part.source
    assert part.settings.__doc__
    for field in part.settings.model_fields.values():
        assert field.description
        assert not field.is_required()
