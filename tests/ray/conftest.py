"""Fixtures of the tests that need Ray: they run in an environment of its own (`make test-ray`), elsewhere not."""

import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from drawn import drawn_pictures, write_table
from going import NOT_NICE

if importlib.util.find_spec("ray") is None:
    collect_ignore_glob = ["test_*.py"]

MARK = "PAIRWRIGHT_TESTS_OF_RAY"
"""Environment variable that every process of a cluster which these tests start has inherited."""

_TOY = '''"""A model in this process that answers by the seed, and dies when a file in TOY_DEATHS says so."""
import os
from contextlib import asynccontextmanager
from pathlib import Path

from pairwright.samplers import SamplerPart
from pairwright.schemas.errors import ModelError
from pairwright.schemas.request import Answer, Reply
from pairwright.schemas.settings import Settings


class Options(Settings):
    """None."""


class Toy:
    async def sample(self, request):
        folder = os.environ.get("TOY_DEATHS")
        for way in Path(folder).glob("*") if folder else ():
            if way.name == "at_once":
                raise ModelError("the engine does not start")
            asked = int(way.read_text() or 0) + 1
            way.write_text(str(asked))
            if asked in (9, 18):
                if way.name == "killed":
                    os._exit(1)
                raise ModelError("the engine has died")
        seed = request.sampling.seed
        return Reply((Answer(f"A picture of {seed} things.", "stop"),) * request.n, "toy", 10, 5)


@asynccontextmanager
async def opened(model, options):
    yield Toy()


PART = SamplerPart(options=Options, open=opened, remote=False, summary="toy", source="tests")
'''

_PARTS = {
    "buggy": "raise ZeroDivisionError('bug')",
    "deadly": "os._exit(1)",
}


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A package with perturbations that go wrong, for this process and all that come of it; ends what a test has left."""
    folder = tmp_path_factory.mktemp("parts")
    for name, body in _PARTS.items():
        (folder / f"{name}.py").write_text(_part(name, body))
    described = folder / "wrong-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: wrong\nVersion: 1.0\n")
    (folder / "toy.py").write_text(_TOY)
    points = "\n".join(f"{name} = {name}:PART" for name in _PARTS)
    (described / "entry_points.txt").write_text(
        f"[pairwright.perturbations]\n{points}\n[pairwright.samplers]\ntoy = toy:PART\n"
    )
    os.environ.update(
        {MARK: uuid4().hex, "PYTHONPATH": str(folder), "RAY_USAGE_STATS_ENABLED": "0", **NOT_NICE}
    )
    sys.path.insert(0, str(folder))
    yield folder
    for process in marked():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _part(name: str, body: str) -> str:
    return f'''"""Goes wrong."""
import os
from dataclasses import dataclass
from pairwright.perturbations import Perturbation


@dataclass(frozen=True)
class Params:
    pass


def _apply(image, params):
    {body}


PART = Perturbation(params=Params, apply=_apply, summary="{name}", source="tests")
'''


def marked(*words: str) -> list[int]:
    """Return the ids of all processes of these tests but this one, with any of these words in their names."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            command = (process / "cmdline").read_bytes()
            named = not words or any(word.encode() in command for word in words)
            if named and mark in (process / "environ").read_bytes() and int(process.name) != os.getpid():
                found.append(int(process.name))
    return found


@pytest.fixture(scope="session")
def processes() -> Callable[..., list[int]]:
    """Return the ids of processes of these tests by a word in their names."""
    return marked


@pytest.fixture(scope="session")
def cluster(surroundings: Path) -> Iterator[Any]:
    """A cluster of one node that lasts as long as the tests; builds in this process find themselves connected with it."""
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=100_000_000,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield ray
    ray.shutdown()


@pytest.fixture(scope="session")
def pictures() -> list[bytes]:
    """Forty pictures, as JPEG files."""
    return drawn_pictures()


@pytest.fixture
def table(tmp_path: Path, pictures: list[bytes]) -> Callable[[int], Path]:
    """Return a function that writes a Parquet source of so many rows."""
    return lambda rows: write_table(tmp_path / "photos.parquet", rows, pictures)
