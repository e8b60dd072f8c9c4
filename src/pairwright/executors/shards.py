"""Shards: how a source is cut into them, and how one is built. The same code in every executor."""

import ctypes
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from random import Random
from typing import TypeVar, TypeVarTuple

import cv2

from pairwright.builders import Built, Neighbours, Settle
from pairwright.executors import Job, Tally
from pairwright.runs.commit import ShardWriter
from pairwright.runs.failing import Patch, check_found, held_back
from pairwright.schemas.errors import RowError, SourceError
from pairwright.schemas.image import Image
from pairwright.schemas.reject import Reject
from pairwright.sources import RawRow, Source
from pairwright.sources.open import open_source

Given = TypeVarTuple("Given")
Result = TypeVar("Result")

Numbered = tuple[int, RawRow]
"""A row and its number in the source."""

CHUNK_ROWS = 8
"""Rows built between two looks at the progress."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc, malloc.h
_KEPT_BYTES = 32 * 1024 * 1024
"""Buffers up to this size are kept: pictures of 11 megapixels. It is also the most that glibc takes."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)  # told from others by identity
class Pool:
    """The rows of one shard as neighbours of each other."""

    source: Source
    rows: Sequence[RawRow]

    def images(self, record_id: str, rng: Random) -> Iterator[tuple[str, Image]]:
        """Yield (record id, first image) of the other rows in drawn order, leaving out rows that cannot be read."""
        others = (raw for raw in _in_drawn_order(self.rows, rng) if raw.record_id != record_id)
        return self._first_images(others)

    def every(self) -> Iterator[tuple[str, Image]]:
        """Yield (record id, first image) of all rows in their order, leaving out rows that cannot be read."""
        return self._first_images(self.rows)

    def image_of(self, record_id: str) -> Image | None:
        """Return the first image of a row of the shard, read anew; None where there is none that can be read."""
        rows = (raw for raw in self.rows if raw.record_id == record_id)
        return next((image for _, image in self._first_images(rows)), None)

    def _first_images(self, rows: Iterable[RawRow]) -> Iterator[tuple[str, Image]]:
        for raw in rows:
            if raw.problem:
                continue
            try:
                images = self.source.parse(raw).prompt.images
            except RowError:
                continue  # it becomes a reject at its own turn
            if images:
                yield raw.record_id, images[0]


class ShardRows:
    """The rows of a source, shard after shard; places asked for must rise from call to call."""

    def __init__(self, source: Source, limit: int | None) -> None:
        """``limit`` is the number of rows after which the source counts as ended."""
        self._source, self._limit = source, limit
        self._jumps = source.count() is not None
        self._rows: Iterator[RawRow] = iter(())
        self._back: deque[RawRow] = deque()
        """Rows that were put back, which come before the others: not chained, or each shard would be a link more to go through."""
        self._position: int | None = None

    def go_to(self, start: int) -> None:
        """Make row ``start`` the next one."""
        if self._position is None or (self._jumps and self._position != start):
            self._rows = self._source.rows(start)
            self._back.clear()
            if self._limit is not None:
                self._rows = islice(self._rows, max(0, self._limit - start))
        else:
            deque(islice(self._coming(), start - self._position), maxlen=0)
        self._position = start

    def next(self, count: int) -> Iterator[RawRow]:
        """Yield the next rows, keeping track of where the source stands."""
        for raw in islice(self._coming(), count):
            self._position = (self._position or 0) + 1
            yield raw

    def _coming(self) -> Iterator[RawRow]:
        while self._back:
            yield self._back.popleft()
        for raw in self._rows:  # noqa: UP028  # with `yield from`, whoever stops in between would close the source
            yield raw

    def put_back(self, rows: Sequence[RawRow]) -> None:
        """Make rows that were taken the next ones again."""
        self._back.extendleft(reversed(rows))
        self._position = (self._position or 0) - len(rows)


def held(rows: ShardRows, number: int, size: int) -> list[RawRow]:
    """Return all rows of a shard whose rows see each other; none behind the end.

    A last shard of a handful of rows would have no other pictures to choose from: it joins the one before.
    """
    rows.go_to(number * size)
    own, ahead = list(rows.next(size)), list(rows.next(size // 2))
    rows.put_back(ahead)
    if len(ahead) < size // 2:
        own += ahead
    return [] if number and len(own) < size // 2 else own


class ShardBuilder:
    """Builds shards of a job, each asked for by its number; numbers must rise from call to call."""

    def __init__(self, job: Job, source: Source | None = None) -> None:
        """Open the job's source, if it is not open already; raises SourceError as ``open_source`` does."""
        self._job, self._size = job, job.recipe.file.output.shard_rows
        self._source = source or _same_source(job)
        self._construct = job.recipe.construct()
        self._held = job.recipe.uses_neighbours()
        self._settle = job.recipe.settle()
        self._rows = ShardRows(self._source, job.limit)
        cv2.setNumThreads(1)  # the processes share the cores; OpenCV's threads would only fight over them

    def build(self, number: int, watch: Callable[[Tally], None]) -> ShardWriter | None:
        """Build one shard, or its failed rows again where the job says so.

        Returns:
            Its writer, still to be finished, or None behind the end of the source.

        Raises:
            SourceError: not all failed rows of the shard are in the source any more.
        """
        patch = self._job.patches.get(number)
        rows, neighbours = self._shard(number)
        coming = needed(enumerate(rows, number * self._size), patch, settled=self._settle is not None)
        first = next(coming, None)
        if first is None:
            return None
        writer = ShardWriter(self._job.folder, number, number * self._size, patch=patch)
        try:
            self._fill(writer, chain([first], coming), neighbours, patch, watch)
        except BaseException:
            writer.abort()
            raise
        return writer

    def _fill(
        self,
        writer: ShardWriter,
        rows: Iterable[Numbered],
        neighbours: Neighbours,
        patch: Patch | None,
        watch: Callable[[Tally], None],
    ) -> None:
        coming = iter(rows)
        unsettled: list[tuple[int, Built]] = []
        for chunk in iter(lambda: list(islice(coming, CHUNK_ROWS)), []):
            built = self._built([raw for _, raw in chunk], neighbours)
            numbered = [(number, one) for (number, _), one in zip(chunk, built, strict=True)]
            if self._settle:
                unsettled += numbered
            else:
                writer.add(numbered)
            watch(tally([one for number, one in numbered if patch is None or number in patch.rows]))
        if self._settle:
            writer.add(settled(self._settle, unsettled, patch))

    def _built(self, chunk: Sequence[RawRow], neighbours: Neighbours) -> list[Built]:
        """Return what each row gave: one step over all rows, then the next, which keeps caches warm."""
        rows = [or_reject(raw, self._source.parse, raw) for raw in chunk]
        built = [
            row if isinstance(row, Built) else or_reject(raw, self._construct, row, neighbours)
            for raw, row in zip(chunk, rows, strict=True)
        ]
        return [held_back(raw.record_id, one) for raw, one in zip(chunk, built, strict=True)]

    def _shard(self, number: int) -> tuple[Iterator[RawRow], Neighbours]:
        """Return the rows of a shard, none behind the end, and what its rows see of each other."""
        if self._held:
            rows = held(self._rows, number, self._size)
            return iter(rows), Pool(self._source, rows)
        self._rows.go_to(number * self._size)
        return self._rows.next(self._size), Pool(self._source, ())


def needed(rows: Iterable[Numbered], patch: Patch | None, *, settled: bool) -> Iterator[Numbered]:
    """Yield the rows of a shard that are built: of a patch the failed ones, or all where they are ``settled`` together.

    Raises:
        SourceError: at their end, where not all failed rows of a patch were among them.
    """
    found = 0
    for number, raw in rows:
        failed = patch is not None and number in patch.rows
        found += failed
        if patch is None or failed or settled:
            yield number, raw
    if patch is not None:
        check_found(patch, found)


def settled(
    settle: Settle, rows: Sequence[tuple[int, Built]], patch: Patch | None
) -> list[tuple[int, Built]]:
    """Return what is left of the rows of a shard once they are settled together; of a patch that of the failed ones."""
    left = settle([built for _, built in rows])
    numbered = [(number, built) for (number, _), built in zip(rows, left, strict=True)]
    return [one for one in numbered if patch is None or one[0] in patch.rows]


def tally(built: Sequence[Built]) -> Tally:
    """Return what some rows gave, for the progress."""
    return Tally(len(built), sum(len(one.pairs) for one in built), sum(len(one.rejects) for one in built))


def _same_source(job: Job) -> Source:
    """Open the source in another process, and make sure that it is the one that the run began with."""
    source = open_source(job.recipe.file.source)
    if source.marks() != job.marks:
        raise SourceError(f"{job.recipe.file.source.path} has changed while the run began; start it again")
    return source


def _in_drawn_order(rows: Sequence[RawRow], rng: Random) -> Iterator[RawRow]:
    """Yield every row once, drawn one by one, since few are looked at. Only ``random()`` never changes in Python."""
    seen: set[int] = set()
    while len(seen) < len(rows):
        number = int(rng.random() * len(rows))
        if number not in seen:
            seen.add(number)
            yield rows[number]


def or_reject(raw: RawRow, step: Callable[[*Given], Result], *given: *Given) -> Result | Built:
    """Return what a step gives for a row, or the row's reject. An error that is no reject names the row."""
    try:
        return step(*given)
    except RowError as error:
        return rejected(raw, error)
    except Exception as error:
        error.add_note(f"while building source row {raw.record_id}")
        raise


def rejected(raw: RawRow, error: RowError) -> Built:
    """Return what a row gave that cannot be used: its reject."""
    return Built(rejects=(Reject(raw.record_id, error.reason, field=error.field, message=error.message),))


def keep_freed_memory() -> None:
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
