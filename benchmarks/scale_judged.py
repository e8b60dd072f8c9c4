"""Build pairs from judged prompts against a local HTTP server, and write down what a call takes on our side.

Each prompt has a drawn picture, two answers and a judge that compares them in both orders: four calls. The server is the one
of the tests, a process of its own that answers at once; its time is not counted. First many prompts with pictures of 64 x 64
pixels, which show memory and the response store, then few with larger pictures, which show what a megabyte sent costs.
Linux only.

    .venv/bin/python benchmarks/scale_judged.py --json benchmarks/measured/judged.json
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from inputs import write_pictures
from recording import machine, recorded_options, say, write_record
from watching import PAIRWRIGHT, Went, ended_well, memory_of

SERVER = Path(__file__).resolve().parent.parent / "tests" / "doubles" / "openai_server.py"

RECIPE = """
name: judged_prompts
builder: judged
parameters:
  samplers:
    - {n: 1, max_tokens: 64}
    - {n: 1, max_tokens: 64, temperatures: [0.7]}
  judge: {kind: pairwise}
  pairing: {rule: preferences}
"""

CALLS = 4
"""Calls of a prompt: two answers, one judgement in each order."""

_COUNTED = re.compile(r"model \S+: ([\d,]+) calls")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    given = _given(arguments)
    with tempfile.TemporaryDirectory(prefix="judged-") as name, _server() as url:
        folder = Path(name)
        small = _run(folder / "small", url, given.prompts, 64, given.every)
        again = _run(folder / "again", url, given.prompts // 10, 64, given.every)
        large = _run(folder / "large", url, given.prompts // 50, given.side, given.every)
    told = {
        "machine": machine(),
        "note": given.note,
        "calls_per_prompt": CALLS,
        "many": small,
        "tenth": again,
        "large_pictures": large,
    }
    print(json.dumps({name: one for name, one in told.items() if name not in ("machine", "note")}, indent=1))
    if given.json:
        write_record(given.json, told)
    return 0


def _run(folder: Path, url: str, prompts: int, side: int, every_s: float) -> dict[str, object]:
    """Build a run over so many prompts; return what it took."""
    folder.mkdir()
    source, out, recipe = folder / "prompts.parquet", folder / "run", folder / "recipe.yaml"
    write_pictures(source, prompts, side)
    recipe.write_text(RECIPE, encoding="utf-8")
    command = [*PAIRWRIGHT, "build", str(recipe), "--source", str(source), "--out", str(out)]
    for model in ("judge", "samplers.0", "samplers.1"):
        told = {"model": "bench", "base_url": url, "calls.concurrency": 64}
        command += [word for key, value in told.items() for word in ("--set", f"{model}.{key}={value}")]
    say(f"{prompts:,} prompts with pictures of {side} pixels …")
    return _told(ended_well(command, every_s=every_s), source, out, prompts)


def _told(went: Went, source: Path, out: Path, prompts: int) -> dict[str, object]:
    calls = sum(int(found.replace(",", "")) for found in _COUNTED.findall(went.said))
    files = [path for path in out.rglob("*") if path.is_file()]
    stores = [path for path in files if path.name.startswith("responses.sqlite")]
    return {
        "prompts": prompts,
        "calls": calls,
        "wall_s": round(went.wall_s, 1),
        "cpu_s": round(went.cpu_s, 2),
        "source_bytes": source.stat().st_size,
        "store_bytes": sum(path.stat().st_size for path in stores),
        "other_bytes": sum(path.stat().st_size for path in files if path not in stores),
        "files": len(files),
        "memory": memory_of(went.samples),
    }


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, str(SERVER), "--with-parent", "--keep", "0", "--models", "bench"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise AssertionError("opened with a pipe")
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = recorded_options(__doc__)
    parser.add_argument(
        "--prompts", type=int, default=100_000, help="prompts with small pictures (default 100000)"
    )
    parser.add_argument("--side", type=int, default=448, help="sides of the larger pictures (default 448)")
    parser.add_argument(
        "--every", type=float, default=5.0, help="seconds between two looks at memory (default 5)"
    )
    given = parser.parse_args(arguments)
    if given.prompts < 100:
        parser.error(f"--prompts must be at least 100, got {given.prompts}")
    if given.quick:
        given.prompts, given.every = 200, 0.2
    return given


if __name__ == "__main__":
    raise SystemExit(main())
