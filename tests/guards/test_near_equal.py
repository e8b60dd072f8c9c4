"""Which pairs are nearly the same text."""

import pytest

from pairwright.guards import Contrast
from pairwright.guards.near_equal import NearEqual, prepare

LONG = " ".join(
    f"On the {side} stands a {colour} {thing} beside {number} small boxes."
    for side, colour, thing, number in [
        ("left", "red", "lamp", "two"),
        ("right", "blue", "chair", "three"),
        ("table", "green", "vase", "four"),
        ("shelf", "yellow", "clock", "five"),
        ("floor", "brown", "rug", "six"),
    ]
)


def said(chosen: str, rejected: str, prefix: str = "", above: float = 0.95) -> str | None:
    return prepare(NearEqual(above=above))(Contrast("What is there?", chosen, rejected, prefix))


@pytest.mark.parametrize(
    ("chosen", "rejected", "prefix"),
    [
        ("A black cat.", "A black cat.", ""),
        ("A black cat.", "a black  cat", ""),
        ("Yes", "Yes.", ""),
        ("A black cat.\n", "A BLACK CAT .", ""),
        ("一只猫。", "一只猫", ""),
        (LONG, LONG.replace("lamp", "candle"), ""),
        (LONG, LONG + " Two.", ""),
        (LONG, LONG.replace("beside", "Beside"), ""),
        (LONG, LONG, LONG[:60]),
        ("A cat " + LONG, "A cat " + LONG.replace("rug", "mat"), "A cat"),
        ("A black cat.", "A black", "A black"),
        ("A black cat.", "A black  ", "A black "),
        ("A black cat", "A black cat and a dog.", "A black cat"),
        ("A black cat sleeps.", "A black cat sleeps", "A black"),
        (LONG, LONG.replace(".", ". "), ""),
    ],
)
def test_nearly_the_same_text_is_caught(chosen: str, rejected: str, prefix: str) -> None:
    assert said(chosen, rejected, prefix)


@pytest.mark.parametrize(
    ("chosen", "rejected", "prefix"),
    [
        ("Yes", "No", ""),
        ("A black cat.", "A black dog.", ""),
        ("There are 3 cups.", "There are 4 cups.", ""),
        ("x = -5", "x = 5", ""),
        ("5!", "5", ""),
        ("3.5", "35", ""),
        ("The cat chases the dog.", "The dog chases the cat.", ""),
        ("一只猫", "一只狗", ""),
        (LONG, LONG.replace("lamp", "candle").replace("vase", "bowl").replace("rug", "mat"), ""),
        # half of it is given: the other half differs
        (LONG + " The dog sleeps.", LONG + " The cat eats fish.", LONG),
        (LONG + " Yes.", LONG + " No.", LONG),
        # the writer did not keep its beginning, so all is compared
        ("A black cat sleeps.", "A dog sleeps here.", "A black"),
        ("A black cat sleeps.", "On the mat sleeps a black cat.", "A black"),
    ],
)
def test_texts_that_differ_are_let_through(chosen: str, rejected: str, prefix: str) -> None:
    assert said(chosen, rejected, prefix) is None


def test_a_given_beginning_does_not_count() -> None:
    chosen, rejected = LONG + " The dog sleeps.", LONG + " The dog eats."
    assert said(chosen, rejected)
    assert said(chosen, rejected, prefix=LONG) is None


def test_how_similar_is_a_setting() -> None:
    chosen, rejected = "A black cat on a red mat.", "A black dog on a red mat."
    assert said(chosen, rejected) is None
    assert said(chosen, rejected, above=0.7) == "the answers have a similarity of 0.778, above 0.7"
    assert said(chosen, rejected, above=0.78) is None


@pytest.mark.parametrize("above", [0.0, 1.0, -1.0, float("nan")])
def test_what_would_catch_all_or_nothing_is_refused(above: float) -> None:
    with pytest.raises(ValueError, match="above"):
        NearEqual(above=above)
