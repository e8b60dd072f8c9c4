"""Slices of a run that asks models: each has a store of its own, and the joined run has all they paid for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import pairwright
from pairwright.recipe import Recipe

Prompts = Callable[..., Path]
RecipeFor = Callable[..., Recipe]


def rows(folder: Path, config: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / config).to_pylist()


def test_the_joined_run_is_the_run_and_its_answers_are_replayed(
    prompts: Prompts, rated: RecipeFor, double: Any, tmp_path: Path
) -> None:
    source = prompts(14)
    whole = pairwright.build(rated(source, "whole"))
    double.reset()
    for index in range(3):
        outcome = pairwright.build(rated(source, "sliced"), shard=f"{index}/3")
    stats = double.stats()
    assert stats["paid_most"] == 1
    for config in ("data", "candidates"):
        assert rows(outcome.folder, config) == rows(whole.folder, config)
    assert [one.calls for one in outcome.ledger] == [one.calls for one in whole.ledger]
    assert sum(one.calls for one in outcome.ledger) == stats["paid"]

    double.faults(down=True)
    store = f"output.responses={outcome.folder / 'responses.sqlite'}"
    again = pairwright.build(rated(source, "replayed", store))
    assert sum(one.calls for one in again.ledger) == 0
    assert rows(again.folder, "data") == rows(whole.folder, "data")


def test_retry_of_the_joined_run_asks_only_what_failed(
    prompts: Prompts, rated: RecipeFor, double: Any
) -> None:
    source, fast = prompts(8), ("judge.calls.retries=0", "samplers.0.calls.retries=0")
    double.faults(rates={"server_error": 0.3}, seed=5)
    for index in range(2):
        outcome = pairwright.build(rated(source, "sliced", *fast), shard=f"{index}/2")
    assert "call_failed" in {reason for found in outcome.counts.rejects.values() for reason in found}
    double.faults(rates={})
    outcome = pairwright.retry(outcome.folder)
    assert outcome.retried
    assert (
        sum(one.answers for one in outcome.ledger) == 8 * 3 + 24
    )  # each once: none of those that were stored again
