"""Rows of one candidate each, put together by a column."""

import json
from pathlib import Path

import pytest

from pairwright.schemas.errors import RowError, SourceError
from pairwright.sources.open import open_source
from pairwright.sources.settings import SourceSettings


def written(path: Path, rows: list[dict[str, object]]) -> SourceSettings:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return SourceSettings(path=str(path), group_by="state")


def step(state: str | None, answer: str, score: float, **more: object) -> dict[str, object]:
    return {"state": state, "question": f"What to do in {state}?", "answer": answer, "score": score, **more}


def test_neighbours_with_one_value_become_one_row(tmp_path: Path) -> None:
    rows = [step("s1", "go left", 0.1, model="m1"), step("s1", "go right", 0.9), step("s2", "stay", 0.5)]
    source = open_source(written(tmp_path / "steps.jsonl", rows))
    one, two = map(source.parse, source.rows())
    assert [(x.text, x.score, x.model) for x in one.candidates] == [
        ("go left", 0.1, "m1"),
        ("go right", 0.9, None),
    ]
    assert [x.text for x in two.candidates] == ["stay"]
    assert (one.chosen, one.prompt.question, one.record_id) == (None, "What to do in s1?", "steps.jsonl:0")
    assert [raw.record_id for raw in source.rows(1)] == ["steps.jsonl:2"]
    assert source.columns()["candidates"] == "answer"
    assert source.count() is None


def test_a_group_that_does_not_stand_together_is_refused(tmp_path: Path) -> None:
    rows = [
        step("s1", "a", 1),
        step("s2", "b", 1),
        step("s1", "c", 0),
        step(None, "d", 0),
        step("s3", "e", 0),
    ]
    source = open_source(written(tmp_path / "steps.jsonl", rows))
    reasons = []
    for raw in source.rows():
        try:
            source.parse(raw)
            reasons.append("")
        except RowError as error:
            reasons.append(error.reason)
    assert reasons == ["", "", "group_split", "missing_column", ""]


def test_a_broken_row_is_a_row_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "steps.jsonl"
    settings = written(path, [step("s1", "a", 1)])
    path.write_text(path.read_text() + "{broken\n" + json.dumps(step("s2", "b", 1)) + "\n")
    assert [raw.problem is None for raw in open_source(settings).rows()] == [True, False, True]


@pytest.mark.parametrize(
    ("drop", "told"), [("state", "no 'state' among the columns"), ("answer", "no column with answers")]
)
def test_missing_columns_stop_at_once(drop: str, told: str, tmp_path: Path) -> None:
    row = {name: value for name, value in step("s1", "a", 1).items() if name != drop}
    with pytest.raises(SourceError, match=told):
        open_source(written(tmp_path / "steps.jsonl", [row]))
