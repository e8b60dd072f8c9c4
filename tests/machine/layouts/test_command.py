"""pairwright import: what it prints, what it refuses, and how it ends."""

import json
from pathlib import Path

import pytest

from pairwright.cli import main
from pairwright.recipe import load_recipe
from pairwright.schemas.errors import SourceError
from pairwright.sources.open import open_source
from pairwright.sources.settings import SourceSettings

PAIR = {
    "id": "1",
    "image": "a.jpg",
    "conversations": [{"from": "human", "value": "<image>\nWhat?"}],
    "output_1": {"from": "gpt", "value": "This."},
    "output_2": {"from": "gpt", "value": "That."},
    "preference": 2,
}


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["import", *arguments])
    return ended.value.code or 0


@pytest.fixture
def votes(written) -> Path:
    path, _ = written({"file": "votes.json", "files": {"coco/a.jpg": 0}, "rows": [PAIR]})
    return path


def test_import_tells_the_layout_and_what_came_of_it(votes, tmp_path, capsys):
    assert run(str(votes), "--images", str(votes.parent / "coco"), "--out", str(tmp_path / "out")) == 0
    told = capsys.readouterr()
    assert "layout: llava_rlhf" in told.err
    assert "1 source row = 1 with pairs + 0 rejected." in told.out


def test_a_set_without_a_second_side_ends_well_and_says_where_it_is(written, tmp_path, capsys):
    rows = [
        {
            "id": "1",
            "image": "a.jpg",
            "safe": False,
            "instr-resp": [{"instruction": "Who?", "response": "No."}],
        }
    ]
    path, _ = written({"file": "train.json", "files": {"a.jpg": 0}, "rows": rows})
    assert run(str(path), "--out", str(tmp_path / "out")) == 0
    assert "all that was said is in" in capsys.readouterr().out


def test_nothing_at_all_is_an_error(votes, tmp_path, capsys):
    (votes.parent / "coco" / "a.jpg").unlink()
    assert run(str(votes), "--out", str(tmp_path / "out")) == 1
    assert "image_missing" in capsys.readouterr().err


def test_what_is_not_recognised_says_what_there_is(written, tmp_path, capsys):
    path, _ = written({"file": "a.jsonl", "rows": [{"left": 1, "right": 2}]})
    assert run(str(path), "--out", str(tmp_path / "out")) == 1
    told = capsys.readouterr().err
    assert "no layout is recognised by its columns (left, right)" in told
    assert "llava_rlhf" in told
    assert not (tmp_path / "out").exists()


def test_a_misspelt_layout_names_the_nearest_one(votes, tmp_path, capsys):
    assert run(str(votes), "--as", "llava_rlhv", "--out", str(tmp_path / "out")) == 1
    assert "Did you mean 'llava_rlhf'?" in capsys.readouterr().err


def test_a_recipe_with_a_layout_is_the_same_import(votes, tmp_path):
    recipe = load_recipe("llava_rlhf", [f"source.image_root={votes.parent / 'coco'}"])
    settings = recipe.file.source.model_copy(update={"path": str(votes)})
    [raw] = open_source(settings).rows()
    row = open_source(settings).parse(raw)
    assert [one.text for one in row.candidates] == ["This.", "That."]
    assert json.loads(row.extra)["$layout"] == "llava_rlhf"


def test_a_layout_may_be_recognised_by_the_source_itself(votes):
    settings = SourceSettings(path=str(votes), layout="auto", image_root=str(votes.parent / "coco"))
    source = open_source(settings)
    assert source.columns()["layout"] == "llava_rlhf"
    assert [len(source.parse(raw).comparisons) for raw in source.rows()] == [1]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"layout": "rlaif_v", "group_by": "idx"}, "does not go with source.group_by"),
        ({"layout": "rlaif_v", "columns": {"question": "q"}}, "has columns of its own"),
        ({"votes": {"path": "x.json", "layout": "argilla"}}, "goes with the folder of a run"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(votes, settings, told):
    with pytest.raises(SourceError, match=told):
        open_source(SourceSettings(path=str(votes), **settings))
