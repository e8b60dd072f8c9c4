"""ANLS: how much of the gold text was read right (ST-VQA, arXiv 1905.13648).

One minus the normalised Levenshtein distance, for text read from documents and signs, where a letter read wrong should
not cost everything. From the threshold on, a distance means another text, and the value is 0.
"""

from typing import Annotated

from pydantic import Field

from pairwright.annotators import Case, Check, Checked, Verifier
from pairwright.annotators._extract import Extraction, against_reference, graded, references
from pairwright.schemas.settings import Settings


class AnlsSettings(Settings):
    """How texts are compared."""

    extraction: Extraction = Extraction()
    """Where the final answer stands."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    """From this normalised distance on, the value is 0."""
    ignore_case: bool = True
    """``Total`` is ``TOTAL``, as in ST-VQA's evaluation."""


def prepare(settings: AnlsSettings) -> Check:
    """Return the check. A reference that is a JSON list holds several right answers; the nearest counts.

    >>> from pairwright.schemas.candidate import Candidate
    >>> from pairwright.schemas.prompt import Prompt
    >>> case = Case("a:0", 0, Prompt("Which shop?"), (), reference='["Tesco", "TESCO Express"]')
    >>> check = prepare(AnlsSettings())
    >>> check(case, Candidate("tesko")).value, check(case, Candidate("Aldi")).value
    (0.8, 0.0)
    """

    def compare(answer: str, reference: str, case: Case) -> Checked:
        said = _evened(answer, settings)
        nearest = max(
            similarity(said, _evened(gold, settings), settings.threshold) for gold in references(reference)
        )
        return graded(nearest, answer, reference)

    return against_reference(settings.extraction, compare)


def similarity(one: str, other: str, threshold: float) -> float:
    """Return 1 minus the normalised distance, or 0 where that distance is ``threshold`` or more.

    >>> similarity("kitten", "sitting", 0.5), similarity("abc", "xyz", 1.0)
    (0.5714285714285714, 0.0)
    """
    longest = max(len(one), len(other))
    if longest == 0:
        return 1.0
    if abs(len(one) - len(other)) / longest >= threshold:
        return 0.0  # the distance is at least the difference in length: no need to count in long texts
    far = distance(one, other) / longest
    return 1.0 - far if far < threshold else 0.0


def distance(one: str, other: str) -> int:
    """Return the Levenshtein distance: letters to insert, delete or replace.

    >>> distance("kitten", "sitting"), distance("", "ab")
    (3, 2)
    """
    row = list(range(len(other) + 1))
    for count, letter in enumerate(one, start=1):
        above, row[0] = row[0], count
        for place, against in enumerate(other, start=1):
            replaced = above + (letter != against)
            above = row[place]
            row[place] = min(replaced, above + 1, row[place - 1] + 1)
    return row[-1]


def _evened(text: str, settings: AnlsSettings) -> str:
    evened = " ".join(text.split())
    return evened.lower() if settings.ignore_case else evened


PART = Verifier(
    settings=AnlsSettings,
    prepare=prepare,
    low=0.0,
    high=1.0,
    summary="measures by edit distance how much of a text was read right (ANLS)",
    source="ST-VQA (arXiv 1905.13648)",
)
