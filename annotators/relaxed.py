"""Relaxed accuracy of ChartQA (arXiv 2203.10244): numbers within 5 % of the gold number, texts exactly.

The figures of a chart are read by eye, hence the 5 %. A year is no such figure: like MMPR (arXiv 2411.10442), which
does it from 2000 on, years are compared exactly.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from pairwright.annotators import Case, Check, Checked, Verifier
from pairwright.annotators._extract import (
    NUMBER,
    NUMBER_WORDS,
    Extraction,
    against_reference,
    graded,
    references,
    unparsable,
)
from pairwright.schemas.settings import Settings

_SCALES = {
    "k": 1e3,
    "thousand": 1e3,
    "m": 1e6,
    "mn": 1e6,
    "million": 1e6,
    "b": 1e9,
    "bn": 1e9,
    "billion": 1e9,
}
_SCALES |= {"trillion": 1e12, "tn": 1e12}
_FIGURE = re.compile(rf"({NUMBER})\s*(%|percent\b|[a-z]+\b)?", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")
_ROUNDING = 1e-9


class RelaxedSettings(Settings):
    """How far a number may be off."""

    extraction: Extraction = Extraction()
    """Where the final answer stands."""
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Greatest distance from the gold number, as a share of it."""
    exact_years: bool = True
    """A gold answer from 1900 to 2099 without a unit must be met exactly."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as it was written."""

    number: float
    percent: bool
    scale: float
    """What a word behind it multiplies it by: 1e6 for ``million``; 1 for none."""

    def same_as(self, gold: "Figure", tolerance: float) -> bool:
        """Tell whether this is the gold number, give or take ``tolerance`` times it.

        Where only one side has a percent sign or a scale, both 12 % = 12 and 12 % = 0.12 hold, both 3 million = 3 and
        3 million = 3 000 000: charts give the unit on the axis.
        """
        readings = {(self.number, gold.number)}
        if self.percent != gold.percent:
            readings.add((self.number * _share(self), gold.number * _share(gold)))
        if self.scale != gold.scale:
            scaled = (self.number * self.scale, gold.number * gold.scale)
            readings = {scaled} if min(self.scale, gold.scale) > 1 else readings | {scaled}
        return any(
            abs(said - right) <= tolerance * abs(right) + _ROUNDING * abs(right) for said, right in readings
        )


def prepare(settings: RelaxedSettings) -> Check:
    """Return the check. A reference that is a JSON list holds several right answers.

    >>> from pairwright.schemas.candidate import Candidate
    >>> from pairwright.schemas.prompt import Prompt
    >>> case = Case("a:0", 0, Prompt("How much in all?"), (), reference="1,200")
    >>> check = prepare(RelaxedSettings())
    >>> [check(case, Candidate(text)).value for text in ("1250 dollars", "Answer: $1.3k", "1200")]
    [1.0, 0.0, 1.0]
    """

    def compare(answer: str, reference: str, case: Case) -> Checked:
        grades = [_same(answer, gold.strip(), settings) for gold in references(reference)]
        if not any(grades) and None in grades:
            return unparsable(answer, "holds several numbers")
        return graded(float(any(grades)), answer, reference)

    return against_reference(settings.extraction, compare)


def _same(answer: str, gold: str, settings: RelaxedSettings) -> bool | None:
    """Compare with one gold answer; None where several numbers stand for one."""
    if _text(answer) == _text(gold):
        return True
    right = whole_figure(gold)
    if right is None:
        return False
    said = figures(answer)
    if len(said) != 1:
        return None if said else False
    if settings.exact_years and _YEAR.fullmatch(gold):
        return said[0].number == right.number and said[0].scale == 1
    return said[0].same_as(right, settings.tolerance)


def whole_figure(text: str) -> Figure | None:
    """Return the number that a text is, with a unit or without; None for other texts.

    >>> whole_figure("$3.5 million"), whole_figure("Route 66 in June") is None
    (Figure(number=3.5, percent=False, scale=1000000.0), True)
    """
    found = figures(text)
    starts_with_number = re.match(rf"[$€£¥₹~≈\s]*(?:{NUMBER})", _digits(text)) is not None
    return found[0] if len(found) == 1 and starts_with_number and len(text.split()) <= 4 else None


def figures(text: str) -> list[Figure]:
    """Return all numbers of a text.

    >>> [figure.number for figure in figures("about 1,234.5 (two)")]
    [1234.5, 2.0]
    """
    return [_figure(match) for match in _FIGURE.finditer(_digits(text))]


def _figure(match: re.Match[str]) -> Figure:
    unit = (match[2] or "").lower()
    number = float(match[1].replace(",", "").replace("−", "-"))
    return Figure(number, unit in ("%", "percent"), _SCALES.get(unit, 1.0))


def _digits(text: str) -> str:
    """Write number words in digits, and drop the backslash of LaTeX's percent and dollar signs."""
    bare = text.replace("\\%", "%").replace("\\$", "$")
    return re.sub(r"[A-Za-z]+", lambda word: NUMBER_WORDS.get(word[0].lower(), word[0]), bare)


def _share(figure: Figure) -> float:
    return 0.01 if figure.percent else 1.0


def _text(answer: str) -> str:
    return " ".join(answer.casefold().split())


PART = Verifier(
    settings=RelaxedSettings,
    prepare=prepare,
    low=0.0,
    high=1.0,
    summary="checks answers about charts: numbers within 5 %, years and texts exactly",
    source="ChartQA (arXiv 2203.10244), MMPR (arXiv 2411.10442)",
)
