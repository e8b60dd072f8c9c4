"""Measure how models are asked: the sampler `openai` against a bare client, replay against the first run, memory, vLLM.

Everything is a ratio to something in the same run. The server is the one of the tests, a process of its own on this machine,
with 200 ms latency; prompts hold photographs of about 50 kB, each request another one.

    openai_ratio     requests per second of the sampler over those of a bare `openai.AsyncOpenAI` loop, concurrency 256
    stored_ratio     the same with the response store between, as runs have it
    replay_speedup   time of a first run over that of the same run again, every answer from the store
    peak_growth      peak memory of a run over ten times the prompts, over that of a run
    vllm_ratio       answers per second of the sampler `vllm` over one bare `LLM.chat` call over all prompts
    vllm_ratio_n8    the same with eight answers to each prompt

The last two need an environment with vLLM; `make test-vllm` sets one up in .venv-vllm, which is taken if it is there.

Run: python benchmarks/generate.py [--json FILE] [--vllm-python PYTHON]    (about ten minutes on two cores)
"""

import argparse
import asyncio
import base64
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inputs import write_photographs
from rich.console import Console
from rich.table import Table

import pairwright
from pairwright.recipe import Recipe, load_recipe
from pairwright.responses.asking import open_models
from pairwright.samplers import CallSettings, Model, opened
from pairwright.schemas.codec import read_image
from pairwright.schemas.image import Image
from pairwright.schemas.request import Message, Request, Sampling

HERE = Path(__file__).resolve().parent
SERVER = HERE.parent / "tests" / "doubles" / "openai_server.py"
VLLM_PYTHON = HERE.parent / ".venv-vllm" / "bin" / "python"

LATENCY_MS = 200
CONCURRENCY = 256

REPLAY_CONCURRENCY = 8
"""Requests under way in the run that is replayed: 40 a second, or 2,400 a minute, an ordinary account's limit."""

TARGETS = {
    "openai_ratio": 0.9,
    "stored_ratio": None,
    "replay_speedup": 50.0,
    "peak_growth": 1.2,
    "vllm_ratio": 0.95,
    "vllm_ratio_n8": 0.95,
}
"""Wanted value by key; peak_growth at most, all others at least."""

RECIPE = """
name: benchmark
builder: judged
parameters:
  samplers:
    - {n: 1, max_tokens: 64}
    - {n: 1, max_tokens: 64, temperatures: [0.5]}
    - {n: 1, max_tokens: 64, temperatures: [0.7]}
    - {n: 1, max_tokens: 64, temperatures: [0.9]}
  judge: {kind: listwise}
  pairing: {rule: all_unequal}
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asks for."""

    requests: int
    rounds: int
    rows: int
    vllm_python: Path | None
    result: Path | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    plan = _plan(arguments)
    values: dict[str, float | None] = dict.fromkeys(TARGETS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = _photographs(folder, 600)
        with Server() as url:
            rates = _client_rates(plan, url, images, folder)
            values["openai_ratio"] = _ratio(rates, "sampler", "bare")
            values["stored_ratio"] = _ratio(rates, "stored", "bare")
            values["replay_speedup"] = _replay_speedup(plan, url, folder)
            values["peak_growth"] = _peak_growth(plan, url, folder)
    if plan.vllm_python:
        values |= _vllm(plan.vllm_python)
    _print(values, rates)
    if plan.result:
        plan.result.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    return 0


class Server:
    """The HTTP double in a process of its own."""

    def __enter__(self) -> str:
        """Start it; return its base URL."""
        command = [
            sys.executable,
            str(SERVER),
            "--with-parent",
            "--latency-ms",
            str(LATENCY_MS),
            "--keep",
            "0",
        ]
        self._process = subprocess.Popen(
            [*command, "--models", "bench"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._url: str = json.loads(self._process.stdout.readline())["url"]
        return self._url

    def __exit__(self, *_: object) -> None:
        """End it."""
        with self._process:
            self._process.terminate()


def _photographs(folder: Path, number: int) -> list[Image]:
    import pyarrow.parquet as pq

    write_photographs(folder / "photos.parquet", number, 2)
    table = pq.read_table(folder / "photos.parquet", columns=["image"])
    return [read_image(row["bytes"]) for row in table.column("image").to_pylist()]


def _client_rates(plan: Plan, url: str, images: Sequence[Image], folder: Path) -> dict[str, list[float]]:
    """Return requests per second of each contender, a value for each round; contenders take turns."""
    rates: dict[str, list[float]] = {"bare": [], "sampler": [], "stored": []}
    asyncio.run(_bare(url, _requests(images, 300, "warm")))
    for turn in range(plan.rounds):
        requests = {name: _requests(images, plan.requests, f"{name} {turn}") for name in rates}
        rates["bare"].append(plan.requests / asyncio.run(_bare(url, requests["bare"])))
        rates["sampler"].append(plan.requests / asyncio.run(_sampler(url, requests["sampler"])))
        store = folder / f"client-{turn}.sqlite"
        rates["stored"].append(plan.requests / asyncio.run(_stored(url, requests["stored"], store)))
        _say(f"round {turn + 1}: " + ", ".join(f"{name} {one[-1]:,.0f}/s" for name, one in rates.items()))
    return rates


def _requests(images: Sequence[Image], number: int, mark: str) -> list[Request]:
    return [
        Request(
            (Message("user", (images[one % len(images)], f"What is it? ({mark} {one})")),),
            Sampling(temperature=0.7, max_tokens=64, seed=one * 1024),
        )
        for one in range(number)
    ]


async def _bare(url: str, requests: Sequence[Request]) -> float:
    """Ask with the client alone, as its documentation shows it, as many at once."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=300) as client:

        async def ask(request: Request) -> None:
            image, text = request.messages[0].parts
            assert isinstance(image, Image)
            data = base64.b64encode(image.data).decode()
            content: Any = [
                {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}},
                {"type": "text", "text": text},
            ]
            drawn = request.sampling
            reply = await client.chat.completions.create(
                model="bench",
                messages=[{"role": "user", "content": content}],
                temperature=drawn.temperature,
                max_tokens=drawn.max_tokens,
                seed=drawn.seed,
                n=1,
            )
            assert reply.choices[0].message.content

        return await _timed(requests, ask)


async def _sampler(url: str, requests: Sequence[Request]) -> float:
    async with opened(_model(url, CONCURRENCY)) as sampler:

        async def ask(request: Request) -> None:
            assert (await sampler.sample(request)).answers[0].text

        return await _timed(requests, ask)


async def _stored(url: str, requests: Sequence[Request], store: Path) -> float:
    async with open_models({"m": _model(url, CONCURRENCY)}, store=store, run="bench") as models:

        async def ask(request: Request) -> None:
            assert (await models.asks["m"](request))[0].text

        return await _timed(requests, ask)


async def _timed(requests: Sequence[Request], ask: Callable[[Request], Awaitable[None]]) -> float:
    """Return the seconds that all requests take, so many under way at once."""
    left = iter(requests)

    async def work() -> None:
        for request in left:
            await ask(request)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(work())
    return time.perf_counter() - start


def _model(url: str, concurrency: int) -> Model:
    return Model(model="bench", base_url=url, calls=CallSettings(concurrency=concurrency))


def _replay_speedup(plan: Plan, url: str, folder: Path) -> float:
    """Return how much faster the same run is when every answer is stored: four answers and a judge for each prompt."""
    source = folder / "photos.parquet"
    store = f"output.responses={folder / 'replay.sqlite'}"
    rows, seconds = 2 * plan.rows, []
    for name in ("first", "again", "again once more"):
        recipe = _recipe(folder, url, REPLAY_CONCURRENCY, store, f"output.path={folder / name}")
        start = time.perf_counter()
        outcome = pairwright.build(recipe, source=source, limit=rows)
        seconds.append(time.perf_counter() - start)
        calls = sum(spent.calls for spent in outcome.ledger)
        _say(f"run {name!r}: {rows} rows, {seconds[-1]:.2f} s, {calls:,} calls so far")
    return seconds[0] / min(seconds[1:])


def _recipe(folder: Path, url: str, concurrency: int, *overrides: str) -> Recipe:
    path = folder / "recipe.yaml"
    path.write_text(RECIPE)
    models = ["judge", *(f"samplers.{number}" for number in range(4))]
    told = [
        line
        for name in models
        for line in (
            f"{name}.model=bench",
            f"{name}.base_url={url}",
            f"{name}.calls.concurrency={concurrency}",
        )
    ]
    return load_recipe(path, [*told, *overrides])


def _peak_growth(plan: Plan, url: str, folder: Path) -> float:
    """Return the peak memory of a run over ten times the prompts, over that of a run; each in its own process."""
    peaks = []
    for rows in (plan.rows, 10 * plan.rows):
        command = [sys.executable, __file__, "--one-run", str(rows), url, str(folder)]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(float(told.stdout))
        _say(f"{rows:,} prompts: {peaks[-1]:,.0f} MB at most")
    return peaks[1] / peaks[0]


def _one_run(rows: int, url: str, folder: Path) -> None:
    """Build a run over so many prompts and print the peak memory of this process, in MB."""
    source = folder / f"prompts-{rows}.jsonl"
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    for number, image in enumerate(_photographs(folder, 60)):
        (pictures / f"{number}.jpg").write_bytes(image.data)
    with source.open("w") as lines:
        for number in range(rows):
            row = {"question": f"What is it? ({number})", "image": f"pictures/{number % 60}.jpg"}
            lines.write(json.dumps(row) + "\n")
    pairwright.build(_recipe(folder, url, 16, f"output.path={folder / f'memory-{rows}'}"), source=source)
    peak = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    print(int(peak.split()[1]) * 1024 / 1e6)


def _vllm(python: Path) -> dict[str, float | None]:
    told = subprocess.run(
        [str(python), str(HERE / "generate_vllm.py")], check=True, stdout=subprocess.PIPE, text=True
    )
    values: dict[str, float | None] = json.loads(told.stdout.splitlines()[-1])
    return {key: value for key, value in values.items() if key in TARGETS}


def _ratio(rates: dict[str, list[float]], ours: str, theirs: str) -> float:
    """Return the median of the ratios within each round."""
    return statistics.median(one / other for one, other in zip(rates[ours], rates[theirs], strict=True))


def _print(values: dict[str, float | None], rates: dict[str, list[float]]) -> None:
    table = Table(title="Asking models")
    for heading in ("measure", "value", "target", "holds"):
        table.add_column(heading, justify="left" if heading == "measure" else "right")
    for key, value in values.items():
        if value is None:
            table.add_row(key, "not measured", "", "")
            continue
        target = TARGETS[key]
        most = key == "peak_growth"
        holds = "" if target is None else ("yes" if (value <= target if most else value >= target) else "NO")
        sign = "<=" if most else ">="
        table.add_row(key, f"{value:.2f}", "" if target is None else f"{sign} {target:g}", holds)
    Console(width=None if sys.stdout.isatty() else 100).print(table)
    for name, one in rates.items():
        print(f"{name}: {statistics.median(one):,.0f} requests per second")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _plan(arguments: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--requests", type=int, default=3000, help="requests of a turn (default 3000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each client (default 3)")
    parser.add_argument("--rows", type=int, default=300, help="prompts of a run (default 300)")
    parser.add_argument(
        "--vllm-python",
        type=Path,
        metavar="PYTHON",
        default=VLLM_PYTHON if VLLM_PYTHON.exists() else None,
        help="Python of an environment with vLLM (default: .venv-vllm, where it is there)",
    )
    parser.add_argument("--no-vllm", action="store_true", help="leave vLLM out")
    parser.add_argument("--quick", action="store_true", help="few requests, one round: does everything run?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write one flat JSON object")
    given = parser.parse_args(arguments)
    requests, rounds, rows = (300, 1, 20) if given.quick else (given.requests, given.rounds, given.rows)
    return Plan(requests, rounds, rows, None if given.no_vllm else given.vllm_python, given.json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one-run"]:
        _one_run(int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
        raise SystemExit(0)
    raise SystemExit(main())
