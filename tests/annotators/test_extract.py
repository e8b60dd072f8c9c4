"""Where the final answer is found, and what is taken off it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pairwright.annotators._extract import PLACES, Extraction, final_answer, references, tidy


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"first \boxed{3}, then \boxed{4}", "4"),
        (r"\fbox{7}", "7"),
        (r"$\boxed{\text{Cannot be determined}}$", "Cannot be determined"),
        (r"\boxed{\boxed{5}}", "5"),
        ("Final answer: 12", "12"),
        ("**Final Answer:** B", "B"),
        ("Final answer is 3. That is all.", "3"),
        ("Final answer: 1\nNo.\nFinal answer: 2", "2"),
        ("Final answer:\n\n 42", "42"),
        ("Answer: blue", "blue"),
        ("The correct answer is (B). Because it is.", "(B)"),
        ("The answer is: 1.5", "1.5"),
        ("<think>2 + 2 = 5</think><answer>4</answer>", "4"),
        ("<answer>1</answer> no <answer>\n2\n</answer>", "2"),
        (r"<think>so \boxed{9}</think> Answer: 8", "8"),
        (r"<answer>\boxed{5}</answer>", "5"),
        ("**Answer: 5** [1][2]", "5"),
        ("Answer: `red`.", "red"),
        ("It is 12 【4†source】.", "It is 12"),
        ("Answer: $x^2$", "x^2"),
        ("## Answer: 3", "3"),
    ],
)
def test_the_last_answer_at_the_first_place_counts(text: str, answer: str) -> None:
    assert final_answer(text, Extraction()) == answer


@pytest.mark.parametrize("text", ["", " \n", "<think>4", "<answer></answer>", "...", "<think>Answer: 3"])
def test_a_text_without_an_answer_has_none(text: str) -> None:
    assert (
        final_answer(text, Extraction(answer_from=("answer_tag", "boxed", "final_answer", "answer"))) is None
    )


@pytest.mark.parametrize(
    ("place", "answer"),
    [("last_line", "Yes, 3 or 4 cats"), ("last_number", "4"), ("first_word", "Let"), ("whole", None)],
)
def test_places_that_are_not_marked(place: str, answer: str | None) -> None:
    text = "Let us see.\nYes, 3 or 4 cats."
    found = final_answer(text, Extraction(answer_from=(place,)))
    assert found == (answer or text.removesuffix("."))


@pytest.mark.parametrize(
    ("text", "number"), [("a -1,234.5!", "-1,234.5"), ("x2 and .5", ".5"), ("5, 6", "6")]
)
def test_numbers_with_signs_and_separators(text: str, number: str) -> None:
    assert final_answer(text, Extraction(answer_from=("last_number",))) == number


def test_a_box_that_was_cut_is_no_answer_but_the_next_place_is_looked_at() -> None:
    text = "Answer: 4, that is \\boxed{\\frac{8}{"
    assert final_answer(text, Extraction(answer_from=("boxed",))) is None
    assert final_answer(text, Extraction(answer_from=("boxed", "answer"))) == "4, that is \\boxed{\\frac{8}{"


def test_the_order_of_places_is_the_recipes() -> None:
    text = "Answer: 1, in other words \\boxed{2}"
    assert final_answer(text, Extraction(answer_from=("boxed", "answer"))) == "2"
    assert final_answer("\\boxed{2}\nAnswer: 1", Extraction(answer_from=("answer", "boxed"))) == "1"


@pytest.mark.parametrize("text", ["[1, 2]", "2**3 + 3**2", "f(x) = 2", "-3", "5!", "x_1", "$5", "A+"])
def test_what_is_no_wrapping_stays(text: str) -> None:
    assert final_answer(text, Extraction()) == text


@given(st.text())
def test_a_tidy_answer_is_tidy(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)


def test_places_must_be_known_and_some() -> None:
    for wrong in ((), ("box",)):
        with pytest.raises(ValidationError):
            Extraction(answer_from=wrong)
    assert Extraction().answer_from == PLACES


@pytest.mark.parametrize("broken", ["[1, 2", "[]", "[null]", "[[1, 2]]", "[" * 100_000])
def test_a_reference_that_is_no_list_of_answers_is_one_answer(broken: str) -> None:
    assert references(broken) == (broken,)
