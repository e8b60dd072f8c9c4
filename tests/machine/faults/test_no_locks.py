"""A file system that knows no locks: the C library is made to say so, for the command line and what it starts."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from going import command
from sameness import parts

import pairwright
from pairwright.recipe import load_recipe
from pairwright.runs import locks
from pairwright.runs.folder import locked
from pairwright.runs.slices import slices_in
from pairwright.schemas.errors import RunError

Done = subprocess.CompletedProcess[str]

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

int flock(int file, int operation) { errno = ANSWER; return -1; }

#define PASSED_ON(name) \\
int name(int file, int command, ...) { \\
    va_list given; va_start(given, command); void *argument = va_arg(given, void *); va_end(given); \\
    if (command == F_SETLK || command == F_SETLKW || command == F_GETLK) { errno = ANSWER; return -1; } \\
    return ((int (*)(int, int, ...)) dlsym(RTLD_NEXT, #name))(file, command, argument); \\
}
PASSED_ON(fcntl)
PASSED_ON(fcntl64)
"""
WARNING = "this file system knows no locks, so two runs on one folder would not notice each other"
SETS = ("--set", "output.shard_rows=5")


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function: a library to load before all others, whose locks fail with that error."""
    folder = tmp_path_factory.mktemp("shim")

    def made(answer: str) -> Path:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("needs a C compiler")
        (folder / "shim.c").write_text(SHIM)
        library = folder / f"{answer}.so"
        words = ["-shared", "-fPIC", f"-DANSWER={answer}", "-o", str(library), "shim.c", "-ldl"]
        subprocess.run([compiler, *words], cwd=folder, check=True)
        return library

    return made


@pytest.fixture
def without_locks(shim: Callable[[str], Path]) -> Callable[..., Done]:
    """Return a function that runs the command line where no file can be locked."""

    def run(*arguments: object, answer: str = "ENOLCK") -> Done:
        surroundings = os.environ | {"LD_PRELOAD": str(shim(answer))}
        told = command(*arguments)
        return subprocess.run(
            told, env=surroundings, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in this process."""

    def refused(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)


@pytest.mark.parametrize("answer", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_a_build_goes_on_and_says_it_once(
    answer: str, table: Any, tmp_path: Path, without_locks: Any
) -> None:
    out, source = tmp_path / "out", table(20)
    done = without_locks(
        *("build", "image_dpo", "--source", source, "--out", out, *SETS, "--workers", 2), answer=answer
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(WARNING) == 1
    recipe = load_recipe("image_dpo", SETS[1:])
    pairwright.build(recipe, source=source, out=tmp_path / "whole", workers=1)
    assert parts(out) == parts(tmp_path / "whole")


def test_status_cannot_tell_running_from_stopped(table: Any, tmp_path: Path, without_locks: Any) -> None:
    out = tmp_path / "out"
    pairwright.build(load_recipe("image_dpo", SETS[1:]), source=table(20), out=out, workers=1)
    told = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(told | {"status": "running"}))
    done = without_locks("status", out, "--json")
    [standing] = json.loads(done.stdout)
    assert (standing["state"], standing["seconds_left"]) == ("running or stopped", None)


def test_slices_are_joined(table: Any, tmp_path: Path, without_locks: Any) -> None:
    out, source = tmp_path / "out", table(20)
    for index in range(2):
        done = without_locks(
            "build", "image_dpo", "--source", source, "--out", out, *SETS, "--shard", f"{index}/2"
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.count(WARNING) == 1
    recipe = load_recipe("image_dpo", SETS[1:])
    pairwright.build(recipe, source=source, out=tmp_path / "whole", workers=1)
    assert parts(out) == parts(tmp_path / "whole")
    assert slices_in(out) == {}


def test_slices_are_joined_by_one_process_alone(
    table: Any, tmp_path: Path, no_locks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one is at it, as the folder says that stands in for a lock, and was killed."""
    monkeypatch.setattr(locks, "_PATIENCE_S", 0.2)
    out, source, recipe = tmp_path / "out", table(20), load_recipe("image_dpo", SETS[1:])
    pairwright.build(recipe, source=source, out=out, workers=1, shard="0/2")
    (out / "slices" / ".joining").mkdir()
    for _ in range(2):
        with pytest.raises(RunError, match=r"another process is at it, as \S+\.joining says, or was killed"):
            pairwright.build(recipe, source=source, out=out, workers=1, shard="1/2")
    (out / "slices" / ".joining").rmdir()
    pairwright.build(recipe, source=source, out=out, workers=1, shard="1/2")
    pairwright.build(recipe, source=source, out=tmp_path / "whole", workers=1)
    assert parts(out) == parts(tmp_path / "whole")


def test_a_join_that_fails_leaves_nothing_in_the_way(tmp_path: Path, no_locks: None) -> None:
    stand_in = tmp_path / "slices" / ".joining"
    stand_in.parent.mkdir()

    def join() -> None:
        with locked(tmp_path, stand_in=stand_in):
            assert stand_in.is_dir()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        join()
    assert not stand_in.exists()


def test_a_response_store_is_told_where_it_can_be(own: Any, odd_server: Any, without_locks: Any) -> None:
    done = without_locks("build", own(4).path)
    assert done.returncode == 1
    assert "responses.sqlite cannot be locked" in done.stderr
    assert "place it on a local disk, for example with --set output.responses=PATH" in done.stderr
    assert "Traceback" not in done.stderr
    assert not odd_server.answered


def test_a_lock_that_fails_otherwise_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(file: object, operation: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", failing)
    with pytest.raises(RunError, match=r"cannot lock \S+\.lock: Input/output error"), locked(tmp_path):
        pass
