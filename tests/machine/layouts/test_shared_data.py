"""Real files of people's labels come in with the counts that their notes have."""

import csv
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pairwright.api import validate
from pairwright.importing import import_set, restore

WITHOUT = "source.missing_pictures=leave_out"


def rows_of(folder: Path, config: str) -> list[dict]:
    return [
        row for path in sorted((folder / config).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_imageinwords_keeps_every_label_of_its_two_hundred_pairs(shared_data, tmp_path):
    labels, answers = Counter(), Counter()
    for name in ("IIW-400", "DOCCI_Test", "DCI_Test"):
        path, out = shared_data / "imageinwords" / f"{name}.jsonl", tmp_path / name
        if (
            name == "DCI_Test"
        ):  # no row has two texts, so no pair can come of it: nothing is lost all the same
            outcome = import_set(path, out=out, layout="imageinwords", overrides=[WITHOUT])
            assert dict(outcome.counts.rejects["row"]) == {"too_few_answers": 112}
        else:
            import_set(path, out=out, layout="imageinwords", overrides=[WITHOUT])
        assert list(restore(out)) == lines_of(path)
        for row in rows_of(out, "candidates"):
            answers[name, len(row["candidates"])] += 1
            labels.update(one["value"] for one in row["candidates"][0]["judgements"])
    assert answers == {("IIW-400", 2): 100, ("IIW-400", 1): 300, ("DOCCI_Test", 2): 100, ("DCI_Test", 1): 112}
    assert sum(labels.values()) == 200 * 5
    assert labels[2.0] == of_iiw(shared_data, "substantially")
    assert labels[0.0] == of_iiw(shared_data, "Neutral")


def of_iiw(shared_data: Path, word: str) -> int:
    """Count the labels with a word in which people's text is the better one."""
    found = 0
    for name in ("IIW-400", "DOCCI_Test"):
        for row in lines_of(shared_data / "imageinwords" / f"{name}.jsonl"):
            told = row.get("iiw-human-sxs-iiw-p5b") or row
            said = [value for key, value in told.items() if key.startswith("metrics/")]
            found += sum(word in one and one.startswith(("IIW is", "IIW-Human", "Neutral")) for one in said)
    return found


def test_vsr_has_as_many_majorities_against_the_label_as_its_note_says(shared_data, tmp_path):
    path, out = shared_data / "vsr" / "raw_with_votes_subset.jsonl", tmp_path / "out"
    outcome = import_set(path, out=out, overrides=[WITHOUT])
    pairs = rows_of(out, "data")
    assert outcome.counts.rows == 1513 == len(pairs) + 5
    assert outcome.counts.rejects["row"] == {"no_agreement": 5}
    assert sum(pair["chosen_text"] != pair["ground_truth"] for pair in pairs) == 193
    assert sum(bool(pair["images"]) for pair in pairs) == 13
    book = [pair for pair in pairs if "The bed is beneath the book." in pair["question"]]
    assert [(pair["chosen_text"], pair["ground_truth"]) for pair in book] == [("Yes.", "No.")]
    assert [one["value"] for one in book[0]["scores"]] == [1.0, 1.0, 1.0]
    assert validate(out) == []


def test_vsr_reads_lists_that_stand_in_texts(shared_data, tmp_path):
    path, out = shared_data / "vsr" / "random_dev.jsonl", tmp_path / "out"
    import_set(path, out=out, overrides=[WITHOUT])
    rows = lines_of(path)
    assert [len(row["comparisons"]) for row in rows_of(out, "candidates")] == [
        sum(votes(row)) for row in rows
    ]
    assert list(restore(out)) == rows


def votes(row: dict) -> tuple[int, int]:
    told = [row["vote_true_validator_id"], row["vote_false_validator_id"]]
    return tuple(len(json.loads(one) if isinstance(one, str) else one) for one in told)


def test_nlvr_finds_its_pictures_and_keeps_every_rater(shared_data, tmp_path):
    path = shared_data / "nlvr" / "dev_subset.jsonl"
    outcome = import_set(path, out=tmp_path / "out")
    rows = lines_of(path)
    assert outcome.counts.rows == 130 == len(rows)
    stored = rows_of(tmp_path / "out", "candidates")
    assert [len(row["comparisons"]) for row in stored] == [len(row["evals"]) for row in rows]
    split = sum(len({one["outcome"] for one in row["comparisons"]}) > 1 for row in stored)
    assert split == 70
    assert all(row["images"] for row in stored)
    assert list(restore(tmp_path / "out")) == rows


def test_visit_bench_gives_pairs_where_a_person_found_the_answer_wrong(shared_data, tmp_path):
    path = shared_data / "visit-bench" / "visit_bench_multi_images.csv"
    outcome = import_set(path, out=tmp_path / "out", overrides=[WITHOUT])
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = [
        row
        for row in rows
        if row["human_ratings_gpt4_correct"] == "False"
        and row["reference_output"].strip()
        and row["reference_output"].split() != row["gpt4_prediction"].split()
    ]
    pairs = rows_of(tmp_path / "out", "data")
    assert outcome.counts.rows == 100
    assert [pair["chosen_text"] for pair in pairs] == [row["reference_output"].strip() for row in wrong]
    assert [pair["rejected_text"] for pair in pairs] == [row["gpt4_prediction"].strip() for row in wrong]
    empty = sum(not row["reference_output"].strip() for row in rows)
    assert empty == 30 == outcome.counts.rejects["candidate"]["empty_answer"]
    assert list(restore(tmp_path / "out")) == rows


@pytest.mark.parametrize("model", ["liuhaotian_llava-v1.5-13b", "yi-vl-plus"])
def test_wildvision_bench_has_every_verdict_of_its_judge(shared_data, tmp_path, model):
    path = shared_data / "wildvision-bench" / "judgments_gpt-4o_vs_claude-3-sonnet" / f"{model}.jsonl"
    import_set(path, out=tmp_path / "out", overrides=[WITHOUT])
    rows = lines_of(path)
    steps = {2.0: ">>", 1.0: ">", 0.0: "="}
    found = Counter()
    for row in rows_of(tmp_path / "out", "candidates"):
        [one] = row["comparisons"]
        sides = "BA" if one["outcome"] == "second" else "AB"
        found[steps[one["strength"]].join(sides)] += 1
    assert found == Counter(row["games"][0]["score"] for row in rows)
    assert list(restore(tmp_path / "out")) == rows
