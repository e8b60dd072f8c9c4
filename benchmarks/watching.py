"""What a command and all processes that it starts take: processor time, memory, open files. Read from Linux's ``/proc``."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PAIRWRIGHT = (sys.executable, "-P", "-m", "pairwright")
"""The command, before its verb."""

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a command and its processes held at one moment."""

    second: float
    """Since the command was started."""
    memory_mb: float
    """Proportional set size, 10^6 bytes: pages that processes share count once."""
    open_files: int
    processes: int
    cpu_s: float
    """Processor time so far, of processes that have ended too."""


@dataclass(frozen=True, slots=True)
class Went:
    """How a command went."""

    status: int
    """Exit status; minus the signal that ended it."""
    wall_s: float
    cpu_s: float
    """Processor time of all its processes; of a command that was killed as of the last sample."""
    said: str
    samples: tuple[Sample, ...]


def watched(
    command: Sequence[str],
    *,
    every_s: float = 5.0,
    kill_when: Callable[[], bool] | None = None,
    see: Callable[[Sample], None] = lambda sample: None,
) -> Went:
    """Run a command to its end and look at it from time to time.

    Args:
        command: what to run.
        every_s: seconds between two looks.
        kill_when: asked at every look; once it says yes the command gets SIGKILL, and its processes are left to themselves.
        see: called with each look.
    """
    before, begun = _ended(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    words: list[str] = []
    listener = threading.Thread(target=lambda: words.extend(process.stdout or ()), daemon=True)
    listener.start()
    cpu: dict[int, float] = {}
    samples, killed = [], False
    while process.poll() is None and not killed:
        samples.append(_look(process.pid, time.perf_counter() - begun, cpu))
        see(samples[-1])
        if kill_when is not None and kill_when():
            process.send_signal(signal.SIGKILL)
            killed = True
        _wait(process, every_s)
    status = process.wait()
    listener.join()
    after = _ended()
    spent = (
        samples[-1].cpu_s if killed else after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    )
    return Went(status, time.perf_counter() - begun, spent, "".join(words), tuple(samples))


def ended_well(command: Sequence[str], *, every_s: float = 5.0) -> Went:
    """Run a command to its end, as ``watched``. Raises RuntimeError where it fails."""
    went = watched(command, every_s=every_s)
    if went.status != 0:
        raise RuntimeError(went.said[-2000:])
    return went


def memory_of(samples: Sequence[Sample]) -> dict[str, float]:
    """Return how memory and open files went.

    ``early`` is the median of the second tenth of the samples, ``late`` that of the eighth, when everything is still at work.
    """
    tenth = max(1, len(samples) // 10)
    told = {
        "early_mb": median(sample.memory_mb for sample in samples[tenth : 2 * tenth] or samples),
        "late_mb": median(sample.memory_mb for sample in samples[7 * tenth : 8 * tenth] or samples),
        "most_mb": max(sample.memory_mb for sample in samples),
        "most_open_files": max(sample.open_files for sample in samples),
    }
    return {name: round(value, 1) for name, value in told.items()}


def _wait(process: "subprocess.Popen[str]", seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _ended() -> resource.struct_rusage:
    return resource.getrusage(resource.RUSAGE_CHILDREN)


def _look(root: int, second: float, cpu: dict[int, float]) -> Sample:
    """Return what the tree below ``root`` holds; ``cpu`` keeps the last known time of each process."""
    memory = files = processes = 0
    for pid in _tree(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            held = _pss(Path(f"/proc/{pid}/smaps_rollup").read_text())
            opened = len(os.listdir(f"/proc/{pid}/fd"))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        cpu[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
        memory, files, processes = memory + held, files + opened, processes + 1
    return Sample(round(second, 1), memory / 1e6, files, processes, sum(cpu.values()))


def _pss(rollup: str) -> int:
    line = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * 1024


def _tree(root: int) -> list[int]:
    """Return a process and all below it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found
