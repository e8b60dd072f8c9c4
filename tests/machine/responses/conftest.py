"""An installed package that brings samplers, goes of runs as processes, and short ways to ask."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pairwright.samplers import CallSettings, Model, Prices
from pairwright.schemas.request import Message, Request, Sampling

HERE = Path(__file__).parent


@dataclass(frozen=True)
class World:
    """A store, and the folder where the echo sampler writes down what it was asked."""

    folder: Path
    paths: tuple[str, ...]

    @property
    def store(self) -> Path:
        return self.folder / "responses.sqlite"

    def model(self, **settings: Any) -> Model:
        return Model(**{"sampler": "echo", "model": "m", "options": {"folder": str(self.folder)}} | settings)

    def log(self, begin: str = "asked") -> list[str]:
        path = self.folder / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.removeprefix(begin).strip() for line in lines if line.startswith(begin)]

    def go(self, requests: list[tuple[str, int, int]], **told: Any) -> "subprocess.Popen[str]":
        """Start a go; :func:`answers_of` waits for it."""
        model = told.pop("model", self.model()).model_dump(mode="json")
        order = {"store": str(self.store), "run": "run", "model": model, "requests": requests} | told
        started = subprocess.Popen(
            [sys.executable, "-P", str(HERE / "go.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(self.paths)},
        )
        assert started.stdin is not None
        started.stdin.write(json.dumps(order))
        started.stdin.close()
        started.stdin = None
        return started


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    info = tmp_path / "package" / "echo-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: echo\nVersion: 1.0\n")
    parts = "echo = echo_sampler:PART\nengine = echo_sampler:IN_PROCESS\n"
    (info / "entry_points.txt").write_text(f"[pairwright.samplers]\n{parts}")
    paths = (str(info.parent), str(HERE))
    for path in paths:
        monkeypatch.syspath_prepend(path)
    folder = tmp_path / "world"
    folder.mkdir()
    return World(folder, paths)


@pytest.fixture
def answers_of() -> Callable[["subprocess.Popen[str]"], dict[str, Any]]:
    """Return a function that waits for a go and returns what it printed."""

    def wait(started: "subprocess.Popen[str]") -> dict[str, Any]:
        out, err = started.communicate(timeout=60)
        assert started.returncode == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    return wait


@pytest.fixture
def request_of() -> Callable[..., Request]:
    def make(text: str, *, n: int = 1, first: int = 0, **sampling: Any) -> Request:
        return Request((Message("user", (text,)),), Sampling(**sampling), n=n, first=first)

    return make


@pytest.fixture
def priced(world: World) -> Model:
    """Ten prompt tokens, four of them cached, and two answer tokens a sample: 1000 calls cost 6 + 2 + 20 millidollars."""
    prices = Prices(input=1.0, output=10.0, cached_input=0.5)
    return world.model(prices=prices, calls=CallSettings(concurrency=4))
