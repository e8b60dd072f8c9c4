"""What a run of many shards takes grows with the shards, not with their square: calls are counted, no clock is asked."""

import cProfile
import json
import pstats
from collections.abc import Callable
from pathlib import Path

import pytest

import pairwright
from pairwright import slicing
from pairwright.building import Outcome
from pairwright.runs import manifest
from pairwright.runs.joining import join
from pairwright.runs.standing import standings

Table = Callable[..., Path]

SHARDS = (10, 20, 40)
"""Shards of one row each. With a square in it, the second step would take up to four times the first."""
MOST = 2.1


def calls(work: Callable[[], object]) -> int:
    """Return how many functions are called."""
    profile = cProfile.Profile()
    profile.runcall(work)
    return sum(number for _, number, *_ in pstats.Stats(profile).stats.values())  # type: ignore[attr-defined]


def recipe() -> pairwright.Recipe:
    return pairwright.load_recipe("image_dpo", ["output.shard_rows=1", "perturbations=[{name: pixelate}]"])


@pytest.fixture
def counted(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """Calls of each step of a run, by the number of its shards."""
    counts: dict[str, list[int]] = {"build": [], "resume": [], "go on": [], "status": [], "join": []}

    def count(name: str, work: Callable[[], object]) -> None:
        counts[name].append(calls(work))

    monkeypatch.setattr(slicing, "join", lambda *given: count("join", lambda: join(*given)))
    pairwright.build(recipe(), source=table(2), out=tmp_path / "warm", workers=1)  # what is imported once
    for shards in SHARDS:
        source, out = table(shards, name=f"{shards}.parquet"), tmp_path / str(shards)

        def build(shard: str | None = None, source: Path = source, out: Path = out) -> Outcome:
            return pairwright.build(recipe(), source=source, out=out, workers=1, shard=shard)

        count("build", build)
        count("resume", build)
        count("status", lambda out=out: standings(out))
        manifest.drop(out, manifest.read(out)[-1:])
        told = json.loads((out / "run.json").read_text())
        (out / "run.json").write_text(json.dumps(told | {"status": "running"}))
        count("go on", build)
        assert len(manifest.read(out)) == shards
        for index in range(2):
            build(f"{index}/2", out=tmp_path / f"slices-{shards}")
    return counts


def test_every_step_takes_calls_in_proportion_to_the_shards(counted: dict[str, list[int]]) -> None:
    for name, (few, more, most) in counted.items():
        assert few < more < most, name
        assert most - more <= MOST * (more - few), f"{name}: {few:,}, {more:,} and {most:,} calls"


def test_a_finished_run_reads_its_manifest_once(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = table(6), tmp_path / "run"
    pairwright.build(recipe(), source=source, out=out, workers=1)
    read, told = manifest.read, []
    monkeypatch.setattr(manifest, "read", lambda folder: told.append(folder) or read(folder))
    assert pairwright.build(recipe(), source=source, out=out, workers=1).already_done
    assert told == [out]
