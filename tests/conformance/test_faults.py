"""What goes wrong around a run is told in the same words by every executor, and the same command goes on when it is gone."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from going import Executor, Go, Work, build, commands_of, gone, ran, shards_done, waited
from mounts import full_and_then_not, read_only
from sameness import STORE, answered, contents, differences

WHOLE = "CONFORMANCE" in os.environ
EXECUTORS = [*(["one"] if WHOLE else []), "several", "sliced", "standing"]
Works = Callable[[str, str], Work]
Wholes = Callable[[Work], Path]


@contextmanager
def begun(executor: Executor, work: Work, out: Path, shards: int = 3) -> Iterator[Go]:
    """A run that has built some shards."""
    with gone(Go(out, commands_of(executor, work, out)), executor.environment) as go:
        waited(lambda: shards_done(out) >= shards or not go.living(), "some shards", go.dump)
        yield go


def told(go: Go, sent: signal.Signals) -> None:
    for process in go.living():
        os.kill(process, sent)


def stopped(executor: Executor, work: Work, out: Path) -> None:
    """Leave a run that was told to end in the middle."""
    with begun(executor, work, out) as go:
        told(go, signal.SIGINT)
        assert 130 in go.ended(), go.said


@pytest.mark.parametrize("executor", EXECUTORS, indirect=True)
def test_a_second_run_on_the_same_folder(
    executor: Executor, works: Works, whole: Wholes, tmp_path: Path
) -> None:
    work, out = works("image", "parquet"), tmp_path / "out"
    with begun(executor, work, out, shards=1) as first:
        told(first, signal.SIGSTOP)
        statuses, said = ran(commands_of(executor, work, out), out, executor.environment)
        assert set(statuses) == {1}
        assert said.count("another process is building into") == len(statuses)
        told(first, signal.SIGCONT)
        assert set(first.ended()) == {0}, first.said
    assert differences(contents(out), contents(whole(work))) == []


@pytest.mark.parametrize("executor", EXECUTORS, indirect=True)
def test_what_was_changed_between_two_goes(
    executor: Executor, works: Works, whole: Wholes, tmp_path: Path
) -> None:
    """Another source is refused, before anything is built; a part that was cut short is built again."""
    work, out = works("image", "parquet"), tmp_path / "out"
    stopped(executor, work, out)
    parts = sorted(out.rglob("train-*.parquet"))
    parts[0].write_bytes(parts[0].read_bytes()[:1000])
    good, before = work.source.read_bytes(), shards_done(out)
    work.source.write_bytes(works("models", "parquet").source.read_bytes())
    try:
        statuses, said = ran(commands_of(executor, work, out), out, executor.environment)
    finally:
        work.source.write_bytes(good)
    assert set(statuses) == {1}
    assert said.count(f"source file {work.source.name} has changed") == len(statuses)
    assert shards_done(out) == before
    build(executor, work, out)
    assert differences(contents(out), contents(whole(work))) == []


@pytest.mark.parametrize("executor", [*(["one"] if WHOLE else []), "sliced"], indirect=True)
def test_a_response_store_that_is_cut_short(
    executor: Executor, works: Works, whole: Wholes, server: Any, tmp_path: Path
) -> None:
    work, out = works("models", "parquet"), tmp_path / "out"
    same = contents(whole(work), killed=True)
    server.start_anew()
    stopped(executor, work, out)
    store = next(path for path in sorted(out.rglob(STORE)) if path.stat().st_size > 4096)
    kept, there = store.read_bytes(), len(answered(out))
    store.write_bytes(kept[:4096])
    statuses, said = ran(commands_of(executor, work, out), out, executor.environment)
    assert 1 in statuses
    assert f"{STORE} is damaged" in said
    store.write_bytes(kept)
    build(executor, work, out)
    stats = server.stats()
    assert 0 < there <= stats["paid_for_rows"] == len(answered(out))
    assert stats["paid_again"] == 0
    assert differences(contents(out, killed=True), same) == []


@pytest.mark.parametrize("executor", [*EXECUTORS[:-1], "ray"], indirect=True)
def test_a_folder_that_may_only_be_read(executor: Executor, works: Works, tmp_path: Path) -> None:
    work, out = works("image", "parquet"), tmp_path / "out"
    out.mkdir()
    commands = commands_of(executor, work, out)
    done = read_only(commands, out)
    assert done.returncode == 1
    assert done.stderr.count(f"cannot write to {out}") == len(commands)
    assert "Read-only file system" in done.stderr


@pytest.mark.parametrize("executor", [*EXECUTORS[:-1], *(["ray"] if WHOLE else [])], indirect=True)
def test_a_disk_that_is_full_and_then_is_not(
    executor: Executor, works: Works, whole: Wholes, tmp_path: Path
) -> None:
    work, out, copy = works("image", "parquet"), tmp_path / "out", tmp_path / "copy" / "out"
    same = contents(whole(work))
    out.mkdir()
    copy.parent.mkdir()
    commands = commands_of(executor, work, out)
    done = full_and_then_not(commands, out, copy, "300k")
    between, _, after = done.stderr.partition("first: 1\n")[2].rpartition("second: ")
    assert after.strip() == "0", done.stderr
    assert ".tmp" not in between
    assert re.search(r"cannot be written \(\[Errno 28\] .*No space left on device\); free space", done.stderr)
    assert "Traceback" not in done.stderr
    assert differences(contents(copy), same) == []
