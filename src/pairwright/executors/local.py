"""The local executor: shards in as many processes as there are workers, this one among them.

Each process reads, builds and writes whole shards on its own; this one hands out their numbers and alone gives files
their final names and enters them in the manifest. Processes rather than threads: OpenCV lets go of the interpreter
lock some forty times a row, and two threads then wait for it a fifth of their time, sixteen nearly all of it.
"""

import math
import os
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import count

import cv2

from pairwright.executors import SAFE, Job, Progress, Tally, Watch
from pairwright.executors.messages import Failed, Finished, Message, job_line, message_from
from pairwright.executors.shards import ShardBuilder
from pairwright.runs import folder as run_folder
from pairwright.runs import manifest
from pairwright.runs.manifest import Counts, Entry, ShardEntry
from pairwright.schemas.errors import PairwrightError
from pairwright.sources import Source

_AHEAD = 2
"""Shards that a worker process has been given: the one at work, and the next. While it starts up, only one."""


class WorkerError(PairwrightError):
    """A worker process failed or died; the message has its last words."""


def run(job: Job, source: Source, *, lock: int, workers: int, watch: Watch) -> None:
    """Build every shard that the manifest does not list yet, or try failed rows again where the job names some.

    Args:
        job: what to build, and where.
        source: the job's source, opened.
        lock: descriptor of the run folder's lock; workers hold it too, for as long as they live.
        workers: processes, this one included.
        watch: called with the progress.

    Raises:
        WorkerError: a worker process failed. An exception in this process is raised as it is.
    """
    done = {entry.shard: entry for entry in manifest.read(job.folder)}
    total = row_count(job, source)
    going = _Run(job, pending(done, job, total), begun(done, job, total), watch)
    watch(going.told)
    threads = cv2.getNumThreads()
    try:
        going.work(source, min(workers - 1, _useful(job, done, total)) if source.local else 0, lock)
    except BaseException:
        try:
            going.stop()
        finally:
            run_folder.clean(job.folder)
        raise
    else:
        going.stop()
    finally:
        cv2.setNumThreads(threads)


class _Worker:
    """A worker process and the shards that it was given."""

    def __init__(self, lock: int) -> None:
        command = [sys.executable, "-P", "-m", "pairwright.executors.worker"]
        # A session of its own: Ctrl-C reaches this process alone, which then ends the workers.
        self.process = subprocess.Popen(  # noqa: S603  # nothing in the command comes from outside
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            pass_fds=(lock,),
            start_new_session=True,
        )
        self.shards: deque[int] = deque()
        """Numbers that it was given and has not answered, the one at work first."""
        self.started = False
        self._said = b""

    def say(self, line: str) -> None:
        """Send a line; raises WorkerError when the process is gone."""
        if self.process.stdin is None:
            raise AssertionError("opened with a pipe")
        try:
            self.process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError as error:
            raise self._gone() from error

    def _gone(self) -> WorkerError:
        status = self.process.wait()
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        memory = ", perhaps for lack of memory: try fewer --workers" if status == -signal.SIGKILL else ""
        return WorkerError(f"a worker process {how}{memory}. {SAFE}")

    def fileno(self) -> int:
        """Return what ``select`` waits on."""
        if self.process.stdout is None:
            raise AssertionError("opened with a pipe")
        return self.process.stdout.fileno()

    def heard(self) -> list[Message]:
        """Return the messages that have arrived, once ``select`` found some; raises WorkerError when it has ended."""
        new = os.read(self.fileno(), 1 << 16)
        if not new:
            raise self._gone()
        *lines, self._said = (self._said + new).split(b"\n")
        return [message_from(line.decode()) for line in lines]

    def end(self) -> None:
        """Kill the process."""
        with self.process:  # waits for it and closes the pipes
            self.process.kill()


class _Run:
    """The shards that are left, and the processes at work on them."""

    def __init__(self, job: Job, pending: Iterator[int], told: Progress, watch: Watch) -> None:
        self._job, self._pending, self.told, self._watch = job, pending, told, watch
        self._workers: list[_Worker] = []
        self._end = math.inf
        """Number of the first shard that is known to lie behind the end of the source."""
        self._behind = ThreadPoolExecutor(1, thread_name_prefix="finish")
        self._finishing: deque[Future[Entry]] = deque()

    def work(self, source: Source, processes: int, lock: int) -> None:
        """Build shards here and in as many more processes, until nothing is left."""
        number = next(self._pending, None)
        for _ in range(processes):
            worker = _Worker(lock)
            self._workers.append(worker)
            worker.say(job_line(self._job))
            self._give(worker)
        builder = ShardBuilder(self._job, source)
        while number is not None and number < self._end:
            writer = builder.build(number, self._built_here)
            self._saw(number, 0 if writer is None else writer.rows)
            if writer is not None:
                # Hashing a shard's files and forcing them to disk takes as long as building twenty rows.
                self._finishing.append(self._behind.submit(writer.finish))
            self._enter_finished(at_most_waiting=1)
            number = next(self._pending, None)
        self._enter_finished(at_most_waiting=0)
        while self._busy():
            self._hear(wait=True)

    def stop(self) -> None:
        """End the worker processes; keep what is finished."""
        for worker in self._workers:
            worker.end()
        self._workers = []
        self._behind.shutdown(wait=True)
        while self._finishing:
            future = self._finishing.popleft()
            if future.exception() is None:
                self._job.enter(future.result())

    def _built_here(self, tally: Tally) -> None:
        self._count(tally)
        self._hear(wait=False)

    def _give(self, worker: _Worker) -> None:
        ahead = _AHEAD if worker.started else 1
        while len(worker.shards) < ahead and (number := next(self._pending, None)) is not None:
            if number >= self._end:
                break
            worker.say(str(number))
            worker.shards.append(number)

    def _busy(self) -> list[_Worker]:
        """Return the workers that have a shard which may hold rows."""
        return [worker for worker in self._workers if any(number < self._end for number in worker.shards)]

    def _saw(self, number: int, rows: int) -> None:
        """Note where the source ends: in the first shard that is not full, or before one without rows."""
        if rows < self._job.recipe.file.output.shard_rows and not self._job.patches:
            self._end = min(self._end, number + 1 if rows else number)

    def _hear(self, *, wait: bool) -> None:
        """Take what workers have said; with ``wait``, wait until one says something."""
        for worker in select.select(self._busy(), [], [], None if wait else 0)[0]:
            for message in worker.heard():
                self._take(worker, message)

    def _take(self, worker: _Worker, message: Message) -> None:
        match message:
            case Failed(why):
                raise WorkerError(f"a worker process failed: {why}")
            case Tally():
                worker.started = True
                self._count(message)
            case Finished(shard, entry):
                worker.shards.popleft()
                self._saw(shard, 0 if entry is None else entry.counts.rows)
                if entry is not None:
                    self._job.enter(entry)
        self._give(worker)

    def _enter_finished(self, *, at_most_waiting: int) -> None:
        """Make this process's finished shards part of the run, waiting for all but the last few."""
        while self._finishing and (len(self._finishing) > at_most_waiting or self._finishing[0].done()):
            entry = self._finishing[0].result()
            self._finishing.popleft()  # before it is entered: an interrupt behind that would have it entered twice
            self._job.enter(entry)

    def _count(self, tally: Tally) -> None:
        self.told = self.told.plus(tally)
        self._watch(self.told)


def pending(done: Mapping[int, ShardEntry], job: Job, total: int | None) -> Iterator[int]:
    """Yield the numbers of shards to be built, without end where the number of rows is not known."""
    if job.patches:
        return iter(job.patches)
    size, part = job.recipe.file.output.shard_rows, job.part
    numbers = count() if total is None else range(-(-total // size))
    return (number for number in numbers if number not in done and (part is None or part.has(number)))


def own_rows(job: Job, total: int | None) -> int | None:
    """Return how many of the source's rows are built here: all, or those of a slice."""
    if total is None or job.part is None:
        return total
    size = job.recipe.file.output.shard_rows
    shards = range(job.part.index, -(-total // size), job.part.count)
    return sum(min(size, total - shard * size) for shard in shards)


def _useful(job: Job, done: dict[int, ShardEntry], total: int | None) -> int:
    """Return how many processes beside this one may have a shard to build."""
    if total is None and not job.patches:
        return sys.maxsize
    return max(0, sum(1 for _ in pending(done, job, total)) - 1)


def usable_cores() -> int:
    """Return the cores that this process may use; on a shared machine fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def row_count(job: Job, source: Source) -> int | None:
    """Return how many rows the run has at most; None where nobody knows."""
    known = [rows for rows in (source.count(), job.limit) if rows is not None]
    return min(known, default=None)


def begun(done: Mapping[int, ShardEntry], job: Job, total: int | None) -> Progress:
    """Return where a job stands before it goes on; failed rows that are tried again are not done yet."""
    told = progress_of(done, own_rows(job, total))
    patches = job.patches.values()
    rejects = sum(manifest.by_reason(patch.rejects).total() for patch in patches)
    rows = sum(len(patch.rows) for patch in patches)
    return replace(told, rows=told.rows - rows, rejects=told.rejects - rejects)


def progress_of(done: Mapping[int, ShardEntry], total: int | None) -> Progress:
    """Return where a run stands before it goes on."""
    return Progress(0, 0, 0, total).plus(tally_of(manifest.total(done.values())))


def tally_of(counts: Counts) -> Tally:
    """Return what came of the rows of a shard, or of several."""
    return Tally(counts.rows, sum(counts.pairs.values()), manifest.by_reason(counts.rejects).total())
