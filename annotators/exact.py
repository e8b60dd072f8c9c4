"""Exact match after normalisation, as SQuAD's evaluation (arXiv 1606.05250) does it for short answers.

Unlike there, a point between digits and a sign before them are kept, so that 3.5 is not 35.
"""

import re

from pairwright.annotators import Case, Check, Checked, Verifier
from pairwright.annotators._extract import Extraction, against_reference, graded, references, unparsable
from pairwright.schemas.settings import Settings

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_WORD_OR_OTHER = re.compile(r"((?<![\w.])[-+]?\d*\.?\d+%?|[^\W_]+|\s+)|.")
"""A number with its sign, a word or a space; or, outside the group, punctuation."""

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


class ExactSettings(Settings):
    """What counts as the same."""

    extraction: Extraction = Extraction()
    """Where the final answer stands."""
    ignore_case: bool = True
    """``Red`` is ``red``."""
    ignore_articles: bool = True
    """``a cat`` is ``cat``."""
    ignore_punctuation: bool = True
    """``t-shirt!`` is ``t shirt``; signs, points and percent signs of numbers stay."""
    ignore_whitespace: bool = True
    """Runs of spaces and line breaks are one space. Without it, texts differ by any space."""


def prepare(settings: ExactSettings) -> Check:
    """Return the check. A reference that is a JSON list holds several right answers.

    >>> from pairwright.schemas.candidate import Candidate
    >>> from pairwright.schemas.prompt import Prompt
    >>> case = Case("a:0", 0, Prompt("What is it?"), (), reference='["a T-shirt", "top"]')
    >>> prepare(ExactSettings())(case, Candidate("Answer: the t-shirt.")).value
    1.0
    """

    def compare(answer: str, reference: str, case: Case) -> Checked:
        said = normalised(answer, settings)
        if not said:
            return unparsable(answer, "nothing is left of it after normalisation")
        right = {normalised(one, settings) for one in references(reference)}
        return graded(float(said in right), answer, reference)

    return against_reference(settings.extraction, compare)


def normalised(text: str, settings: ExactSettings) -> str:
    """Return a text in the form in which it is compared.

    >>> normalised("The  price: 1,200.50 (-3)!", ExactSettings())
    'price 1200.50 -3'
    """
    text = text.replace("’", "'").replace("−", "-")
    if settings.ignore_case:
        text = text.casefold()
    if settings.ignore_punctuation:
        bare = _THOUSANDS.sub("", text).replace("'", "")
        text = _WORD_OR_OTHER.sub(lambda match: match[1] or " ", bare)
    if settings.ignore_articles and (without := _ARTICLES.sub(" ", text)).strip():
        text = without  # an answer that is an article, as the letter "A", stays
    return " ".join(text.split()) if settings.ignore_whitespace else text


PART = Verifier(
    settings=ExactSettings,
    prepare=prepare,
    low=0.0,
    high=1.0,
    summary="compares short answers as texts, after case, articles, punctuation and spaces are evened out",
    source="SQuAD (arXiv 1606.05250)",
)
