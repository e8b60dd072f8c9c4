"""Tasks of a run go to people, and what they say comes back to the run's own prompts."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pairwright import export, import_set
from pairwright.schemas.errors import SourceError

TEXTS = ("A red cup.", "A blue cup.")


def rows_of(folder: Path, config: str) -> list[dict[str, Any]]:
    return [
        row for path in sorted((folder / config).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


@pytest.fixture
def run(written, tmp_path: Path) -> Path:
    """A run of three battles that two people judged: the first is decided, on the second they disagree, the third is a tie."""
    verdicts = [("answer_1", "answer_1"), ("answer_1", "answer_2"), ("tie", "tie")]
    rows = [
        {
            "id": number,
            "data": {
                "question": f"What is in picture {number}?",
                "image": "a.jpg",
                "answer_1": TEXTS[0],
                "answer_2": TEXTS[1],
            },
            "annotations": [
                {
                    "completed_by": who,
                    "result": [{"from_name": "preference", "value": {"choices": [choice]}}],
                }
                for who, choice in zip(("ann", "bob"), said, strict=True)
            ],
        }
        for number, said in enumerate(verdicts)
    ]
    path, _ = written({"file": "first.json", "files": {"a.jpg": 0}, "rows": rows})
    import_set(path, out=tmp_path / "run", workers=1)
    return tmp_path / "run"


def label_studio(task: dict[str, Any], best: str) -> dict[str, Any]:
    """Return a task as Label Studio exports it, with one annotation."""
    data = task["data"]
    name = next(name for name in ("answer_1", "answer_2") if data[name] == best)
    result = [
        {"from_name": "preference", "type": "choices", "value": {"choices": [name]}},
        {"from_name": "reason", "type": "textarea", "value": {"text": ["I looked."]}},
    ]
    return {
        "id": 1,
        **task,
        "annotations": [{"completed_by": {"email": "eve"}, "lead_time": 7.0, "result": result}],
    }


def argilla(record: dict[str, Any], best: str) -> dict[str, Any]:
    """Return a record as Argilla's to_datasets has it, with one submitted response."""
    name = next(name for name in ("answer_1", "answer_2") if record[name] == best)
    said = {"preference": name, "reason": "I looked."}
    responses = {
        f"{question}.responses{part}": [value]
        for question, answer in said.items()
        for part, value in (("", answer), (".users", "eve"), (".status", "submitted"))
    }
    kept = {key: [str(value)] if key.startswith("place") else value for key, value in record.items()}
    return {"id": record["record_id"], "status": "completed", **kept, **responses}


TOOLS = {"label-studio": ("tasks.json", label_studio), "argilla": ("records.jsonl", argilla)}


@pytest.mark.parametrize(("tool", "file", "labelled"), [(k, *v) for k, v in TOOLS.items()], ids=TOOLS.keys())
def test_what_people_say_of_doubtful_prompts_decides_them(run, tmp_path, tool, file, labelled):
    assert [pair["question"] for pair in rows_of(run, "data")] == ["<image>\nWhat is in picture 0?"]
    export(run, tool, out=tmp_path / "tasks", options={"doubtful": 0})
    told = (tmp_path / "tasks" / file).read_text(encoding="utf-8")
    tasks = json.loads(told) if file.endswith(".json") else [json.loads(line) for line in told.splitlines()]
    assert len(tasks) == 2
    done = tmp_path / f"done{Path(file).suffix}"
    result = [labelled(task, TEXTS[1]) for task in tasks]
    done.write_text(
        json.dumps(result) if file.endswith(".json") else "\n".join(json.dumps(one) for one in result)
    )
    import_set(done, into=run, out=tmp_path / "decided", workers=1)
    pairs = rows_of(tmp_path / "decided", "data")
    assert [(pair["question"][-2], pair["chosen_text"]) for pair in pairs] == [
        ("0", "A red cup."),
        ("1", "A blue cup."),
        ("2", "A blue cup."),
    ]
    stored = rows_of(tmp_path / "decided", "candidates")
    assert [[one["scorer"] for one in row["comparisons"]] for row in stored] == [
        ["ann", "bob"],
        ["ann", "bob", "eve"],
        ["ann", "bob", "eve"],
    ]
    [*_, last] = stored[1]["comparisons"]
    winner = last["first"] if last["outcome"] == "first" else last["second"]
    assert stored[1]["candidates"][winner]["text"] == "A blue cup."
    assert last["rationale"] == "I looked."
    assert stored[1]["images"][0]["bytes"] == rows_of(run, "candidates")[1]["images"][0]["bytes"]


def test_tasks_of_another_run_are_refused(run, tmp_path):
    task = {
        "data": {"record_id": "other.json:7", "question": "?", "answer_1": TEXTS[0], "answer_2": TEXTS[1]}
    }
    path = tmp_path / "done.json"
    path.write_text(json.dumps([label_studio(task, TEXTS[0])]))
    with pytest.raises(SourceError, match=r"of no prompt of .*other\.json:7"):
        import_set(path, into=run, out=tmp_path / "decided")


def test_an_answer_that_the_prompt_has_not_is_a_reject(run, tmp_path):
    task = {
        "data": {
            "record_id": "first.json:1",
            "question": "?",
            "answer_1": "Something else.",
            "answer_2": TEXTS[1],
        }
    }
    path = tmp_path / "done.json"
    path.write_text(json.dumps([label_studio(task, TEXTS[1])]))
    outcome = import_set(path, into=run, out=tmp_path / "decided", workers=1)
    assert outcome.counts.rejects["row"] == {"bad_value": 1, "tie": 1}
