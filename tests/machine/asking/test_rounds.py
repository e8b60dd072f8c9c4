"""Rounds of self-training, against a real HTTP server: a new model answers, old answers stay, nothing is paid twice."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sameness import parts

import pairwright
from pairwright.cli import main
from pairwright.recipe import Recipe
from pairwright.schemas.errors import RecipeError, RunError

Prompts = Callable[..., Path]
RecipeFor = Callable[..., Recipe]
NEW = ("samplers.0.model=tiny-2", "samplers.0.temperatures=[0.7]")
"""Another model; the double answers by temperature, so that its answers are others too."""
ROWS = 6


def asked(outcome: Any) -> dict[str, tuple[int, int]]:
    """Calls and replayed answers by model."""
    return {spent.model: (spent.calls, spent.replayed) for spent in outcome.ledger}


def kept(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "candidates").to_pylist()


def pairs(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "data").to_pylist()


def rounds_of(pair: dict[str, Any]) -> tuple[int | None, int | None]:
    told = json.loads(pair["provenance"])
    return told["chosen"].get("round"), told["rejected"].get("round")


@pytest.fixture
def first(prompts: Prompts, rated: RecipeFor) -> Path:
    """Round 1: three answers of `tiny` to each of six prompts, rated one by one."""
    columns = {"answer": lambda number: f"Gold {number}.", "evidence": lambda number: f"Caption {number}."}
    columns |= {"ground_truth": str, "tags": lambda number: [f"tag{number}"]}
    return pairwright.build(rated(prompts(ROWS, **columns), "round-1")).folder


def test_answers_of_a_new_model_join_those_that_are_there(first: Path, double: Any, tmp_path: Path) -> None:
    outcome = pairwright.next_round(first, out=tmp_path / "round-2", overrides=NEW)
    assert (outcome.counts.rows, outcome.counts.paired + outcome.counts.rejected) == (ROWS, ROWS)
    # Six calls of the new model; the judge is asked of its 18 answers alone, what it said of the others is in the store.
    assert asked(outcome) == {"tiny-2": (ROWS, 0), "judge": (3 * ROWS, 3 * ROWS)}
    assert double.stats()["paid_most"] == 1
    before, after = kept(first), kept(outcome.folder)
    assert [row["record_id"] for row in after] == [row["record_id"] for row in before]
    for old, new in zip(before, after, strict=True):
        for column in ("question", "images", "chosen_text", "evidence", "ground_truth", "tags", "source_id"):
            assert new[column] == old[column] != []
        assert [one for one in new["candidates"] if one["round"] == 1] == old["candidates"]
        written = [one for one in new["candidates"] if one["round"] == 2]
        assert [one["model"] for one in written] == ["tiny-2"] * 3
        assert all(one["judgements"] for one in written)
    assert pairwright.validate(outcome.folder) == []
    sides = Counter(rounds_of(pair) for pair in pairs(outcome.folder))
    assert {(1, 1), (1, 2), (2, 1), (2, 2)} == sides.keys()
    # The same two answers are the same pair.
    assert {pair["id"] for pair in pairs(first)} <= {pair["id"] for pair in pairs(outcome.folder)}


def test_the_on_policy_share_is_told_everywhere(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(folder: Path) -> tuple[str, str, str, Any]:
        """Terminal, page, card and JSON."""
        outs = []
        for more in ([], ["--json"]):
            with pytest.raises(SystemExit):
                main(["show", str(folder), *more])
            outs.append(capsys.readouterr().out)
        page = pairwright.write_report(folder).read_text()
        return outs[0], page, (folder / "README.md").read_text(), json.loads(outs[1])["rounds"]

    *shown, rounds = told(first)
    assert rounds is None
    assert not any(
        "on-policy" in text.lower() or "answers of round" in text or "· round 1" in text for text in shown
    )
    folder = pairwright.next_round(first, out=tmp_path / "round-2", overrides=NEW).folder
    *shown, rounds = told(folder)
    sides = Counter(rounds_of(pair) for pair in pairs(folder))
    own = sides[2, 2]
    assert (rounds["latest"], rounds["pairs"], rounds["on_policy"]) == (2, sides.total(), own)
    assert rounds["share"] == own / sides.total()
    assert [(one["round"], one["answers"]) for one in rounds["answers"]] == [(1, 3 * ROWS), (2, 3 * ROWS)]
    assert rounds["answers"][1]["chosen"] == sides[2, 1] + sides[2, 2]
    assert rounds["answers"][1]["rejected"] == sides[1, 2] + sides[2, 2]
    share = f"{100 * own / sides.total():.0f} % of {sides.total()} pairs"
    assert all(share in " ".join(text.split()) for text in shown)
    assert "tiny-2 · round 2" in shown[1]
    latest = pairwright.pair(folder, "all_unequal", out=tmp_path / "latest", overrides=["rounds=latest"])
    assert pairwright.summarize(latest.folder).rounds.share == 1.0


def test_a_round_is_continued_and_never_built_twice(
    first: Path, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    whole = pairwright.next_round(first, out=tmp_path / "whole", overrides=NEW)
    paid = double.stats()["paid"]
    again = pairwright.next_round(first, out=tmp_path / "whole", overrides=NEW)
    assert again.already_done
    other = pairwright.next_round(first, out=tmp_path / "other", overrides=NEW)
    assert parts(whole.folder) == parts(other.folder)
    assert double.stats()["paid"] == paid


def test_a_third_round_keeps_all_answers(first: Path, tmp_path: Path) -> None:
    second = pairwright.next_round(first, out=tmp_path / "round-2", overrides=NEW).folder
    more = ["samplers.0.revision=step-900", "samplers.0.temperatures=[0.5]"]
    third = pairwright.next_round(second, out=tmp_path / "round-3", overrides=more)
    assert asked(third) == {"tiny-2": (ROWS, 0), "judge": (3 * ROWS, 6 * ROWS)}
    numbers = Counter(one["round"] for row in kept(third.folder) for one in row["candidates"])
    assert numbers == {1: 3 * ROWS, 2: 3 * ROWS, 3: 3 * ROWS}
    told = json.loads((third.folder / "run.json").read_text())["recipe"]
    assert (told["round"], told["about"].count("of self-training")) == (3, 1)
    assert told["about"].startswith("Round 3 of self-training.")


def test_only_the_latest_round_pairs_where_that_is_wanted(first: Path, double: Any, tmp_path: Path) -> None:
    latest = pairwright.next_round(
        first, out=tmp_path / "latest", overrides=[*NEW, "pairing.rounds=latest"]
    ).folder
    found = {rounds_of(pair) for pair in pairs(latest)}
    assert found == {(2, 2)}
    both = pairwright.next_round(first, out=tmp_path / "both", overrides=NEW).folder
    again = pairwright.pair(both, "all_unequal", out=tmp_path / "again", overrides=["rounds=latest"]).folder
    sides = {(pair["chosen_text"], pair["rejected_text"]) for pair in pairs(latest)}
    assert {(pair["chosen_text"], pair["rejected_text"]) for pair in pairs(again)} == sides


@pytest.mark.parametrize(("kind", "replays"), [("pointwise", True), ("pairwise", True), ("listwise", False)])
def test_a_judge_is_asked_only_of_what_is_new(
    kind: str, replays: bool, prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    rule = "preferences" if kind == "pairwise" else "all_unequal"
    params = "{attempts: 1, most_comparisons: 100}" if kind == "pairwise" else "{attempts: 1}"
    judge = [f"judge.kind={kind}", f"judge.params={params}", f"pairing.rule={rule}"]
    first = pairwright.build(rated(prompts(ROWS), "round-1", *judge))
    before, _ = asked(first)["judge"]
    both = pairwright.next_round(first.folder, out=tmp_path / "all", overrides=NEW)
    calls, replayed = asked(both)["judge"]
    assert replayed == (before if replays else 0)
    assert double.stats()["paid_most"] == 1
    # With an empty store nothing is replayed: this is what the judge is asked of the latest round alone.
    own = [*NEW, "pairing.rounds=latest", f"output.responses={tmp_path / 'own.sqlite'}"]
    alone = pairwright.next_round(first.folder, out=tmp_path / "latest", overrides=own)
    most = {"pointwise": 3 * ROWS, "pairwise": 6 * ROWS, "listwise": ROWS}
    assert most[kind] / 2 <= asked(alone)["judge"][0] <= min(calls, most[kind])
    for row in kept(alone.folder):
        assert {one["score"] for one in row["candidates"] if one["round"] == 1} == {None}


def test_an_answer_that_both_rounds_wrote_counts_as_the_latest_ones(
    first: Path, double: Any, tmp_path: Path
) -> None:
    # The double gives another model the same answers at the same temperature.
    overrides = ["samplers.0.model=tiny-2", "pairing.rounds=latest"]
    outcome = pairwright.next_round(first, out=tmp_path / "same", overrides=overrides)
    assert asked(outcome) == {"tiny-2": (ROWS, 0), "judge": (0, 3 * ROWS)}
    assert {rounds_of(pair) for pair in pairs(outcome.folder)} == {(2, 2)}
    texts = {(pair["chosen_text"], pair["rejected_text"]) for pair in pairs(outcome.folder)}
    assert texts == {(pair["chosen_text"], pair["rejected_text"]) for pair in pairs(first)}


def test_the_own_answer_is_a_candidate_once(
    prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    source = prompts(ROWS, answer=lambda number: f"Gold {number}.", chosen_model=lambda number: "a person")
    first = pairwright.build(rated(source, "round-1", "chosen_as_candidate=true")).folder
    outcome = pairwright.next_round(first, out=tmp_path / "round-2", overrides=NEW)
    assert asked(outcome)["judge"] == (3 * ROWS, 4 * ROWS)
    for row in kept(outcome.folder):
        own = [one for one in row["candidates"] if one["round"] is None]
        assert [(one["text"], one["model"]) for one in own] == [(row["chosen_text"], "a person")]
    assert "repeated_answer" not in outcome.counts.rejects.get("candidate", {})


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ((), r"nothing that writes has changed: samplers\.0 \(tiny\)"),
        (("judge.model=tiny",), "nothing that writes has changed"),
        (("samplers=[]",), "builder judged has no model that writes"),
        (("samplers.0.model=tiny-2", "round=1"), "round: there are answers of round 1 already"),
    ],
)
def test_a_round_without_anything_new_is_refused(
    first: Path, double: Any, tmp_path: Path, overrides: tuple[str, ...], told: str
) -> None:
    paid = double.stats()["paid"]
    with pytest.raises(RecipeError, match=told):
        pairwright.next_round(first, out=tmp_path / "next", overrides=overrides)
    assert double.stats()["paid"] == paid
    assert not (tmp_path / "next").exists()


def test_a_run_that_no_round_can_be_built_on_is_refused(first: Path, tmp_path: Path) -> None:
    def refused(folder: Path, told: str) -> None:
        with pytest.raises(RunError, match=told):
            pairwright.next_round(folder, out=tmp_path / "next", overrides=NEW)

    refused(tmp_path, "holds no run")
    paired = pairwright.pair(first, "best_worst", out=tmp_path / "paired").folder
    with pytest.raises(RecipeError, match="builder paired has no model that writes"):
        pairwright.next_round(paired, out=tmp_path / "next")
    (file,) = (first / "candidates").glob("train-00000*")
    stored = file.read_bytes()
    file.write_bytes(stored[:100])
    refused(first, r"candidates/train-00000-00\.parquet is gone or cut short")
    file.write_bytes(stored)
    told = json.loads((first / "run.json").read_text())
    (first / "run.json").write_text(json.dumps(told | {"status": "running"}))
    refused(first, "is not finished")


def test_the_verb_builds_checks_and_warns(
    first: Path, double: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [argument for line in NEW for argument in ("--set", line)]
    with pytest.raises(SystemExit) as end:
        main(["round", str(first), "--out", str(tmp_path / "next"), *sets, "--check"])
    assert not end.value.code
    told = capsys.readouterr().out
    assert "model    samplers.0 (tiny-2, openai): 6 calls" in told
    assert not (tmp_path / "next").exists()
    with pytest.raises(SystemExit) as end:
        main(["round", str(first), "--out", str(tmp_path / "next"), *sets])
    assert not end.value.code
    assert "6 source rows" in capsys.readouterr().out
    (first / "responses.sqlite").rename(tmp_path / "elsewhere.sqlite")
    with pytest.raises(SystemExit) as end:
        main(["round", str(first), "--out", str(tmp_path / "other"), *sets, "--check"])
    assert "there is no response store at" in capsys.readouterr().err
