"""ANLS: values against the definition, and the threshold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairwright.annotators.anls import distance, similarity

TEXTS = st.text(alphabet="abc", max_size=8)


@pytest.mark.parametrize(
    ("text", "reference", "value"),
    [
        ("Tesco", "tesco", 1.0),
        ("tesko", "tesco", 0.8),
        ("ab", "abcd", 0.0),
        ("abc", "abcd", 0.75),
        ("Total  due", "total due", 1.0),
        ("Aldi", '["Tesco", "ALDI"]', 1.0),
        ("x", "a long answer", 0.0),
    ],
)
def test_values(verify, text: str, reference: str, value: float) -> None:
    assert verify("anls", text, reference).value == pytest.approx(value)


def test_threshold_and_case(verify) -> None:
    assert verify("anls", "ab", "abcd", threshold=0.6).value == pytest.approx(0.5)
    assert verify("anls", "AB", "ab", ignore_case=False).value == 0.0


@given(TEXTS, TEXTS)
def test_distance_is_a_metrics(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))


@given(TEXTS, TEXTS, TEXTS)
def test_distance_keeps_the_triangle_inequality(one: str, two: str, three: str) -> None:
    assert distance(one, three) <= distance(one, two) + distance(two, three)


@given(TEXTS, TEXTS)
def test_a_short_cut_by_length_changes_nothing(one: str, other: str) -> None:
    longest = max(len(one), len(other), 1)
    far = distance(one, other) / longest
    assert similarity(one, other, 0.5) == (1 - far if far < 0.5 else 0.0)


def test_a_very_long_answer_is_not_counted_through(verify) -> None:
    assert verify("anls", "x" * 1_000_000, "tesco").value == 0.0
