"""Rows of one candidate each, put together by a column."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairwright.schemas.errors import RowError, SourceError
from pairwright.sources.open import open_source
from pairwright.sources.settings import ColumnMap, SourceSettings


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
    assert [raw.problem is None for raw in open_source(settings).rows()] == [False, True, True]


@pytest.mark.parametrize(
    ("drop", "told"), [("state", "no 'state' among the columns"), ("answer", "no column with answers")]
)
def test_missing_columns_stop_at_once(drop: str, told: str, tmp_path: Path) -> None:
    row = {name: value for name, value in step("s1", "a", 1).items() if name != drop}
    with pytest.raises(SourceError, match=told):
        open_source(written(tmp_path / "steps.jsonl", [row]))


def test_the_column_of_answers_may_be_named(tmp_path: Path) -> None:
    rows = [{"state": "s1", "question": "What now?", "move": move, "answer": "wait", "won": won}
            for move, won in (("left", 0), ("right", 1))]  # fmt: skip
    settings = written(tmp_path / "steps.jsonl", rows)
    named = settings.model_copy(update={"columns": ColumnMap(chosen="move")})
    (row,) = map((source := open_source(named)).parse, source.rows())
    assert [one.text for one in row.candidates] == ["left", "right"]
    assert [one.judgements[0].value for one in row.candidates] == [0.0, 1.0]
    assert row.chosen == "wait"


def test_scores_of_a_csv_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "steps.csv").write_text(
        "state,question,answer,score,note\ns1,What?,left,0.5,x\ns1,What?,right,2,y\n"
    )
    source = open_source(SourceSettings(path=str(tmp_path / "steps.csv"), group_by="state"))
    (row,) = map(source.parse, source.rows())
    assert [one.score for one in row.candidates] == [0.5, 2.0]
    assert [[one.aspect for one in x.judgements] for x in row.candidates] == [["score"], ["score"]]


def test_rows_without_a_group_are_not_one_group(tmp_path: Path) -> None:
    (tmp_path / "steps.csv").write_text("state,question,answer\n,What?,left\n ,Who?,me\n")
    source = open_source(SourceSettings(path=str(tmp_path / "steps.csv"), group_by="state"))
    assert [raw.problem and raw.problem.reason for raw in source.rows()] == ["missing_column"] * 2
    nan = pa.table({"state": [float("nan")] * 2, "question": ["A?", "B?"], "answer": ["x", "y"]})
    pq.write_table(nan, tmp_path / "steps.parquet")
    source = open_source(SourceSettings(path=str(tmp_path / "steps.parquet"), group_by="state"))
    assert [raw.problem and raw.problem.reason for raw in source.rows()] == ["missing_column"] * 2


def test_a_group_of_different_prompts_is_refused(tmp_path: Path) -> None:
    rows = [step("s1", "a", 1), step("s1", "b", 0) | {"question": "Something else?"}, step("s2", "c", 0)]
    source = open_source(written(tmp_path / "steps.jsonl", rows))
    problems = [raw.problem for raw in source.rows()]
    assert problems[0] is not None
    assert (problems[0].reason, problems[0].field, problems[1]) == ("bad_value", "question", None)


def test_a_broken_row_does_not_split_its_group(tmp_path: Path) -> None:
    path = tmp_path / "steps.jsonl"
    settings = written(path, [step("s1", "a", 1)])
    path.write_text(path.read_text() + "{broken\n" + json.dumps(step("s1", "b", 0)) + "\n")
    source = open_source(settings)
    good = [source.parse(raw) for raw in source.rows() if raw.problem is None]
    assert [[one.text for one in row.candidates] for row in good] == [["a", "b"]]
