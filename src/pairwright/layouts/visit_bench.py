"""VisIT-Bench, several pictures: a model's answer, whether a person finds it right, and a reference."""

from collections.abc import Iterator

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import known_by, present
from pairwright.layouts._said import PERSON
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RowError
from pairwright.schemas.judgement import Judgement
from pairwright.sources.cells import text

_RIGHT = "human_ratings_gpt4_correct"
_SAID = {
    "correct": _RIGHT,
    "problem in caption": "human_ratings_problem_in_caption",
    "problem in answer": "human_ratings_problem_in_gpt4",
}


def read(row: Row) -> Read:
    """Return reference and answer: the answer is rejected where the person finds it wrong, and else as good as the reference."""
    judged = tuple(_judgements(row))
    right = any(one.aspect == "correct" and one.value for one in judged)
    candidates = (
        Candidate(text(row["reference_output"], "reference_output"), "reference", "chosen"),
        Candidate(
            text(row["gpt4_prediction"], "gpt4_prediction"),
            "gpt-4",
            "chosen" if right else "rejected",
            judgements=judged,
        ),
    )
    taken = present(row, {"question": "instruction", "images": "images"})
    return Read(row, taken, candidates, tags=(str(row["instruction_category"]),))


def _judgements(row: Row) -> Iterator[Judgement]:
    for aspect, column in _SAID.items():
        said = str(row.get(column)).strip().lower()
        if said not in ("true", "false"):
            raise RowError("bad_value", column, f"expected True or False, got {row.get(column)!r}")
        yield Judgement("candidate", PERSON, aspect, float(said == "true"), 0.0, 1.0)


PART = Layout(
    recognise=known_by("instruction", "images", "gpt4_prediction", "reference_output", _RIGHT),
    read=read,
    summary="instruction, images, gpt4_prediction, reference_output, and whether a person finds the prediction correct",
    source="VisIT-Bench (cc-by-4.0; arXiv 2308.06595)",
    parameters={"pairing": {"rule": "sides"}},
)
