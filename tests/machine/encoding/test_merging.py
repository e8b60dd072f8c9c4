"""Files of vectors of several slices become one: nothing is lost, first come stays, and merged once more nothing changes."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from pairwright.annotators import Encoding
from pairwright.encoding.merging import merge_vectors
from pairwright.encoding.store import AttackedFile, Entry, key_of, open_vectors
from pairwright.schemas.attack import Figures
from pairwright.schemas.errors import RunError


def entry(identity: str, text: str, value: float) -> Entry:
    return Entry(key_of(identity, "text", text), "text", Encoding(np.array([value], np.float32), value > 1))


def attacked(name: str) -> AttackedFile:
    return AttackedFile(name.encode(), Figures(1.0, 2.0, 3.0, 4.0))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files that met the same two encoders in another order."""
    paths = [tmp_path / "one.sqlite", tmp_path / "two.sqlite"]
    for path, identities in zip(paths, (("a", "b"), ("b", "a")), strict=True):
        with open_vectors(path, path.stem) as store:
            for identity in identities:
                number = store.number_of(identity, f"model {identity}")
                own = [entry(identity, "both", 1.0), entry(identity, path.stem, 2.0)]
                store.put(number, own)
                key = key_of(identity, "attack", path.stem)
                store.put_attacked(number, {key: attacked(f"{identity} {path.stem}")})
    return paths


@pytest.mark.parametrize("times", [1, 2])
def test_all_is_there_under_its_encoder(files: list[Path], tmp_path: Path, times: int) -> None:
    for _ in range(times):
        merge_vectors(files, tmp_path / "into.sqlite", run="run")
    with open_vectors(tmp_path / "into.sqlite", "run") as store:
        for identity in ("a", "b"):
            number = store.number_of(identity, "another name")
            assert store.counts(number) == {"text": 3, "attack": 2}
            for name in ("one", "two"):
                found = store.get(key_of(identity, "text", name))
                assert found is not None
                assert (found.vector.tolist(), found.cut) == ([2.0], True)
                assert store.attacked(key_of(identity, "attack", name)) == attacked(f"{identity} {name}")


def test_another_file_is_refused_by_name(files: list[Path], tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "strange.sqlite") as strange:
        strange.execute("CREATE TABLE mine (x)")
    with pytest.raises(RunError, match=r"strange\.sqlite"):
        merge_vectors([files[0], tmp_path / "strange.sqlite"], tmp_path / "into.sqlite", run="run")
    with pytest.raises(RunError, match=r"strange\.sqlite"):
        merge_vectors(files, tmp_path / "strange.sqlite", run="run")
