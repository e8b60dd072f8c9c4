"""Lengths: counted in words, and balanced over many pairs."""

from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairwright.pairings._lengths import balanced, length, ratio

unhurried = settings(deadline=None)
LENGTHS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), max_size=30)


def distance(lengths: list[tuple[int, int]]) -> float:
    chosen, rejected = mean(one for one, _ in lengths), mean(other for _, other in lengths)
    return abs(chosen - rejected) / (chosen + rejected)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 1),
        ("...", 1),
        ("A dog, on a sofa.", 5),
        ("l’été n'est pas fini", 4),
        ("well-known", 2),
        ("红色的沙发", 5),
        ("ソファの犬", 5),
        ("2 dogs", 2),
    ],
)
def test_words(text: str, words: int) -> None:
    assert length(text) == words


def test_ratio_does_not_depend_on_the_side() -> None:
    assert ratio(3, 12) == ratio(12, 3) == 4


@unhurried
@given(LENGTHS)
def test_balancing_brings_the_means_nearer_and_keeps_something(lengths: list[tuple[int, int]]) -> None:
    keep = balanced(lengths)
    assert len(keep) == len(lengths)
    left = [one for one, kept in zip(lengths, keep, strict=True) if kept]
    if lengths:
        assert left
        assert distance(left) <= distance(lengths) + 1e-12


@unhurried
@given(LENGTHS)
def test_both_sides_are_treated_alike(lengths: list[tuple[int, int]]) -> None:
    assert balanced(lengths) == balanced([(rejected, chosen) for chosen, rejected in lengths])


@unhurried
@given(LENGTHS)
def test_only_pairs_of_the_side_that_is_too_long_are_dropped(lengths: list[tuple[int, int]]) -> None:
    excess = sum(chosen - rejected for chosen, rejected in lengths)
    for (chosen, rejected), kept in zip(lengths, balanced(lengths), strict=True):
        assert kept or (chosen - rejected) * excess > 0


def test_no_other_cut_does_better() -> None:
    lengths = [(40, 10), (30, 20), (25, 24), (12, 20), (18, 30), (22, 21), (60, 15), (33, 30)]
    found = distance([one for one, kept in zip(lengths, balanced(lengths), strict=True) if kept])
    for step in range(50):
        left = [(long, short) for long, short in lengths if (long - short) / long <= step / 50]
        assert found <= distance(left)


def test_rejected_answers_that_are_longer_are_cut_as_in_rlaif_v() -> None:
    # By hand: without a cut 40 words against 67. A cut that takes (10, 40) leaves 30 to 27.
    assert balanced([(20, 15), (10, 40), (10, 12)]) == (True, False, True)


def test_of_cuts_that_do_equally_well_the_one_that_keeps_most_is_taken() -> None:
    # Without the first pair the means are 0.2 of their sum apart, 7 of 35; without the second one too, 4 of 20.
    assert balanced([(100, 10), (13, 2), (8, 12)]) == (False, True, True)


def test_balanced_pairs_all_stay() -> None:
    assert balanced([(10, 12), (12, 10), (5, 5)]) == (True, True, True)
    assert balanced([]) == ()
    assert balanced([(50, 1)]) == (True,)
