"""Disks that are full, and folders that may only be read: real ones, in a mount namespace of their own."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pairwright
from pairwright.recipe import load_recipe

Contents = Callable[[Path], dict[str, bytes]]
Command = Callable[..., list[str]]

FULL = """
out=$1; copy=$2; size=$3; shift 3
mount -t tmpfs -o size=$size none "$out" || exit 77
"$@"; echo "first: $?" >&2
find "$out" -name '*.tmp' >&2
mount -o remount,size=64m "$out"
"$@"; echo "second: $?" >&2
cp -r "$out/." "$copy"
"""

READ_ONLY = """
out=$1; shift
mount --bind "$out" "$out" && mount -o remount,ro,bind "$out" || exit 77
"$@"
"""


@pytest.fixture
def alone() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Return a function that runs a shell script which may mount what it likes, and nobody else sees it."""

    def run(script: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
        command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", *map(str, arguments)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        except FileNotFoundError:
            pytest.skip("needs unshare, of Linux")
        if done.returncode == 77 or "unshare" in done.stderr:
            pytest.skip(f"may not mount anything here: {done.stderr}")
        return done

    return run


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_is_full_and_then_is_not(
    workers: int, table: Any, tmp_path: Path, command: Command, contents: Contents, alone: Any
) -> None:
    source, out, copy = table(40), tmp_path / "out", tmp_path / "copy"
    out.mkdir()
    words = ["--set", "output.shard_rows=5", "--workers", workers]
    run = command("build", "image_dpo", "--source", source, "--out", out, *words)
    done = alone(FULL, out, copy, "500k", *run)
    assert "first: 1\nsecond: 0" in done.stderr, "and no temporary file between the two"
    assert "cannot be written ([Errno 28] No space left on device); free space" in done.stderr
    assert "Traceback" not in done.stderr
    recipe = load_recipe("image_dpo", ["output.shard_rows=5"])
    pairwright.build(recipe, source=source, out=tmp_path / "whole", workers=1)
    assert contents(copy) == contents(tmp_path / "whole")


def test_a_disk_that_is_full_of_answers(
    own: Any, odd_server: Any, tmp_path: Path, command: Command, contents: Contents, alone: Any
) -> None:
    run = own(12)
    run.folder.mkdir()
    done = alone(FULL, run.folder, tmp_path / "copy", "240k", *command("build", run.path))
    assert "first: 1\nsecond: 0" in done.stderr
    assert "free space, or choose another place, then run again" in done.stderr
    assert "Traceback" not in done.stderr
    assert odd_server.answered.total() - len(odd_server.answered) <= 4, "those that could not be stored"
    assert contents(tmp_path / "copy") == contents(own(12, "whole").build().folder)


@pytest.fixture
def finished(table: Any, tmp_path: Path) -> Path:
    return pairwright.build("image_dpo", source=table(6), out=tmp_path / "out", workers=1).folder


def test_nothing_can_be_built_where_nothing_can_be_written(
    finished: Path, table: Any, command: Command, alone: Any
) -> None:
    run = command("build", "image_dpo", "--source", table(6), "--out", finished)
    done = alone(READ_ONLY, finished, *run)
    assert done.returncode == 1
    assert f"cannot write to {finished}: Read-only file system" in done.stderr


@pytest.mark.parametrize("verb", ["show", "status", "validate"])
def test_a_run_can_be_looked_at_where_nothing_can_be_written(
    verb: str, finished: Path, command: Command, alone: Any
) -> None:
    done = alone(READ_ONLY, finished, *command(verb, finished))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_report_can_be_written_elsewhere(
    finished: Path, tmp_path: Path, command: Command, alone: Any
) -> None:
    done = alone(READ_ONLY, finished, *command("report", finished))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert (
        alone(READ_ONLY, finished, *command("report", finished, "--out", tmp_path / "r.html")).returncode == 0
    )
    assert (tmp_path / "r.html").exists()
