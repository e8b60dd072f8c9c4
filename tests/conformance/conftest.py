"""What the conformance suite builds, and the executors that it is built by: one set of tests for all of them."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from drawn import drawn_pictures
from going import CONCURRENCY, MARK, NOT_NICE, Executor, Work, build, kill, marked
from killing import SEED, Hit
from start import running

HAS_RAY = importlib.util.find_spec("ray") is not None
ROWS = 120
ROWS_OF_MODELS = 24
KINDS = ("parquet", "jsonl")

SLICES = 3

_RATED = """
name: rated
builder: judged
parameters:
  samplers: [{n: 3, temperatures: [0.9], model: tiny, max_tokens: 40, base_url: URL, calls: CALLS}]
  judge:
    kind: pointwise
    params: {aspects: [{name: helpfulness, description: whether it helps}]}
    model: judge
    base_url: URL
    calls: CALLS
  pairing: {rule: all_unequal}
"""
_CALLS = json.dumps({"concurrency": CONCURRENCY, "retries": 1})

_CLUSTER = """
import sys, ray
ray.init(address="local", num_cpus=2, object_store_memory=100_000_000, include_dashboard=False, log_to_driver=False,
         logging_level="ERROR")
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
"""


class Cluster:
    """A Ray cluster of this machine for many runs; started when it is asked for, and again when it was killed."""

    def __init__(self) -> None:
        self.mark = ""
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        """For who is to be connected with it: nobody else on this machine may."""
        self._process: subprocess.Popen[str] | None = None
        self._address = ""

    def address(self) -> str:
        """Return where it is."""
        if self._process is None or len(marked(self.mark, "raylet/raylet", "gcs/gcs_server")) < 2:
            self.end()
            self.mark = uuid4().hex
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _CLUSTER],
                env=os.environ | self.environment | {MARK: self.mark, **NOT_NICE},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            assert self._process.stdout is not None
            self._address = self._process.stdout.readline().strip()
        return self._address

    def end(self) -> None:
        """Kill all of it."""
        if self._process is not None:
            kill([*marked(self.mark), self._process.pid])
            self._process.communicate()
            self._process = None


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster that runs of the executor ``standing`` are sent to."""
    made = Cluster()
    yield made
    made.end()


@pytest.fixture
def executor(request: pytest.FixtureRequest) -> Executor:
    """The executor that a test is parametrised by, by its name."""
    name = request.param
    if name in ("ray", "standing") and not HAS_RAY:
        pytest.skip("Ray is not installed here: `make test-ray` runs this")
    if name == "standing":
        found: Cluster = request.getfixturevalue("cluster")
        return Executor(name, lambda: [[*_ON_RAY, "--address", found.address()]], found.environment)
    return Executor(name, _WORDS[name])


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest) -> Callable[[Executor], Callable[[], str]]:
    """Return a function: the mark of processes that build for an executor and are no children of what it starts."""

    def mark(executor: Executor) -> Callable[[], str]:
        if executor.name != "standing":
            return lambda: ""
        return lambda: str(request.getfixturevalue("cluster").mark)

    return mark


_ON_RAY = ("--executor", "ray", "--workers", "2")
_WORDS: dict[str, Callable[[], list[list[str]]]] = {
    "one": lambda: [["--workers", "1"]],
    "several": lambda: [["--workers", "3"]],
    "sliced": lambda: [["--shard", f"{index}/{SLICES}", "--workers", "1"] for index in range(SLICES)],
    "ray": lambda: [list(_ON_RAY)],
}


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A source of each kind, with rows that must become rejects: cut pictures, no pictures, and a line that is no JSON."""
    folder, pictures = tmp_path_factory.mktemp("sources"), drawn_pictures()
    for rows in (ROWS, ROWS_OF_MODELS):
        _write_sources(folder, [pictures[number % len(pictures)] for number in range(rows)])
    return {f"{rows}.{kind}": folder / f"{rows}.{kind}" for rows in (ROWS, ROWS_OF_MODELS) for kind in KINDS}


def _write_sources(folder: Path, images: list[bytes]) -> None:
    rows = range(len(images))
    images[13], images[17] = images[13][:900], b"not a picture"
    told = {
        "question": [f"What is in picture {number}?" for number in rows],
        "answer": [f"Right answer {number}." for number in rows],
    }
    cells = [{"bytes": image, "path": f"{number}.jpg"} for number, image in enumerate(images)]
    pq.write_table(pa.table(told | {"image": cells}), folder / f"{len(rows)}.parquet", row_group_size=16)
    places = [f"{len(rows)}/{number}.jpg" for number in rows]
    (folder / str(len(rows))).mkdir()
    for place, image in zip(places, images, strict=True):
        (folder / place).write_bytes(image)
    places[20] = "../secret.jpg"
    lines = [json.dumps({key: told[key][n] for key in told} | {"image": places[n]}) for n in rows]
    lines[11] = lines[11][:30]
    (folder / f"{len(rows)}.jsonl").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture(scope="session")
def double() -> Iterator[Any]:
    """The HTTP double, one process for all tests."""
    with running("--models", "tiny,judge", "--keep", "0") as double:
        yield double


class Server:
    """The double as all tests of models find it: slow, with a row that it refuses and one that always fails."""

    def __init__(self, double: Any) -> None:
        self.stats = double.stats
        self._double = double

    def start_anew(self, latency_ms: float = 40.0, failing: Sequence[str] = ("picture 9?",)) -> None:
        """Forget what was asked; answer from now on so late, and never where these words stand."""
        self._double.reset()
        faults = [{"contains": words, "fault": "server_error"} for words in failing]
        refused = {"contains": "picture 5?", "fault": "bad_request"}
        self._double.faults(latency_ms=latency_ms, by_text=[refused, *faults])


@pytest.fixture
def server(double: Any) -> Server:
    """The double without faults and statistics of earlier tests."""
    made = Server(double)
    made.start_anew()
    return made


@pytest.fixture
def works(
    sources: dict[str, Path], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Work]:
    """Return a function that gives what is built: ``image``, ``neighbours`` or ``models``, over a kind of source."""

    def work(name: str, kind: str) -> Work:
        told, small = f"{name} over {kind}", "output.shard_rows=4"
        if name == "image":
            return Work(told, "image_dpo", sources[f"{ROWS}.{kind}"], ROWS, (small,))
        if name == "neighbours":
            other = "perturbations=[{name: other_image}]"
            return Work(told, "image_dpo", sources[f"{ROWS}.{kind}"], ROWS, (small, other))
        url = request.getfixturevalue("double").url
        recipe = tmp_path_factory.getbasetemp() / "rated.yaml"
        recipe.write_text(_RATED.replace("URL", url).replace("CALLS", _CALLS))
        return Work(
            told,
            str(recipe),
            sources[f"{ROWS_OF_MODELS}.{kind}"],
            ROWS_OF_MODELS,
            ("output.shard_rows=2",),
            asks=True,
        )

    return work


@pytest.fixture(scope="session")
def toll() -> Iterator[list[Hit]]:
    """All who died, of all tests."""
    died: list[Hit] = []
    yield died
    print(f"\n{len(died)} kills, {sum(hit.processes for hit in died)} processes, seed {SEED}")


@pytest.fixture(scope="session")
def _wholes() -> dict[str, Path]:
    return {}


@pytest.fixture
def whole(
    _wholes: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[Work], Path]:
    """Return a function that gives the folder of an undisturbed run, of one worker."""

    def built(work: Work) -> Path:
        if work.name not in _wholes:
            out = tmp_path_factory.mktemp("whole") / "out"
            if work.asks:
                request.getfixturevalue("server").start_anew(latency_ms=0)
            build(Executor("one", _WORDS["one"]), work, out)
            _wholes[work.name] = out
        return _wholes[work.name]

    return built
