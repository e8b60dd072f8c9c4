"""MLLM-as-a-Judge: two answers and what a person says of them. Its pair files; score and batch files have no second side."""

from collections.abc import Mapping

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import known_by, present
from pairwright.layouts._said import PERSON, of_these, verdict
from pairwright.schemas.candidate import Candidate, Outcome
from pairwright.sources.cells import bad_value, text

_WORDS: dict[str, Outcome] = {"a": "first", "b": "second", "c": "tie"}


def read(row: Row) -> Read:
    """Return the answers with the verdict: A, B, or C for a tie."""
    identity = "pair_id" if "pair_id" in row else "id"
    taken = present(
        row,
        {"id": identity, "images": "image_path", "question": "instruction", "source": "original_dataset"},
    )
    outcome = of_these(row["human_answer"], "human_answer", _WORDS)
    candidates = tuple(_candidate(row[name], name) for name in ("answer1", "answer2"))
    return Read(row, taken, candidates, (verdict(outcome, PERSON),))


def _candidate(told: object, column: str) -> Candidate:
    if not isinstance(told, Mapping):
        raise bad_value(column, "name and answer", told)
    name = told.get("name")
    return Candidate(text(told.get("answer"), f"{column}.answer"), name if isinstance(name, str) else None)


PART = Layout(
    recognise=known_by("instruction", "answer1", "answer2", "human_answer"),
    read=read,
    summary="image_path, instruction, answer1 and answer2 {name, answer}, human_answer A, B or C (a tie)",
    source="shuaishuaicdp/MLLM-Judge (MLLM-as-a-Judge, arXiv 2402.04788)",
)
