"""A recipe from the command line over real photographs and the HTTP double: built in peace, and built with faults and a kill."""

import io
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pairwright
from pairwright.cli import main
from pairwright.runs import manifest

_STORED = 6
"""Answers that are stored when a build is killed."""

_FAULTS = {
    "rate_limit": 0.05,
    "server_error": 0.1,
    "unavailable": 0.05,
    "cut_middle": 0.05,
    "null_content": 0.05,
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What is built, and over what."""

    recipe: str
    source: Path
    models: Sequence[str]
    """Where its models stand; all are the double's ``tiny``."""
    sets: Sequence[str] = ()
    rules: Sequence[dict[str, Any]] = ()
    """What the double is to say."""
    encoder: str = "encoders=[%s]"
    """How its encoder is set."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where trials are made."""

    double: Any
    encoder: str
    """Name of the tiny model."""
    folder: Path

    def command(self, verb: str, trial: Trial, out: Path) -> list[str]:
        """Return the arguments of a build or a check."""
        told = [
            trial.encoder % f"{{params: {{model: '{self.encoder}'}}, device: cpu, batch_size: 8}}",
            *(f"{place}.model=tiny" for place in trial.models),
            *(f"{place}.base_url={self.double.url}" for place in trial.models),
            *(f"{place}.calls={{concurrency: 2, retries: 40}}" for place in trial.models),
            *trial.sets,
        ]
        sets = [argument for line in told for argument in ("--set", line)]
        return [verb, trial.recipe, "--source", str(trial.source), "--out", str(out), *sets]

    def check(self, trial: Trial) -> str:
        """Return what ``pairwright check`` prints."""
        return _run(self.command("check", trial, self.folder / "checked"))

    def survive(self, trial: Trial) -> Path:
        """Build twice, the second time with faults and killed once; return that run's folder.

        The one that is killed is a process of its own. The others run in this one, which has loaded torch already.

        What holds for every recipe is checked here: the same bytes, nothing paid twice but what was under way at the kill,
        no picture or text encoded twice, all rows accounted for, and a report can be written.
        """
        self.double.reset()
        self.double.rules(list(trial.rules))
        whole, killed = self.folder / "whole", self.folder / "killed"
        _run(self.command("build", trial, whole))
        self.double.reset()
        self.double.rules(list(trial.rules))
        self.double.faults(rates=_FAULTS, seed=5, latency_ms=40, retry_after=0.2)
        _kill_once(self.command("build", trial, killed), killed / "responses.sqlite")
        self.double.faults(latency_ms=0)
        _run(self.command("build", trial, killed))
        assert _files(killed) == _files(whole)
        stats = self.double.stats()
        assert stats["paid"] - stats["paid_distinct"] <= 4 * len(trial.models)
        counts = manifest.total(manifest.read(killed))
        assert counts.rows == counts.paired + counts.rejected
        assert pairwright.validate(killed) == []
        pairwright.write_report(killed)
        return killed


def _run(arguments: list[str]) -> str:
    """Run the command line in this process; return what it prints."""
    said = io.StringIO()
    with redirect_stdout(said), pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code
    return said.getvalue()


def _kill_once(arguments: list[str], store: Path) -> None:
    """Start a build and kill it once some answers are stored; it must not have been done by then."""
    command = [sys.executable, "-P", "-m", "pairwright", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while _answers(store) < _STORED and process.poll() is None:
            time.sleep(0.01)
        assert process.poll() is None, "done before it could be killed"
        os.kill(process.pid, signal.SIGKILL)


def _answers(store: Path) -> int:
    if not store.exists():
        return 0
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as opened:
        try:
            found: int = opened.execute("select count(*) from answers").fetchone()[0]
        except sqlite3.OperationalError:  # its tables are not there yet
            return 0
    return found


def _files(folder: Path) -> dict[str, bytes]:
    """Return all files of rows."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in ("data", "visual_negative", "candidates", "failed", "rejects")
        for path in sorted((folder / name).glob("*"))
    }
