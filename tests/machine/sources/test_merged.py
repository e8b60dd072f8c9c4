"""Several sets as one: order, licences, duplicates, and runs that go on."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pairwright.api import build, validate
from pairwright.recipe import load_recipe
from pairwright.schemas.errors import SourceError
from pairwright.sources.open import open_source
from pairwright.sources.settings import SourceSettings


@pytest.fixture
def sets(tmp_path: Path, photographs: list[bytes]) -> str:
    """Two sets, of which the second has a row of the first with other spaces, and one row whose picture is gone."""
    for name, rows in {
        "one": [("a.jpg", "What is it?", "A face."), ("b.jpg", "What is it?", "A cup.")],
        "two": [
            ("b.jpg", "What  is it?", "A cup. "),
            ("none.jpg", "What is it?", "A cup."),
            ("b.jpg", "Where?", "Here."),
        ],
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        for number, picture in enumerate(("a.jpg", "b.jpg")):
            (folder / picture).write_bytes(photographs[number])
        lines = [
            json.dumps({"image": image, "question": asked, "chosen": said, "rejected": "A tree."})
            for image, asked, said in rows
        ]
        (folder / "pairs.jsonl").write_text("\n".join(lines))
    return json.dumps(
        [
            {"path": str(tmp_path / "one" / "pairs.jsonl"), "name": "first", "license": "mit"},
            {"path": str(tmp_path / "two" / "pairs.jsonl"), "name": "second", "license": "cc-by-4.0"},
        ]
    )


def test_sets_stand_one_after_the_other_and_every_row_once(sets: str, tmp_path: Path) -> None:
    recipe = load_recipe("merge", [f"source.sets={sets}", "output.shard_rows=2"])
    outcome = build(recipe, out=tmp_path / "out")
    rows = [
        row
        for path in sorted((tmp_path / "out" / "data").iterdir())
        for row in pq.read_table(path).to_pylist()
    ]
    told = [(row["source"], row["license"], row["question"], row["chosen_text"]) for row in rows]
    assert told == [
        ("first", "mit", "<image>\nWhat is it?", "A face."),
        ("first", "mit", "<image>\nWhat is it?", "A cup."),
        ("second", "cc-by-4.0", "<image>\nWhere?", "Here."),
    ]
    assert outcome.counts.rejects == {"row": {"duplicate": 1, "image_missing": 1}}
    assert outcome.counts.rows == 5
    assert validate(tmp_path / "out") == []


def test_a_merged_source_begins_anywhere_with_the_same_rows(sets: str) -> None:
    source = open_source(SourceSettings(sets=json.loads(sets)))
    everything = [(raw.record_id, raw.problem and raw.problem.reason) for raw in source.rows()]
    assert everything[2] == ("second/pairs.jsonl:0", "duplicate")
    assert [(raw.record_id, raw.problem and raw.problem.reason) for raw in source.rows(3)] == everything[3:]


def test_sets_of_the_same_name_and_a_path_beside_them_are_refused(sets: str, tmp_path: Path) -> None:
    one, _ = json.loads(sets)
    with pytest.raises(SourceError, match="first is there twice"):
        open_source(SourceSettings(sets=(one, one)))
    with pytest.raises(SourceError, match=r"takes the place of source\.path"):
        open_source(SourceSettings(path=str(tmp_path), sets=(one,)))
