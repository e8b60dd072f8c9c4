"""Forming: what is dropped before and after the rule, caps, and why nothing came out."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pairwright.pairings import ROOM
from pairwright.pairings._forming import Formed, PairingSettings, distinct, prepare, prepare_within
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ParameterError

unhurried = hypothesis_settings(deadline=None)
WORDS = ["one", "two", "three", "four", "five", "six"]


def scored(*scores: float | None) -> list[Candidate]:
    """Return answers of different texts and equal length."""
    return [Candidate(f"{WORDS[number]} cats", score=score) for number, score in enumerate(scores)]


def formed(
    candidates: Sequence[Candidate], verdicts: Sequence[Comparison] = (), *, seed: int = 0, **settings: Any
) -> Formed:
    return prepare(PairingSettings(**settings))(candidates, verdicts, Random(seed))


def numbers(result: Formed) -> list[tuple[int, int]]:
    return [(pair.chosen, pair.rejected) for pair in result.pairs]


def told(result: Formed) -> list[tuple[str, tuple[int, ...]]]:
    return [(one.reason, one.candidates) for one in result.dropped]


def test_nothing_dropped_nothing_told() -> None:
    assert formed(scored(1, 5)).dropped == ()
    assert formed(scored(1, 5)).why_none is None


@pytest.mark.parametrize("name", ROOM.names())
def test_every_rule_can_be_prepared_with_its_defaults(name: str) -> None:
    prepare(PairingSettings(rule=name))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rule": "bestworst"}, r"^rule: no 'bestworst' among pairings. Did you mean 'best_worst'\?"),
        ({"rule": "margin", "params": {"at_lest": 1}}, r"^params: no 'at_lest' .* Did you mean 'at_least'\?"),
        ({"rule": "margin", "params": {"at_least": "much"}}, r"^params.at_least: .* got 'much'"),
        ({"rule": "margin", "params": {"at_least": 0}}, r"^params.at_least: .* greater than 0, got 0"),
        ({"rule": "margin", "params": {"at_least": float("nan")}}, r"^params.at_least: .* finite"),
        ({"rule": "threshold", "params": {"at_least": 2}}, r"^params: below 3 is above at_least 2"),
        ({"rule": "threshold", "params": {"pairs": "two"}}, r"^params.pairs: .* got 'two'"),
        ({"rule": "moderate_gap", "params": {"low": 3}}, r"^params: low 3 is above high 2"),
        (
            {"rule": "best_worst", "params": {"at_least": 1}},
            r"^params: best_worst has no parameters, got 'at_",
        ),
        ({"rule": "preferences", "params": {"agreement": 0.5}}, r"^params.agreement: .* greater than 0.5"),
        ({"rule": "sides", "params": {"min_margin": 0}}, r"^params.min_margin: .* greater than 0"),
    ],
)
def test_what_cannot_be_prepared(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        prepare(PairingSettings(**settings))


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ParameterError, match=r"params.low: .*; params.high: .*; params: no 'middle'"):
        prepare(PairingSettings(rule="moderate_gap", params={"low": 0, "high": "x", "middle": 1}))


@pytest.mark.parametrize(
    "settings",
    [
        {"per_prompt": 0},
        {"similarity": 0},
        {"similarity": 1.1},
        {"similarity": float("nan")},
        {"length_ratio": 0.9},
        {"length_ratio": float("inf")},
        {"keep": "first"},
        {"per_promt": 2},
    ],
)
def test_settings_outside_their_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PairingSettings(**settings)


def test_repeated_answers_are_dropped_and_numbers_stay() -> None:
    candidates = [
        Candidate("A cat.", score=1),
        Candidate(" a\n CAT. ", score=5),
        Candidate("A dog.", score=3),
    ]
    result = formed(candidates, rule="all_unequal")
    assert numbers(result) == [(2, 0)]
    assert told(result) == [("repeated_answer", (1,))]
    assert result.dropped[0].message == "answer 1 repeats answer 0"


def test_of_repeated_answers_one_with_a_score_stays() -> None:
    candidates = [Candidate("A cat."), Candidate("a cat.", score=5), Candidate("A dog.", score=3)]
    result = formed(candidates)
    assert numbers(result) == [(1, 2)]
    assert result.dropped[0].message == "answer 0 repeats answer 1"


def test_nearly_equal_answers_are_dropped_where_the_recipe_says_so() -> None:
    long = " ".join(f"word{number}" for number in range(100))
    candidates = [
        Candidate(long, score=5),
        Candidate(long.replace("word50", "other"), score=3),
        Candidate("short", score=1),
    ]
    assert len(formed(candidates, rule="all_unequal").pairs) == 3
    result = formed(candidates, rule="all_unequal", similarity=0.95)
    assert numbers(result) == [(0, 2)]
    assert result.dropped[0].message == "answer 1 repeats answer 0, or nearly"
    assert distinct(candidates, 0.95) == ((0, 2), result.dropped)


def test_verdicts_on_a_repeated_answer_count_for_the_one_that_stays() -> None:
    candidates = [Candidate("A bird."), Candidate("A cat."), Candidate("a cat."), Candidate("A dog.")]
    verdicts = [Comparison(2, 3, "second", "judge"), Comparison(1, 2, "first", "judge")]
    result = formed(candidates, verdicts, rule="preferences")
    assert numbers(result) == [(3, 1)]
    turned = [Comparison(3, 2, "first", "judge")]
    assert numbers(formed(candidates, turned, rule="preferences")) == [(3, 1)]


def test_length_ratio() -> None:
    candidates = [
        Candidate("one two three four", score=5),
        Candidate("one two", score=3),
        Candidate("one", score=1),
    ]
    result = formed(candidates, rule="all_unequal", length_ratio=2)
    assert numbers(result) == [(0, 1), (1, 2)]
    assert told(result) == [("length_ratio", (0, 2))]
    assert result.dropped[0].message == "1 of 3 pairs have a length ratio above 2"


def test_contained_answers() -> None:
    answers = [("red", 1.0), ("Red  apple", 0.0), ("reddish", 0.0), (None, 0.0)]
    candidates = [
        Candidate(f"{WORDS[n]}", answer=answer, score=score) for n, (answer, score) in enumerate(answers)
    ]
    assert len(formed(candidates, rule="product").pairs) == 3
    result = formed(candidates, rule="product", skip_contained=True)
    assert numbers(result) == [(0, 2), (0, 3)]
    assert told(result) == [("contained_answer", (0, 1))]


def test_a_filter_that_takes_the_last_pair_is_why_there_is_none() -> None:
    candidates = [
        Candidate("red", score=1.0, answer="red"),
        Candidate("dark red", score=0.0, answer="dark red"),
    ]
    for settings, reason in [
        ({"skip_contained": True}, "contained_answer"),
        ({"length_ratio": 1.5}, "length_ratio"),
    ]:
        result = formed(candidates, **settings)
        assert result.pairs == ()
        assert result.why_none is not None
        assert result.why_none.reason == reason


def test_drawn_pairs_under_the_cap_differ_by_seed_and_keep_their_order() -> None:
    candidates = scored(1, 2, 3, 4, 5, 6)
    every = numbers(formed(candidates, rule="all_unequal"))
    draws = {tuple(numbers(formed(candidates, rule="all_unequal", per_prompt=4, seed=s))) for s in range(20)}
    assert len(draws) > 10
    for drawn in draws:
        assert len(drawn) == 4
        assert list(drawn) == [pair for pair in every if pair in drawn]
    same = [formed(candidates, rule="all_unequal", per_prompt=4, seed=3) for _ in range(2)]
    assert same[0] == same[1]
    assert [one.reason for one in same[0].dropped] == ["over_cap"]
    assert same[0].dropped[0].message == "11 of 15 pairs are over the cap of 4"


def test_the_widest_pairs_stay_and_equal_ones_are_drawn() -> None:
    candidates = scored(1, 3, 3, 5)
    kept = [
        tuple(numbers(formed(candidates, rule="all_unequal", per_prompt=2, keep="widest", seed=seed)))
        for seed in range(30)
    ]
    assert {pairs[0] for pairs in kept} == {(3, 0)}
    assert {pairs[1] for pairs in kept} == {(1, 0), (2, 0), (3, 1), (3, 2)}


def test_pairs_without_a_margin_go_first_under_a_cap_of_the_widest() -> None:
    candidates = [
        Candidate("gold", side="chosen", score=5),
        Candidate("own", side="rejected", score=1),
        Candidate("unscored", side="rejected"),
    ]
    for seed in range(5):
        result = formed(candidates, rule="sides", per_prompt=1, keep="widest", seed=seed)
        assert numbers(result) == [(0, 1)]


@pytest.mark.parametrize("cap", [None, 1])
def test_a_cap_that_is_not_reached_draws_nothing(cap: int | None) -> None:
    rng = Random(7)
    prepare(PairingSettings(per_prompt=cap))(scored(1, 5), (), rng)
    assert rng.random() == Random(7).random()


ONE, SAME = Candidate("a", score=1.0), Candidate("A", score=2.0)
REJECTED = [Candidate("a", score=1, side="rejected"), Candidate("b", score=2, side="rejected")]


@pytest.mark.parametrize(
    ("candidates", "settings", "reason", "message"),
    [
        ([], {}, "too_few_answers", "0 answers; a pair needs two different ones"),
        ([ONE], {}, "too_few_answers", "1 answer; a pair needs two different ones"),
        (
            [ONE, SAME],
            {},
            "too_few_answers",
            "1 answer, and 1 that repeat it; a pair needs two different ones",
        ),
        (scored(1, None, None), {}, "too_few_answers", "1 of 3 different answers has a score"),
        (scored(None, float("nan")), {}, "too_few_answers", "0 of 2 different answers have a score"),
        (scored(3, 3, None), {}, "tie", "all 2 answers have the score 3"),
        (
            scored(4, 5, 4),
            {"rule": "threshold", "params": {"at_least": 3.5}},
            "no_contrast",
            "scores 4, 5: no two fit the rule threshold (at_least 3.5, below 3, pairs one)",
        ),
        (
            REJECTED,
            {},
            "no_contrast",
            "scores 1, 2 (side rejected: 2): no two fit the rule best_worst",
        ),
        (
            REJECTED,
            {"rule": "sides"},
            "no_contrast",
            "2 answers (side rejected: 2): no two fit the rule sides",
        ),
        (scored(1, 2), {"rule": "preferences"}, "cannot_judge", "no usable verdict on any two of 2 answers"),
    ],
)
def test_why_there_are_no_pairs(
    candidates: list[Candidate], settings: dict[str, Any], reason: str, message: str
) -> None:
    result = formed(candidates, **settings)
    assert result.pairs == ()
    assert result.why_none is result.dropped[-1]
    assert (result.why_none.reason, result.why_none.message) == (reason, message)
    assert result.why_none.candidates == ()


@pytest.mark.parametrize(
    ("outcomes", "reason", "message"),
    [
        (["cannot_judge"], "cannot_judge", "no usable verdict on any two of 2 answers"),
        (["tie", "tie", "cannot_judge"], "tie", "every usable verdict is a tie (2)"),
        (
            ["first", "second", "tie"],
            "no_contrast",
            (
                "2 verdicts for one of two answers, 1 tie: no two answers fit the rule "
                "preferences (agreement 1, min_strength 0)"
            ),
        ),
    ],
)
def test_why_verdicts_give_no_pairs(outcomes: list[Any], reason: str, message: str) -> None:
    verdicts = [Comparison(0, 1, outcome, "judge") for outcome in outcomes]
    why = formed(scored(1, 2), verdicts, rule="preferences").why_none
    assert why is not None
    assert (why.reason, why.message) == (reason, message)


@unhurried
@given(
    texts=st.lists(st.sampled_from(["a", "A", "a b", "a  b", "b a", "c", "c c c c c", ""]), max_size=8),
    scores=st.lists(st.none() | st.integers(0, 2).map(float), min_size=8, max_size=8),
    rule=st.sampled_from(ROOM.names()),
    similarity=st.sampled_from([1.0, 0.6]),
    cap=st.sampled_from([None, 1, 3]),
    ratio=st.sampled_from([None, 2.0]),
)
def test_pairs_are_of_different_texts_or_it_is_told_why_not(
    texts: list[str],
    scores: list[float | None],
    rule: str,
    similarity: float,
    cap: int | None,
    ratio: float | None,
) -> None:
    candidates = [Candidate(text, score=score) for text, score in zip(texts, scores, strict=False)]
    settings = {"rule": rule, "similarity": similarity, "per_prompt": cap, "length_ratio": ratio}
    result = formed(candidates, **settings)
    assert (result.why_none is None) == bool(result.pairs)
    assert len(result.pairs) <= (cap or 100)
    gone = {one.candidates[0] for one in result.dropped if one.reason == "repeated_answer"}
    for pair in result.pairs:
        assert "".join(texts[pair.chosen].split()).lower() != "".join(texts[pair.rejected].split()).lower()
        assert not gone & {pair.chosen, pair.rejected}


def _within(
    texts: Sequence[str], sides: str, families: Sequence[Sequence[int]], **settings: Any
) -> tuple[Formed, list[tuple[int, int]]]:
    """Form pairs of answers that are for the chosen (``+``) or the rejected side (``-``)."""
    candidates = [
        Candidate(text, side="chosen" if side == "+" else "rejected")
        for text, side in zip(texts, sides, strict=True)
    ]
    result = prepare_within(PairingSettings(rule="sides", **settings))(candidates, families, Random(0))
    return result, numbers(result)


def test_only_members_of_a_family_make_pairs() -> None:
    result, pairs = _within(WORDS[:5], "-+-++", [(0, 1), (2, 3), (4, 0, 2)])
    assert pairs == [(1, 0), (3, 2), (4, 0), (4, 2)]
    assert result.dropped == ()


def test_a_pair_of_two_families_is_one_pair() -> None:
    assert _within(WORDS[:2], "-+", [(0, 1), (1, 0)])[1] == [(1, 0)]


def test_answers_of_different_families_do_not_repeat_each_other() -> None:
    result, pairs = _within(["one", "same", "two", "Same"], "-+-+", [(0, 1), (2, 3)])
    assert pairs == [(1, 0), (3, 2)]
    assert result.dropped == ()


def test_a_pair_of_the_same_two_texts_is_told_and_left_out() -> None:
    result, pairs = _within(["one", "same", "One", "Same"], "-+-+", [(0, 1), (2, 3)])
    assert pairs == [(1, 0)]
    assert [one.message for one in result.dropped] == ["answers 3 over 2 repeat answers 1 over 0"]


def test_a_repeat_within_a_family_is_told_with_its_number() -> None:
    result, pairs = _within(["one", "two", "same", "Same"], "--++", [(1, 2, 3)])
    assert pairs == [(2, 1)]
    assert told(result) == [("repeated_answer", (3,))]
    assert result.dropped[0].message == "answer 3 repeats answer 2"


def test_the_cap_holds_over_all_families() -> None:
    result, pairs = _within(WORDS[:4], "-+-+", [(0, 1), (2, 3)], per_prompt=1)
    assert len(pairs) == 1
    assert told(result) == [("over_cap", (2, 3) if pairs == [(1, 0)] else (0, 1))]


@pytest.mark.parametrize(
    ("texts", "sides", "families", "reason"),
    [
        (["same", "Same"], "-+", [(0, 1)], "too_few_answers"),
        (["one", "two"], "--", [(0, 1)], "no_contrast"),
        (["one", "two"], "-+", [(0,), (1,)], "no_contrast"),
        (["one"], "-", [], "too_few_answers"),
    ],
)
def test_no_pair_within_any_family_has_its_reason(
    texts: list[str], sides: str, families: list[tuple[int, ...]], reason: str
) -> None:
    result, pairs = _within(texts, sides, families)
    assert pairs == []
    assert result.why_none
    assert result.why_none.reason == reason
