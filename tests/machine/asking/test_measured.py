"""Pairs that are there already, measured: a run of pairwright, MATH-Vision's text-only baseline, and what is told of it."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import pairwright
from pairwright.commands import show
from pairwright.recipe import Recipe, load_recipe
from pairwright.runs.measured_text import votes_text
from pairwright.runs.summary import summarize
from pairwright.runs.wording import percent_text

JUDGE = "blind.judge"


def recipe_of(double: Any, *changes: str, models: tuple[str, ...] = (JUDGE,)) -> Recipe:
    told = [*changes]
    for place in models:
        told += [f"{place}.model=judge", f"{place}.base_url={double.url}"]
    return load_recipe("blind_test", told)


def rows_of(folder: Path, config: str = "data") -> dict[str, dict[str, Any]]:
    """Return the pairs of a run by their ids."""
    tables = [pq.read_table(path) for path in sorted((folder / config).glob("train-*.parquet"))]
    return {row["id"]: row for table in tables for row in table.to_pylist()}


def without(row: Mapping[str, Any], *columns: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in columns}


@pytest.fixture
def negatives(table: Callable[..., Path], tmp_path: Path) -> Path:
    """A run of pairwright with text pairs and image negatives."""
    out = tmp_path / "negatives"
    pairwright.build("image_dpo", source=table(12, pairs=True), out=out)
    return out


@pytest.mark.parametrize("config", ["data", "visual_negative"])
def test_a_run_of_pairwright_stays_as_it_is(
    config: str, negatives: Path, double: Any, tmp_path: Path
) -> None:
    everything = ("blind.judge", "blind.fluency", "dependence")
    outcome = pairwright.build(
        recipe_of(double, models=everything), source=negatives / config, out=tmp_path / "measured"
    )
    assert outcome.counts.rejected == 0
    assert pairwright.validate(tmp_path / "measured") == []
    before, after = rows_of(negatives, config), rows_of(tmp_path / "measured", config)
    assert before.keys() == after.keys()
    assert len(before) == 12
    for key, row in after.items():
        assert without(row, "scores", "provenance") == without(before[key], "scores", "provenance")
        assert row["scores"][: len(before[key]["scores"])] == before[key]["scores"]
        added = {(one["target"], one["aspect"]) for one in row["scores"][len(before[key]["scores"]) :]}
        assert ("chosen", "dependence") in added
        assert (("rejected", "dependence") in added) == (row["pair_kind"] == "text")
        told = json.loads(row["provenance"])
        assert len(told.pop("measured")) == 1
        assert told == json.loads(before[key]["provenance"])
    seen = {row["images"][0]["bytes"] for row in after.values()}
    assert seen == {row["images"][0]["bytes"] for row in before.values()}
    perturbations = [one.name for one in summarize(tmp_path / "measured").perturbations]
    assert perturbations == (["gaussian_blur", "pixelate"] if config == "visual_negative" else [])
    pairwright.build(
        recipe_of(double), source=tmp_path / "measured" / config, out=tmp_path / "again"
    )  # what is measured once more stands in place of what stood there
    assert rows_of(tmp_path / "again", config).keys() == after.keys()
    for key, row in rows_of(tmp_path / "again", config).items():
        aspects = [(one["target"], one["scorer"], one["aspect"]) for one in row["scores"]]
        assert len(set(aspects)) == len(aspects) == len(after[key]["scores"])


def test_bounds_cost_no_further_call(negatives: Path, double: Any, tmp_path: Path) -> None:
    pairwright.build(recipe_of(double), source=negatives, out=tmp_path / "all")
    kept = {
        key: {one["aspect"]: one["value"] for one in row["scores"]}
        for key, row in rows_of(tmp_path / "all").items()
    }
    bounds = "accept={blind_decided: {max: 0, undefined: keep}}"
    store = f"output.responses={tmp_path / 'all' / 'responses.sqlite'}"
    outcome = pairwright.build(recipe_of(double, bounds, store), source=negatives, out=tmp_path / "fewer")
    assert sum(spent.calls for spent in outcome.ledger) == 0
    wanted = {key for key, values in kept.items() if values["blind_decided"] != 1}
    assert 0 < len(wanted) < len(kept)
    assert rows_of(tmp_path / "fewer").keys() == wanted
    assert outcome.counts.rejects["row"] == {"outside_band": len(kept) - len(wanted)}


def test_check_counts_every_call(negatives: Path, double: Any, tmp_path: Path) -> None:
    places = (JUDGE, "blind.answers", "blind.fluency", "dependence")
    verifier = "blind.answers={verifier: {kind: exact}, reference: chosen}"
    found = pairwright.check(recipe_of(double, verifier, models=places), source=negatives)
    calls = {one.name: one.calls for one in found.estimates}
    assert calls == {JUDGE: 2.0, "blind.answers": 1.0, "blind.fluency": 2.0, "dependence": 4.0}
    found = pairwright.check(
        recipe_of(double, verifier, models=places), source=negatives / "visual_negative"
    )  # nobody needs to judge texts that are the same
    calls = {one.name: one.calls for one in found.estimates}
    assert calls == {JUDGE: 0.0, "blind.answers": 1.0, "blind.fluency": 0.0, "dependence": 2.0}
    assert double.stats()["paid"] == 0


def test_what_is_told_of_a_measured_run(negatives: Path, double: Any, tmp_path: Path) -> None:
    out = tmp_path / "measured"
    double.rules([{"contains": "withheld", "reply": {"rationale": "seen", "verdict": "A"}}])
    pairwright.build(recipe_of(double, models=(JUDGE, "dependence")), source=negatives, out=out)
    measured = summarize(out).measured
    assert measured is not None
    judge, longer = measured.cue("blind_preference"), measured.cue("longer")
    assert judge is not None
    assert (judge.chosen, judge.rejected, judge.neither, judge.undefined) == (0, 0, 0, 12)
    assert longer is not None
    assert (longer.neither, longer.share, longer.undefined) == (12, 0.5, 0)
    assert [(one.target, one.spread.n) for one in measured.owed] == [
        ("chosen", 12),
        ("rejected", 12),
        ("pair", 12),
    ]
    assert measured.owed[0].spread.median > 0  # with a picture the double finds every word likelier
    terminal = CliRunner().invoke(show.command, [str(out)], catch_exceptions=False)
    assert terminal.exit_code == 0
    flat = re.sub(r"\s+", " ", terminal.output)
    for said in ("a judge without the", "nothing said of 12 pairs", "50 % of 12 pairs", "chosen, per token"):
        assert said in flat
    assert max(len(line) for line in terminal.output.splitlines()) <= 80
    page = pairwright.write_report(out).read_text()
    assert "What the pairs owe to their pictures" in page
    assert "image dependence" in page
    card = (out / "README.md").read_text()
    assert "| a judge without the picture | judge | nothing said of 12 pairs |" in card
    assert "| the longer answer | text | 50 % of 12 pairs" in card
    assert "- Chosen, per token, by judge: median" in card


LONG, SHORT = "A long answer, at length.", "Cup."


@pytest.mark.parametrize(
    ("chosen", "rejected", "cue"), [(LONG, SHORT, "The longer answer"), (SHORT, LONG, "The shorter answer")]
)
def test_a_set_that_length_decides_is_warned_of(chosen: str, rejected: str, cue: str, tmp_path: Path) -> None:
    source = tmp_path / "long.jsonl"
    rows = (
        {"question": f"What is in picture {n}?", "chosen": chosen, "rejected": rejected} for n in range(40)
    )
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    outcome = pairwright.build(lengths_alone(tmp_path), source=source, out=tmp_path / "run")
    assert (outcome.counts.paired, outcome.ledger) == (40, ())
    card = (tmp_path / "run" / "README.md").read_text()
    said = "alone finds the chosen answer of 100 % of 40 pairs (95 % sure: 91 % to 100 %; 50 % is chance)"
    assert f"{cue} {said}" in card


def lengths_alone(folder: Path) -> Path:
    recipe = folder / "recipe.yaml"
    recipe.write_text("name: lengths\nbuilder: measured\nparameters: {blind: {text: [length]}}\n")
    return recipe


MEASURES = Path(__file__).resolve().parents[3] / "docs" / "measures.md"


@pytest.mark.parametrize("name", ["add_att", "replace_att", "swap_att", "swap_obj"])
def test_what_length_tells_of_sugarcrepe_stands_in_the_page(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    """Captions over hard negatives: those with an attribute added are the longer ones, nearly always."""
    captions = json.loads((shared_data / "sugarcrepe" / "data" / f"{name}.json").read_text()).values()
    source = tmp_path / "captions.jsonl"
    rows = (
        {"question": "What is there?", "chosen": one["caption"], "rejected": one["negative_caption"]}
        for one in captions
    )
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pairwright.build(lengths_alone(tmp_path), source=source, out=tmp_path / "run")
    measured = summarize(tmp_path / "run").measured
    assert measured is not None
    cue = measured.cue("longer")
    assert cue is not None
    told = f"| {cue.pairs} | {votes_text(cue)} | {percent_text(cue.share)} |"
    assert f"| SugarCrepe `{name}` {told}" in MEASURES.read_text(), told


BASELINE = "gpt4-cot-TEXT-ONLY-blind"


def test_the_text_only_baseline_of_math_vision(shared_data: Path, double: Any, tmp_path: Path) -> None:
    """GPT-4 answered without the pictures; upstream's grades of it are what the blind test must find."""
    folder = shared_data / "math-v"
    given: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in sorted((folder / "answers").glob("*.jsonl")):
        for line in file.read_text().splitlines():
            one = json.loads(line) | {"file": file.stem}
            given[one["id"]].append(one)
    rows, rules, grades = [], [], {}
    for line in (folder / "questions.jsonl").read_text().splitlines():
        row = json.loads(line)
        seeing = [one for one in given[row["id"]] if one["file"] not in (BASELINE, "random-chance")]
        right = next((one for one in seeing if one["correct"]), None)
        wrong = next((one for one in seeing if not one["correct"]), None)
        (blind,) = (one for one in given[row["id"]] if one["file"] == BASELINE)
        if right is None or wrong is None:
            continue
        mark = f"Question {row['id']}. "
        question = mark + re.sub(r"<image\d+>", "", row["question"]).strip()
        options = "".join(f"\n({x}) {text}" for x, text in zip("ABCDE", row["options"], strict=False))
        rows.append(
            {
                "id": row["id"],
                "question": question + options,
                "image": str(folder / row["image"]),
                "chosen": right["response"].strip() or right["model_answer"],
                "rejected": wrong["response"].strip() or wrong["model_answer"],
                "ground_truth": row["answer"],
            }
        )
        rules.append({"contains": mark, "reply": blind["model_answer"]})
        grades[row["id"]] = blind["correct"]
    source = tmp_path / "pairs.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    double.rules(rules)
    changes = (
        "blind.judge=null",
        "blind.answers={verifier: {kind: math, params: {extraction: {answer_from: [whole]}}}, temperature: 0}",
        f"source.image_root={folder}",
    )
    recipe = recipe_of(double, *changes, models=("blind.answers",))
    outcome = pairwright.build(recipe, source=source, out=tmp_path / "run")
    assert outcome.counts.rows == len(rows) == 104
    found = {
        row["source_id"]: one["value"]
        for row in rows_of(tmp_path / "run").values()
        for one in row["scores"]
        if one["aspect"] == "blind_right"
    }
    assert found.keys() == grades.keys()
    otherwise = {key for key, value in found.items() if value != float(grades[key])}
    assert otherwise == {"1864"}  # upstream takes "3{cm}^2" for wrong where 3 is right
    measured = summarize(tmp_path / "run").measured
    assert measured is not None
    (right,) = measured.right
    assert (right.questions, right.solved) == (104, sum(grades.values()) + 1)
    told = f"answers {right.solved} of the {right.questions} questions right"
    assert told in MEASURES.read_text()
    assert f"(upstream's grades say {sum(grades.values())}: " in MEASURES.read_text()
