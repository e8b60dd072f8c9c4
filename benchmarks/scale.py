"""Measure what the machine around the work costs: executors, resuming a large run, its manifest.

Every ratio is taken within a round, in which the contenders take turns, and the median of the rounds counts. The overhead of
the executor is told by processor time, all threads together, and by the clock. Made-up pictures of 640 x 480 pixels are blurred
with a radius of 20 to 40; the run of many shards has pictures of 64 x 48. About 2 GB of temporary files are written (TMPDIR).

    make .venv-ray/.ready                           # without Ray its part is skipped
    .venv-ray/bin/python benchmarks/scale.py --json scale.json
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from shutil import rmtree
from statistics import median

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from recording import say
from rich.console import Console
from rich.table import Table
from watching import PAIRWRIGHT

import pairwright
from pairwright.executors import Job, Progress, local
from pairwright.executors.shards import Pool
from pairwright.recipe import Recipe, load_recipe
from pairwright.runs import folder as run_folder
from pairwright.runs import manifest
from pairwright.sources.open import open_source
from pairwright.writer import PAIRS, PartWriter

TARGETS: dict[str, tuple[str, float | None]] = {
    "executor_overhead": ("<=", 0.05),
    "executor_overhead_clock": ("<=", 0.05),
    "build_overhead": ("<=", None),
    "ray_ratio": (">=", 0.8),
    "resume_seconds": ("<=", 2.0),
    "resume_cpu_seconds": ("<=", 2.0),
    "manifest_mb": ("<=", 10.0),
}
"""Wanted value by key; None where nothing in particular is."""

MEANINGS = {
    "executor_overhead": "local executor, one process, over the same rows read, built and written by a bare loop; processor time",
    "executor_overhead_clock": "the same by the clock: files are hashed and forced to disk while the next rows are built",
    "build_overhead": "processor time of a whole build of a quarter of the rows, which ends with counting them for the card",
    "ray_ratio": "rows per second of Ray over those of local, both with as many workers, once all are at work",
    "resume_seconds": "the same command on a run that is finished, its process included",
    "resume_cpu_seconds": "the same, processor time",
    "manifest_mb": "manifest of that run, 10^6 bytes",
}

_TURNS = 6
"""Turns in a round of the executor's overhead: short ones in quick succession, since a machine's speed changes within a minute."""

_WARM = 0.2
"""Share of the rows after which workers count as warm."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asks for."""

    rows: int
    shards: int
    rounds: int
    workers: int
    ray: bool
    result: Path | None


@dataclass(slots=True)
class _Warm:
    """The rate of a run from the moment when its workers are warm to its last row."""

    rows: int
    seen: list[tuple[float, int]] = field(default_factory=list)

    def __call__(self, progress: Progress) -> None:
        if progress.rows >= _WARM * self.rows:
            self.seen.append((time.perf_counter(), progress.rows))

    def rate(self) -> float:
        """Return rows per second."""
        (begun, before), (ended, rows) = self.seen[0], self.seen[-1]
        return (rows - before) / (ended - begun)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    plan = _plan(arguments)
    values: dict[str, float | None] = dict.fromkeys(TARGETS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "pictures.parquet"
        _write(source, plan.rows, (640, 480))
        values |= _overheads(plan, source, folder)
        if plan.ray:
            values["ray_ratio"] = _ray_ratio(plan, source, folder)
        values |= _large_run(plan, folder)
    _print(values)
    if plan.result:
        plan.result.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    return 0


def _blurs(*sets: str) -> Recipe:
    return load_recipe("image_dpo", ["perturbations=[{name: gaussian_blur}]", *sets])


def _overheads(plan: Plan, source: Path, folder: Path) -> dict[str, float | None]:
    """Return how much more work the local executor, and a whole build, take than a bare loop; medians over short turns."""
    ways: dict[str, Callable[[Path, Path, int], object]] = {
        "bare": _bare,
        "executor": _executor,
        "build": _build,
    }
    names, rows = list(ways), max(1, plan.rows // 4)
    worked: dict[str, list[_Taken]] = {name: [] for name in names}
    _build(source, folder / "warm", 1)  # what is imported once is no part of the work
    for turn in range(_TURNS * plan.rounds):
        for name in (*names[turn % 3 :], *names[: turn % 3]):
            out = folder / f"turn-{turn}" / name
            worked[name].append(_taken(partial(ways[name], source, out, rows)))
            rmtree(out)
        told = ", ".join(
            f"{name} {taken[-1].work:.2f} ({taken[-1].clock:.2f})" for name, taken in worked.items()
        )
        say(f"turn {turn + 1}: seconds of processor time (by the clock) for {rows:,} rows: {told}")
    bare, executor, build = (worked[name] for name in names)
    return {
        "executor_overhead": _more([one.work for one in executor], [one.work for one in bare]),
        "executor_overhead_clock": _more([one.clock for one in executor], [one.clock for one in bare]),
        "build_overhead": _more([one.work for one in build], [one.work for one in bare]),
    }


def _more(of: Sequence[float], than: Sequence[float]) -> float:
    return round(median(one / other for one, other in zip(of, than, strict=True)) - 1, 4)


def _build(source: Path, out: Path, rows: int) -> None:
    pairwright.build(_blurs(), source=source, out=out, workers=1, limit=rows)


def _executor(source: Path, out: Path, rows: int) -> None:
    """Do what a build does of its shards, and nothing else."""
    recipe = _blurs().placed(source=source, out=out, seed=0)
    opened = open_source(recipe.file.source)
    with run_folder.locked(out) as lock:
        manifest.begin(out)
        job = Job(out, recipe, rows, opened.marks())
        local.run(job, opened, lock=lock, workers=1, watch=lambda progress: None)


def _bare(source: Path, out: Path, rows: int) -> None:
    """Read, build and write rows, and nothing else: no shards, no manifest, no progress."""
    recipe, threads = _blurs().placed(source=source, out=out, seed=0), cv2.getNumThreads()
    opened, construct = open_source(recipe.file.source), recipe.construct()
    neighbours = Pool(opened, ())
    cv2.setNumThreads(1)
    with PartWriter(out, "train-00000", PAIRS) as writer:
        for raw in islice(opened.rows(0), rows):
            writer.add(construct(opened.parse(raw), neighbours).pairs)
        writer.close()
    cv2.setNumThreads(threads)


def _ray_ratio(plan: Plan, source: Path, folder: Path) -> float:
    """Return the warm rate of the Ray executor over that of the local one; median over rounds."""
    found = []
    with _cluster(plan.workers):
        for number in range(plan.rounds):
            local, ray = (
                _warm_rate(plan, source, folder / f"warm-{executor}-{number}", executor)
                for executor in ("local", "ray")
            )
            found.append(ray / local)
            say(f"round {number + 1}: local {local:.1f} rows/s, Ray {ray:.1f} rows/s")
    return round(median(found), 3)


@contextmanager
def _cluster(workers: int) -> Iterator[None]:
    import ray

    ray.init(
        address="local",
        num_cpus=workers,
        object_store_memory=200_000_000,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    try:
        yield
    finally:
        ray.shutdown()


def _warm_rate(plan: Plan, source: Path, out: Path, executor: str) -> float:
    rows = pq.ParquetFile(source).metadata.num_rows
    warm = _Warm(rows)
    shard = max(1, rows // 40)  # enough shards that the last ones do not leave a worker without any for long
    pairwright.build(
        _blurs(f"output.shard_rows={shard}"),
        source=source,
        out=out,
        workers=plan.workers,
        executor=executor,
        watch=warm,
    )
    return warm.rate()


def _large_run(plan: Plan, folder: Path) -> dict[str, float]:
    """Return the seconds that a finished run of many shards takes to find out that it is, and its manifest's size."""
    source, out = folder / "tiny.parquet", folder / "large"
    _write(source, plan.shards, (64, 48))
    say(f"building {plan.shards:,} shards of one row")
    recipe = _blurs("output.shard_rows=1")
    pairwright.build(recipe, source=source, out=out, workers=plan.workers)
    command = [*PAIRWRIGHT, "build", "image_dpo", "--source", str(source), "--out", str(out)]
    command += ["--set", "perturbations=[{name: gaussian_blur}]", "--set", "output.shard_rows=1"]
    times = [_nothing_to_do(command) for _ in range(2 * plan.rounds + 1)]
    size = (out / manifest.NAME).stat().st_size
    say(f"{plan.shards:,} shards: {size / plan.shards:.0f} bytes of manifest each")
    return {
        "resume_seconds": round(median(seconds for seconds, _ in times), 3),
        "resume_cpu_seconds": round(median(work for _, work in times), 3),
        "manifest_mb": round(size / 1e6, 3),
    }


def _nothing_to_do(command: Sequence[str]) -> tuple[float, float]:
    """Return the seconds that a command takes which finds nothing to do, by the clock and of processor time."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if "nothing to do" not in done.stdout:
        raise RuntimeError(f"built again what was finished: {done.stdout}")
    say(f"nothing to do: {seconds:.2f} s")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _write(path: Path, rows: int, size: tuple[int, int]) -> None:
    """Write a table of pictures of ``size`` (width, height), 500 different ones: soft patches of ten pixels, as JPEG."""
    rng = np.random.default_rng(3)
    rough = (size[1] // 10, size[0] // 10, 3)
    drawn = (rng.integers(0, 255, rough, np.uint8) for _ in range(min(500, rows)))
    smooth = (cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in drawn)
    pictures = [cv2.imencode(".jpg", one, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes() for one in smooth]
    data = {
        "question": [f"What is in picture {row}?" for row in range(rows)],
        "answer": ["Soft colours."] * rows,
        "image": [{"bytes": pictures[row % len(pictures)], "path": f"{row}.jpg"} for row in range(rows)],
    }
    pq.write_table(pa.table(data), path, row_group_size=100)


@dataclass(frozen=True, slots=True)
class _Taken:
    """Seconds that something took."""

    work: float
    """Processor time of this process, all its threads together."""
    clock: float


def _taken(work: Callable[[], object]) -> _Taken:
    before, begun = time.process_time(), time.perf_counter()
    work()
    return _Taken(time.process_time() - before, time.perf_counter() - begun)


def _print(values: dict[str, float | None]) -> None:
    table = Table(title="What the machine around the work costs")
    for heading in ("key", "value", "wanted", "holds", "what"):
        table.add_column(heading, justify="right" if heading in ("value", "wanted") else "left")
    for key, value in values.items():
        if value is None:
            table.add_row(key, "Ray is not installed: skipped")
            continue
        sign, target = TARGETS[key]
        wanted, holds = "", ""
        if target is not None:
            wanted = f"{sign} {target:g}"
            holds = "yes" if (value <= target if sign == "<=" else value >= target) else "NO"
        table.add_row(key, f"{value:.3f}", wanted, holds, MEANINGS[key])
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _plan(arguments: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument(
        "--rows", type=int, default=6000, help="pictures of the executors' runs (default 6000)"
    )
    parser.add_argument("--shards", type=int, default=10_000, help="shards of the large run (default 10000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of every contender (default 3)")
    parser.add_argument(
        "--workers", type=int, default=cores, help="processes or actors (default: usable cores)"
    )
    parser.add_argument("--no-ray", action="store_true", help="leave Ray out")
    parser.add_argument("--quick", action="store_true", help="few rows, one round: does everything run?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write one flat JSON object")
    given = parser.parse_args(arguments)
    for name in ("rows", "shards", "rounds", "workers"):
        if getattr(given, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(given, name)}")
    ray = not given.no_ray and find_spec("ray") is not None
    if given.quick:
        say("quick: with so few rows the numbers mean nothing")
        return Plan(200, 50, 1, given.workers, ray, given.json)
    return Plan(given.rows, given.shards, given.rounds, given.workers, ray, given.json)


if __name__ == "__main__":
    raise SystemExit(main())
