"""align-anything, text-image-to-text: two answers, both rated on five aspects, and the better one, with reasons."""

from collections.abc import Iterator

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import known_by, present
from pairwright.layouts._said import PERSON, answers, as_text, of_these, rating, verdict
from pairwright.schemas.annotation import Annotation
from pairwright.schemas.candidate import Candidate, Outcome
from pairwright.schemas.judgement import Judgement

_ASPECTS = {
    "prompt_following": "p",
    "objective_rules": "o",
    "clarity": "c",
    "information_richness": "i",
    "safety": "s",
}
"""Aspects, each with the letter of the column that says which answer is better in it."""

PREFERRED = " preferred"
"""End of the aspect under which stands whether an answer is the better one in an aspect: 1, or 0."""

_WORDS: dict[str, Outcome] = {"1": "first", "2": "second", "0": "tie", "3": "tie", "tie": "tie"}


def read(row: Row) -> Read:
    """Return the answers with rates, reasons and the verdict."""
    two = answers(row, ("response_1", "response_2"), ("res_1_from", "res_2_from"))
    outcome = of_these(row["overall_response"], "overall_response", _WORDS)
    notes = [as_text(row.get(f"text_critique_{place}")) for place in (1, 2)]
    note = "\n\n".join(one for one in notes if one) or None
    return Read(
        row,
        present(row, {"question": "question", "images": "image"}),
        candidates=tuple(
            Candidate(one.text, one.model, judgements=tuple(_judgements(row, place)))
            for place, one in enumerate(two, 1)
        ),
        comparisons=(verdict(outcome, PERSON, why=row.get("overall_textfeedback")),),
        annotations=(Annotation(PERSON, note=note),),
    )


def _judgements(row: Row, place: int) -> Iterator[Judgement]:
    for aspect, letter in _ASPECTS.items():
        column = f"{aspect}_rate_{place}"
        if column in row:
            why = row.get(f"{aspect}_rationale") or row.get(f"{aspect}_rationale_{place}")
            value = rating(row[column], column)
            yield Judgement("candidate", PERSON, aspect, value, rationale=as_text(why))
        better = rating(row.get(f"{letter}_response"), f"{letter}_response")
        if better in (1.0, 2.0):
            yield Judgement("candidate", PERSON, aspect + PREFERRED, float(better == place), 0.0, 1.0)


PART = Layout(
    recognise=known_by("question", "response_1", "response_2", "overall_response"),
    read=read,
    summary="question, image, response_1 and response_2 with rates and reasons on five aspects, overall_response 1 or 2",
    source="PKU-Alignment/align-anything, text-image-to-text (cc-by-nc-4.0; arXiv 2412.15838)",
)
