"""Building a run, or going on with one: what every verb that builds comes to."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol
from uuid import uuid4

from pairwright.builders import Builder
from pairwright.encoding.of_recipe import check_encoders_of
from pairwright.encoding.service import Encoded
from pairwright.executors import Cluster, Job, Progress, Watch
from pairwright.executors.local import row_count
from pairwright.recipe import Recipe
from pairwright.responses.asking import check_reachable
from pairwright.responses.ledger import Spent
from pairwright.responses.refusals import forget_refusals
from pairwright.runs import failing, manifest, run_file
from pairwright.runs import folder as run_folder
from pairwright.runs.failing import Patch
from pairwright.runs.manifest import Counts, Entry, FileEntry, ShardEntry
from pairwright.runs.run_file import Identity, RunFile, identity_of
from pairwright.runs.slices import Slice
from pairwright.schemas.errors import SourceError
from pairwright.schemas.reasons import Reason
from pairwright.sources import Source
from pairwright.sources.open import open_source


@dataclass(frozen=True, slots=True)
class Outcome:
    """What :func:`pairwright.build` did."""

    folder: Path
    counts: Counts
    """Sums over the whole run, earlier goes included."""
    already_done: bool
    """Whether there was nothing left to do."""
    mended: int
    """Shards that were built again because a file of theirs was gone or cut short."""
    retried: int
    """Failed rows that were tried again."""
    ledger: tuple[Spent, ...]
    """What each model took, earlier goes included."""
    slices_left: tuple[Slice, ...] = ()
    """Slices that are not finished, where one slice was built; then ``counts`` and ``ledger`` are those of this slice."""
    url: str | None = None
    """Address of the run, where it is in an object store; then ``folder`` is the run's in the work folder."""


class Elsewhere(Protocol):
    """Another place, to which finished shards are taken: the run's folder then keeps none of their files."""

    def has(self, file: FileEntry) -> bool:
        """Tell whether a file is there, whole."""
        ...

    def begin(self, dropped: Collection[ShardEntry]) -> None:
        """Get ready, before anything is built: ``dropped`` shards are going to be built again."""
        ...

    def take(self, entry: Entry) -> None:
        """Take a shard, or a patch of one, that has become part of the run. Raises RunError."""
        ...


def build_whole(
    ready: Recipe,
    *,
    limit: int | None,
    workers: int | None,
    watch: Callable[[Progress], None] | None,
    again: Collection[Reason] = (),
    part: Slice | None = None,
    cluster: Cluster | None = None,
    elsewhere: Elsewhere | None = None,
) -> Outcome:
    """Build what is missing of a run or a slice, then try its failed rows again that have rejects of the reasons ``again``.

    ``cluster`` is where shards are built that ask no model; this machine if there is none. ``elsewhere`` is where finished
    shards are taken; then no card is written.
    """
    _check_beforehand(ready, cluster)
    source = open_source(ready.file.source)
    identity = identity_of(ready, source, limit)
    folder = ready.folder()
    run_folder.refuse_strangers(folder)
    # A slice has no card: once finished it may be joined with the others, and removed, by another process at any moment.
    with_card = part is None and elsewhere is None
    with run_folder.locked(folder) as lock:
        shards = manifest.read(folder)
        left = _left(folder, shards, again, elsewhere)
        earlier = run_folder.earlier(folder, ready, identity, whole=left.nothing)
        if earlier is not None and earlier.status == "finished" and left.nothing:
            if with_card and not (folder / "README.md").exists():
                _write_card(folder)
            return Outcome(folder, manifest.total(shards), True, 0, 0, earlier.ledger)
        taken = elsewhere.take if elsewhere else None
        job = Job(folder.absolute(), ready, limit, identity.files, part, taken=taken)
        record = _Record(job, identity, earlier, row_count(job, source))
        _get_ready(job, record, left, again, elsewhere)
        jobs = _jobs(job, earlier, left)
        record.watch(lambda seen: _execute(jobs, source, record.name, lock, workers, cluster, seen), watch)
        if with_card:
            _write_card(folder)
        counts = manifest.total(manifest.read(folder))
        return Outcome(folder, counts, False, len(left.damaged), left.rows, record.spent)


def identity_now(recipe: Recipe, limit: int | None) -> Identity:
    """Return what a run is, by the files as they are now: that takes reading them, and the model's weights."""
    return identity_of(recipe, open_source(recipe.file.source), limit)


def _check_beforehand(ready: Recipe, cluster: Cluster | None) -> None:
    """Raise where models, encoders or the cluster cannot be used, before anything is opened."""
    if cluster is not None:
        from pairwright.executors.ray import check

        check(ready)
    models = ready.models()  # one without a name is told here
    if not ready.responses().is_file():  # where answers are stored, a replay needs neither server nor key
        check_reachable(models)
    check_encoders_of(ready)


def _write_card(folder: Path) -> None:
    from pairwright.card import write_card

    write_card(folder)


@dataclass(frozen=True, slots=True)
class _Left:
    """What there is to do on the finished shards of a run."""

    damaged: tuple[ShardEntry, ...]
    """Shards that have lost a file, or part of one."""
    old: tuple[ShardEntry, ...]
    """Shards of an earlier pairwright whose failed rows cannot be built alone."""
    patches: Mapping[int, Patch]
    """Failed rows of the others that are to be tried again, by shard."""
    rows: int
    """How many failed rows may come out otherwise than before."""

    @property
    def lost(self) -> tuple[ShardEntry, ...]:
        """Return the shards that are built anew."""
        return (*self.damaged, *self.old)

    @property
    def nothing(self) -> bool:
        """Tell whether there is nothing to do."""
        return not (self.damaged or self.old or self.patches)


def _left(
    folder: Path, shards: Sequence[ShardEntry], again: Collection[Reason], elsewhere: Elsewhere | None
) -> _Left:
    damaged = run_folder.damaged(folder, shards, elsewhere.has if elsewhere else None)
    broken = {entry.shard for entry in damaged}
    whole = [entry for entry in shards if again and entry.shard not in broken]
    old, patches = failing.without_failed_rows(whole), failing.to_try_again(folder, whole, again)
    rows = sum(failing.rows_tried(patch, again) for patch in patches.values())
    return _Left(damaged, old, patches, rows + failing.waiting_rows(manifest.total(old).rejects))


def _get_ready(
    job: Job, record: "_Record", left: _Left, again: Collection[Reason], elsewhere: Elsewhere | None
) -> None:
    """Begin the run, or open it again, and clear away what is built anew."""
    manifest.begin(job.folder)
    record.write("running")
    if elsewhere is not None:
        elsewhere.begin(left.lost)
    if "call_refused" in again:
        forget_refusals(job.recipe.responses(), record.name)
    manifest.drop(job.folder, left.lost)
    run_folder.clean(job.folder)


def _jobs(job: Job, earlier: RunFile | None, left: _Left) -> list[Job]:
    """Return what is to be done in turn: the shards that are missing, then failed rows of the others."""
    whole = earlier is not None and earlier.status == "finished" and not left.lost
    patching = [replace(job, patches=left.patches)] if left.patches else []
    return patching if whole else [job, *patching]


def _execute(
    jobs: Sequence[Job],
    source: Source,
    name: str,
    lock: int,
    workers: int | None,
    cluster: Cluster | None,
    watch: Watch,
) -> None:
    """Do each job in turn, by the executor that fits the builder."""
    from pairwright.executors import calls, local, ray

    for job in jobs:
        if isinstance(job.recipe.builder, Builder) and cluster is not None:
            ray.run(job, source, cluster=cluster, workers=workers, watch=watch)
        elif isinstance(job.recipe.builder, Builder):
            local.run(job, source, lock=lock, workers=workers or local.usable_cores(), watch=watch)
        else:
            calls.run(job, source, name=name, watch=watch)
        _check_all_read(job, source)


def _check_all_read(job: Job, source: Source) -> None:
    """Raise SourceError where the source has more rows than came of it: a short read must not pass for a finished run."""
    total = row_count(job, source)
    if total is None or job.part is not None:  # slices are looked at together when they are joined
        return
    read = manifest.total(manifest.read(job.folder)).rows
    if read != total:
        raise SourceError(
            f"{job.recipe.file.source.path} has {total:,} rows, and {read:,} came of it: was it changed meanwhile? The shards "
            f"in {job.folder} may lack rows, so build into another --out."
        )


class _Record:
    """Keeps ``run.json`` up to date."""

    def __init__(self, job: Job, identity: Identity, earlier: RunFile | None, total: int | None) -> None:
        self._job, self._identity, self._total = job, identity, total
        self._started = earlier.started if earlier else run_file.now()
        self._begun = time.perf_counter()
        self.name = earlier.name if earlier else uuid4().hex
        """Name of the run in a response store, which other runs may share."""
        self.spent: tuple[Spent, ...] = earlier.ledger if earlier else ()
        """What each model took so far."""
        self.encoded: tuple[Encoded, ...] = ()
        """What each encoder did so far."""

    def watch(self, work: Callable[[Watch], None], watch: Watch | None) -> None:
        """Do the work of a run, telling its progress on; write down how it ended."""

        def seen(progress: Progress) -> None:
            self.spent = progress.spent or self.spent
            self.encoded = progress.encoded or self.encoded
            if watch is not None:
                watch(progress)

        try:
            work(seen)
        except BaseException:
            self.write("running")
            raise
        self.write("finished")

    def write(self, status: Literal["running", "finished"]) -> None:
        """Write ``run.json`` with the counts so far."""
        run_file.write(
            self._job.folder,
            self._job.recipe,
            self._identity,
            name=self.name,
            status=status,
            started=self._started,
            counts=manifest.total(manifest.read(self._job.folder)),
            ledger=self.spent,
            encoded=self.encoded,
            work_s=time.perf_counter() - self._begun,
            total=self._total,
            part=self._job.part,
        )
