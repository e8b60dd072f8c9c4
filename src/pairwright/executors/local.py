"""The local executor: one reader, a pool of threads, one writer, and never more in memory than a few chunks.

The reader (this thread) takes rows from the source in order and hands them to threads in chunks; pictures are decoded,
changed and encoded there, where OpenCV and Pillow let go of the interpreter lock. Results are taken back in the order
of the rows, whatever order they were finished in, so the output does not depend on the number of workers.
"""

import ctypes
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice
from random import Random

import cv2

from pairwright.builders import Built, Construct, Neighbours
from pairwright.executors import Job, Progress
from pairwright.runs import manifest
from pairwright.runs.commit import ShardWriter
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.schemas.reject import Reject
from pairwright.sources import RawRow, Source

CHUNK_ROWS = 8
"""Rows handed to a thread at once: enough to make the hand-over cheap, few enough to share the work evenly."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc, malloc.h
_KEPT_BYTES = 32 * 1024 * 1024
"""Buffers up to this size are kept: pictures of 11 megapixels. It is also the most that glibc takes."""

_CHUNKS_PER_WORKER = 6
"""Chunks in flight for each worker: enough work to last while a shard is committed."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A fixed run of source rows."""

    number: int
    start: int
    rows: Iterator[RawRow]
    neighbours: Neighbours


@dataclass(frozen=True, slots=True)
class Pool:
    """The rows of one shard as neighbours of each other."""

    source: Source
    rows: Sequence[RawRow]

    def images(self, record_id: str, rng: Random) -> Iterator[tuple[str, Image]]:
        """Yield (record id, first image) of the other rows in drawn order, leaving out rows that cannot be read."""
        for number in rng.sample(range(len(self.rows)), len(self.rows)):
            raw = self.rows[number]
            if raw.record_id == record_id or raw.problem:
                continue
            try:
                images = self.source.parse(raw).prompt.images
            except RowError:
                continue  # it becomes a reject at its own turn
            if images:
                yield raw.record_id, images[0]


def run(job: Job) -> None:
    """Build every shard that the manifest does not list yet."""
    done = {entry.shard: entry for entry in manifest.read(job.folder)}
    sums = manifest.total(done.values())
    rejects = sum(sum(reasons.values()) for reasons in sums.rejects.values())
    told = Progress(sums.rows, sum(sums.pairs.values()), rejects, _total(job))
    job.watch(told)
    cv2.setNumThreads(1)  # the threads are ours; OpenCV's own would only fight with them
    _keep_freed_memory()
    line = _Line(job, told)
    with ThreadPoolExecutor(job.workers, thread_name_prefix="pairwright") as threads:
        try:
            for shard in _shards(job, done):
                line.build(shard, threads)
            line.finish()
        except BaseException:
            line.abort()
            raise


def _keep_freed_memory() -> None:
    """Let glibc keep the buffers of a picture for the next one.

    By default it hands each decoded picture back to the kernel, which then clears the same pages again for the next:
    a third of a millisecond for each buffer of 640 × 480 pixels, half as long as decoding takes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return  # another C library, with its own ways
    mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def _total(job: Job) -> int | None:
    count = job.source.count()
    return count if count is None or job.limit is None else min(count, job.limit)


def _shards(job: Job, done: dict[int, manifest.ShardEntry]) -> Iterator[Shard]:
    """Yield the shards to be built, starting to read behind the finished ones at the front."""
    number = 0
    start = 0
    while number in done:
        start += done[number].counts.rows
        number += 1
    rows = job.source.rows(start)
    if job.limit is not None:
        rows = islice(rows, max(0, job.limit - start))
    while True:
        first = next(rows, None)
        if first is None:
            return
        own = chain([first], islice(rows, job.shard_rows - 1))
        if job.hold_shards:
            held, rows = _held(own, rows, job.shard_rows)
            size, shard = len(held), Shard(number, start, iter(held), Pool(job.source, held))
        else:
            size, shard = job.shard_rows, Shard(number, start, own, Pool(job.source, ()))
        if number in done:
            deque(shard.rows, maxlen=0)
        else:
            yield shard
        number, start = number + 1, start + size


def _held(own: Iterator[RawRow], rows: Iterator[RawRow], size: int) -> tuple[list[RawRow], Iterator[RawRow]]:
    """Return the shard's rows, with a short rest of the source joined to them, and the rows that follow.

    A last shard of a handful of rows would have no other pictures to choose from.
    """
    held = list(own)
    ahead = list(islice(rows, size // 2))
    if len(ahead) < size // 2:
        return held + ahead, iter(())
    return held, chain(ahead, rows)


class _Line:
    """Chunks at work, in the order of the source, across the borders of shards.

    A shard is committed while the threads are busy with the next one: hashing a file and forcing it to disk takes as
    long as building fifty rows.
    """

    def __init__(self, job: Job, told: Progress) -> None:
        self._job, self._told = job, told
        self._waiting: deque[tuple[ShardWriter, Future[list[Built]] | None]] = deque()
        self._chunks = 0
        self._open: list[ShardWriter] = []

    def build(self, shard: Shard, threads: ThreadPoolExecutor) -> None:
        """Hand all rows of a shard to the threads, taking back results meanwhile."""
        job = self._job
        writer = ShardWriter(job.folder, shard.number, shard.start)
        self._open.append(writer)
        for chunk in iter(lambda: list(islice(shard.rows, CHUNK_ROWS)), []):
            future = threads.submit(_build_rows, chunk, job.source, job.construct, shard.neighbours)
            self._waiting.append((writer, future))
            self._chunks += 1
            while self._chunks >= job.workers * _CHUNKS_PER_WORKER:
                self._take()
        self._waiting.append((writer, None))

    def finish(self) -> None:
        """Take back all that is left."""
        while self._waiting:
            self._take()

    def abort(self) -> None:
        """Drop what is at work, and the files of unfinished shards."""
        for _, future in self._waiting:
            if future:
                future.cancel()
        for writer in self._open:
            writer.abort()

    def _take(self) -> None:
        """Take back the next chunk, or commit its shard if that was the last one."""
        writer, future = self._waiting.popleft()
        if future is None:
            writer.commit()
            self._open.remove(writer)
            return
        self._chunks -= 1
        results = future.result()
        writer.add(results)
        told = self._told
        self._told = replace(
            told,
            rows=told.rows + len(results),
            pairs=told.pairs + sum(len(built.pairs) for built in results),
            rejects=told.rejects + sum(len(built.rejects) for built in results),
        )
        self._job.watch(self._told)


def _build_rows(
    chunk: list[RawRow], source: Source, construct: Construct, neighbours: Neighbours
) -> list[Built]:
    return [_build_row(raw, source, construct, neighbours) for raw in chunk]


def _build_row(raw: RawRow, source: Source, construct: Construct, neighbours: Neighbours) -> Built:
    try:
        if raw.problem:
            raise raw.problem
        return construct(source.parse(raw), neighbours)
    except RowError as error:
        return Built(rejects=(Reject(raw.record_id, error.reason, field=error.field, message=error.message),))
    except Exception as error:
        error.add_note(f"while building source row {raw.record_id}")
        raise
