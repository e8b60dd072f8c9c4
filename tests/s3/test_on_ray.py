"""Runs on a Ray cluster whose nodes have the store in common and nothing else: built in slices, through kills."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

Table = Callable[[int], Path]
Ran = Callable[..., str]
Hashes = Callable[[Any], dict[str, str]]
ROWS = 120
PICTURES = ("build", "image_dpo", "--set", "output.shard_rows=1", "--executor", "ray", "--workers", "2")


@pytest.fixture(autouse=True)
def _not_nice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray has its workers step back, which on a busy machine get next to nothing."""
    monkeypatch.setenv("RAY_worker_niceness", "0")


@pytest.fixture
def local(built_here: Callable[[int, int], dict[str, str]]) -> dict[str, str]:
    return built_here(ROWS, 1)


def test_the_bytes_of_a_local_run(
    local: dict[str, str], table: Table, url: str, ran: Ran, hashes: Hashes, store: Any, tmp_path: Path
) -> None:
    words = (*PICTURES, "--source", table(ROWS), "--out", url)
    said = ran(*words, "--work", "disk")
    assert "the output goes to an object store: the run is built in slices" in said
    assert f"{url} is finished" in said
    assert hashes(url) == local
    assert (tmp_path / "disk" / "slice-1-of-2").is_dir()
    assert not store.exists(f"{url}/slices")
    assert "nothing to do" in ran(*words)


def test_killed_actors_and_drivers(
    local: dict[str, str],
    table: Table,
    url: str,
    started: Callable[..., Any],
    ran: Ran,
    hashes: Hashes,
    waited: Callable[[Callable[[], bool]], None],
    store: Any,
) -> None:
    """An actor that is killed is replaced within the same go; a driver that is killed takes its actors along."""

    def records() -> int:
        store.invalidate_cache()
        return len(store.glob(f"{url}/shards/*.json"))

    words = (*PICTURES, "--source", table(ROWS), "--out", url)
    process = started(*words)
    waited(lambda: records() >= 2)
    victims = _actors_of(process.pid)
    assert victims
    with suppress(ProcessLookupError):
        os.kill(victims[0], signal.SIGKILL)
    waited(lambda: records() >= 6)
    assert process.poll() is None
    process.kill()
    process.wait()
    assert records() < ROWS, "Ray ends its actors within a second or two"
    assert f"{url} is finished" in ran(*words)
    assert hashes(url) == local


def test_what_a_store_cannot_take_is_told_before_ray_starts(
    table: Table, url: str, ran: Ran, store: Any
) -> None:
    store.pipe_file(f"{url}/holiday.txt", b"mine")
    said = ran(*PICTURES, "--source", table(8), "--out", url, status=1)
    assert "is not empty and not a run of pairwright (it has holiday.txt)" in said


def test_a_run_that_was_begun_without_slices(
    table: Table,
    url: str,
    started: Callable[..., Any],
    ran: Ran,
    waited: Callable[[Callable[[], bool]], None],
    store: Any,
) -> None:
    alone = ("build", "image_dpo", "--set", "output.shard_rows=1", "--source", table(ROWS), "--out", url)
    process = started(*alone, "--workers", "1")
    waited(lambda: bool(store.exists(f"{url}/run.json")))
    process.kill()
    process.wait()
    said = ran(*alone, "--executor", "ray", status=1)
    assert "go on with it without --shard or --executor ray" in said


_TOY = """
import os
from contextlib import asynccontextmanager
from pathlib import Path

from pairwright.samplers import SamplerPart
from pairwright.schemas.errors import ModelError
from pairwright.schemas.request import Answer, Reply
from pairwright.schemas.settings import Settings


class Options(Settings):
    pass


class Toy:
    async def sample(self, request):
        asked = Path(os.environ["TOY_ASKED"])
        with asked.open("ab") as file:
            file.write(b".")
            if file.tell() == 20 and asked.name == "deadly":
                raise ModelError("the engine has died")
        text = f"A picture of {request.sampling.seed} things."
        return Reply((Answer(text, "stop"),) * request.n, "toy", 10, 5)


@asynccontextmanager
async def opened(model, options):
    yield Toy()


PART = SamplerPart(options=Options, open=opened, remote=False, summary="toy", source="tests")
"""


def test_a_model_in_the_actors_that_dies_once(
    table: Table,
    url: str,
    ran: Ran,
    hashes: Hashes,
    local_hashes: Hashes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = tmp_path / "parts"
    (parts / "toy-1.0.dist-info").mkdir(parents=True)
    (parts / "toy.py").write_text(_TOY)
    (parts / "toy-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (parts / "toy-1.0.dist-info" / "entry_points.txt").write_text("[pairwright.samplers]\ntoy = toy:PART\n")
    monkeypatch.setenv("PYTHONPATH", str(parts))
    toy = "samplers=[{sampler: toy, model: tiny, n: 1, calls: {concurrency: 1}}]"
    words = ("build", "squba", "--set", toy, "--set", "output.shard_rows=4", "--source", table(40), "--out")
    monkeypatch.setenv("TOY_ASKED", str(tmp_path / "asked"))
    ran(*words, tmp_path / "local")
    monkeypatch.setenv("TOY_ASKED", str(tmp_path / "deadly"))
    said = ran(*words, url, "--executor", "ray", "--workers", "2")
    assert "samplers.0 run in the workers: the run is built in slices" in said
    assert hashes(url) == local_hashes(tmp_path / "local")
    assert (tmp_path / "deadly").stat().st_size == 40 + 1, (
        "one answer was lost with its engine, and asked for again"
    )


def _actors_of(driver: int) -> list[int]:
    """Return the processes of slices that a driver's cluster has."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if b"ray::_SliceActor" in (process / "cmdline").read_bytes() and driver in _ancestors(
                int(process.name)
            ):
                found.append(int(process.name))
    return found


def _ancestors(process: int) -> list[int]:
    parents = []
    while process > 1:
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        parents.append(process)
    return parents
