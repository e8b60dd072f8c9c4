"""Fifty kills: whoever dies, at whatever moment, the same command goes on to the bytes of a run that nobody disturbed."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from going import UNDER_WAY, Executor, Work, commands_of
from killing import Hit, Trial, Verb
from sameness import contents

PLANS: dict[tuple[str, str, str], dict[str, int]] = {
    ("one", "image", "parquet"): {"driver": 4},
    ("one", "neighbours", "jsonl"): {"driver": 2},
    ("one", "models", "jsonl"): {"driver": 5},
    ("several", "image", "jsonl"): {"driver": 2, "all": 2, "worker": 3},
    ("several", "neighbours", "parquet"): {"driver": 1, "worker": 2},
    ("sliced", "image", "parquet"): {"driver": 3, "all": 1, "join": 2},
    ("sliced", "neighbours", "jsonl"): {"driver": 2, "join": 1},
    ("sliced", "models", "parquet"): {"driver": 3, "all": 1, "join": 2},
    ("ray", "image", "parquet"): {"driver": 1, "all": 1, "raylet": 1, "gcs": 1, "agent": 1},
    ("ray", "models", "parquet"): {"driver": 2},
    ("standing", "image", "jsonl"): {"actor": 5, "driver": 2},
    ("standing", "neighbours", "parquet"): {"actor": 4, "driver": 1, "raylet": 1},
}
"""How often whom, by executor, recipe and source. A slice is a ``driver``; ``all`` are all processes at once."""

SHORT: dict[tuple[str, str, str], dict[str, int]] = {
    ("one", "models", "jsonl"): {"driver": 2},
    ("several", "image", "parquet"): {"driver": 1, "worker": 1},
    ("sliced", "neighbours", "jsonl"): {"driver": 1, "join": 1},
    ("standing", "image", "parquet"): {"actor": 2, "driver": 1},
}
"""Those of `make test` and `make test-ray`."""

WHOLE = "CONFORMANCE" in os.environ
CHOSEN = PLANS if WHOLE else SHORT


def test_there_are_fifty() -> None:
    assert sum(sum(plan.values()) for plan in PLANS.values()) >= 50


@pytest.mark.parametrize(("executor", "name", "kind"), CHOSEN, indirect=["executor"])
def test_killed_at_random_moments(
    name: str,
    kind: str,
    executor: Executor,
    elsewhere: Callable[[Executor], Callable[[], str]],
    works: Callable[[str, str], Work],
    whole: Callable[[Work], Path],
    server: Any,
    tmp_path: Path,
    toll: list[Hit],
) -> None:
    work, plan = works(name, kind), CHOSEN[executor.name, name, kind]
    verb = Verb(
        name=f"{executor.name}, {work.name}",
        rows=work.rows,
        begin=lambda out: server.start_anew(),
        commands=lambda out: commands_of(executor, work, out),
        whole=contents(whole(work), killed=True),
        environment=executor.environment,
        elsewhere=elsewhere(executor),
        server=server if work.asks else None,
        most_under_way=UNDER_WAY * len(executor.words()),
    )
    trial = Trial(verb, tmp_path)
    trial.through(list(Counter(plan).elements()))
    toll += trial.hits


@pytest.mark.skipif(not WHOLE, reason="counts those of `make conformance`")
def test_fifty_died(toll: list[Hit]) -> None:
    assert len(toll) >= 50
