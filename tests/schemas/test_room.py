"""Rooms: parts of this package, and parts that other packages register."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pairwright.perturbations import ROOM, Perturbation
from pairwright.schemas.errors import PairwrightError, UnknownPartError


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that registers a new perturbation, and one with the name of pairwright's ``jpeg``."""
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    part = "pairwright.perturbations.blank:PART"
    (info / "entry_points.txt").write_text(f"[pairwright.perturbations]\nfog = {part}\njpeg = {part}\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_a_part_of_another_package_is_found(other_package: None) -> None:
    assert "fog" in ROOM.names()
    assert isinstance(ROOM.get("fog"), Perturbation)


def test_a_part_of_this_package_cannot_be_replaced(other_package: None) -> None:
    assert ROOM.names().count("jpeg") == 1
    with pytest.raises(PairwrightError, match=r"the package stranger registers 'jpeg' .* rename"):
        ROOM.get("jpeg")
    assert isinstance(ROOM.get("pixelate"), Perturbation)


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(UnknownPartError, match="Did you mean 'jpeg'"):
        ROOM.get("jpg")


def test_a_part_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("fog", "json:dumps", ROOM.package)
    monkeypatch.setattr("pairwright.schemas.room._entry_points", lambda group, path: {"fog": point})
    with pytest.raises(PairwrightError, match="PART must be Perturbation"):
        ROOM.get("fog")
