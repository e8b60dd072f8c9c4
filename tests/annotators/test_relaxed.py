"""Relaxed accuracy: 5 % for numbers, years and texts exactly."""

import pytest


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("105", "100"), ("95", "100"), ("-10.4", "-10"), ("1,250", "1200"), ("$3.1 million", "3,000,000"),
        ("3.1", "3 million"), ("12%", "0.12"), ("12", "12%"), ("12 percent", "12.1%"), ("0.5 kg", "0.5"), ("0", "0"),
        ("2015", "2015"), ("Canada", "canada"), ("South  Korea", "South Korea"), ("three", "3"), ("42 people", "42"),
        ("Answer: 50.", "50"), ("It was 51 in all", "50"), ("7", '["7", "seven"]'), ("1.2k", "1200"), ("€5", "$5"),
        (r"50\%", "50%"), ("2 billion", "2000 million"), ("1.2", "120%"),
    ],
)  # fmt: skip
def test_right(verify, text: str, reference: str) -> None:
    assert verify("relaxed", text, reference).value == 1.0


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("106", "100"), ("94", "100"), ("10", "-10"), ("2016", "2015"), ("0.01", "0"), ("Canada", "China"),
        ("Canada", "12"), ("12", "Canada"), ("3 billion", "3 million"), ("2015 thousand", "2015"),
    ],
)  # fmt: skip
def test_wrong(verify, text: str, reference: str) -> None:
    assert verify("relaxed", text, reference).value == 0.0


def test_several_numbers_are_unparsable(verify) -> None:
    assert verify("relaxed", "between 90 and 110", "100").reason == "answer_unparsable"
    assert verify("relaxed", "from 2010 to 2015", "from 2010 to 2015").value == 1.0


def test_options(verify) -> None:
    assert verify("relaxed", "2016", "2015", exact_years=False).value == 1.0
    assert verify("relaxed", "109", "100", tolerance=0.1).value == 1.0
    assert verify("relaxed", "101", "100", tolerance=0).value == 0.0
