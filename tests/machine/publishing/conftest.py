"""Finished runs, and a Hub: a double that the real client talks to over HTTP."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from hub_server import Hub
from huggingface_hub import constants
from huggingface_hub.utils import disable_progress_bars

from pairwright.api import build

TOKEN = "hf_write"
Built = Callable[..., Path]

RECIPE = """
name: photos
source: {{path: {source}, license: {license}}}
builder: visual_negative
parameters:
  perturbations: [{{name: gaussian_blur, params: {{radius: [6, 12]}}}}]
output: {{path: {out}, shard_rows: 4, pretty_name: Photographs}}
seed: {seed}
"""


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """The double, one for all tests."""
    server = Hub()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hub(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The double with nothing in it, and a client that asks it, logged in, and does not wait between attempts."""
    server.reset()
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-login"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    huggingface_hub.close_session()
    yield server
    huggingface_hub.close_session()


@pytest.fixture
def built(tmp_path: Path) -> Built:
    """Return a function that builds image negatives from a source, and keeps the text pairs that it has."""

    def make(source: Path, *, name: str = "run", license: str = "cc-by-4.0", seed: int = 0) -> Path:
        recipe, out = tmp_path / f"{name}.yaml", tmp_path / name
        recipe.write_text(RECIPE.format(source=source, license=license, out=out, seed=seed))
        build(recipe, workers=1)
        return out

    return make


@pytest.fixture
def photos(table: Callable[..., Path], built: Built) -> Built:
    """Return a function that builds a run of text pairs and image negatives from a number of rows."""

    def make(rows: int = 6, *, name: str = "run", license: str = "cc-by-4.0", seed: int = 0) -> Path:
        source = table(rows, pairs=True, name=f"{name}.parquet")
        return built(source, name=name, license=license, seed=seed)

    return make


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory, photographs: list[bytes]) -> Path:
    """A run of two text pairs and two image negatives, built once for all tests."""
    folder = tmp_path_factory.mktemp("built-once")
    told = [("What is this?", "A photograph.", "A painting."), ("Is it there?", "Yes.", "No.")]
    rows = [
        {"question": question, "chosen": chosen, "rejected": rejected, "image": f"{number}.jpg"}
        for number, (question, chosen, rejected) in enumerate(told)
    ]
    for number in range(len(told)):
        (folder / f"{number}.jpg").write_bytes(photographs[number])
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = RECIPE.format(source=folder / "pairs.jsonl", license="mit", out=folder / "run", seed=0)
    (folder / "recipe.yaml").write_text(recipe)
    build(folder / "recipe.yaml", workers=1)
    return folder / "run"


@pytest.fixture
def run(built_once: Path, tmp_path: Path) -> Path:
    """A copy of a small run, for a test to do with as it likes."""
    return Path(shutil.copytree(built_once, tmp_path / "small"))


@pytest.fixture
def rated(tmp_path: Path, photographs: list[bytes]) -> Path:
    """A run of pairs by scores that came with the source, with the config candidates."""
    (tmp_path / "images").mkdir()
    lines = []
    for number in range(5):
        (tmp_path / "images" / f"{number}.jpg").write_bytes(photographs[number])
        answers = [{"text": f"Answer {x} to {number}.", "score": x, "model": f"model-{x}"} for x in range(3)]
        row = {"id": f"q{number}", "question": f"What is {number}?", "image": f"images/{number}.jpg"}
        lines.append(json.dumps(row | {"candidates": answers}))
    source = tmp_path / "rated.jsonl"
    source.write_text("\n".join(lines) + "\n")
    build("interactive_cot", source=source, out=tmp_path / "rated")
    return tmp_path / "rated"
