"""Run one contender in this process and write what it did to a JSON file. ``perturb.py`` starts this, once per run.

A contender has a process of its own so that threads, caches and peak memory are its own too.
"""

import argparse
import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

from peers import Job

MISSING = 3
"""Exit status where a package that the contender needs is not installed."""


def main() -> int:
    """Run the command line; return the exit status."""
    arguments = _parser().parse_args()
    result: Path = arguments.result
    try:
        peer = import_module(f"peers.{arguments.name}")
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed", file=sys.stderr)
        result.write_text(json.dumps({"missing": error.name}), encoding="utf-8")
        return MISSING
    timed = peer.prepare(Job(arguments.source, arguments.out, arguments.operation, arguments.workers))
    start = time.perf_counter()
    work = timed()
    whole = time.perf_counter() - start
    told = {
        "images": work.images,
        "work_s": work.seconds or whole,
        "whole_s": whole,
        "peak_mb": _peak_mb(arguments.workers),
    }
    result.write_text(json.dumps(told), encoding="utf-8")
    return 0


def _peak_mb(workers: int) -> float | None:
    """Return the peak resident memory in MB (10^6 bytes) of this process and its children, None where unknown.

    Children count as ``workers`` - 1 times the largest of them: no less than they had. For this process itself not
    ``ru_maxrss``: Linux counts in it what the parent held when it started this process.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (workers - 1)
    for line in status.read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return (int(line.split()[1]) + children) * 1024 / 1e6
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--operation", required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--result", type=Path, required=True)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
