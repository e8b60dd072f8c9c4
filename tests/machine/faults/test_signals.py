"""Signals in the middle of a run: told once, told twice, killed, stopped for a while."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from going import command
from sameness import parts

import pairwright
from pairwright.recipe import load_recipe


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited a minute for {what}"
        time.sleep(0.01)


@contextmanager
def at_work(command: list[str], begun: Callable[[], object]) -> Iterator["subprocess.Popen[str]"]:
    """A run as a process group of its own, once ``begun`` says so; killed at the end, if it is still there."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    try:
        until(lambda: begun() or process.poll() is not None, "the run to begin")
        assert process.poll() is None, process.communicate()
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize(("sent", "times"), [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 2)])
def test_a_run_of_pictures_is_told_to_end(
    sent: signal.Signals, times: int, table: Any, tmp_path: Path
) -> None:
    source, out, size = table(80), tmp_path / "out", "output.shard_rows=4"
    manifest = out / "manifest.jsonl"
    run = command("build", "image_dpo", "--source", source, "--out", out, "--set", size, "--workers", 2)
    with at_work(run, lambda: manifest.exists() and manifest.stat().st_size) as process:
        for _ in range(times):
            process.send_signal(sent)
            time.sleep(0.02)
        _, told = process.communicate(timeout=60)
    # The second may come when all is said and done, and Python, on its way out, has given up its handlers.
    assert process.returncode in (130, *((-sent,) if times > 1 else ()))
    assert "the same command goes on from there" in told
    assert "Traceback" not in told
    for folder in (out, tmp_path / "whole"):
        pairwright.build(load_recipe("image_dpo", [size]), source=source, out=folder, workers=1)
    assert parts(out) == parts(tmp_path / "whole")


@pytest.mark.parametrize("times", [1, 2])
def test_a_run_of_models_is_told_to_end(times: int, own: Any, odd_server: Any) -> None:
    """Answers that are under way are waited for the first time, and given up the second."""
    run, odd_server.slow_s = own(12, timeout_s=60), 0.6
    with at_work(command("build", run.path), lambda: len(odd_server.answered) >= 4) as process:
        until(lambda: odd_server.asked > len(odd_server.answered), "a call under way")
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in told
    assert "Traceback" not in told
    until(lambda: odd_server.asked == odd_server.answered.total(), "the last answer")
    odd_server.slow_s = 0
    before = odd_server.answered.total()
    run.build()
    again = odd_server.answered.total() - len(odd_server.answered)
    assert again <= (0 if times == 1 else 4)
    assert odd_server.answered.total() - before < 12
    assert parts(run.folder) == parts(own(12, "whole").build().folder)


def test_stopped_for_a_while(own: Any, odd_server: Any) -> None:
    run, odd_server.slow_s = own(12, timeout_s=60), 0.1
    with at_work(command("build", run.path), lambda: len(odd_server.answered) >= 2) as process:
        os.killpg(process.pid, signal.SIGSTOP)
        other = subprocess.run(command("build", run.path), capture_output=True, text=True, check=False)
        assert (other.returncode, "another process is building into" in other.stderr) == (1, True)
        os.killpg(process.pid, signal.SIGCONT)
        assert process.wait(60) == 0
    assert set(odd_server.answered.values()) == {1}
    assert parts(run.folder) == parts(own(12, "whole").build().folder)
