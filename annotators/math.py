"""Maths: is the answer the same number, expression or set as the right one.

Numbers are compared within a tolerance, the rest symbolically by the package ``math-verify``, which reads LaTeX. It is
what MMPR (arXiv 2411.10442) and LMM-R1 (arXiv 2503.07536) check answers with. MMPR takes numbers that are 0.1 % off,
so 1000 for 1001; here the tolerance is absolute, and never more than 1 % of the number, so that 0 is not 1/1024.

math-verify guards itself by signals, which only work in a process's main thread, and a time limit would make the
outcome depend on the machine. Its limits are switched off, and expressions that could keep it busy are refused before
it sees them (:func:`too_large`). Where it would take a part of a text for the whole (``2`` for ``2**3``, a product of
letters for a word), the text is not given to it.
"""

import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from threading import Lock
from typing import Annotated, Any, Literal

from pydantic import Field

from pairwright.annotators import Case, Check, Checked, Verifier
from pairwright.annotators._choices import chosen, options_of, same_text
from pairwright.annotators._extract import (
    NUMBER,
    NUMBER_WORDS,
    Extraction,
    against_reference,
    graded,
    unparsable,
)
from pairwright.annotators.multiple_choice import is_gold
from pairwright.schemas.errors import MissingExtraError
from pairwright.schemas.settings import Settings

_LONGEST = 200
_LARGEST_EXPONENT = 1000
_LARGEST_SYMBOLIC_EXPONENT = 20
_SHARE = 0.01
"""Of the right number: more than this it may never be off, whatever the tolerance."""

_DEEPEST = 20
_POINTS = (0.7310585, 1.6180339, 3.2360679)
_LONG_NUMBER = re.compile(r"\d{16}")
_LARGE_COMBINATORICS = re.compile(
    r"[a-zA-Z)\]}|!]\s*!|\d{3}\s*!|binom(?!\s*\{\d{1,3}\}\s*\{\d{1,3}\})|sqrt\s*\[(?!\d{1,2}\])"
)
_POWER = re.compile(r"\^\s*(?:\{(?P<braces>(?:[^{}]|\{[^{}]*\})*)\}|(?P<sign>\\circ|\w))")
_EXPONENT = re.compile(r"(?:[-+\da-z ./]|\\pi){1,12}|-?\\frac\{\d{1,3}\}\{\d{1,3}\}|\\circ")

_SPELLINGS = (
    ("\\$", ""), ("\\pounds", ""), ("£", ""), ("€", ""), ("¥", ""),
    ("−", "-"), ("×", r"\times "), ("·", r"\cdot "), ("÷", r"\div "), ("°", r"^{\circ}"), ("π", r"\pi "),
    ("∞", r"\infty "), ("²", "^2"), ("³", "^3"), ("≤", r"\leq "), ("≥", r"\geq "), ("½", r"\frac{1}{2}"),
    ("**", "^"), ("\\dfrac", "\\frac"), ("\\tfrac", "\\frac"), ("\\left", ""), ("\\right", ""), ("\\!", ""),
    ("\\,", ""), ("\\;", ""), ("\\ ", " "), ("~", " "), ("$", ""), ("\\(", ""), ("\\)", ""),
)  # fmt: skip
_ROOT = re.compile(r"√\s*(?:\(([^()]*)\)|(\d+(?:\.\d+)?|[a-z]))")
_ASCII_POWER = re.compile(r"\^\s*(?:\(([^(){}]*)\)|(\d{2,}|-\d+))")
"""Powers as they are typed, ``2^10``, of which LaTeX takes one digit."""
_PERCENT = re.compile(
    r"\s*(?:\\?%|\\text\s*\{\s*(?:\\?%|per\s?cent)\s*\}|(?<![A-Za-z])per\s?cent(?![A-Za-z]))(?!\s*[\w(\\{])",
    re.IGNORECASE,
)
"""A percent sign as it may be written; not one before a number or a word, as in 20% of 50."""
_GROUPED = re.compile(r"(?<!\d)(\d{1,3}(?:,\d{3})+)(?![\d,])")
_ASSIGNED = re.compile(r"\s*(?:[A-Za-z](?:_\w|_\{\w+\})?|\\angle\s*[A-Z]+)\s*(?:=|\\approx|≈)\s*")
_UNIT = re.compile(
    r"(?P<number>[^A-Za-z]*?[\d)}])\s*"
    r"(?:\{?\\?(?:text|mathrm|textrm)?\s*\{?\s*[A-Za-z]{2,}\.?(?:\s+[A-Za-z]+){0,2}\s*\}*|\s[A-Za-z]|\{?\\?(?:text|mathrm)\s*\{\s*[A-Za-z]\s*\})"
    r"(?:\s*\^\s*\{?[23]\}?)?"
)
_COMMANDS = re.compile(
    r"\\(?:frac|sqrt|pi|cdot|times|div|pm|circ|infty|leq?|geq?|neq|ln|log|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan"
    r"|alpha|beta|gamma|delta|theta|phi|lambda|mu|binom|cup|cap|in|mathbb|text|mathrm|%|\{|\})(?![A-Za-z])"
)
_FUNCTIONS = re.compile(r"(?<![A-Za-z])(?:sin|cos|tan|log|ln|sqrt|pi)(?![A-Za-z])")
_LOGGER = "math_verify"
_ONE_AT_A_TIME = Lock()
"""sympy is not written for threads; it holds the interpreter's lock anyway, so nothing is lost."""


class MathSettings(Settings):
    """What counts as the same."""

    extraction: Extraction = Extraction()
    """Where the final answer stands."""
    tolerance: Annotated[float, Field(ge=0)] = 1e-3
    """How far a number may be from the right one; 1 % of it at most."""
    choices: Literal["auto", "none"] = "auto"
    """``auto``: if the question lists lettered options, an answer may give the letter or the value, whichever the
    reference gives. ``none``: letters are variables."""


def prepare(settings: MathSettings) -> Check:
    """Return the check. Raises MissingExtraError without the package ``math-verify``.

    >>> from pairwright.schemas.candidate import Candidate
    >>> from pairwright.schemas.prompt import Prompt
    >>> check = prepare(MathSettings())
    >>> case = Case("a:0", 0, Prompt("How long is it?\\n(A) $2$ (B) $\\\\sqrt{8}$"), (), reference="B")
    >>> [check(case, Candidate(text)).value for text in ("\\\\boxed{2\\\\sqrt{2}}", "Answer: B", "Answer: 2.0")]
    [1.0, 1.0, 0.0]
    """
    _package()

    def compare(answer: str, reference: str, case: Case) -> Checked:
        options = _lettered(case.prompt.question) if settings.choices == "auto" else {}
        if options or (settings.choices == "auto" and re.fullmatch("[A-J]", reference)):
            gold = chosen(reference, options).label
            if gold is not None:
                return _choice(answer, reference, gold, options, settings)
        same = same_value(answer, reference, settings.tolerance)
        return (
            unparsable(answer, "is no expression") if same is None else graded(float(same), answer, reference)
        )

    return against_reference(settings.extraction, compare)


def _lettered(question: str) -> dict[str, str]:
    options = options_of(question)
    return options if "A" in options else {}


def _choice(
    answer: str, reference: str, gold: str, options: dict[str, str], settings: MathSettings
) -> Checked:
    """Check by letter or text where the answer has one, else by value among the options."""
    picked = chosen(answer, options)
    if is_gold(answer, picked, gold, options):
        return graded(1.0, answer, reference)
    if picked.label is not None:
        return graded(0.0, answer, reference)
    if picked.clash:
        return unparsable(answer, "chooses several options")
    equal = _equal_options(answer, options, settings.tolerance)
    if equal is None:
        return unparsable(answer, "is neither an option nor an expression")
    if gold in equal and len(equal) > 1:
        return unparsable(answer, f"equals the options {', '.join(sorted(equal))}")
    return graded(float(gold in equal), answer, reference)


def _equal_options(answer: str, options: Mapping[str, str], tolerance: float) -> frozenset[str] | None:
    """Return the options that an answer equals in value; None if it has no value."""
    same = {label: same_value(answer, text, tolerance) for label, text in options.items()}
    if expression(answer) is None:
        return None
    return frozenset(label for label, equal in same.items() if equal)


def same_value(answer: str, gold: str, tolerance: float = 1e-3) -> bool | None:
    """Tell whether two texts mean the same; None if the answer is no expression and not the gold text itself.

    >>> same_value("\\\\frac{10}{3}", "3.333"), same_value("1/1024", "0"), same_value("2(x+1)", "2x+2")
    (True, False, True)
    >>> [same_value(answer, "50%") for answer in ("50", "50 percent", "0.5", "5")], same_value("50%", "0.5")
    ([True, True, True, False], False)
    >>> same_value("9 km", "$9 \\\\mathrm{~km}$"), same_value("I do not know", "9")
    (True, None)
    """
    if same_text(answer, gold):
        return True
    said, right = expression(answer), expression(gold)
    if said is None:
        return None
    if right is None:
        return False
    one, other = said.replace("\\%", ""), right.replace("\\%", "")
    if _equal(one, other, tolerance):
        return True
    share = "\\%" in right and "\\%" not in said and _number(other) is not None
    return share and _equal(one, f"\\frac{{{other}}}{{100}}", tolerance)


def expression(text: str) -> str | None:
    """Return a text as one LaTeX expression that math-verify can be given, without its unit; None if it is none.

    Currency signs are dropped; a percent sign stays, as ``\\%``.

    >>> expression("x = 2√13"), expression("about two thirds"), expression("12 cm^2"), expression("two")
    ('2\\\\sqrt{13}', None, '12', '2')
    """
    if len(text) > 2 * _LONGEST:
        return None
    text = NUMBER_WORDS.get(text.strip().lower(), text)
    text = _ROOT.sub(lambda match: f"\\sqrt{{{match[1] or match[2]}}}", text)
    for written, meant in _SPELLINGS:
        text = text.replace(written, meant)
    text = _PERCENT.sub(lambda match: "\\%", _ASCII_POWER.sub(r"^{\1\2}", text))
    text = _closed(_GROUPED.sub(lambda match: match[1].replace(",", ""), text)).strip()
    text = _ASSIGNED.sub("", text, count=1) if _ASSIGNED.match(text) else text
    unit = _UNIT.fullmatch(text)
    text = (unit["number"] if unit else text).removesuffix("^{\\circ}").removesuffix("^\\circ").strip()
    return text if text and _is_math(text) and not too_large(text) else None


def _is_math(text: str) -> bool:
    """Tell whether a text is one expression: signs, numbers, single letters and known commands, all braces closed."""
    bare = _FUNCTIONS.sub("", _COMMANDS.sub("", text))
    if "\\" in bare or re.search(r"[A-Za-z]{3}|[A-Za-z]\d|\d\s+\d", bare):
        return False
    if not re.fullmatch(r"[\w\s+\-*/^=<>().,:!|\[\]{}]*", bare.replace("\\%", "")) or not bare.isascii():
        return False
    return text.count("{") == text.count("}") and re.search(r"[A-Za-z\d]", text) is not None


def _closed(text: str) -> str:
    """Cut a text at the first brace that closes nothing, where a careless extraction ran past the box."""
    depth = 0
    for place, sign in enumerate(text):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if depth < 0:
            return text[:place]
    return text


def too_large(text: str) -> bool:
    """Tell whether an expression could keep sympy busy: long ones, towers of powers, factorials of large numbers.

    >>> [too_large(text) for text in ("2^{10}", "9^{9^9}", "10^{100000}", "(a+b)^{99}", "99!!", "5!")]
    [False, True, True, True, True, False]
    """
    return (
        len(text) > _LONGEST
        or _LONG_NUMBER.search(text) is not None
        or _LARGE_COMBINATORICS.search(text) is not None
        or max(text.count(opening) for opening in "{([") > _DEEPEST
        or _large_power(text)
    )


def _large_power(text: str) -> bool:
    """Tell whether exponents are more than plain ones, or multiply to more than is quickly worked out."""
    powers = list(_POWER.finditer(text))
    exponents = [match["braces"] or match["sign"] or "" for match in powers]
    towers = any(text[match.end() :].lstrip().startswith("^") for match in powers)
    if towers or len(powers) != text.count("^") or not all(_EXPONENT.fullmatch(one) for one in exponents):
        return True
    product = 1
    for one in exponents:
        product *= max([int(digits) for digits in re.findall(r"\d+", one)], default=1) or 1
    letters = re.search(r"[a-z]", _COMMANDS.sub("", text), re.IGNORECASE)
    return product > (_LARGEST_SYMBOLIC_EXPONENT if letters else _LARGEST_EXPONENT)


def _equal(answer: str, gold: str, tolerance: float) -> bool:
    said, right = _number(answer), _number(gold)
    if said is None or right is None:
        with _ONE_AT_A_TIME:
            said, right = _value(answer), _value(gold)
            if said is None or right is None:
                return bool(_symbolic(answer, gold))
    return abs(said - right) <= min(tolerance, _SHARE * abs(right)) * (1 + 1e-9) or said == right


def _number(text: str) -> float | None:
    return float(text.replace(",", "")) if re.fullmatch(NUMBER, text) else None


def _value(text: str) -> float | None:
    """Return what an expression without letters comes to."""
    for parsed in _parsed(text):
        if getattr(parsed, "is_number", False) and getattr(parsed, "is_real", False) and parsed.is_finite:
            try:
                return float(parsed.evalf(20))
            except (TypeError, ValueError, OverflowError):
                return None
    return None


def _symbolic(answer: str, gold: str) -> bool:
    """Compare expressions by their values at three points, equations and sets by math-verify.

    Values take no time; to simplify a difference until it is 0 may take sympy minutes.
    """
    said, right = _parsed(answer)[:1], _parsed(gold)[:1]
    if not said or not right:
        return False
    if all(isinstance(one, _sympy().Expr) for one in (*said, *right)):
        return all(_agree(said[0], right[0], start) for start in _POINTS)
    return bool(_package().verify(list(right), list(said), timeout_seconds=None))


def _agree(said: Any, right: Any, start: float) -> bool:
    """Tell whether two terms have the same value where their letters have values from ``start`` on."""
    letters = sorted(said.free_symbols | right.free_symbols, key=str)
    at = {letter: start + 0.377 * place for place, letter in enumerate(letters)}
    try:
        one, other = complex(said.evalf(15, subs=at)), complex(right.evalf(15, subs=at))
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return False
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other), 1e-9)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[Any, ...]:
    """Return sympy's objects for an expression; untyped, as math-verify is."""
    package = _package()
    kinds = [package.LatexExtractionConfig(), package.ExprExtractionConfig()]
    return tuple(package.parse(f"${text}$", kinds, fallback_mode="no_fallback", parsing_timeout=None))


def _package() -> Any:
    try:
        import math_verify
    except ImportError as error:
        raise MissingExtraError("the verifier math", "math-verify", "math") from error
    logging.getLogger(_LOGGER).setLevel(
        logging.ERROR
    )  # it warns that its time limits are off, as they are meant to be
    return math_verify


def _sympy() -> Any:
    import sympy  # comes with math-verify

    return sympy


PART = Verifier(
    settings=MathSettings,
    prepare=prepare,
    low=0.0,
    high=1.0,
    summary="compares numbers, LaTeX expressions and sets with the right answer, or the option that has that value",
    source="math-verify; MMPR (arXiv 2411.10442), LMM-R1 (arXiv 2503.07536)",
)
