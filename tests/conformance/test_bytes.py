"""Byte for byte the same, whoever builds: promise 3 of a run, and that no row is lost on the way."""

import os
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from going import Executor, Work, build
from sameness import check_every_row_once, contents, differences

SHORT = [("image", "parquet"), ("neighbours", "jsonl"), ("models", "jsonl")]
WORKS = (
    list(product(["image", "neighbours", "models"], ["parquet", "jsonl"]))
    if "CONFORMANCE" in os.environ
    else SHORT
)
CASES = [
    *(("one", *work) for work in SHORT),
    *((name, *work) for work in WORKS for name in ("several", "sliced", "standing")),
]
"""Executor, recipe and source."""
REJECTS = {
    "parquet": {"image_truncated": 1, "image_unreadable": 1},
    "jsonl": {"bad_row": 1, "image_outside_root": 1, "image_truncated": 1, "image_unreadable": 1},
}
"""Of rows that a recipe for pictures does not take. Models are sent pictures as they are: only their heads are read."""
ASKED = {"call_failed": 1, "call_refused": 1}


@pytest.mark.parametrize(("executor", "name", "kind"), CASES, indirect=["executor"])
def test_the_bytes_of_one_worker(
    name: str,
    kind: str,
    executor: Executor,
    works: Callable[[str, str], Work],
    whole: Callable[[Work], Path],
    server: Any,
    tmp_path: Path,
) -> None:
    work = works(name, kind)
    same = contents(whole(work))
    if work.asks:
        server.start_anew(latency_ms=0)
    build(executor, work, tmp_path / "out")
    found = contents(tmp_path / "out")
    assert differences(found, same) == []
    check_every_row_once(tmp_path / "out", work.rows)
    rejects = found["run.json"]["counts"]["rejects"]["row"]
    wanted = (
        {reason: 1 for reason in REJECTS[kind] if reason != "image_truncated"} | ASKED
        if work.asks
        else REJECTS[kind]
    )
    assert rejects.items() >= wanted.items()
    if work.asks:
        assert server.stats()["paid_again"] == 0
