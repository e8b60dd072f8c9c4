"""A run that keeps changed pictures beside rejected answers, and pairs formed anew from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import pairwright
from pairwright.recipe import load_recipe

ROWS = 6


def test_pairs_formed_anew_keep_their_pictures(
    prompts: Callable[..., Path], double: Any, tmp_path: Path
) -> None:
    told = ["samplers.0.model=tiny", f"samplers.0.base_url={double.url}", "keep_image=true"]
    told += ["output.shard_rows=2", "seed=1"]
    first = pairwright.build(load_recipe("stic", told), source=prompts(ROWS), out=tmp_path / "one")
    again = pairwright.pair(tmp_path / "one", "sides", out=tmp_path / "two")
    assert dict(first.counts.pairs) == dict(again.counts.pairs)
    assert set(first.counts.pairs) == {"text", "both"}
    assert pairwright.validate(tmp_path / "two") == []
    for folder in ("data", "visual_negative"):
        one, two = (
            pq.read_table(tmp_path / run / folder).drop_columns(["id", "provenance"]).to_pylist()
            for run in ("one", "two")
        )
        assert one == two
