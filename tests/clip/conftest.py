"""Fixtures of the tests that need open_clip: they run in an environment of its own (`make test-clip`), elsewhere not."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent
if importlib.util.find_spec("open_clip") is None:
    collect_ignore_glob = ["test_*.py"]

# Read when torch is imported, which only fixtures and tests do.
os.environ.update(
    HF_HUB_OFFLINE="1",
    OMP_NUM_THREADS="1",  # threads that spin while they wait take the cores from each other
)


@pytest.fixture(scope="session")
def drawing() -> ModuleType:
    """The module that draws pictures and writes captions: scenes, `draw`, `caption`, `changed`."""
    specification = importlib.util.spec_from_file_location("tiny_clip", HERE / "tiny_clip.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["tiny_clip"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny_clip(drawing: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name under which open_clip loads the tiny model: `local-dir:` and its folder.

    Trained once in a session; `TINY_CLIP` names the folder of one that was trained before, to save that minute.
    """
    if ready := os.environ.get("TINY_CLIP"):
        return f"local-dir:{ready}"
    return f"local-dir:{drawing.make(tmp_path_factory.mktemp('model') / 'tiny')}"
