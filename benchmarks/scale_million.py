"""Build image negatives from a million small pictures, killed once in the middle, and write down what it took.

Pictures of 64 x 64 pixels, each another one, are pixelated by the recipe ``image_dpo``. The process that was started gets
SIGKILL once half of the rows are finished, and the same command goes on. Every row must have come of it once.
Takes some 8 GB of temporary files (TMPDIR) and half an hour. Linux only.

    .venv/bin/python benchmarks/scale_million.py --json benchmarks/measured/million.json
"""

import json
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from inputs import SIDE, write_pictures
from recording import machine, recorded_options, say, write_record
from watching import PAIRWRIGHT, Sample, Went, memory_of, watched

from pairwright.runs import manifest


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asks for."""

    rows: int
    shard_rows: int
    workers: int
    every_s: float
    validate: bool
    note: str
    folder: Path | None
    result: Path | None


@dataclass(frozen=True, slots=True)
class Held:
    """What is in a run folder."""

    rows: int
    """Rows of all Parquet files of pairs."""
    ids: int
    """Different ids among them."""
    source_ids: int
    """Different source rows among them."""
    shards: int
    files: int
    bytes: int
    manifest_bytes: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    plan = _plan(arguments)
    if plan.folder is not None:
        plan.folder.mkdir(parents=True, exist_ok=True)
        _measure(plan, plan.folder)
        return 0
    with tempfile.TemporaryDirectory(prefix="million-") as name:
        _measure(plan, Path(name))
    return 0


def _measure(plan: Plan, folder: Path) -> None:
    source, out = folder / "source.parquet", folder / "run"
    if not source.exists():
        write_pictures(source, plan.rows)
    settings = [
        "perturbations=[{name: pixelate, params: {block: 8}}]",
        f"output.shard_rows={plan.shard_rows}",
    ]
    build = [*PAIRWRIGHT, "build", "image_dpo", "--source", str(source), "--out", str(out)]
    build += ["--workers", str(plan.workers), *(word for line in settings for word in ("--set", line))]
    half = plan.rows // plan.shard_rows // 2
    first = _go("build, killed half way", build, plan, kill_when=lambda: _finished(out) >= half)
    at_kill = _finished(out)
    second = _go("the same command", build, plan)
    closely = replace(plan, every_s=0.1)
    again = _go("the same command, nothing left", build, closely)
    status = _go("status", [*PAIRWRIGHT, "status", str(out)], closely)
    goes = {"first": first, "second": second, "resume": again, "status": status}
    if plan.validate:
        goes["validate"] = _go("validate", [*PAIRWRIGHT, "validate", str(out)], plan)
    held = look(out)
    _check(plan, held, goes)
    told = {
        "machine": machine(),
        "note": plan.note,
        "rows": plan.rows,
        "side": SIDE,
        "shard_rows": plan.shard_rows,
        "workers": plan.workers,
        "source_bytes": source.stat().st_size,
        "shards_at_kill": at_kill,
        "held": asdict(held),
        "goes": {name: _told(went) for name, went in goes.items()},
    }
    print(json.dumps(told["held"]))
    if plan.result:
        write_record(plan.result, told)


def _go(what: str, command: Sequence[str], plan: Plan, **more: object) -> Went:
    say(f"{what} …")
    went = watched(command, every_s=plan.every_s, see=_Seen(what), **more)  # type: ignore[arg-type]
    say(f"{what}: status {went.status}, {went.wall_s:,.1f} s, {went.cpu_s:,.1f} s of processor time")
    return went


class _Seen:
    """Tells now and then how a command goes."""

    def __init__(self, what: str) -> None:
        self._what, self._next = what, 60.0

    def __call__(self, sample: Sample) -> None:
        if sample.second >= self._next:
            self._next = sample.second + 60
            say(
                f"{self._what}: {sample.second:,.0f} s, {sample.memory_mb:,.0f} MB, {sample.open_files} files open"
            )


def _finished(out: Path) -> int:
    """Return how many shards the manifest lists."""
    path = out / manifest.NAME
    return path.read_bytes().count(b"\n") if path.exists() else 0


def look(out: Path) -> Held:
    """Count what is in a run folder with pyarrow alone."""
    ids: list[pa.ChunkedArray] = []
    sources: list[pa.ChunkedArray] = []
    for path in sorted((out / "visual_negative").glob("*.parquet")):
        table = pq.read_table(path, columns=["id", "source_id"])
        ids.append(table["id"])
        sources.append(table["source_id"])
    chunks = [chunk for column in ids for chunk in column.chunks]
    origins = [chunk for column in sources for chunk in column.chunks]
    files = [path for path in out.rglob("*") if path.is_file()]
    return Held(
        rows=sum(map(len, chunks)),
        ids=pc.count_distinct(pa.chunked_array(chunks)).as_py(),
        source_ids=pc.count_distinct(pa.chunked_array(origins)).as_py(),
        shards=_finished(out),
        files=len(files),
        bytes=sum(path.stat().st_size for path in files),
        manifest_bytes=(out / manifest.NAME).stat().st_size,
    )


def _check(plan: Plan, held: Held, goes: Mapping[str, Went]) -> None:
    """Raise RuntimeError unless every row came of it once, and every command ended well but the one that was killed."""
    if not held.rows == held.ids == held.source_ids == plan.rows:
        raise RuntimeError(f"{plan.rows:,} source rows, but the run holds {held}")
    for name, went in goes.items():
        if went.status != (-signal.SIGKILL if name == "first" else 0):
            raise RuntimeError(f"{name} ended with {went.status}: {went.said[-2000:]}")
    if "nothing to do" not in goes["resume"].said:
        raise RuntimeError(f"built again what was finished: {goes['resume'].said}")


def _told(went: Went) -> dict[str, object]:
    """Return a go as JSON, with forty samples at most."""
    step = max(1, len(went.samples) // 40)
    seen = [
        [round(x, 1) for x in (one.second, one.memory_mb, one.open_files, one.cpu_s)]
        for one in went.samples[::step]
    ]
    return {
        "status": went.status,
        "wall_s": round(went.wall_s, 2),
        "cpu_s": round(went.cpu_s, 2),
        "memory": memory_of(went.samples),
        "second_mb_files_cpu": seen,
    }


def _plan(arguments: Sequence[str] | None) -> Plan:
    parser = recorded_options(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="pictures (default 1000000)")
    parser.add_argument(
        "--shard-rows", type=int, default=250, help="rows of a shard (default 250, as recipes have it)"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument(
        "--every", type=float, default=5.0, help="seconds between two looks at memory (default 5)"
    )
    parser.add_argument("--folder", type=Path, help="work there, and leave source and run")
    parser.add_argument(
        "--no-validate",
        action="store_true",
        help="leave out `pairwright validate`, which takes as long again",
    )
    given = parser.parse_args(arguments)
    for name in ("rows", "shard_rows", "workers"):
        if getattr(given, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, got {getattr(given, name)}")
    plan = Plan(
        rows=given.rows,
        shard_rows=given.shard_rows,
        workers=given.workers,
        every_s=given.every,
        validate=not given.no_validate,
        note=given.note,
        folder=given.folder,
        result=given.json,
    )
    return replace(plan, rows=4000, shard_rows=50, every_s=0.2) if given.quick else plan


if __name__ == "__main__":
    raise SystemExit(main())
