"""Taking finished shards from the work folder to the prefix, and what a new work folder needs back.

The order of things makes a kill at any moment harmless: parts, then the commit record, then the local files are removed. What
the local manifest has and the prefix lacks is put at the next start; what the prefix has and the local manifest lacks, since this is another
machine, counts as done.
"""

import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Self

from pairwright.remote.answers import Answers
from pairwright.remote.keys import key_of, patch_of, record_key, shard_of
from pairwright.remote.lease import Lease
from pairwright.remote.prefix import Prefix
from pairwright.remote.records import commit
from pairwright.remote.run_json import put_run_file
from pairwright.runs import manifest
from pairwright.runs.manifest import Entry, FileEntry, PatchEntry, ShardEntry
from pairwright.schemas.errors import RunError

AT_ONCE = 4
"""Shards that are put at the same time."""

WAITING = 8
"""Shards that are put or wait for it; with so many a run waits before it goes on, so that the disk does not fill."""

SECONDS_BETWEEN_ANSWERS = 30.0
"""How often received answers are put while no shard is finished."""


class Mirror:
    """Takes the finished shards of one work folder. A context manager; leaving it waits for what is being put."""

    def __init__(
        self,
        prefix: Prefix,
        own: Prefix,
        folder: Path,
        lease: Lease,
        sizes: Mapping[str, int],
        answers: Answers,
    ) -> None:
        """Take shards from a run folder.

        Args:
            prefix: of the run.
            own: of what a slice has of its own; the same as ``prefix`` without slices.
            folder: the run folder of the work folder.
            lease: of ``own``.
            sizes: of every object of ``prefix``, by key.
            answers: what takes received answers.
        """
        self._prefix, self._own, self._folder, self._lease, self._answers = (
            prefix,
            own,
            folder,
            lease,
            answers,
        )
        self._sizes = dict(sizes)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="put")
        self._places = threading.BoundedSemaphore(WAITING)
        self._putting: list[tuple[int, Future[None]]] = []
        """By shard."""
        self._error: BaseException | None = None
        self._told = False
        self._ended = threading.Event()
        self._clock = threading.Thread(target=self._now_and_then, name="answers", daemon=True)

    def has(self, file: FileEntry) -> bool:
        """Tell whether a part is in the prefix, as a listing shows it, with its size."""
        return self._sizes.get(key_of(file)) == file.bytes

    def begin(self, dropped: Collection[ShardEntry]) -> None:
        """Say in the prefix what run this is, and take back the records of shards that are to be built again.

        Called before anything is built, as soon as the folder has a ``run.json``.
        """
        self._lease.check()
        put_run_file(self._own, self._folder)
        shards = {entry.shard for entry in dropped}
        records = [key for key in self._sizes if shard_of(key) in shards]
        self._remove([manifest.NAME] if manifest.NAME in self._sizes else [])
        for number in sorted(
            set(map(patch_of, records)), reverse=True
        ):  # none may stand without those before
            self._remove([key for key in records if patch_of(key) == number])
        self.take_left(dropped)
        if (
            dropped
        ):  # the manifest is then written anew, patches in their shards' lines, which would be other records
            self.drain()

    def take(self, entry: Entry) -> None:
        """Put a shard, or a patch, that has become part of the run; waits while too many others are being put.

        Raises:
            RunError: an earlier one could not be put, or somebody else builds into the prefix. Told once; the shards stay in the
                work folder.
        """
        self._tell()
        while not self._places.acquire(timeout=1.0):
            self._tell()
        if isinstance(entry, PatchEntry):
            wait(
                [future for shard, future in self._putting if shard == entry.shard]
            )  # its record comes after theirs
        self._putting = [(shard, future) for shard, future in self._putting if not future.done()]
        self._putting.append((entry.shard, self._pool.submit(self._put_and_free, entry)))

    def drain(self) -> None:
        """Wait until all that was taken is put, with every answer. Raises as :meth:`take` does."""
        for _, future in self._putting:
            future.result()
        if self._error is not None:
            raise self._error
        self._lease.check()
        self._answers.put()

    def take_left(self, dropped: Collection[ShardEntry] = ()) -> None:
        """Put what is finished in the folder and the prefix lacks, and remove local files of the rest."""
        without = {entry.shard for entry in dropped}
        found = manifest.read_whole(self._folder)
        current = manifest.file_names(found.shards)
        for entry in found.lines:
            if entry.shard in without:
                continue
            left = [file for file in entry.files if file.name in current and not self.has(file)]
            if record_key(entry) in self._sizes and not left:
                self._forget(entry)
            else:
                self.take(entry)

    def __enter__(self) -> Self:
        """Begin to put answers now and then."""
        self._clock.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Wait for what is being put; after an error, drop what waits for it, and still put the answers."""
        self._ended.set()
        self._clock.join()
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is not None:
            with suppress(RunError):  # the first error is the one to tell
                self._lease.check()
                self._answers.put()

    def _tell(self) -> None:
        if self._told:
            return  # whoever ends in order still hands in what is finished
        try:
            self._lease.check()
            if self._error is not None:
                raise self._error
        except BaseException:
            self._told = True
            raise

    def _remove(self, keys: Collection[str]) -> None:
        self._prefix.remove(keys)
        for key in keys:
            del self._sizes[key]

    def _put_and_free(self, entry: Entry) -> None:
        try:
            if self._error is None:
                self._put(entry)
        except BaseException as error:  # noqa: BLE001  # told by the thread that builds
            self._error = self._error or error
        finally:
            self._places.release()

    def _put(self, entry: Entry) -> None:
        for file in entry.files:
            if not self.has(file):
                self._put_part(file)
        self._answers.put_if_due()
        self._lease.check()
        commit(self._prefix, entry)
        self._sizes[record_key(entry)] = 0
        self._forget(entry)

    def _put_part(self, file: FileEntry) -> None:
        path = self._folder / file.name
        try:
            self._prefix.put_file(key_of(file), path)
        except RunError as error:
            if path.exists():
                raise
            if file.name not in manifest.file_names(manifest.read(self._folder)):
                return  # failed rows, of which a patch came meanwhile
            raise RunError(
                f"{path} is gone before it was put; the same command builds its shard again"
            ) from error
        self._sizes[key_of(file)] = file.bytes

    def _forget(self, entry: Entry) -> None:
        for file in entry.files:
            (self._folder / file.name).unlink(missing_ok=True)

    def _now_and_then(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_ANSWERS):
            if self._error is None:
                try:
                    self._answers.put()
                except RunError as error:
                    self._error = error
