"""Tasks for people: what is shown, in which order, what is in doubt, and the way back in."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pairwright.exporters._export import export
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ParameterError, RunError
from pairwright.schemas.pair import Pair
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow
from pairwright.writer import CANDIDATES, PartWriter, publish

TOOLS = {"label-studio": "tasks.json", "argilla": "records.jsonl"}


def source_row(
    number: int,
    prompt: Prompt,
    texts: Sequence[str],
    scores: Sequence[float | None] = (),
    comparisons: Sequence[Comparison] = (),
) -> SourceRow:
    values = [*scores, *[None] * (len(texts) - len(scores))]
    return SourceRow(
        record_id=f"colors.csv:{number}",
        prompt=prompt,
        chosen=None,
        rejected=None,
        source="colors",
        source_id=str(number),
        candidates=tuple(
            Candidate(text, model=f"model-{place}", score=score)
            for place, (text, score) in enumerate(zip(texts, values, strict=True))
        ),
        comparisons=tuple(comparisons),
    )


@pytest.fixture
def judged(tmp_path: Path, shapes: dict[str, Pair]) -> Path:
    """A run with the candidates of six prompts."""
    one, several, none = (shapes[name].prompt for name in ("one", "several", "none"))
    rows = [
        source_row(0, one, ["Red.", "Blue."], [5.0, 1.0]),
        source_row(1, several, ["The first.", "The second."], [3.0, 2.5]),
        source_row(2, none, ["Purple.", "Violet."], [4.0, None]),
        source_row(3, one, ["Red.", "Red. "], [5.0, 1.0]),  # one text
        source_row(
            4, shapes["told"].prompt, ["Grey.", "Dark."], [5.0, 1.0], [Comparison(0, 1, "tie", "ann")]
        ),
        source_row(
            5,
            shapes["turns"].prompt,
            ["No.", "Yes."],
            [5.0, 1.0],
            [Comparison(0, 1, "first", "ann"), Comparison(0, 1, "second", "bob")],
        ),
    ]
    return write(tmp_path / "run", rows)


def write(folder: Path, rows: Sequence[SourceRow]) -> Path:
    folder.mkdir()
    with PartWriter(folder / "candidates", "train-00000", CANDIDATES) as parts:
        parts.add(rows)
        publish([file.name for file in parts.close()], folder / "candidates")
    return folder


def tasks(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of either tool's file."""
    if (folder / "tasks.json").exists():
        return [task["data"] for task in json.loads((folder / "tasks.json").read_text())]
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("to", TOOLS)
def test_each_prompt_is_a_task_with_its_answers_in_a_drawn_order(
    to, judged, tmp_path, same_file, shapes
) -> None:
    done = export(judged, to, out=tmp_path / "out")
    made = tasks(done.folder)
    assert done.left_out == {"one_answer": 1}
    assert [task["record_id"] for task in made] == [f"colors.csv:{n}" for n in (0, 1, 2, 4, 5)]
    for task, texts in zip(made, (["Red.", "Blue."], ["The first.", "The second."]), strict=False):
        for number in (1, 2):
            place = task[f"place_{number}"]
            assert task[f"answer_{number}"] == texts[place]
            assert task[f"model_{number}"] == f"model-{place}"
    paths = made[1]["images"] if to == "label-studio" else [made[1]["image"], made[1]["image_2"]]
    for path, image in zip(paths, shapes["several"].prompt.images, strict=True):
        assert same_file(done.folder, path, image)


def test_people_see_the_whole_conversation_and_no_model(judged, tmp_path) -> None:
    done = export(judged, "label-studio", out=tmp_path / "out")
    told, turns = tasks(done.folder)[3:]
    assert told["dialogue"] == "System: Be brief.\n\nUser: Describe it."
    assert turns["dialogue"] == "User: What color is it?\n\nAssistant: It is green.\n\nUser: Is it red?"
    assert turns["question"] == "Is it red?"
    shown = {
        value.removeprefix("$")
        for tag in ElementTree.parse(done.folder / "config.xml").iter()
        for value in tag.attrib.values()
        if value.startswith("$")
    }
    assert shown == {"dialogue", "shown", "answer_1", "answer_2"}
    assert told["shown"] == [f"/data/local-files/?d={path}" for path in told["images"]]


def test_the_order_shown_is_drawn_by_the_seed(tmp_path, shapes) -> None:
    rows = [source_row(n, shapes["none"].prompt, ["a", "b"]) for n in range(60)]
    folder = write(tmp_path / "many", rows)

    def places(name: str, seed: int) -> list[int]:
        return [
            task["place_1"]
            for task in tasks(export(folder, "argilla", out=tmp_path / name, seed=seed).folder)
        ]

    first = places("first", 0)
    assert places("again", 0) == first
    assert places("other", 1) != first
    assert 15 < sum(first) < 45


@pytest.mark.parametrize("to", TOOLS)
def test_only_what_is_in_doubt(to, judged, tmp_path) -> None:
    done = export(judged, to, out=tmp_path / "out", options={"doubtful": 1.0})
    assert [task["record_id"] for task in tasks(done.folder)] == [f"colors.csv:{n}" for n in (1, 2, 4, 5)]
    assert done.left_out == {"no_doubt": 1, "one_answer": 1}


def test_more_answers_are_ranked(tmp_path, shapes) -> None:
    rows = [
        source_row(0, shapes["one"].prompt, ["a", "b", "c"]),
        source_row(1, shapes["one"].prompt, [str(n) for n in range(10)]),
        source_row(2, shapes["one"].prompt, ["a", "b"]),
    ]
    folder = write(tmp_path / "run", rows)
    with pytest.raises(RunError, match=r"2 for more_answers: .*--set ask=ranking"):
        export(folder, "label-studio", out=tmp_path / "out")
    done = export(
        folder, "label-studio", out=tmp_path / "out", options={"ask": "ranking"}, leave_out=["more_answers"]
    )
    three, two = tasks(done.folder)
    assert done.left_out == {"more_answers": 1}
    assert {one["id"]: one["body"] for one in three["answers"]} == {
        f"answer_{n}": three[f"answer_{n}"] for n in (1, 2, 3)
    }
    assert len(two["answers"]) == 2
    config = ElementTree.parse(done.folder / "config.xml")
    assert config.find("Ranker").attrib["name"] == "ranking"
    script = (
        export(
            folder,
            "argilla",
            out=tmp_path / "records",
            options={"ask": "ranking"},
            leave_out=["more_answers"],
        )
        .pages[0]
        .text
    )
    assert 'ANSWERS = ["answer_1", "answer_2", "answer_3"]' in script
    assert "rg.RankingQuestion" in script
    compile(script, "load.py", "exec")


@pytest.mark.parametrize("to", TOOLS)
def test_pairs_are_tasks_too_but_image_negatives_are_not(to, written, tmp_path, shapes) -> None:
    folder = written(shapes["one"], shapes["none"], shapes["image"])
    with pytest.raises(RunError, match="1 for rejected_images"):
        export(folder, to, out=tmp_path / "out", options={"of": "pairs"})
    done = export(folder, to, out=tmp_path / "out", options={"of": "pairs"}, leave_out=["rejected_images"])
    one, _ = tasks(done.folder)
    assert {one["answer_1"], one["answer_2"]} == {"It is red.", "It is blue."}
    assert one["pair_id"] == shapes["one"].id
    assert not any(name.startswith(("place", "model")) for name in one)
    again = export(
        folder,
        to,
        out=tmp_path / "doubt",
        options={"of": "pairs", "doubtful": 1.0},
        leave_out=["rejected_images"],
    )
    assert [task["pair_id"] for task in tasks(again.folder)] == [shapes["none"].id]  # without scores


@pytest.mark.parametrize("to", TOOLS)
def test_what_cannot_be_is_said(to, judged, written, tmp_path, shapes) -> None:
    with pytest.raises(ParameterError, match="tasks for people"):
        export(judged, to, out=tmp_path / "out", splits=["test=1"])
    with pytest.raises(ParameterError, match="Did you mean 'more_answers'"):
        export(judged, to, out=tmp_path / "out", leave_out=["more_answer"])
    with pytest.raises(ParameterError, match="preference"):
        export(judged, to, out=tmp_path / "out", options={"ask": "prefrence"})
    with pytest.raises(RunError, match="holds no pairs"):
        export(judged, to, out=tmp_path / "out", options={"of": "pairs"})
    single = write(tmp_path / "single", [source_row(0, shapes["one"].prompt, ["a"])])
    with pytest.raises(RunError, match="no task is left: 1 for one_answer"):
        export(single, to, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_people_said_comes_back(judged, tmp_path) -> None:
    import pairwright
    from pairwright.importing import import_set

    done = export(judged, "label-studio", out=tmp_path / "out")
    exported = json.loads((done.folder / "tasks.json").read_text())
    labelled = [
        {
            "id": number,
            "data": task["data"],
            "annotations": [
                {
                    "completed_by": {"email": who},
                    "was_cancelled": False,
                    "result": [
                        {
                            "from_name": "preference",
                            "to_name": "answer_1",
                            "type": "choices",
                            "value": {"choices": ["answer_2"]},
                        }
                    ],
                }
                for who in ("ann@example.org", "bob@example.org")
            ],
        }
        for number, task in enumerate(exported)
    ]
    (done.folder / "labelled.json").write_text(json.dumps(labelled))
    outcome = import_set(done.folder / "labelled.json", layout="label_studio", out=tmp_path / "back")
    assert outcome.counts.pairs == {"text": 5}
    assert pairwright.validate(tmp_path / "back") == []
    kept = export(tmp_path / "back", "jsonl", out=tmp_path / "rows").folder
    rows = [json.loads(line) for line in (kept / "train.jsonl").read_text().splitlines()]
    assert [(row["chosen_text"], row["rejected_text"]) for row in rows] == [
        (task["data"]["answer_2"], task["data"]["answer_1"]) for task in exported
    ]
    assert [len(row["images"]) for row in rows] == [len(task["data"]["images"]) for task in exported]
