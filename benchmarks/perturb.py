"""Compare the speed of image negatives with the codec alone, with loops by hand, and with other tools.

Every contender changes the same photographs, 640 x 480 JPEG in Parquet, by a blur of radius 20 to 40 and by pixelation
with blocks of 32, each run in a process of its own. Contenders take turns, round after round, and the ratio to a
contender is taken within a round, so that a machine that slows down slows all of them; reported are medians. pairwright
and the codec alone work on ten times as many rows as the slow contenders, which also take part in every second round
only. The clock starts after imports, pairwright's own worker processes included; the table also has the whole process.
About 3 GB of temporary files are written (TMPDIR).

    pip install -e ".[hub,demo]"                                        # datasets, scikit-image
    pip install albumentations py-data-juicer aiohttp ray torch         # optional contenders, skipped where missing
    python benchmarks/perturb.py --json perturb.json
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pyarrow.parquet as pq
from contender import MISSING
from inputs import write_longer, write_photographs
from peers import Operation
from rich.console import Console
from rich.table import Table

OURS = "pairwright_build"

OPERATIONS: tuple[Operation, ...] = ("blur", "pixelate")

LONGER = 10
"""How many times as many rows the fast contenders change; pairwright's memory is compared with a run of the short table."""

_OFFLINE = {  # so that no contender calls home or installs something while it is timed
    "HF_HUB_OFFLINE": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "PIP_NO_INDEX": "1",
    "UV_OFFLINE": "1",
}
_LONGEST_RUN = 600
"""Seconds after which a contender counts as crashed."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to make the negatives: a file in ``peers``."""

    name: str
    label: str
    key: str
    """Name in the JSON file, as ``<key>_ratio``."""
    target: float | None = None
    """How many times as fast as this contender pairwright wants to be."""
    operations: tuple[Operation, ...] = OPERATIONS
    judged: tuple[Operation, ...] = OPERATIONS
    """Operations that the target is meant for: pixelation costs Pillow next to nothing, so nobody can be thrice as fast."""
    fast: bool = False
    """Works on the long table."""
    every: int = 1
    """Takes part in every n-th round, the first one included."""
    optional: bool = False
    """Skipped where a package that it needs is not installed."""


CONTENDERS = (
    Contender(OURS, "pairwright build", "pairwright", fast=True),
    Contender("codec_floor", "codec alone (OpenCV)", "codec_floor", target=0.9, fast=True),
    Contender("pillow_threads", "Pillow in a thread pool", "pillow_threads", target=3.0, judged=("blur",)),
    Contender(
        "datasets_map",
        "datasets.map with Pillow",
        "datasets_map",
        target=10.0,
        judged=("blur",),
        every=2,
        optional=True,
    ),
    Contender("albumentations", "albumentations in a thread pool", "albumentations", every=2, optional=True),
    Contender(
        "data_juicer",
        "Data-Juicer image_blur_mapper",
        "data_juicer",
        operations=("blur",),
        every=2,
        optional=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one contender."""

    images: int
    work_s: float
    process_s: float
    """From the start of the process to its end."""
    peak_mb: float | None
    """Peak resident memory of the process and its children together, 10^6 bytes."""

    @property
    def rate(self) -> float:
        """Images per second of work."""
        return self.images / self.work_s


class ContenderError(Exception):
    """A contender that could not run: not installed, or crashed."""


@dataclass(slots=True)
class Results:
    """All that was measured."""

    runs: dict[tuple[Operation, str], dict[int, Measured]] = field(default_factory=dict)
    """By operation and contender; then by round."""
    shorter: Measured | None = None
    """pairwright's run over the short table."""
    missing: dict[str, str] = field(default_factory=dict)
    """Contenders that are not installed, and which package lacks."""
    crashed: dict[str, str] = field(default_factory=dict)
    """Contenders that crashed, and what they said."""

    def of(self, operation: Operation, contender: str) -> dict[int, Measured]:
        """Return a contender's runs by round; none where it never ran."""
        return self.runs.get((operation, contender), {})

    def failed(self, contender: str) -> bool:
        """Tell whether a contender is missing or has crashed."""
        return contender in self.missing or contender in self.crashed


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asked for."""

    rows: int
    rounds: int
    workers: int
    minutes: float
    contenders: tuple[Contender, ...]
    json: Path | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit status is 1 where a contender crashed and 0 otherwise, whatever was measured."""
    plan = _plan(arguments)
    results = Results()
    with tempfile.TemporaryDirectory(prefix="pairwright-bench-") as name:
        folder = Path(name)
        source = folder / "photographs.parquet"
        mean_bytes = write_photographs(source, plan.rows, plan.workers)
        _say(f"{plan.rows} photographs of {mean_bytes / 1000:.0f} kB, {plan.workers} workers")
        longer = folder / "longer.parquet"
        write_longer(longer, source, LONGER)
        start = time.monotonic()
        results.shorter = _tried(CONTENDERS[0], "blur", plan, results, folder, source)
        _measure_rounds(plan, results, folder, (source, longer), start + 60 * plan.minutes)
    flat = summary(plan, results) | {"image_bytes": round(mean_bytes)}
    _print_rates(plan, results)
    _print_ratios(plan, results, flat)
    if plan.json is not None:
        plan.json.write_text(json.dumps(flat, indent=2) + "\n", encoding="utf-8")
    return 1 if results.crashed else 0


def summary(plan: Plan, results: Results) -> dict[str, float | int | None]:
    """Return the flat object of the JSON file; a value that was not measured is null.

    ``<contender>_ratio`` is the lowest median ratio of the operations that the contender is judged by.
    """
    flat: dict[str, float | int | None] = {"cpu_count": _cpus(), "workers": plan.workers, "rows": plan.rows}
    flat["rounds"] = max(map(len, results.runs.values()), default=0)
    for contender in CONTENDERS:
        ratios = []
        for operation in contender.operations:
            rates = [run.rate for run in results.of(operation, contender.name).values()]
            flat[f"{operation}_{contender.key}_images_per_second"] = (
                round(median(rates), 1) if rates else None
            )
            if contender.name != OURS:
                ratio = _ratio(results, operation, contender)
                flat[f"{operation}_{contender.key}_ratio"] = ratio
                ratios += [ratio] if ratio is not None and operation in contender.judged else []
        if contender.name != OURS:
            flat[f"{contender.key}_ratio"] = min(ratios, default=None)
    return flat | _memory(results)


def _ratio(results: Results, operation: Operation, contender: Contender) -> float | None:
    """Return the median over rounds of pairwright's rate divided by the contender's."""
    ours, theirs = (results.of(operation, name) for name in (OURS, contender.name))
    ratios = [ours[number].rate / theirs[number].rate for number in ours.keys() & theirs.keys()]
    return round(median(ratios), 3) if ratios else None


def _memory(results: Results) -> dict[str, float | int | None]:
    """Return the highest peak of all runs of pairwright, and the long runs' median peak over the short run's."""
    blurs = _peaks(results.of("blur", OURS).values())
    every = [*blurs, *_peaks(results.of("pixelate", OURS).values())]
    shorter = _peaks([results.shorter] if results.shorter is not None else [])
    return {
        "peak_mb": round(max(every), 1) if every else None,
        "peak_growth": round(median(blurs) / shorter[0], 3) if shorter and blurs else None,
    }


def _peaks(runs: Iterable[Measured]) -> list[float]:
    return [run.peak_mb for run in runs if run.peak_mb is not None]


def _measure_rounds(
    plan: Plan, results: Results, folder: Path, sources: tuple[Path, Path], deadline: float
) -> None:
    """Run all rounds; ``sources`` are the short table and the long one."""
    for number in range(plan.rounds):
        if number and time.monotonic() > deadline:
            _say(
                f"stopped after {number} of {plan.rounds} rounds: {plan.minutes:g} minutes are over (--minutes)"
            )
            return
        for operation, contender in _turns(plan, results, number):
            measured = _tried(contender, operation, plan, results, folder, sources[contender.fast])
            if measured is not None:
                results.runs.setdefault((operation, contender.name), {})[number] = measured
                _say(f"round {number + 1}: {operation}: {contender.label}: {measured.rate:.1f} images/s")


def _turns(plan: Plan, results: Results, number: int) -> Iterator[tuple[Operation, Contender]]:
    """Yield one round; a contender that failed before is left out."""
    for operation in OPERATIONS:
        for contender in plan.contenders:
            its_turn = operation in contender.operations and number % contender.every == 0
            if its_turn and not results.failed(contender.name):
                yield operation, contender


def _tried(
    contender: Contender, operation: Operation, plan: Plan, results: Results, folder: Path, source: Path
) -> Measured | None:
    """Run a contender, or note why it cannot run."""
    try:
        return _run(contender, operation, plan.workers, folder, source)
    except ModuleNotFoundError as error:
        results.missing[contender.name] = str(error.name)
        _say(f"{contender.label}: {error.name} is not installed: skipped")
    except ContenderError as error:
        results.crashed[contender.name] = str(error)
        _say(f"{contender.label}: crashed\n{error}")
    return None


def _run(contender: Contender, operation: Operation, workers: int, folder: Path, source: Path) -> Measured:
    """Run a contender in a fresh process.

    Raises:
        ModuleNotFoundError: a package it needs is missing.
        ContenderError: it crashed, or changed another number of pictures than there are rows.
    """
    result, out = folder / "result.json", folder / "out"
    out.mkdir()
    script = Path(__file__).with_name("contender.py")
    command = [sys.executable, str(script), contender.name, "--source", str(source), "--out", str(out)]
    command += ["--operation", operation, "--workers", str(workers), "--result", str(result)]
    start = time.monotonic()
    try:
        done = subprocess.run(
            command,
            env=os.environ | _OFFLINE,
            capture_output=True,
            text=True,
            timeout=_LONGEST_RUN,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ContenderError(f"still running after {_LONGEST_RUN} s: {' '.join(command)}") from error
    finally:
        process_s = time.monotonic() - start
        shutil.rmtree(out)
    allowed = (0, MISSING) if contender.optional else (0,)
    if done.returncode not in allowed:
        raise ContenderError(f"exit status {done.returncode}: {' '.join(command)}\n{done.stderr[-2000:]}")
    told = json.loads(result.read_text(encoding="utf-8"))
    result.unlink()
    if done.returncode == MISSING:
        raise ModuleNotFoundError(name=told["missing"])
    rows = pq.ParquetFile(source).metadata.num_rows
    if told["images"] != rows:
        raise ContenderError(f"changed {told['images']} pictures of {rows}")
    return Measured(told["images"], told["work_s"], process_s, told["peak_mb"])


def _print_rates(plan: Plan, results: Results) -> None:
    table = Table(
        title=f"Images per second, {plan.rows} or {LONGER * plan.rows} photographs, {plan.workers} workers (medians)"
    )
    table.add_column("contender")
    table.add_column("operation")
    for heading in ("runs", "work alone", "whole process", "peak MB"):
        table.add_column(heading, justify="right")
    for contender in plan.contenders:
        if results.failed(contender.name):
            lacks = results.missing.get(contender.name)
            table.add_row(contender.label, f"{lacks} is not installed: skipped" if lacks else "crashed")
            continue
        for operation in contender.operations:
            _add_rates(
                table, contender.label, operation, list(results.of(operation, contender.name).values())
            )
    if results.shorter is not None:
        _add_rates(table, "pairwright build, short table", "blur", [results.shorter])
    _console().print(table)


def _add_rates(table: Table, label: str, operation: Operation, runs: Sequence[Measured]) -> None:
    if not runs:
        return
    work, process = median(run.rate for run in runs), median(run.images / run.process_s for run in runs)
    peak = f"{median(_peaks(runs)):.0f}" if _peaks(runs) else "unknown"
    table.add_row(label, operation, str(len(runs)), f"{work:.1f}", f"{process:.1f}", peak)


def _print_ratios(plan: Plan, results: Results, flat: dict[str, float | int | None]) -> None:
    table = Table(title="pairwright against each (median of the ratios within each round)")
    for heading in ("measure", "operation", "value", "target", "holds"):
        table.add_column(heading, justify="right" if heading in ("value", "target") else "left")
    for contender in plan.contenders:
        for operation in contender.operations:
            ratio = flat.get(f"{operation}_{contender.key}_ratio")
            if ratio is not None:
                target, holds = "", ""
                if contender.target is not None and operation in contender.judged:
                    target, holds = f">= {contender.target:g}", _yes(ratio >= contender.target)
                table.add_row(f"times {contender.label}", operation, f"{ratio:.2f}", target, holds)
    for name, key, limit in (
        ("peak memory, MB", "peak_mb", 800.0),
        (f"peak, {LONGER} x the rows", "peak_growth", 1.2),
    ):
        value = flat[key]
        if value is not None:
            shown = f"{value:.0f}" if key == "peak_mb" else f"{value:.2f}"
            table.add_row(name, "", shown, f"<= {limit:g}", _yes(value <= limit))
    if table.row_count:
        _console().print(table)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 120)


def _yes(holds: bool) -> str:
    return "yes" if holds else "NO"


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _plan(arguments: Sequence[str] | None) -> Plan:
    names = [contender.name for contender in CONTENDERS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=600,
        help=f"photographs; fast contenders get {LONGER} times as many (default 600)",
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of every contender (default 5)")
    parser.add_argument(
        "--workers", type=int, default=_cpus(), help="threads or processes (default: usable CPUs)"
    )
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="start no round after this time (default 5)"
    )
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names)
    )
    parser.add_argument(
        "--quick", action="store_true", help="60 photographs, one round: does everything run?"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write one flat JSON object")
    given = parser.parse_args(arguments)
    for name in ("rows", "rounds", "workers"):
        if getattr(given, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(given, name)}")
    chosen = tuple(contender for contender in CONTENDERS if contender.name in given.only)
    if given.quick:
        _say("quick: with so few photographs the numbers mean nothing")
    rows, rounds = (60, 1) if given.quick else (given.rows, given.rounds)
    return Plan(rows, rounds, given.workers, given.minutes, chosen, given.json)


if __name__ == "__main__":
    raise SystemExit(main())
