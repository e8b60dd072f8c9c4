"""Recipes whose models live in the process that builds: a slice for each worker, joined to the bytes of one process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sameness import parts

import pairwright
from pairwright.runs import manifest
from pairwright.runs.slices import slices_in
from pairwright.schemas.errors import RunError

Table = Callable[[int], Path]
ROWS = 48
SETS = [
    "samplers=[{sampler: toy, model: tiny, n: 1, calls: {concurrency: 1}}]",
    "output.shard_rows=4",
]


def recipe() -> pairwright.Recipe:
    return pairwright.load_recipe("squba", SETS)


@pytest.fixture
def whole(table: Table, tmp_path: Path) -> Path:
    pairwright.build(recipe(), source=table(ROWS), out=tmp_path / "whole")
    return tmp_path / "whole"


def test_slices_give_the_bytes_of_one_process(
    whole: Path, table: Table, tmp_path: Path, cluster: Any
) -> None:
    out, seen = tmp_path / "out", []
    outcome = pairwright.build(
        recipe(),
        source=table(ROWS),
        out=out,
        executor="ray",
        workers=2,
        watch=lambda progress: seen.append(progress.rows),
    )
    assert parts(out) == parts(whole)
    assert outcome.counts == manifest.total(manifest.read(whole))
    assert outcome.counts.pairs == {"text": ROWS}
    assert (outcome.already_done, slices_in(out)) == (False, {})
    assert [spent.answers for spent in outcome.ledger] == [ROWS]
    assert seen == sorted(seen)
    again = pairwright.build(recipe(), source=table(ROWS), out=out, executor="ray")
    assert again.already_done
    written = [json.loads((folder / "run.json").read_text()) for folder in (out, whole)]
    for one in written:
        del one["recipe"]["output"]["path"]
    assert written[0]["recipe"] == written[1]["recipe"]


@pytest.mark.parametrize("way", ["engine", "killed"])
def test_a_dead_engine_is_replaced_and_its_slice_goes_on(
    way: str, whole: Path, table: Table, tmp_path: Path
) -> None:
    deaths, out = tmp_path / "deaths", tmp_path / "out"
    deaths.mkdir()
    (deaths / way).touch()
    done = _on_the_command_line(table(ROWS), out, deaths)
    assert done.returncode == 0, done.stderr
    assert "samplers.0 run in the workers: the run is built in slices" in done.stderr
    assert int((deaths / way).read_text()) >= ROWS + 2
    assert parts(out) == parts(whole)


def test_an_engine_that_never_starts_is_told(table: Table, tmp_path: Path) -> None:
    (tmp_path / "deaths").mkdir()
    (tmp_path / "deaths" / "at_once").touch()
    done = _on_the_command_line(table(8), tmp_path / "out", tmp_path / "deaths")
    assert done.returncode == 1
    assert "slice 0/1: the engine does not start" in done.stderr


def test_a_run_that_was_begun_without_slices(whole: Path, table: Table) -> None:
    told = (whole / "run.json").read_text()
    (whole / "run.json").write_text(told.replace('"finished"', '"running"', 1))
    with pytest.raises(RunError, match="holds a run that is not built in slices"):
        pairwright.build(recipe(), source=table(ROWS), out=whole, executor="ray")


def _on_the_command_line(source: Path, out: Path, deaths: Path) -> subprocess.CompletedProcess[str]:
    told = [*("--source", str(source)), *("--out", str(out)), "--executor", "ray", "--workers", "1"]
    sets = [argument for line in SETS for argument in ("--set", line)]
    return subprocess.run(
        [sys.executable, "-P", "-m", "pairwright", "build", "squba", *told, *sets],
        env=os.environ | {"TOY_DEATHS": str(deaths)},
        capture_output=True,
        text=True,
        check=False,
    )
