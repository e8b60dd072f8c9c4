"""Exact match: what is evened out, and what is not."""

import pytest


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("Red", "red"), ("the red  car.", "Red car"), ("T-shirt!", "t shirt"), ("1,200", "1200"), ("3.50 m", "3.50 m"),
        ("Answer: yes", "Yes"), ("it's", "its"), ("A", "a"), ("-3", "−3"), ("50%", "50%"), ("two\nlines", "two lines"),
        ("cat", '["dog", "Cat"]'),
    ],
)  # fmt: skip
def test_same(verify, text: str, reference: str) -> None:
    assert verify("exact", text, reference).value == 1.0


@pytest.mark.parametrize(
    ("text", "reference"), [("35", "3.5"), ("3", "-3"), ("red", "reddish"), ("50", "50%"), ("no", "yes")]
)
def test_different(verify, text: str, reference: str) -> None:
    assert verify("exact", text, reference).value == 0.0


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("ignore_case", "RED car"),
        ("ignore_articles", "the red car"),
        ("ignore_punctuation", "red, car"),
        ("ignore_whitespace", "red  car"),
    ],
)
def test_each_option_can_be_switched_off(verify, option: str, text: str) -> None:
    assert verify("exact", text, "red car").value == 1.0
    assert verify("exact", text, "red car", **{option: False}).value == 0.0


def test_yes_and_no_by_the_first_word(verify) -> None:
    settings = {"extraction": {"answer_from": ["first_word"]}}
    assert verify("exact", "Yes, there is a dog.", "yes", **settings).value == 1.0
    assert verify("exact", "No dog is there, yes?", "yes", **settings).value == 0.0


def test_nothing_but_punctuation_is_unparsable(verify) -> None:
    assert verify("exact", "Answer: (?)", "yes").reason == "answer_unparsable"
