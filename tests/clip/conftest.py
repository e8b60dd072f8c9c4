"""Fixtures of the tests that need open_clip: they run in an environment of its own (`make test-clip`), elsewhere not."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from start import running

HERE = Path(__file__).resolve().parent
if importlib.util.find_spec("open_clip") is None:
    collect_ignore_glob = ["test_*.py"]

# Read when torch is imported, which only fixtures and tests do.
os.environ.update(
    HF_HUB_OFFLINE="1",
    OMP_NUM_THREADS="1",  # threads that spin while they wait take the cores from each other
)


def _loaded(name: str, path: Path) -> ModuleType:
    """Return a module of tests by its path: test folders are no packages."""
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def drawing() -> ModuleType:
    """The module that draws pictures and writes captions: scenes, `draw`, `caption`, `changed`."""
    return _loaded("tiny_clip", HERE / "tiny_clip.py")


@pytest.fixture(scope="session")
def tiny_clip(drawing: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name under which open_clip loads the tiny model: `local-dir:` and its folder.

    Trained once in a session; `TINY_CLIP` names the folder of one that was trained before, to save that minute.
    """
    if ready := os.environ.get("TINY_CLIP"):
        return f"local-dir:{ready}"
    return f"local-dir:{drawing.make(tmp_path_factory.mktemp('model') / 'tiny')}"


@pytest.fixture(scope="session")
def double() -> Iterator[Any]:
    """The HTTP double, one process for all tests; it has the model `tiny`."""
    with running("--models", "tiny", "--keep", "0") as double:
        yield double


@pytest.fixture(scope="session")
def photographs() -> list[Path]:
    """Real photographs of things, of shared data that the checkout may lack."""
    folder = HERE.parents[2] / "shared" / "data" / "cc0-coco-objects" / "images"
    if not folder.is_dir():
        pytest.skip("no shared data beside this checkout")
    return sorted(folder.glob("*.jpg"))


@pytest.fixture
def trying(double: Any, tiny_clip: str, tmp_path: Path) -> Any:
    """Builds a recipe of an encoder twice, once with faults and a kill: `surviving.Surroundings`; `Trial` says what."""
    surviving = _loaded("surviving", HERE / "surviving.py")

    def trial(**told: Any) -> Any:
        return surviving.Trial(**told)

    return surviving.Surroundings(double, tiny_clip, tmp_path), trial
