"""Goes of a run: the processes of one command, or of all its slices, found, watched, and ended when they hang."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

MARK = "PAIRWRIGHT_CONFORMANCE"
"""Environment variable by which all processes of a go are found, whoever their parents are."""

LIMIT_S = 240.0
"""Seconds that a go, or anything else that is waited for, may take on a machine that is busy."""


NOT_NICE = {"RAY_worker_niceness": "0"}
"""For the environment of Ray: by itself it has its workers step back, which on a busy machine get next to nothing."""

CONCURRENCY = 2
"""Requests to each model that a process makes at once."""
UNDER_WAY = 2 * CONCURRENCY * 3
"""Requests of a process that may have no stored answer yet: of twice as many rows, each with three at once for the judge. They
may be more than are made at once, since others are made while answers wait for the disk."""


@dataclass(frozen=True, slots=True)
class Work:
    """A recipe over a source."""

    name: str
    recipe: str
    """A packaged one, or a file."""
    source: Path
    rows: int
    sets: tuple[str, ...]
    """Settings, as of ``--set``."""
    asks: bool = False
    """Whether it asks models."""

    def words(self, out: Path) -> list[str]:
        """Return the command line, but for what an executor adds."""
        sets = [word for line in self.sets for word in ("--set", line)]
        return ["build", self.recipe, "--source", str(self.source), "--out", str(out), *sets]


@dataclass(frozen=True, slots=True)
class Executor:
    """A way to run: further words of the command line, for each process that is started."""

    name: str
    words: Callable[[], list[list[str]]]
    environment: Mapping[str, str] = field(default_factory=dict)


def command(*words: object) -> list[str]:
    """Return a command line of pairwright."""
    return [sys.executable, "-P", "-m", "pairwright", *map(str, words)]


def waited(
    condition: Callable[[], object], what: str, hung: Callable[[], str], limit_s: float = LIMIT_S
) -> None:
    """Wait for a condition. Raises AssertionError with what ``hung`` tells, when it takes too long."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit_s:g} s for {what}\n{hung()}")
        time.sleep(0.005)


def marked(mark: str, *names: str) -> list[int]:
    """Return the ids of living processes that have inherited a mark, with any of these names in their command lines."""
    found, told = [], f"{MARK}={mark}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            line = (process / "cmdline").read_bytes()
            named = not names or any(name.encode() in line for name in names)
            if line and named and told in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def kill(processes: list[int]) -> int:
    """Kill processes and wait until they are gone; return how many were there."""
    killed = []
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            killed.append(process)
    waited(lambda: not any(map(_lives, killed)), "processes that were killed", lambda: str(killed), 30)
    return len(killed)


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@dataclass(slots=True)
class Go:
    """The processes of a command that was started, or of the commands of all slices."""

    out: Path
    commands: list[list[str]]
    mark: str = field(default_factory=lambda: uuid4().hex)
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    """One process for each command; not those that they start."""

    def start(self, environment: Mapping[str, str]) -> None:
        """Start all commands at once, each in a session of its own."""
        self.out.parent.mkdir(parents=True, exist_ok=True)
        log = self._log.open("wb")
        told = {MARK: self.mark, "PYTHONFAULTHANDLER": "1", **NOT_NICE}
        surroundings = os.environ | told | dict(environment)
        with log:
            for words in self.commands:
                self.started.append(
                    subprocess.Popen(
                        words, env=surroundings, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
                    )
                )

    @property
    def _log(self) -> Path:
        return self.out.parent / f"{self.mark}.log"

    @property
    def said(self) -> str:
        """What all of them have said."""
        return self._log.read_text(errors="replace")

    def living(self) -> list[int]:
        """Return the processes that were started and have not ended."""
        return [process.pid for process in self.started if process.poll() is None]

    def ended(self) -> list[int]:
        """Wait until all commands have ended; return their statuses, in order."""
        waited(lambda: not self.living(), "the commands to end", self.dump)
        return [process.wait() for process in self.started]

    def dump(self) -> str:
        """Have processes that hang tell where, and return that with whatever else helps."""
        lines = []
        for process in marked(self.mark):
            with suppress(OSError):  # it has ended meanwhile
                line = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ")
                lines.append(f"{process}: {line[:200].decode(errors='replace')}")
                os.kill(process, signal.SIGABRT)  # Python's fault handler writes the stacks of all threads
        time.sleep(1)
        files = sorted(str(path.relative_to(self.out)) for path in self.out.rglob("*"))
        return "\n".join(["processes:", *lines, "files:", *files, "said:", self.said[-20_000:]])

    def end(self) -> None:
        """Kill whatever is left."""
        kill([*marked(self.mark), *self.living()])
        for process in self.started:
            process.wait()


@contextmanager
def gone(go: Go, environment: Mapping[str, str]) -> Iterator[Go]:
    """Start the processes of a go; nothing of it is left behind."""
    try:
        go.start(environment)
        yield go
    finally:
        go.end()


def commands_of(executor: Executor, work: Work, out: Path) -> list[list[str]]:
    """Return what is started to build a run, or to go on with it."""
    return [command(*work.words(out), *more) for more in executor.words()]


def ran(commands: list[list[str]], out: Path, environment: Mapping[str, str]) -> tuple[list[int], str]:
    """Run commands to their ends, all at once; return their statuses and what they said."""
    with gone(Go(out, commands), environment) as go:
        return go.ended(), go.said


def build(executor: Executor, work: Work, out: Path) -> None:
    """Build a run. Raises AssertionError where that fails."""
    statuses, said = ran(commands_of(executor, work, out), out, executor.environment)
    assert not any(statuses), f"{statuses}\n{said}"


def is_finished(out: Path) -> bool:
    """Return whether a run is whole."""
    try:
        return json.loads((out / "run.json").read_bytes())["status"] == "finished"
    except FileNotFoundError:
        return False


def shards_done(out: Path) -> int:
    """Return how many shards are finished, in slices or joined."""
    places = [out, *out.glob("slices/*-of-*")]
    done = 0
    for place in places:
        with suppress(FileNotFoundError):
            done += (place / "manifest.jsonl").read_bytes().count(b"\n")
    return done


def slices_finished(out: Path) -> int:
    """Return how many slices say that they are finished."""
    return sum(is_finished(place) for place in out.glob("slices/*-of-*"))
