"""A run in which a row gives several prompts: whatever reads a run takes each of them as a prompt of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import pairwright
from pairwright.cli import main
from pairwright.recipe import Recipe, load_recipe
from pairwright.schemas.errors import RecipeError

Prompts = Callable[..., Path]
ROWS, EACH = 4, 4
"""Source rows, and questions of each."""


def lrv(url: str, *more: str) -> Recipe:
    told = ["output.shard_rows=3", "questions.invented=3", "questions.wrong_attribute=1"]
    for place, model in (("questioner", "judge"), ("samplers.0", "tiny")):
        told += [f"{place}.model={model}", f"{place}.base_url={url}"]
    return load_recipe("lrv", [*told, *more])


@pytest.fixture
def source(prompts: Prompts) -> Path:
    return prompts(ROWS, evidence=lambda number: f"A photograph, number {number}, of something.")


@pytest.fixture
def run(source: Path, double: Any, tmp_path: Path) -> Path:
    return pairwright.build(lrv(double.url), source=source, out=tmp_path / "run").folder


def pairs(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "data").to_pylist()


def texts(folder: Path) -> set[tuple[str, str, str]]:
    return {(one["question"], one["chosen_text"], one["rejected_text"]) for one in pairs(folder)}


def kept(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "candidates").to_pylist()


def test_rows_are_counted_and_prompts_are_kept(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pairwright.validate(run) == []
    summary = pairwright.summarize(run)
    assert (summary.rows, summary.paired, summary.pairs) == (ROWS, ROWS, ROWS * EACH)
    assert summary.candidates is not None
    assert (summary.candidates.prompts, summary.candidates.answers) == (ROWS * (1 + EACH), 2 * ROWS * EACH)
    ids = [one["record_id"] for one in kept(run)]
    assert ids[: 1 + EACH] == [ids[0], *(f"{ids[0]}#{number}" for number in range(1, 1 + EACH))]
    assert len(set(ids)) == ROWS * (1 + EACH)
    with pytest.raises(SystemExit):
        main(["show", str(run)])
    told = " ".join(capsys.readouterr().out.split())
    assert f"{ROWS * EACH} pairs" in told
    assert f"tags invented {ROWS * 3}, wrong_attribute {ROWS}" in told


def test_the_report_shows_questions_with_their_answers(run: Path) -> None:
    page = pairwright.write_report(run).read_text()
    shown = [one["question"].removeprefix("<image>\n") for one in kept(run) if one["candidates"]]
    assert sum(question in page for question in shown) > EACH
    assert f"invented {ROWS * 3}, wrong_attribute {ROWS}" in page
    assert f"- Tags: `invented` {ROWS * 3}, `wrong_attribute` {ROWS}." in (run / "README.md").read_text()


def test_pairs_are_formed_anew_from_each_prompt(run: Path, tmp_path: Path) -> None:
    again = pairwright.pair(run, "sides", out=tmp_path / "again")
    assert texts(again.folder) == texts(run)
    assert (again.counts.rows, again.counts.paired) == (ROWS * (1 + EACH), ROWS * EACH)
    assert again.counts.rejects == {
        "row": {"too_few_answers": ROWS}
    }  # the rows themselves, which have no answers
    assert {one["group_id"] for one in pairs(again.folder)} == {one["group_id"] for one in pairs(run)}
    with pytest.raises(
        RecipeError, match=r"pairing\.rule: best_worst goes by scores, and these answers have sides"
    ):
        pairwright.pair(run, "best_worst", out=tmp_path / "other")


def test_the_next_round_asks_the_rows_and_not_what_was_made_of_them(run: Path, tmp_path: Path) -> None:
    overrides = ["samplers.0.model=tiny-2", "samplers.0.temperatures=[0.5]"]
    outcome = pairwright.next_round(run, out=tmp_path / "next", overrides=overrides)
    assert (outcome.counts.rows, outcome.counts.pairs) == (ROWS, {"text": ROWS * EACH})
    # The questions are those of the first round, out of the store; the new model answers them.
    assert {one.model: (one.calls, one.replayed) for one in outcome.ledger} == {
        "judge": (0, 2 * ROWS),
        "tiny-2": (EACH * ROWS, 0),
    }
    assert {one[:2] for one in texts(outcome.folder)} == {one[:2] for one in texts(run)}
    assert not texts(outcome.folder) & texts(run)


OPINION = [
    "second_opinion.kind=pointwise",
    "second_opinion.params.look=evidence",
    "second_opinion.model=judge",
]
INJECT = ["questions.plain=2", "inject.kind=inject", "inject.model=tiny-2"]


@pytest.mark.parametrize("more", [[], [*OPINION, *INJECT]])
def test_check_counts_what_build_then_asks(
    source: Path, double: Any, tmp_path: Path, more: list[str]
) -> None:
    addresses = [
        f"{place}.base_url={double.url}"
        for place in ("second_opinion", "inject")
        if any(place in one for one in more)
    ]
    recipe = lrv(double.url, *more, *addresses).placed(source=source, out=tmp_path / "run", seed=None)
    calls = {one.name: round(one.calls * ROWS) for one in pairwright.check(recipe).estimates}
    assert double.stats()["paid"] == 0
    wanted = {"questioner": 2 * ROWS, "samplers.0": EACH * ROWS}
    if more:
        wanted |= {"questioner": 3 * ROWS, "inject": 2 * ROWS, "second_opinion": 2 * (EACH + 2) * ROWS}
    assert calls == wanted
    spent = {one.model: one.calls for one in pairwright.build(recipe).ledger}
    assert spent["tiny"] == wanted["samplers.0"]
    if not more:
        assert spent["judge"] == wanted["questioner"]


def test_a_row_with_a_failed_call_is_tried_again_as_a_whole(
    source: Path, run: Path, double: Any, tmp_path: Path
) -> None:
    double.faults(rates={"server_error": 0.2}, seed=3)
    patience = [
        f"{place}.calls.{key}"
        for place in ("questioner", "samplers.0")
        for key in ("retries=0", "concurrency=1")
    ]
    broken = pairwright.build(lrv(double.url, *patience), source=source, out=tmp_path / "broken")
    assert 0 < broken.counts.rejects["row"]["call_failed"] < ROWS
    assert broken.counts.rejected == broken.counts.rejects["row"]["call_failed"]
    double.faults(rates={})
    mended = pairwright.retry(broken.folder)
    assert (mended.counts.paired, mended.counts.rejects) == (ROWS, {})
    assert texts(broken.folder) == texts(run)
    assert {one["record_id"] for one in kept(broken.folder)} == {one["record_id"] for one in kept(run)}
    assert len(kept(broken.folder)) == len(kept(run))
    assert json.loads((broken.folder / "run.json").read_text())["status"] == "finished"
