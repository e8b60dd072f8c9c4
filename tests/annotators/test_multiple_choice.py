"""Multiple choice: options from the question, labels and texts in the answer."""

import pytest

from pairwright.annotators._choices import options_of

COLOURS = "Which colour is the car?\nA. red\nB. dark blue\nC. blue\nAnswer with the option's letter."


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ("What?\nA. red\nB. blue", {"A": "red", "B": "blue"}),
        ("What?\n(A) red\n(B) blue\n", {"A": "red", "B": "blue"}),
        ("What? (A) red (B) blue", {"A": "red", "B": "blue"}),
        ("What? A. red B. blue C. green", {"A": "red", "B": "blue", "C": "green"}),
        ("What? A) red, B) blue", {"A": "red", "B": "blue"}),
        ("Options:\nA: red\nB: blue", {"A": "red", "B": "blue"}),
        ("What?\n(a) red\n(b) blue", {"A": "red", "B": "blue"}),
        ("What?\n1. red\n2. blue", {"1": "red", "2": "blue"}),
        ("What? (1) red (2) blue", {"1": "red", "2": "blue"}),
        ("Pick (A), (B) or (C). (A) red (B) blue (C) green", {"A": "red", "B": "blue", "C": "green"}),
        ("<image>\n- A. 2.5 m\n- B. 3 m", {"A": "2.5 m", "B": "3 m"}),
        ("Is the triangle ABC larger than A?", {}),
        ("Answer (A) or (B).", {}),
        ("(A) alone", {}),
    ],
)
def test_options_are_read_from_the_question(question: str, options: dict[str, str]) -> None:
    assert options_of(question) == options


@pytest.mark.parametrize(
    "text",
    ["B", "b", "(B)", "B.", "B)", "[B]", "Option B", "option (b)", "B. dark blue", "B: dark blue", "dark blue",
     "Dark Blue.", "The answer is B.", "Answer: (B) dark blue", r"\boxed{B}", r"\boxed{\text{(B)}}", "**B**",
     "It is B.", "The car is dark blue.", "<think>A? C?</think>B", "I choose option B because the car is dark.",
     "B, since it is not A shiny red one"],
)  # fmt: skip
def test_right_answers(verify, text: str) -> None:
    for reference in ("B", "dark blue", "(B)"):
        assert verify("multiple_choice", text, reference, COLOURS).value == 1.0


@pytest.mark.parametrize("text", ["A", "(C)", "blue", "option c", "Answer: red", "Red, I think"])
def test_wrong_answers(verify, text: str) -> None:
    assert verify("multiple_choice", text, "B", COLOURS).value == 0.0


@pytest.mark.parametrize(
    "text", ["A or B", "green", "B. red", "(A) and (B)", "red or blue", "I cannot tell.", "D", "Z.", "12"]
)
def test_no_choice_or_several_are_unparsable(verify, text: str) -> None:
    checked = verify("multiple_choice", text, "B", COLOURS)
    assert (checked.value, checked.reason) == (None, "answer_unparsable")
    assert checked.message


def test_an_answer_that_stands_in_a_longer_option_is_not_that_option(verify) -> None:
    assert verify("multiple_choice", "It is dark blue, clearly.", "C", COLOURS).value == 0.0


def test_formulas_and_figures_within_others_are_not_mentioned(verify) -> None:
    question = "How much?\n(A) $\\frac{1}{2} a^{2}$\n(B) 5 cm\n(C) $\\frac{1}{2}(a^{2}+b^{2})$"
    for text in (r"about \frac{1}{2}(a^{2}+c^{2})", "It is 2.5 cm long"):
        assert verify("multiple_choice", text, "A", question).reason == "answer_unparsable"


def test_numbered_options(verify) -> None:
    question = "Which? (1) a cat (2) a dog"
    assert verify("multiple_choice", "(2)", "2", question).value == 1.0
    assert verify("multiple_choice", "a dog", "2", question).value == 1.0
    assert verify("multiple_choice", "1", "2", question).value == 0.0


def test_without_options_letters_are_compared(verify) -> None:
    assert verify("multiple_choice", "The answer is (D).", "D", "See the picture.").value == 1.0
    assert verify("multiple_choice", "C", "D", "See the picture.").value == 0.0


def test_a_letter_that_is_an_options_text_may_mean_either(verify) -> None:
    question = "Which letter? (A) A (B) B (C) C (D) E (E) impossible to tell"
    assert verify("multiple_choice", "E", "D", question).value == 1.0
    assert verify("multiple_choice", "D", "D", question).value == 1.0
    assert verify("multiple_choice", "(E)", "D", question).value == 0.0


def test_a_reference_that_is_no_option_is_no_ground_truth(verify) -> None:
    assert verify("multiple_choice", "B", "green", COLOURS).reason == "no_ground_truth"
