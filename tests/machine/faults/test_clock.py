"""Clocks that jump: nothing that is decided goes by the time of day, and what is only told of it stays sensible."""

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from sameness import parts

import pairwright
from pairwright.recipe import load_recipe
from pairwright.runs import manifest
from pairwright.runs.standing import standings
from pairwright.samplers._limits import Clock

YEAR_S = 365 * 86400


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of day is another one, by years, at every look."""
    draws, real = random.Random(0), time.time
    monkeypatch.setattr(time, "time", lambda: real() + draws.uniform(-20 * YEAR_S, 20 * YEAR_S))


def test_limits_and_waits(own: Any, odd_server: Any, jumping: None) -> None:
    """Limits per minute, a date to wait for by a clock that is ten years behind, times beyond which a try is given up."""
    odd_server.odd.extend(["limited", "limited_till_a_date", "hangs"])
    began = time.monotonic()
    limited = own(8, requests_per_minute=600, tokens_per_minute=600_000).build()
    assert 1 < time.monotonic() - began < 60
    assert limited.counts.rejects == {}
    assert set(odd_server.answered.values()) == {1}
    assert parts(limited.folder) == parts(own(8, "whole").build().folder)
    assert Clock().now is time.monotonic


@pytest.fixture
def half_built(table: Any, tmp_path: Path) -> Path:
    """A run of six shards that was stopped before its last one."""
    recipe, out = load_recipe("image_dpo", ["output.shard_rows=4"]), tmp_path / "out"
    pairwright.build(recipe, source=table(24), out=out, workers=1)
    manifest.replace(out, manifest.read(out)[:-1])
    told = (out / "run.json").read_text()
    (out / "run.json").write_text(told.replace('"finished"', '"running"', 1))
    return out


def written_at(folder: Path, *times: float) -> None:
    for entry, moment in zip(manifest.read(folder), times, strict=True):
        for file in entry.files:
            os.utime(folder / file.name, (moment, moment))


@pytest.mark.parametrize(
    ("times", "rate"),
    [
        ((100, 101, 102, 103, 104), 4.0),
        ((104, 103, 102, 101, 100), 4.0),
        ((100, 100, 100, 100, 100), None),
        ((0, 1.6e9, 1.6e9 + 1, 1.6e9 + 2, 1.6e9 + 3), 4.0),
        ((4e9, 100, 101, 102, 103), 4.0),
    ],
    ids=["as it should be", "backwards", "standing still", "from 1970 to today", "from the future"],
)
def test_the_rate_that_status_tells(times: tuple[float, ...], rate: float | None, half_built: Path) -> None:
    written_at(half_built, *times)
    [standing] = standings(half_built)
    assert standing.rate == (None if rate is None else pytest.approx(rate))


def test_a_lost_file_does_not_slow_the_rate(half_built: Path) -> None:
    written_at(half_built, 100, 101, 102, 103, 104)
    (half_built / manifest.read(half_built)[1].files[0].name).unlink()
    [standing] = standings(half_built)
    assert standing.rate == pytest.approx(3.0), "three shards in four seconds: one is to be built again"


def test_files_older_than_their_run_are_whole(half_built: Path, table: Any) -> None:
    """Finished is what the manifest says, whenever files were written."""
    written_at(half_built, 0, 4e9, 1, 2, 3)
    recipe = load_recipe("image_dpo", ["output.shard_rows=4"])
    outcome = pairwright.build(recipe, source=table(24), out=half_built, workers=1)
    assert (outcome.mended, outcome.counts.rows) == (0, 24)
