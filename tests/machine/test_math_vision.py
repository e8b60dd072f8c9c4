"""MATH-Vision as a run: the answers of 11 models as candidates, verified, paired, and held against upstream's grades."""

import importlib.util
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import pairwright
from pairwright.recipe import load_recipe

RECIPE = """
name: math_vision
builder: verified
source:
  columns: {ground_truth: right}
parameters:
  verifiers: [{kind: math, params: {extraction: {answer_from: [whole]}}}]
  pairing: {per_prompt: 4}
"""


@pytest.fixture(scope="module")
def corrected() -> set[str]:
    """Questions with an answer that upstream grades otherwise, each explained in the test of the verifier."""
    path = Path(__file__).resolve().parents[1] / "annotators" / "test_math_vision.py"
    spec = importlib.util.spec_from_file_location("math_vision_grades", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["math_vision_grades"] = module
    spec.loader.exec_module(module)
    keys = " ".join(module.GRADED_OTHERWISE.values()).split()
    return {key.rpartition(":")[2] for key in keys}


def rows(folder: Path) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    answers: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in sorted((folder / "answers").glob("*.jsonl")):
        for line in file.read_text().splitlines():
            one = json.loads(line)
            answers[one["id"]].append(one)
    made = []
    for line in (folder / "questions.jsonl").read_text().splitlines():
        row = json.loads(line)
        options = "".join(
            f"\n({letter}) {text}" for letter, text in zip("ABCDE", row["options"], strict=False)
        )
        made.append(
            {
                "id": row["id"],
                "question": row["question"] + options,
                "right": row["answer"],
                "image": [str(folder / row["image"])] * len(set(re.findall(r"<image\d+>", row["question"]))),
                "candidates": [{"text": x["model_answer"], "model": x["model"]} for x in answers[row["id"]]],
            }
        )
    return made, answers


def test_the_grades_of_math_vision_give_its_pairs(
    shared_data: Path, tmp_path: Path, corrected: set[str]
) -> None:
    folder = shared_data / "math-v"
    made, answers = rows(folder)
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    told = [f"source.image_root={folder}", f"source.path={tmp_path / 'answers.jsonl'}"]
    outcome = pairwright.build(load_recipe(tmp_path / "recipe.yaml", told), out=tmp_path / "run")
    assert outcome.counts.rows == 165 == outcome.counts.paired + outcome.counts.rejected
    assert outcome.ledger == ()
    pairs = pq.read_table(tmp_path / "run" / "data").to_pylist()
    paired = {pair["source_id"] for pair in pairs}
    both = {key for key, given in answers.items() if {one["correct"] for one in given} == {True, False}}
    assert len(both) == 109
    assert both ^ paired <= corrected  # nothing else makes a question gain or lose its pairs
    grades = {
        (key, one["model_answer"].strip()): one["correct"] for key, given in answers.items() for one in given
    }
    for pair in pairs:
        if pair["source_id"] not in corrected:
            assert grades[pair["source_id"], pair["chosen_text"]]
            assert not grades[pair["source_id"], pair["rejected_text"]]
    assert pairwright.validate(tmp_path / "run") == []
    assert outcome.counts.rejects["row"].keys() <= {"all_wrong", "all_right", "too_few_answers"}
