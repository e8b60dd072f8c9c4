"""The sentence splitter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairwright.correctors._sentences import sentences

PIECES = st.sampled_from(
    ["A", "cat", "Dr", "e.g", "3", ".", "!", "?", "…", '"', "”", ")", " ", "\n", "。", "J", "-", "1.", "U.S"]
)


@pytest.mark.parametrize(
    "wanted",
    [
        ["A cat sits.", "It is red."],
        ["Dr. Low met Mrs. May.", "They left."],
        ["It weighs 3.5 kg.", "It cost $2.50."],
        ['He said "Stop."', "Then he ran."],
        ['"Wow!" she said.', "He smiled."],
        ["“Is it red?” he asks.", "(It is.)", "Good!"],
        ["It shows fruit, e.g. apples, pears etc. on a plate.", "It is old."],
        ["There are apples, pears etc.", "All are red."],
        ["J. R. Smith painted it in the U.S. in 1990.", "It hangs in the U.S.", "Nobody knows."],
        ["See no. 5 and Fig. 3.", "Both are red."],
        ["Is it?", "No."],
        ["What?!", "Really…", "Yes."],
        ["1. Open the door.", "2. Go in."],
        ["- A cat.", "- A dog"],
        ["猫がいます。", "犬もいます！"],
        ["No stop at all"],
        ["So am I.", "He is not."],
    ],
)  # fmt: skip
def test_sentences_are_found(wanted: list[str]) -> None:
    for between in (" ", "\n", "\n\n  "):
        text = f" {between.join(wanted)}\n"
        assert [text[start:end] for start, end in sentences(text)] == wanted


def test_nothing_in_nothing() -> None:
    assert sentences("") == sentences(" \n ") == ()


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join)))
def test_sentences_are_the_text_without_the_blanks_between_them(text: str) -> None:
    found = sentences(text)
    end = 0
    for start, stop in found:
        assert text[end:start].strip() == ""
        assert start < stop
        assert text[start:stop] == text[start:stop].strip()
        end = stop
    assert text[end:].strip() == ""
    assert all("\n" not in text[start:stop] for start, stop in found)
