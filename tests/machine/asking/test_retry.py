"""Failed rows of runs that ask models: they wait as a whole, and ``retry`` gives what a run without failures gives."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from killing import killed_until_done
from sameness import stamped

import pairwright
from pairwright.building import Outcome
from pairwright.recipe import Recipe, load_recipe
from pairwright.runs import manifest

Prompts = Callable[..., Path]
RecipeFor = Callable[..., Recipe]
Row = dict[str, Any]
ROWS = 9
YES_OR_NO = "one word: yes or no"


@dataclass(frozen=True)
class Kind:
    """A kind of builder with what it needs."""

    recipe: str
    models: tuple[str, ...]
    columns: dict[str, Callable[[int], Any]]
    sets: tuple[str, ...] = ()
    rules: tuple[dict[str, Any], ...] = ()
    settles: bool = False


KINDS = {
    "judged": Kind("silkie", ("samplers.0", "judge"), {}),
    "rated by two": Kind(
        "silkie",
        ("samplers.0", "judge", "jury.0"),
        {},
        (
            "judge.kind=pointwise",
            "judge.params={aspects: [{name: helpfulness, description: whether it helps}]}",
            "jury=[{kind: pointwise, params: {aspects: [{name: helpfulness, description: whether it helps}]}}]",
            "pairing={rule: all_unequal, params: {}}",
            "samplers.0.n=3",
        ),
    ),
    "by sides": Kind(
        "squba", ("samplers.0",), {"answer": lambda n: f"Report {n}: a clear picture of a thing."}
    ),
    "verified": Kind(
        "mavis",
        ("samplers.0",),
        {
            "question": lambda n: f"How many dots are there in picture {n}? The sheet says {n + 20}.",
            "answer": lambda n: f"I count them one by one. Final answer: {n + 20}",
            "ground_truth": lambda n: str(n + 20),
        },
        ("samplers.0.temperatures=[0.5, 0.7, 1.0]", "samplers.0.n=1", "pairing.per_prompt=4"),
        ({"regex": r"sheet says (\d+)", "replies": ["It must be more. Final answer: 9999"]},),
    ),
    "claims": Kind(
        "rlaif_v",
        ("samplers.0", "splitter", "labeler"),
        {},
        ("splitter.params.most=3", "samplers.0.n=4", "pairing.balance_length=false"),
        ({"contains": [YES_OR_NO, " cat"], "reply": "No"}, {"contains": YES_OR_NO, "reply": "Yes"}),
    ),
    "prompts of its own": Kind(
        "lrv",
        ("questioner", "samplers.0"),
        {"evidence": lambda n: f"A photograph, number {n}, of something."},
        ("questions.invented=2", "questions.wrong_attribute=1"),
    ),
    "settled": Kind(
        "silkie",
        ("samplers.0", "judge"),
        {},
        ("pairing.balance_length=true",),
        settles=True,
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, double: Any) -> Kind:
    chosen = KINDS[request.param]
    double.rules(list(chosen.rules))
    return chosen


def recipe_of(kind: Kind, source: Path, out: Path, url: str, *more: str) -> Recipe:
    told = ["output.shard_rows=4", *kind.sets]
    for place in kind.models:
        told += [f"{place}.model={'judge' if place == 'judge' else 'tiny'}", f"{place}.base_url={url}"]
        told += [f"{place}.calls.{key}" for key in ("concurrency=1", "retries=0")]
    return load_recipe(kind.recipe, [*told, *more]).placed(source=source, out=out, seed=None)


def table(folder: Path, *configs: str, key: str) -> dict[str, Row]:
    paths = [path for name in configs for path in sorted((folder / name).glob("*.parquet"))]
    rows = [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]
    found = {row[key]: row for row in rows}
    assert len(found) == len(rows)
    return found


def pairs_of(folder: Path) -> dict[str, Row]:
    return table(folder, "data", "visual_negative", key="id")


def candidates_of(folder: Path, *configs: str) -> dict[str, Row]:
    return table(folder, *(configs or ("candidates", "failed")), key="record_id")


def failed_lines(folder: Path) -> Iterator[Row]:
    for path in sorted((folder / "failed").glob("*.jsonl")):
        yield from (json.loads(line) for line in path.read_text().splitlines())


def failed_rows(folder: Path) -> set[str]:
    """Record ids of the failed rows; of prompts made of them the row's."""
    return {one["record_id"].partition("#")[0] for one in failed_lines(folder)}


def of_rows(found: dict[str, Row], records: set[str]) -> dict[str, Row]:
    def record(row: Row) -> str:
        told = row["record_id"] if "record_id" in row else json.loads(row["provenance"])["record_id"]
        return str(told).partition("#")[0]

    return {key: row for key, row in found.items() if record(row) in records}


def with_failures(kind: Kind, source: Path, out: Path, double: Any) -> Outcome:
    """Build while the server fails now and then, so that rows lack a part of what they asked for."""
    double.faults(rates={"server_error": 0.12}, seed=7)
    try:
        return pairwright.build(recipe_of(kind, source, out, double.url))
    finally:
        double.faults(rates={})


def paid_twice(double: Any) -> int:
    """How many answers were paid for once more."""
    return int(double.stats()["paid_again"])


def test_patches_hold_what_a_run_without_failures_holds(
    kind: Kind, prompts: Prompts, double: Any, tmp_path: Path
) -> None:
    source = prompts(ROWS, **kind.columns)
    whole = pairwright.build(recipe_of(kind, source, tmp_path / "whole", double.url))
    double.reset()
    double.rules(list(kind.rules))
    run = with_failures(kind, source, tmp_path / "run", double)
    failed, before, pairs = failed_rows(run.folder), stamped(run.folder), pairs_of(run.folder)
    assert 0 < len(failed) < ROWS
    assert run.counts.rejects["row"]["call_failed"] == len(failed)
    assert not of_rows(pairs, failed)
    assert not of_rows(candidates_of(run.folder, "candidates"), failed)
    assert pairwright.validate(run.folder) == []
    outcome = pairwright.retry(run.folder)
    assert outcome.retried == len(failed)
    assert before.items() <= stamped(run.folder).items()
    assert not any((run.folder / "failed").iterdir())
    assert candidates_of(run.folder) == candidates_of(whole.folder)
    now, wanted = pairs_of(run.folder), pairs_of(whole.folder)
    assert of_rows(now, failed) == of_rows(wanted, failed)
    if kind.settles:  # what was settled without the failed rows stays as it was written
        assert now == pairs | of_rows(wanted, failed)
    else:
        assert (now, outcome.counts) == (wanted, whole.counts)
    assert paid_twice(double) == 0
    assert pairwright.validate(run.folder) == []
    assert pairwright.summarize(run.folder).problems == ()
    assert pairwright.retry(run.folder).already_done


def test_a_row_that_lacks_one_judgement_waits_as_a_whole(
    prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    """Pairs of what came would stand beside those that are formed once the rest is there."""
    source = prompts(6)
    whole = pairwright.build(rated(source, "whole"))
    double.reset()
    quick = ["samplers.0.calls.retries=0", "judge.calls.retries=0", "judge.calls.concurrency=1"]
    double.faults(rates={"server_error": 0.1}, seed=2)
    run = pairwright.build(rated(source, "run", *quick))
    lines = list(failed_lines(run.folder))
    scopes = [one["scope"] for one in lines]
    assert (
        scopes.count("row") == len({one["row"] for one in lines}) == run.counts.rejects["row"]["call_failed"]
    )
    double.faults(rates={})
    pairwright.retry(run.folder)
    assert pairs_of(run.folder) == pairs_of(whole.folder)


def test_what_reads_a_run_reads_its_failed_rows_too(
    prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    source = prompts(8)
    quick = ["samplers.0.calls.retries=0", "judge.calls.retries=0"]
    double.faults(rates={"server_error": 0.12}, seed=3)
    run = pairwright.build(rated(source, "run", *quick)).folder
    double.faults(rates={})
    failed = candidates_of(run, "failed")
    assert failed
    summary = pairwright.summarize(run)
    assert summary.candidates is not None
    assert summary.candidates.prompts == len(candidates_of(run))
    pairwright.write_report(run)
    assert "failed/train-*.parquet" in (run / "README.md").read_text()
    assert pairwright.load(run, config="candidates").num_rows == len(candidates_of(run))
    pairwright.export(run, "label-studio", out=tmp_path / "tasks", options={"ask": "ranking"})
    again = pairwright.pair(run, "best_worst", out=tmp_path / "pairs")
    assert again.counts.rows == len(candidates_of(run))
    later = pairwright.next_round(run, out=tmp_path / "later", overrides=["samplers.0.model=tiny-2"])
    assert later.counts.rows == len(candidates_of(run))
    pairwright.retry(run)
    assert "failed/" not in (run / "README.md").read_text()
    assert pairwright.load(run, config="candidates").num_rows == 8
    assert pairwright.load(run).num_rows == len(pairs_of(run))


@pytest.mark.parametrize("late", [7, 3], ids=["of another shard", "of the same shard"])
def test_refused_rows_wait_for_their_own_retry(
    late: int, prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    source = prompts(9)
    whole = pairwright.build(rated(source, "whole"))
    double.reset()
    double.faults(
        by_text=[
            {"contains": f"picture {n}?", "fault": fault}
            for n, fault in ((2, "bad_request"), (late, "server_error"))
        ]
    )
    quick = ["samplers.0.calls.retries=0", "judge.calls.retries=0"]
    run = pairwright.build(rated(source, "run", *quick))
    assert run.counts.rejects["row"] == whole.counts.rejects.get("row", {}) | {
        "call_refused": 1,
        "call_failed": 1,
    }
    assert {one["row"] for one in failed_lines(run.folder)} == {2, late}
    before = stamped(run.folder)
    double.faults(by_text=[{"contains": "picture 2?", "fault": "bad_request"}])
    outcome = pairwright.retry(run.folder)
    assert (outcome.retried, {one["row"] for one in failed_lines(run.folder)}) == (1, {2})
    assert pairwright.retry(run.folder).already_done
    double.faults(by_text=[])
    outcome = pairwright.retry(run.folder, refused=True)
    assert (outcome.retried, outcome.counts) == (1, whole.counts)
    assert before.items() <= stamped(run.folder).items()
    assert pairs_of(run.folder) == pairs_of(whole.folder)
    assert pairwright.retry(run.folder, refused=True).already_done
    assert double.stats()["paid_most"] == 1


@pytest.mark.parametrize("seed", [1])
def test_a_retry_is_killed_again_and_again_and_pays_nothing_twice(
    seed: int, prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    source = prompts(16)
    whole = pairwright.build(rated(source, "whole"))
    double.reset()
    slow = [
        f"{place}.calls.{key}" for place in ("samplers.0", "judge") for key in ("concurrency=2", "retries=0")
    ]
    double.faults(rates={"server_error": 0.3}, seed=seed)
    run = pairwright.build(rated(source, "run", *slow)).folder
    assert len(failed_rows(run)) > 6
    before = stamped(run)
    assert paid_twice(double) == 0
    double.faults(rates={}, latency_ms=60)
    kills = killed_until_done(["retry", str(run)], run, random.Random(seed), longest_s=1.5)
    assert kills
    assert pairs_of(run) == pairs_of(whole.folder)
    assert candidates_of(run) == candidates_of(whole.folder)
    assert manifest.total(manifest.read(run)) == whole.counts
    assert before.items() <= stamped(run).items()
    assert (list((run / "failed").iterdir()), pairwright.validate(run)) == ([], [])
    # An answer that was under way when the process died never arrived; all others are in the store.
    assert paid_twice(double) <= 4 * kills
