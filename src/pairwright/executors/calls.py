"""The executor for builders that ask models: one process, asyncio, hundreds of rows under way at once.

Rows are read in order and go their ways; a shard is written when the last of its rows has come back, while rows of the
next ones are under way already, so no slow answer holds anything up. What is in memory is bounded by the rows that are
read and not yet written, however many the source has.
"""

import asyncio
import time
from collections.abc import Awaitable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice

from pairwright.annotators._encoding import EncoderSettings
from pairwright.builders import Built, Neighbours
from pairwright.encoding.of_recipe import construct_of, encoders_of, vectors_of
from pairwright.encoding.service import Encoders, open_encoders
from pairwright.executors import Job, Watch
from pairwright.executors.local import begun, pending, row_count
from pairwright.executors.own_loop import run_to_end
from pairwright.executors.shards import (
    Pool,
    ShardRows,
    held,
    needed,
    or_reject,
    rejected,
    settled,
    tally,
)
from pairwright.responses.asking import Models, open_models
from pairwright.runs import folder as run_folder
from pairwright.runs import manifest
from pairwright.runs.commit import ShardWriter
from pairwright.runs.failing import Patch, held_back, waits_or_was_refused
from pairwright.samplers import Model, width
from pairwright.schemas.errors import PairwrightError, RowError
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import RawRow, Source

_ROWS_PER_READ = 16
"""Rows read and parsed in a thread at a time."""

_ROWS_OF_A_BATCH = 4096
"""Rows under way where a model answers in batch files: enough to fill one."""

_BATCHES_OF_ROWS = 4
"""Rows under way for an encoder, in batches: while one is encoded, the next ones are read and decoded."""

_SECONDS_BETWEEN_LOOKS = 0.2


def run(job: Job, source: Source, *, name: str, watch: Watch) -> None:
    """Build every shard that the manifest does not list yet, or try failed rows again where the job names some.

    Args:
        job: what to build, and where.
        source: the job's source, opened.
        name: the run's name in the response store.
        watch: called with the progress.

    Raises:
        ModelError: a model cannot be used.
        BudgetError: the run has spent what it may.
    """
    going = _Run(job, source, watch)
    try:
        run_to_end(lambda: going.work(name))
    except BaseExceptionGroup as group:
        raise _first(group) from None
    finally:
        going.writing.shutdown(wait=True)
        run_folder.clean(job.folder)


@dataclass(slots=True)
class _Shard:
    """A shard of which rows are under way."""

    number: int
    patch: Patch | None
    """Which of its rows are tried again; None where all are built."""
    rows: list[int] = field(default_factory=list)
    """Numbers of the source rows that were read, written by the thread that reads."""
    results: list[Built | None] = field(default_factory=list)
    """A place for each of them."""
    back: int = 0
    """Rows that have come back, counted by the loop alone."""
    read: bool = False
    """Whether all of its rows have been read."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that was read, and its place."""

    shard: _Shard
    place: int
    raw: RawRow
    parsed: SourceRow | Built
    neighbours: Neighbours


class _Run:
    """The shards that are left, and the rows under way."""

    def __init__(self, job: Job, source: Source, watch: Watch) -> None:
        self._job, self._source, self._watch = job, source, watch
        self._construct, self._settle = construct_of(job.recipe), job.recipe.settle()
        self._models, self._encoders = job.recipe.models(), encoders_of(job.recipe)
        self._size, self._held = job.recipe.file.output.shard_rows, job.recipe.uses_neighbours()
        done = {entry.shard: entry for entry in manifest.read(job.folder)}
        total = row_count(job, source)
        self._pending = pending(done, job, total)
        self._told = begun(done, job, total)
        self._looked = 0.0
        under_way = _under_way(self._models.values(), self._encoders.values())
        self._under_way = asyncio.Semaphore(under_way)
        self._unwritten = asyncio.Semaphore(under_way + 3 * self._size)
        self.writing = ThreadPoolExecutor(1, thread_name_prefix="write")
        """Writes shards, one after the other; what it has begun it finishes."""

    async def work(self, name: str) -> None:
        """Build until nothing is left."""
        recipe, tools = self._job.recipe, None
        try:
            async with (
                open_encoders(self._encoders, store=vectors_of(recipe), run=name) as encoders,
                open_models(
                    self._models, store=recipe.responses(), run=name, budget=recipe.file.budget
                ) as models,
            ):
                tools = _Tools(models, encoders)
                self._look(tools, at_once=True)
                await self._all_rows(tools)
        finally:
            if tools is not None:  # calls that were under way when it stopped have come back by now
                self._look(tools, at_once=True)

    async def _all_rows(self, tools: "_Tools") -> None:
        async with asyncio.TaskGroup() as rows:
            read = self._read()
            while chunk := await asyncio.to_thread(lambda: list(islice(read, _ROWS_PER_READ))):
                for row in chunk:
                    await self._unwritten.acquire()
                    await self._under_way.acquire()
                    rows.create_task(self._build(row, tools))

    def _read(self) -> Iterator[_Row]:
        """Read and parse the rows of all shards that are left."""
        rows = ShardRows(self._source, self._job.limit)
        for number in self._pending:
            shard = _Shard(number, self._job.patches.get(number))
            yield from self._read_shard(shard, rows)
            if shard.patch is None and len(shard.results) < self._size:
                return

    def _read_shard(self, shard: _Shard, rows: ShardRows) -> Iterator[_Row]:
        all_rows, neighbours = self._rows_of(rows, shard.number)
        numbered = enumerate(all_rows, shard.number * self._size)
        coming = needed(numbered, shard.patch, settled=self._settle is not None)
        ahead = next(coming, None)
        while ahead is not None:
            (number, raw), ahead = ahead, next(coming, None)
            shard.rows.append(number)
            shard.results.append(None)
            shard.read = ahead is None
            parsed = or_reject(raw, self._source.parse, raw)
            yield _Row(shard, len(shard.results) - 1, raw, parsed, neighbours)

    def _rows_of(self, rows: ShardRows, number: int) -> tuple[Iterator[RawRow], Neighbours]:
        """Return the rows of a shard, read one by one where none asks for its neighbours."""
        if self._held:
            found = held(rows, number, self._size)
            return iter(found), Pool(self._source, found)
        rows.go_to(number * self._size)
        return rows.next(self._size), Pool(self._source, ())

    async def _build(self, row: _Row, tools: "_Tools") -> None:
        try:
            built = await self._built(row, tools)
        finally:
            self._under_way.release()
        shard = row.shard
        shard.results[row.place] = built
        shard.back += 1
        if shard.patch is None or shard.rows[row.place] in shard.patch.rows:
            self._told = self._told.plus(tally([built]))
        self._look(tools)
        if shard.read and shard.back == len(shard.results):
            await asyncio.get_running_loop().run_in_executor(self.writing, self._write, shard)
            for _ in shard.results:
                self._unwritten.release()

    async def _built(self, row: _Row, tools: "_Tools") -> Built:
        if isinstance(row.parsed, Built):
            return held_back(row.raw.record_id, row.parsed)
        coming = self._construct(row.parsed, row.neighbours, tools.models.asks, tools.encoders.encodes)
        return held_back(row.raw.record_id, await _or_reject(row.raw, coming))

    def _write(self, shard: _Shard) -> None:
        pairs = zip(shard.rows, shard.results, strict=True)
        rows = [(number, built) for number, built in pairs if built is not None]
        writer = ShardWriter(
            self._job.folder,
            shard.number,
            shard.number * self._size,
            failed=waits_or_was_refused,
            patch=shard.patch,
        )
        try:
            writer.add(settled(self._settle, rows, shard.patch) if self._settle else rows)
            entry = writer.finish()
        except BaseException:
            writer.abort()
            raise
        self._job.enter(entry)

    def _look(self, tools: "_Tools", *, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._looked > _SECONDS_BETWEEN_LOOKS:
            self._looked = now
            spent, encoded = tools.models.spent(), tools.encoders.done()
            self._watch(replace(self._told, spent=spent, encoded=encoded))


@dataclass(frozen=True, slots=True)
class _Tools:
    """What rows may use on their way."""

    models: Models
    encoders: Encoders


def _under_way(models: Collection[Model], encoders: Collection[EncoderSettings]) -> int:
    """Return how many rows are under way at once: twice what keeps the busiest model busy, for those between two calls."""
    wanted = [_ROWS_OF_A_BATCH if model.calls.batch else 2 * width(model) for model in models]
    wanted += [_BATCHES_OF_ROWS * encoder.batch_size for encoder in encoders]
    return max(wanted, default=_ROWS_PER_READ)


async def _or_reject(raw: RawRow, coming: Awaitable[Built]) -> Built:
    """Return what comes of a row, or its reject. An error that is no reject names the row."""
    try:
        return await coming
    except RowError as error:
        return rejected(raw, error)
    except PairwrightError:
        raise
    except Exception as error:
        error.add_note(f"while building source row {raw.record_id}")
        raise


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error to tell of several: rows fail together when their model does."""
    leaves: list[BaseException] = []

    def collect(error: BaseException) -> None:
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                collect(inner)
        else:
            leaves.append(error)

    collect(group)
    foreseen = [error for error in leaves if isinstance(error, PairwrightError)]
    bugs = [error for error in leaves if not isinstance(error, PairwrightError)]
    return (bugs or foreseen)[0]
