"""The promises of a run, kept on a Ray cluster: the same bytes as local, through the death of anything."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sameness import digests

import pairwright
from pairwright.executors import Progress
from pairwright.executors import ray as executor
from pairwright.executors.local import WorkerError
from pairwright.runs import manifest
from pairwright.runs.folder import STAGED

Table = Callable[[int], Path]
ROWS = 40
SETS = ["output.shard_rows=4"]


def recipe(*sets: str) -> pairwright.Recipe:
    return pairwright.load_recipe("image_dpo", [*SETS, *sets])


def with_part(name: str) -> pairwright.Recipe:
    return recipe(f"perturbations=[{{name: {name}}}]")


def command(source: Path, out: Path, *more: str) -> list[str]:
    told = [*("--source", str(source)), *("--out", str(out)), *("--set", SETS[0]), "--workers", "2", *more]
    return [sys.executable, "-P", "-m", "pairwright", "build", "image_dpo", *told]


@pytest.fixture
def whole(table: Table, tmp_path: Path) -> Path:
    pairwright.build(recipe(), source=table(ROWS), out=tmp_path / "whole", workers=1)
    return tmp_path / "whole"


def _stop_after(shards: int) -> Callable[[Progress], None]:
    def watch(progress: Progress) -> None:
        if progress.rows >= 4 * shards:
            raise KeyboardInterrupt

    return watch


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def _left(folder: Path) -> list[Path]:
    return [*folder.rglob("*.tmp"), *folder.glob(f"{STAGED}*")]


@pytest.mark.parametrize("name", ["gaussian_blur", "other_image"])
def test_the_bytes_of_the_local_executor(name: str, table: Table, tmp_path: Path, cluster: Any) -> None:
    source, seen = table(33), []  # a last shard of one row: with other_image it joins the one before
    for executor_name in ("local", "ray"):
        outcome = pairwright.build(
            with_part(name),
            source=source,
            out=tmp_path / executor_name,
            executor=executor_name,
            watch=lambda progress: seen.append(progress),
        )
        assert outcome.counts.rows == 33
        assert (seen[-1].rows, seen[-1].pairs, seen[-1].total) == (33, outcome.counts.pairs["image"], 33)
    assert digests(tmp_path / "ray") == digests(tmp_path / "local")
    assert not _left(tmp_path / "ray")
    assert pairwright.validate(tmp_path / "ray") == []
    assert pairwright.build(with_part(name), source=source, out=tmp_path / "ray", executor="ray").already_done


@pytest.mark.parametrize("limit", [None, 9])
def test_a_source_of_unknown_length(
    limit: int | None, pictures: list[bytes], tmp_path: Path, cluster: Any
) -> None:
    for number in range(21):
        (tmp_path / f"{number}.jpg").write_bytes(pictures[number][: 90 if number == 5 else None])
    lines = [{"image": f"{n}.jpg", "question": "What?", "answer": f"This {n}."} for n in range(21)]
    (tmp_path / "photos.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name in ("local", "ray"):
        outcome = pairwright.build(
            recipe(), source=tmp_path / "photos.jsonl", out=tmp_path / name, executor=name, limit=limit
        )
        assert outcome.counts.rows == (limit or 21)
        assert outcome.counts.rejected == 1
    assert digests(tmp_path / "ray") == digests(tmp_path / "local")


@pytest.mark.parametrize("order", [("local", "ray"), ("ray", "local"), ("ray", "ray")])
def test_either_goes_on_where_the_other_stopped(
    order: tuple[str, str], whole: Path, table: Table, tmp_path: Path, cluster: Any
) -> None:
    out, source = tmp_path / "out", table(ROWS)
    with pytest.raises(KeyboardInterrupt):
        pairwright.build(recipe(), source=source, out=out, executor=order[0], workers=1, watch=_stop_after(3))
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    assert len(before) == len(manifest.read(out)) >= 2
    assert not _left(out)
    pairwright.build(recipe(), source=source, out=out, executor=order[1])
    assert digests(out) == digests(whole)
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())


def test_a_shard_that_kills_every_worker_is_given_up(
    table: Table, tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "_TRIES", 2)
    with pytest.raises(WorkerError, match=r"shard 0 was begun 2 times, and each time its worker died"):
        pairwright.build(
            with_part("deadly"), source=table(4), out=tmp_path / "out", executor="ray", workers=1
        )
    assert manifest.read(tmp_path / "out") == ()
    assert not _left(tmp_path / "out")


def test_a_bug_names_the_row(table: Table, tmp_path: Path, cluster: Any) -> None:
    with pytest.raises(
        WorkerError, match=r"(?s)a worker of Ray failed: .*ZeroDivisionError: bug.*photos\.parquet:"
    ):
        pairwright.build(with_part("buggy"), source=table(4), out=tmp_path / "out", executor="ray")
    assert not _left(tmp_path / "out")


def test_a_node_with_other_packages_is_told(
    table: Table, tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = executor.packages()
    monkeypatch.setattr(executor, "packages", lambda: ours | {"pillow": "1.0"})
    with pytest.raises(WorkerError, match=r"node \S+ has pillow \S+ in place of 1\.0: pictures might"):
        pairwright.build(recipe(), source=table(4), out=tmp_path / "out", executor="ray")


def test_a_cluster_by_its_address(whole: Path, table: Table, tmp_path: Path, cluster: Any) -> None:
    address = cluster.get_runtime_context().gcs_address
    (tmp_path / "there").mkdir()
    told = command(Path("..", table(ROWS).name), Path("out"), "--executor", "ray", "--address", address)
    done = subprocess.run(told, cwd=tmp_path / "there", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert digests(tmp_path / "there" / "out") == digests(whole)


@pytest.mark.parametrize("dies", ["raylet/raylet", "gcs/gcs_server"])
def test_a_cluster_that_dies_is_told(
    dies: str, table: Table, tmp_path: Path, processes: Callable[..., list[int]]
) -> None:
    """Ray then ends the process, at once or later; with the head that takes a minute."""
    out = tmp_path / "out"
    build = command(table(40 * ROWS), out, "--executor", "ray")
    with subprocess.Popen(build, stderr=subprocess.PIPE, text=True) as process:
        while not manifest.read(out):
            time.sleep(0.05)
        [victim] = [one for one in processes(dies) if _parent(one) == process.pid]
        os.kill(victim, signal.SIGKILL)
        _, said = process.communicate(timeout=150)
    assert process.returncode == 1, said
    told = "^pairwright: .* Finished shards are safe; the same command goes on from there[.]$"
    assert len(re.findall(told, said, re.MULTILINE)) == 1, said


_FAILING = """
from pairwright.executors import Cluster
from pairwright.executors.ray_cluster import connected, ray_data

def fail(row):
    import os
    os._exit(1)

with connected(Cluster(None), 1):
    data = ray_data()
    rows = data.from_items([{"row": 1}]).map(fail, max_retries=0)
    rows.context.enable_progress_bars = False
    try:
        list(rows.iter_rows())
    except Exception as error:
        print("raised", type(error).__name__)
"""


def test_what_ray_data_raises_it_does_not_print_as_well() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _FAILING], capture_output=True, text=True, check=False, timeout=120
    )
    assert "raised WorkerCrashedError" in done.stdout
    assert "Traceback" not in done.stderr


_STOPPED = """
import sys, threading, time, types
import ray
from ray.data._internal.execution import streaming_executor_state as state

import pairwright

state.time = types.SimpleNamespace(**vars(time) | {"sleep": lambda seconds: time.sleep(0.5)})  # those who look once more look late
reading, disconnect = [], ray.shutdown

def shutdown():
    print("read", *{thread.name for thread in reading if thread.name == "iter_threaded"})
    print("still read", *{thread.name for thread in reading if thread.is_alive() and thread.name == "iter_threaded"})
    disconnect()

def stop(progress):
    if progress.rows:
        reading.extend(threading.enumerate())
        raise KeyboardInterrupt

ray.shutdown = shutdown
recipe = pairwright.load_recipe("image_dpo", ["output.shard_rows=4"])
try:
    pairwright.build(recipe, source=sys.argv[1], out=sys.argv[2], executor="ray", workers=2, watch=stop)
except KeyboardInterrupt:
    time.sleep(1)
    print("told")
"""


def test_nobody_asks_ray_for_anything_once_a_stopped_run_has_left_it(table: Table, tmp_path: Path) -> None:
    """Ray would end the process without a word, and what went wrong would not be told."""
    told = [sys.executable, "-P", "-c", _STOPPED, str(table(ROWS)), str(tmp_path / "out")]
    done = subprocess.run(told, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["read iter_threaded", "still read", "told"])
    assert not _left(tmp_path / "out")
