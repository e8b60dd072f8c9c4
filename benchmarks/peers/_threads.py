"""The loop that the thread-pool contenders share: read batches, change pictures in threads, write in order."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from peers import Job

Change = Callable[[int, bytes], bytes]
"""Takes a row's number and its JPEG; returns the changed picture as JPEG."""

_BATCH = 100
_IN_FLIGHT = 2
"""Batches that wait for the writer, so that threads have work while one is written."""


def change_all(job: Job, change: Change) -> int:
    """Change every picture, write rows with original and changed bytes to Parquet, return the number of rows."""
    waiting: deque[tuple[pa.RecordBatch, list[Future[bytes]]]] = deque()
    written = 0
    with ThreadPoolExecutor(job.workers) as pool, _Output(job.out / "pairs.parquet") as output:
        for first, batch in _batches(job.source):
            futures = [pool.submit(change, first + n, data) for n, data in enumerate(_pictures(batch))]
            waiting.append((batch, futures))
            if len(waiting) > _IN_FLIGHT:
                written += output.write(*waiting.popleft())
        while waiting:
            written += output.write(*waiting.popleft())
    return written


def change_only(job: Job, change: Change) -> int:
    """Change every picture and write nothing; return the number of rows."""
    done = 0
    with ThreadPoolExecutor(job.workers) as pool:
        for first, batch in _batches(job.source):
            pictures = _pictures(batch)
            done += sum(1 for _ in pool.map(change, range(first, first + len(pictures)), pictures))
    return done


class _Output:
    """A Parquet file of the source's columns and ``rejected_image``; pictures are not compressed a second time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, batch: pa.RecordBatch, futures: list[Future[bytes]]) -> int:
        changed = [{"bytes": future.result(), "path": None} for future in futures]
        column = pa.array(changed, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
        table = pa.Table.from_batches([batch]).append_column("rejected_image", column)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="none")
        self._writer.write_table(table)
        return int(table.num_rows)


def _batches(source: Path) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield (number of the first row, batch)."""
    first = 0
    with pq.ParquetFile(source) as file:
        for batch in file.iter_batches(batch_size=_BATCH):
            yield first, batch
            first += batch.num_rows


def _pictures(batch: pa.RecordBatch) -> list[bytes]:
    pictures: list[bytes] = batch["image"].field("bytes").to_pylist()
    return pictures
