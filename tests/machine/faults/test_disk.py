"""Disks that are full, and folders that may only be read: real ones, in a mount namespace of their own."""

from pathlib import Path
from typing import Any

import pytest
from going import command
from mounts import full_and_then_not, read_only
from sameness import parts

import pairwright


def test_a_disk_that_is_full_of_answers(own: Any, odd_server: Any, tmp_path: Path) -> None:
    run = own(
        12, timeout_s=20
    )  # on a loaded machine half a second is not enough, and an answer too late is paid again
    run.folder.mkdir()
    done = full_and_then_not([command("build", run.path)], run.folder, tmp_path / "copy", "240k")
    assert "first: 1\nsecond: 0" in done.stderr
    assert "free space, or choose another place, then run again" in done.stderr
    assert "Traceback" not in done.stderr
    assert odd_server.answered.total() - len(odd_server.answered) <= 4, "those that could not be stored"
    assert parts(tmp_path / "copy") == parts(own(12, "whole", timeout_s=20).build().folder)


@pytest.fixture
def finished(table: Any, tmp_path: Path) -> Path:
    return pairwright.build("image_dpo", source=table(6), out=tmp_path / "out", workers=1).folder


@pytest.mark.parametrize("verb", ["show", "status", "validate"])
def test_a_run_can_be_looked_at_where_nothing_can_be_written(verb: str, finished: Path) -> None:
    done = read_only([command(verb, finished)], finished)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_report_can_be_written_elsewhere(finished: Path, tmp_path: Path) -> None:
    there, elsewhere = command("report", finished), command("report", finished, "--out", tmp_path / "r.html")
    done = read_only([there], finished)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert read_only([elsewhere], finished).returncode == 0
    assert (tmp_path / "r.html").exists()
