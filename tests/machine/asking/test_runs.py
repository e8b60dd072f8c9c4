"""Runs that ask models, against a real HTTP server: counted, continued, replayed, stopped, retried."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sameness import parts

import pairwright
from pairwright.building import Outcome
from pairwright.recipe import Recipe
from pairwright.schemas.errors import BudgetError, ModelError, RecipeError, RunError

Prompts = Callable[..., Path]
RecipeFor = Callable[..., Recipe]


def total(outcome: Outcome, name: str) -> int:
    return sum(getattr(spent, name) for spent in outcome.ledger)


def test_every_row_is_accounted_for_and_nothing_is_paid_twice(
    prompts: Prompts, rated: RecipeFor, double: Any
) -> None:
    outcome = pairwright.build(rated(prompts(10)))
    counts = outcome.counts
    assert (counts.rows, counts.paired + counts.rejected) == (10, 10)
    assert counts.pairs["text"] > 0
    stats = double.stats()
    assert stats["paid_most"] == 1
    assert total(outcome, "calls") == stats["paid"] == 10 + 30
    assert total(outcome, "answers") == 30 + 30
    assert pairwright.validate(outcome.folder) == []
    kept = pq.read_table(outcome.folder / "candidates").to_pylist()
    assert [len(row["candidates"]) for row in kept] == [3] * 10


def test_a_replay_makes_no_call_and_gives_the_same_files(
    prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    source, store = prompts(9), f"output.responses={tmp_path / 'answers.sqlite'}"
    first = pairwright.build(rated(source, "one", store))
    double.faults(down=True)
    again = pairwright.build(rated(source, "two", store))
    assert parts(first.folder) == parts(again.folder)
    assert (total(again, "calls"), total(again, "replayed")) == (0, 54)


def test_faults_cost_tries_and_no_rows(prompts: Prompts, rated: RecipeFor, double: Any) -> None:
    quiet = pairwright.build(rated(prompts(8), "quiet"))
    double.reset()
    double.faults(rates={"rate_limit": 0.15, "server_error": 0.1, "cut_before": 0.05, "html": 0.05}, seed=3)
    faulty = pairwright.build(
        rated(prompts(8), "faulty", "judge.calls.retries=30", "samplers.0.calls.retries=30")
    )
    assert parts(quiet.folder) == parts(faulty.folder)
    stats = double.stats()
    assert stats["paid_most"] == 1
    assert {"429", "500", "cut"} <= stats["by_status"].keys()


@pytest.mark.parametrize("moment", [0.3, 0.8, 1.4])
def test_a_killed_run_continues_to_the_same_files_and_pays_nothing_twice(
    moment: float, prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    source = prompts(14)
    whole = pairwright.build(rated(source, "whole"))
    double.reset()
    double.faults(latency_ms=60)
    slow = ["samplers.0.calls.concurrency=2", "judge.calls.concurrency=2"]
    _killed(tmp_path, rated(source, "killed", *slow), moment)
    double.faults(latency_ms=0)
    outcome = pairwright.build(rated(source, "killed", *slow))
    assert parts(whole.folder) == parts(outcome.folder)
    stats = double.stats()
    # An answer that was under way when the process died never arrived; all others are in the store.
    assert stats["paid_distinct"] == 14 + 42
    assert stats["paid"] - stats["paid_distinct"] <= 4
    assert total(outcome, "answers") == 14 * 3 + 42


def _killed(folder: Path, recipe: Recipe, moment: float) -> None:
    """Build in a process of its own, and kill it some time after it has made its first call."""
    path = folder / "kill.json"
    path.write_text(recipe.file.model_dump_json())
    code = (
        "import sys; from pathlib import Path; import pairwright; from pairwright.recipe import RecipeFile, checked;"
        "pairwright.build(checked(RecipeFile.model_validate_json(Path(sys.argv[1]).read_text())))"
    )
    store = recipe.responses()
    with subprocess.Popen([sys.executable, "-P", "-c", code, str(path)]) as process:
        while not store.exists() and process.poll() is None:
            time.sleep(0.02)
        time.sleep(moment)
        os.kill(process.pid, signal.SIGKILL)


def test_a_budget_stops_the_run_and_a_raised_one_goes_on(
    prompts: Prompts, rated: RecipeFor, double: Any
) -> None:
    source = prompts(12)
    few = ["budget.calls=20", "samplers.0.calls.concurrency=4", "judge.calls.concurrency=4"]
    with pytest.raises(BudgetError, match=r"budget\.calls: \d+ calls are made of 20"):
        pairwright.build(rated(source, "run", *few))
    assert double.stats()["paid"] <= 20
    outcome = pairwright.build(rated(source, "run", "budget.calls=1000"))
    assert outcome.counts.rows == 12
    assert double.stats()["paid_most"] == 1
    assert total(outcome, "calls") == 12 + 36


def test_a_wrong_model_stops_the_run_and_makes_no_rejects(prompts: Prompts, rated: RecipeFor) -> None:
    with pytest.raises(ModelError, match="no-such-model"):
        pairwright.build(rated(prompts(3), "run", "judge.model=no-such-model"))


def test_a_dead_server_stops_the_run(prompts: Prompts, rated: RecipeFor, double: Any) -> None:
    double.faults(down=True)
    patience = [f"{name}.calls.give_up_after_s=0.5" for name in ("samplers.0", "judge")]
    with pytest.raises(ModelError):
        pairwright.build(rated(prompts(3), "run", *patience))


def test_retry_asks_only_for_what_failed(
    prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    source = prompts(12)
    whole = pairwright.build(rated(source, "whole"))
    double.reset()
    double.faults(by_text=[{"contains": "picture 5?", "fault": "server_error"}])
    quick = ["samplers.0.calls.retries=1", "judge.calls.retries=1"]
    failed = pairwright.build(rated(source, "failed", *quick))
    assert failed.counts.rejects["row"]["call_failed"] == 1
    written = {name: one for name, one in parts(failed.folder).items() if not name.startswith("failed/")}
    double.faults(by_text=[])
    before = double.stats()["paid"]
    outcome = pairwright.retry(tmp_path / "failed", overrides=quick)
    assert outcome.retried == 1
    assert outcome.counts == whole.counts
    now = parts(outcome.folder)
    assert {name: now[name] for name in written} == written  # no finished file was touched
    assert {name for name in now if name not in written} == {
        f"{config}/train-00001-p01-00.parquet" for config in ("data", "candidates")
    }
    assert double.stats()["paid"] - before == 1 + 3
    assert double.stats()["paid_most"] == 1
    assert pairwright.retry(tmp_path / "failed", overrides=quick).already_done


def test_retry_refuses_what_would_change_rows(
    prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    double.faults(by_text=[{"contains": "picture 1?", "fault": "server_error"}])
    pairwright.build(rated(prompts(4), "run", "samplers.0.calls.retries=0", "judge.calls.retries=0"))
    with pytest.raises(RunError, match=r"samplers\.0\.temperatures\.0 was 0\.9, is 0\.5"):
        pairwright.retry(tmp_path / "run", overrides=["samplers.0.temperatures=[0.5]"])
    with pytest.raises(RunError, match="holds no run"):
        pairwright.retry(tmp_path / "nothing")


def test_other_pairs_from_kept_candidates(
    prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    run = pairwright.build(rated(prompts(12)))
    double.faults(down=True)
    widest = pairwright.pair(run.folder, "best_worst", out=tmp_path / "widest")
    assert widest.counts.rows == 12
    assert widest.ledger == ()
    pairs = pq.read_table(widest.folder / "data").to_pylist()
    assert len({row["source_id"] for row in pairs}) == len(pairs) == widest.counts.paired
    assert all(row["score_chosen"] > row["score_rejected"] for row in pairs)
    kept = {row["source_id"]: row for row in pq.read_table(run.folder / "candidates").to_pylist()}
    for row in pairs:
        scores = {one["text"].strip(): one["score"] for one in kept[row["source_id"]]["candidates"]}
        assert row["score_chosen"] == max(x for x in scores.values() if x is not None)
        assert scores[row["chosen_text"]] == row["score_chosen"]
    again = pairwright.pair(run.folder, "all_unequal", out=tmp_path / "same")
    own = {
        (r["question"], r["chosen_text"], r["rejected_text"])
        for r in pq.read_table(run.folder / "data").to_pylist()
    }
    new = {
        (r["question"], r["chosen_text"], r["rejected_text"])
        for r in pq.read_table(again.folder / "data").to_pylist()
    }
    assert own == new
    with pytest.raises(RecipeError, match=r"at_most.*at_least|at_least"):
        pairwright.pair(run.folder, "margin", out=tmp_path / "no", overrides=["at_most=1"])


def test_a_run_without_candidates_cannot_be_paired(table: Callable[..., Path], tmp_path: Path) -> None:
    run = pairwright.build("mdpo", source=table(6), out=tmp_path / "negatives", workers=1)
    with pytest.raises(pairwright.PairwrightError, match="a run without candidates"):
        pairwright.pair(run.folder, "best_worst", out=tmp_path / "pairs")


def test_a_model_without_a_name_is_told_before_anything_is_opened(prompts: Prompts, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"judge\.model: missing.*--set judge\.model=NAME"):
        pairwright.build("silkie", source=prompts(2), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_check_counts_what_build_then_does(prompts: Prompts, rated: RecipeFor, double: Any) -> None:
    prices = "judge.prices={input: 1, output: 2}"
    recipe = rated(prompts(10), "run", prices, "samplers.0.prices={input: 0, output: 0}")
    forecast = pairwright.check(recipe)
    assert double.stats()["paid"] == 0
    calls = {one.name: round(one.calls * 10) for one in forecast.estimates}
    assert calls == {"samplers.0": 10, "judge": 30}
    outcome = pairwright.build(recipe)
    assert {spent.model: spent.calls for spent in outcome.ledger} == {"tiny": 10, "judge": 30}
    told = forecast.estimates[1].usd(10)
    spent = next(spent.usd for spent in outcome.ledger if spent.model == "judge")
    assert told is not None
    assert spent is not None
    assert 0 < spent <= told


def test_memory_is_bounded_by_rows_under_way(prompts: Prompts, rated: RecipeFor, double: Any) -> None:
    double.faults(latency_ms=30)
    few = ["samplers.0.calls.concurrency=3", "judge.calls.concurrency=3"]
    pairwright.build(rated(prompts(40), "run", *few))
    assert 1 < double.stats()["most_under_way"] <= 6


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("judge.base_url=http://me:hunter2@127.0.0.1/v1", "holds no user, password or query"),
        ("judge.base_url=http://127.0.0.1/v1?key=hunter2", "holds no user, password or query"),
        ("judge.api_key_env=sk-hunter2", "not the key itself"),
        ("judge.base_url=localhost:8000", "expected an address such as"),
    ],
)
def test_a_secret_in_a_recipe_is_refused_and_not_told(
    override: str, told: str, prompts: Prompts, rated: RecipeFor, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=told) as caught:
        rated(prompts(2), "run", override)
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_sigterm_keeps_the_answers_under_way(
    prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    double.faults(latency_ms=800)
    recipe = rated(prompts(8), "run", "samplers.0.calls.concurrency=4", "judge.calls.concurrency=4")
    path = tmp_path / "recipe.json"
    path.write_text(recipe.file.model_dump_json())  # JSON is YAML
    code = "from pairwright.cli import main; main()"
    command = [sys.executable, "-P", "-c", code, "build", str(path)]
    path.rename(path.with_suffix(".yaml"))
    command[-1] = str(path.with_suffix(".yaml"))
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not double.stats()["most_under_way"]:
            time.sleep(0.02)
        process.terminate()
        assert process.stderr is not None
        assert "the same command goes on from there" in process.stderr.read()
    assert process.returncode == 130
    ledger = json.loads((tmp_path / "run" / "run.json").read_text())["ledger"]
    calls = {one["model"]: one["calls"] for one in ledger}
    assert calls["tiny"] == double.stats()["paid"] >= 1


def test_a_moved_server_keeps_its_answers_under_a_name(
    prompts: Prompts, rated: RecipeFor, double: Any
) -> None:
    source = prompts(6)
    names = [f"{place}.endpoint=my-cluster" for place in ("samplers.0", "judge")]
    with pytest.raises(BudgetError):
        pairwright.build(rated(source, "run", *names, "budget.calls=12", "samplers.0.calls.concurrency=1",
                               "judge.calls.concurrency=1"))  # fmt: skip
    moved = double.url.replace("127.0.0.1", "localhost")
    there = [f"{place}.base_url={moved}" for place in ("samplers.0", "judge")]
    outcome = pairwright.build(rated(source, "run", *names, *there))
    assert double.stats()["paid_most"] == 1
    assert total(outcome, "calls") == 6 + 18


def test_retry_of_what_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    with pytest.raises(RunError, match="is a file: name the folder of a run"):
        pairwright.retry(tmp_path / "rows.jsonl")


def test_an_edited_prompt_is_another_run(
    prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    from pairwright.annotators import _prompts

    own = tmp_path / "judge.md"
    own.write_text((Path(_prompts.__file__).parent / "prompts" / "pointwise.md").read_text())
    source, mine = prompts(4), f"judge.params.prompt={own}"
    pairwright.build(rated(source, "run", mine))
    assert pairwright.build(rated(source, "run", mine)).already_done
    own.write_text(own.read_text() + "\nBe strict.\n")
    with pytest.raises(RunError, match=r"the file that judge.params.prompt names has changed"):
        pairwright.build(rated(source, "run", mine))


def test_code_of_the_user_is_told(prompts: Prompts, tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text(
        "name: own\nbuilder: judged\nparameters:\n"
        "  judge: {kind: external, params: {function: 'operator:length_hint'}}\n"
        "  pairing: {rule: margin}\n"
    )
    source = prompts(2, candidates=lambda number: ["a", "bb"])
    code = "from pairwright.cli import main; main()"
    command = [sys.executable, "-P", "-c", code, "check", str(recipe), "--source", str(source)]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert "judge runs your code: operator:length_hint" in told


def test_a_budget_in_dollars_needs_prices(prompts: Prompts, rated: RecipeFor, tmp_path: Path) -> None:
    for verb in (pairwright.check, pairwright.build):
        with pytest.raises(RecipeError, match="prices"):
            verb(rated(prompts(2), "run", "budget.usd=1"))
    assert not (tmp_path / "run").exists()


def test_what_was_refused_is_asked_again_when_told_so(
    prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    double.faults(by_text=[{"contains": "picture 2?", "fault": "bad_request"}])
    refused = pairwright.build(rated(prompts(6)))
    assert refused.counts.rejects["row"]["call_refused"] == 1
    double.faults(by_text=[])
    assert pairwright.retry(tmp_path / "run").already_done
    outcome = pairwright.retry(tmp_path / "run", refused=True)
    assert (outcome.retried, "call_refused" in outcome.counts.rejects.get("row", {})) == (1, False)
    assert double.stats()["paid_most"] == 1


@pytest.mark.parametrize(
    ("rule", "told"), [("ranks", "ranks"), ("preferences", "goes by comparisons"), ("sides", "side")]
)
def test_a_rule_that_does_not_fit_the_judge_of_a_run(
    rule: str, told: str, prompts: Prompts, rated: RecipeFor, tmp_path: Path
) -> None:
    run = pairwright.build(rated(prompts(3)))
    with pytest.raises(RecipeError, match=told):
        pairwright.pair(run.folder, rule, out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_in_a_notebook_a_loop_is_running_already(prompts: Prompts, rated: RecipeFor) -> None:
    recipe = rated(prompts(3))

    async def cell() -> int:
        assert pairwright.check(recipe).estimates
        return pairwright.build(recipe).counts.rows

    assert asyncio.run(cell()) == 3


def test_a_run_that_has_nothing_yet_may_begin_otherwise(
    prompts: Prompts, rated: RecipeFor, double: Any
) -> None:
    source = prompts(4)
    with pytest.raises(ModelError):
        pairwright.build(rated(source, "run", "judge.model=no-such-model"))
    outcome = pairwright.build(rated(source, "run"))
    assert (outcome.counts.rows, double.stats()["paid_most"]) == (4, 1)


def test_a_block_that_is_misspelt(prompts: Prompts, rated: RecipeFor) -> None:
    with pytest.raises(RecipeError, match=r"no 'sourse' among blocks\. Did you mean 'source'"):
        rated(prompts(1), "run", "sourse.path=x")


def test_a_key_that_is_not_set_is_told_before_anything_is_paid(
    prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOPE", raising=False)
    for verb in (pairwright.check, pairwright.build):
        with pytest.raises(pairwright.PairwrightError, match=r"judge\.api_key_env.*NOPE is not set"):
            verb(rated(prompts(2), "run", "judge.api_key_env=NOPE"))
    assert double.stats()["calls"] == 0
    assert not (tmp_path / "run").exists()


def test_what_should_be_known_before_is_told(prompts: Prompts, double: Any, tmp_path: Path) -> None:
    source = prompts(3)
    source.write_text(source.read_text().replace('"image"', '"pic"'))
    code = "from pairwright.cli import main; main()"
    models = [f"{place}.{key}" for place in ("samplers.0", "judge")
              for key in ("model=tiny", f"base_url={double.url}")]  # fmt: skip
    command = [sys.executable, "-P", "-c", code, "check", "silkie", "--source", str(source)]
    command += [word for line in models for word in ("--set", line)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "no column of pictures was recognised" in told
