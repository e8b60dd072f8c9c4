"""What a measurement was made on, and writing down what came of it."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("numpy", "opencv-python-headless", "pillow", "pyarrow")


def machine() -> dict[str, object]:
    """Return date, processor, cores, memory and versions."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def write_record(path: Path, told: Mapping[str, object]) -> None:
    """Write what was measured as JSON, a line for each key, and for each key of the mappings in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_text(told, 1) + "\n", encoding="utf-8")


def recorded_options(about: str | None) -> argparse.ArgumentParser:
    """Return a command line, with what every program takes that writes a record: ``--note``, ``--quick`` and ``--json``."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--note", default="", help="what else the machine was doing, kept with the measurements"
    )
    parser.add_argument("--quick", action="store_true", help="little of everything: does everything run?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured")
    return parser


def say(line: str) -> None:
    """Tell how it goes, beside what was measured."""
    print(line, file=sys.stderr, flush=True)


def _text(told: object, depth: int) -> str:
    if depth > 2 or not isinstance(told, Mapping) or not told:
        return json.dumps(told)
    space = "  " * depth
    lines = (f"{space}{json.dumps(key)}: {_text(value, depth + 1)}" for key, value in told.items())
    return "{\n" + ",\n".join(lines) + "\n" + "  " * (depth - 1) + "}"


def _processor() -> str:
    """Return the processor's name as the system tells it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
