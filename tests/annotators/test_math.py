"""Maths: numbers, expressions and options; what is no expression; threads; expressions that would take for ever."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from pairwright.annotators.math import same_value, too_large
from pairwright.schemas.errors import MissingExtraError

OPTIONS = "How long is it?\n(A) $2 \\mathrm{~cm}$\n(B) $\\sqrt{8}$\n(C) $4$\n(D) it depends\n(E) $5:2$"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("12", "12"), ("12.0", "12"), ("1,200", "1200"), ("3.333", r"\frac{10}{3}"), (r"\frac12", "0.5"), ("1/3", "0.333"),
        (r"\boxed{2\sqrt{2}}", r"\sqrt{8}"), ("2√2", r"\sqrt{8}"), ("x = 5", "5"), (r"$6 \pi$", r"6\pi"),
        ("9 km", r"$9 \mathrm{~km}$"), (r"54 \text{ cm}^2", "54"), (r"30^\circ", "30"), ("30°", r"$30^{\circ}$"),
        ("6%", r"$6 \%$"), ("6", r"$6 \%$"), ("2(x+1)", "2x+2"), (r"\{1, 2\}", r"\{2, 1\}"), ("two", "2"),
        ("2^10", "1024"), ("2**3", "8"), ("Final answer: −3", "-3"), (r"y = 2x + 1", "y=1+2x"), (r"\tfrac{3}{4}", "0.75"),
        ("Answer: no solution", "no solution"), ("6}.The answer", "6"), ("8:5", r"$8: 5$"), ("½", "0.5"),
        (r"\log(100)", r"\log(100)"), ("5!", "120"), ("0.083", "1/12"), (r"\dfrac{a+b}{2}", "(a+b)/2"),
    ],
)  # fmt: skip
def test_right(verify, text: str, reference: str) -> None:
    assert verify("math", text, reference).value == 1.0


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("13", "12"), ("1001", "1000"), ("0", "1/1024"), ("3.34", r"\frac{10}{3}"), ("0.001", "0"), ("2x", "2y"),
        (r"\sqrt{7}", r"\sqrt{8}"), (r"\{1, 2\}", r"\{1, 3\}"), ("-3", "3"), ("2**3", "2"), ("12", "no solution"),
        ("2√13", "2"), ("x+1", "x-1"), ("y=2x", "y=3x"),
    ],
)  # fmt: skip
def test_wrong(verify, text: str, reference: str) -> None:
    assert verify("math", text, reference).value == 0.0


@pytest.mark.parametrize("sign", ["%", r"\%", " %", " percent", " per cent", r"\text{ percent}", r"~\%"])
def test_a_percent_sign_is_dropped_however_it_is_written(verify, sign: str) -> None:
    for other in ("", "%", r"\%", " percent"):
        assert verify("math", rf"\boxed{{50{sign}}}", f"50{other}").value == 1.0
        assert verify("math", f"50{other}", f"50{sign}").value == 1.0
        assert verify("math", f"50.5{other}", f"50{sign}").value == 0.0
    assert verify("math", "0.5", f"50{sign}").value == 1.0
    assert verify("math", "1/2", f"50{sign}").value == 1.0
    assert verify("math", "0.51", f"50{sign}").value == 0.0


@pytest.mark.parametrize(
    ("text", "reference"), [("50%", "0.5"), ("0.5%", "50%"), ("0.5", "50"), ("0.2", "20%, 30%")]
)
def test_only_a_right_answer_in_percent_may_be_given_as_a_share(verify, text: str, reference: str) -> None:
    assert verify("math", text, reference).value == 0.0


@pytest.mark.parametrize("text", ["20% of 50", "10%5", "%"])
def test_a_percent_sign_within_a_text_is_not_dropped(verify, text: str) -> None:
    assert verify("math", text, "10").reason == "answer_unparsable"


@pytest.mark.parametrize("written", ["$30", r"\$30", "£30", r"\pounds 30", "€30", "30 €", "¥30", "30 euros"])
def test_currency_signs_are_dropped(verify, written: str) -> None:
    for text, reference in ((written, "30"), ("30", written), (written, "£30.00")):
        assert verify("math", text, reference).value == 1.0
    assert verify("math", "31", written).value == 0.0


@pytest.mark.parametrize(
    "text",
    ["I cannot see the figure.", "Kitchen", "about two thirds", "3 or 4 cats", r"\boxed{\text{unknown}}", "abc def",
     r"625 \uparrow 626", "{2", "5 choose 3", "9^{9^{9^9}}", "(" * 50 + "1" + ")" * 50, "不定", "1 2 3"],
)  # fmt: skip
def test_what_is_no_expression_is_unparsable_and_not_wrong(verify, text: str) -> None:
    checked = verify("math", text, "3")
    assert (checked.value, checked.reason) == (None, "answer_unparsable")


@pytest.mark.parametrize("text", ["B", "(B)", r"\boxed{B}", r"2\sqrt{2}", "2.828", r"(B) $\sqrt{8}$", "√8"])
@pytest.mark.parametrize("reference", ["B", r"\sqrt{8}"])
def test_letter_and_value_stand_for_each_other(verify, text: str, reference: str) -> None:
    assert verify("math", text, reference, OPTIONS).value == 1.0


@pytest.mark.parametrize("text", ["A", "2 cm", "4", "it depends", "(E)", "5:2", "17"])
def test_another_option_or_none_of_them_is_wrong(verify, text: str) -> None:
    assert verify("math", text, "B", OPTIONS).value == 0.0


@pytest.mark.parametrize("text", ["A or B", r"(B) $4$", "I do not know"])
def test_several_options_are_unparsable(verify, text: str) -> None:
    assert verify("math", text, "B", OPTIONS).reason == "answer_unparsable"


def test_an_order_is_no_difference_and_a_list_no_set(verify) -> None:
    orders = "In which order?\n(A) 5-4-3-2-1\n(B) 5-2-3-4-1\n(C) 3,4,5\n(D) 5,4,3"
    assert verify("math", "5-2-3-4-1", "A", orders).value == 0.0
    assert verify("math", "3, 4, 5", "C", orders).value == 1.0
    assert verify("math", "5,4,3", "C", orders).value == 0.0
    assert verify("math", "4,3,5", "C", orders).reason == "answer_unparsable"  # as a set it is both


def test_choices_can_be_switched_off(verify) -> None:
    assert verify("math", "B", "b", OPTIONS, choices="none").value == 1.0
    assert verify("math", "B", r"\sqrt{8}", OPTIONS, choices="none").value == 0.0


def test_tolerance_is_a_setting(verify) -> None:
    assert verify("math", "3.14", r"\pi").value == 0.0
    assert verify("math", "3.14", r"\pi", tolerance=0.01).value == 1.0
    assert verify("math", "3.0", "3", tolerance=0).value == 1.0


@pytest.mark.parametrize(
    "text",
    [r"10^{10^{10}}", "9**9**9", r"(12+2)^{(\pi)(99999)}", r"\binom{99}{n}", r"((x+y)^{9})^{9}", "99!!", r"1234567890123456",
     "x^{99}y", "(3!)!", r"\sqrt[n]{2}", "1+" * 150 + "1", r"2^{\sqrt{2}^{9}}", "1234!"],
)  # fmt: skip
def test_what_could_keep_sympy_busy_is_refused(text: str) -> None:
    assert too_large(text.replace("**", "^"))
    assert same_value(text, "7") is None


def test_it_works_in_threads_where_signals_do_not(verify) -> None:
    texts = [rf"\frac{{{k}}}{{7}}" for k in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: verify("math", text, r"\frac{21}{7}").value, texts))
    assert [k for k, value in enumerate(found) if value == 1.0] == [21]


def test_a_missing_package_is_named(verify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "math_verify", None)
    with pytest.raises(MissingExtraError, match=r"pairwright\[math\]"):
        verify("math", "1", "1")
