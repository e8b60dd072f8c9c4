"""When two answers are the same, and when one final answer is part of another."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairwright.pairings._similarity import contains, profile, repeats, similarity

unhurried = settings(deadline=None)
TEXTS = st.text("ab .,-", max_size=30)


@unhurried
@given(one=TEXTS, other=TEXTS)
def test_similarity_is_symmetric_and_bounded(one: str, other: str) -> None:
    found = similarity(profile(one), profile(other))
    assert found == similarity(profile(other), profile(one))
    assert 0 <= found <= 1
    assert similarity(profile(one), profile(one)) == 1


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ("the dog bites the man", "the man bites the dog", 0.0, 0.7),
        ("Yes", "No", 0.0, 0.0),
        ("x + 1", "x - 1", 0.0, 0.6),
        ("👍", "👎", 0.0, 0.0),
        ("no no no no", "no", 0.2, 0.6),
        ("一只黑猫坐在沙发上", "一只白猫坐在沙发上", 0.7, 0.9),
        ("A Cat", "a cat", 1.0, 1.0),
    ],
)
def test_similarity_of_known_texts(one: str, other: str, low: float, high: float) -> None:
    assert low <= similarity(profile(one), profile(other)) <= high


def test_only_equal_texts_repeat_at_one() -> None:
    assert repeats(["A cat.", "A cat", " a  CAT.\n", "Straße", "STRASSE"], 1.0) == {2: 0, 4: 3}


def test_a_chain_of_small_changes_is_not_one_answer() -> None:
    words = [f"w{number}" for number in range(50)]
    texts = []
    for number in range(8):
        words[number * 5] = f"x{number}"
        texts.append(" ".join(words))
    # Each differs from the one before by one word, 0.96; the fourth is too far from the first.
    assert repeats(texts, 0.9) == {1: 0, 2: 0, 4: 3, 5: 3, 7: 6}


@unhurried
@given(
    texts=st.lists(st.text("ab ", max_size=6), max_size=10), at_least=st.sampled_from([0.3, 0.7, 0.95, 1.0])
)
def test_repeats_agree_with_the_plain_definition(texts: list[str], at_least: float) -> None:
    expected: dict[int, int] = {}
    for number, text in enumerate(texts):
        earlier = [n for n in range(number) if n not in expected]
        equal = [n for n in earlier if texts[n].split() == text.split()]
        near = [n for n in earlier if similarity(profile(texts[n]), profile(text)) >= at_least]
        if equal or (near and at_least < 1):
            expected[number] = (equal or near)[0]
    assert repeats(texts, at_least) == expected


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("15", "5", False),
        ("5 apples", "5", True),
        ("1,500", "500", False),
        ("5, 6", "5", True),
        ("BANANA", "A", False),
        ("(A)", "a", True),
        ("x+1", "x-1", False),
        (r"\frac{1}{2}", r"\frac{1}{2}", True),
        ("黑猫", "猫", True),
        ("anything", "", False),
        ("", "red", False),
        ("dark  red", "Dark red", True),
    ],
)
def test_contains(text: str, part: str, expected: bool) -> None:
    assert contains(text, part) is expected
