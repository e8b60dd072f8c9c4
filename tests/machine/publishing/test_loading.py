"""A published set loaded back with ``datasets``, and what is said where that does not go."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import pairwright
from pairwright.schemas.errors import PublishError, RunError

datasets = pytest.importorskip("datasets")
pytestmark = pytest.mark.filterwarnings(
    "ignore:Use 'content=:DeprecationWarning"
)  # of the client's own calls

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    """Nothing is taken from the caches of whoever runs the tests."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def untouched(loaded):
    """Return the rows of a loaded set with the bytes of its pictures."""
    for column in ("images", "rejected_images"):
        if column in loaded.column_names:
            loaded = loaded.cast_column(column, datasets.Sequence(datasets.Image(decode=False)))
    return loaded.to_list()


def stored(folder):
    return [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def bytes_of(rows, column):
    return [[one["bytes"] for one in row[column] or ()] for row in rows]


def same(loaded, rows):
    """Tell whether a loaded set has these rows: the bytes of the pictures, and all columns but them."""
    found = untouched(loaded)
    pictures = [column for column in ("images", "rejected_images") if column in rows[0]]
    assert all(bytes_of(found, column) == bytes_of(rows, column) for column in pictures)
    rest = [{key: value for key, value in row.items() if key not in pictures} for row in found]
    return rest == [{key: value for key, value in row.items() if key not in pictures} for row in rows]


@pytest.mark.parametrize(
    ("config", "folder"), [(None, "data"), ("default", "data"), ("visual_negative", "visual_negative")]
)
def test_the_folder_of_a_run(photos, config, folder):
    run = photos()
    assert same(pairwright.load(run, config=config), stored(run / folder))
    assert len(pairwright.load(str(run), split="train[:2]")) == 2
    assert list(pairwright.load(run, split=None)) == ["train"]


def test_candidates_of_a_run(rated):
    assert same(pairwright.load(rated, config="candidates"), stored(rated / "candidates"))


def test_a_config_that_is_not_there(photos):
    with pytest.raises(PublishError, match="BuilderConfig 'ties' not found"):
        pairwright.load(photos(), config="ties")


def test_a_folder_that_cannot_be_loaded(tmp_path):
    with pytest.raises(RunError, match=r"has no README\.md"):
        pairwright.load(tmp_path)


def in_a_process(hub, tmp_path, *command: str) -> str:
    """Run a command as somebody would who has set HF_ENDPOINT."""
    env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    env |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": "hf_write"}
    env |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_built_pushed_and_loaded_back(hub, photos, tmp_path):
    run = photos()
    told = in_a_process(
        hub, tmp_path, sys.executable, "-m", "pairwright", "push", str(run), "team/photos", "--private"
    )
    assert "version 1 is published" in told
    check = str(ROOT / "tests" / "compat" / "load_published.py")
    told = in_a_process(hub, tmp_path, sys.executable, check, str(run), "team/photos")
    assert told.splitlines() == [
        "default: 6 rows, equal",
        "visual_negative: 6 rows, equal",
        "nothing else of the kind",
    ]
