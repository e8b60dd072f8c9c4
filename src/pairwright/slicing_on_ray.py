"""Building a run in slices on a Ray cluster: recipes whose models or encoders live in the process that builds, and runs in
object stores, for which nodes then need no file system in common.

Each slice has an actor, with its own folder, store and lock, that builds it as ``--shard i/n`` does; its model is loaded
once. An actor whose engine dies ends, so that Ray starts another one in its place, which goes on with the slice.
"""

import logging
import math
import os
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from pairwright.building import Outcome
from pairwright.executors import Cluster, Job, Progress, Watch
from pairwright.executors.local import WorkerError, progress_of, row_count
from pairwright.executors.messages import failed, job_from, job_line
from pairwright.executors.ray import inside
from pairwright.executors.ray_cluster import check_packages, connected, packages
from pairwright.recipe import Recipe
from pairwright.remote.building import build_remote
from pairwright.remote.joining import begun, slices_left
from pairwright.remote.keys import RECORDS
from pairwright.remote.lease import Tell
from pairwright.remote.prefix import open_prefix
from pairwright.remote.records import read_records, records_in
from pairwright.remote.run_json import read_run
from pairwright.remote.work import check_prefix, in_work_folder
from pairwright.runs import manifest, run_file
from pairwright.runs.joining import unfinished
from pairwright.runs.manifest import ShardEntry
from pairwright.runs.slices import Slice, slices_in
from pairwright.schemas.errors import ModelError
from pairwright.slicing import build_slice
from pairwright.sources.open import open_source

_TRIES = 10
"""Times that a slice's actor may die before the run stops."""

_log = logging.getLogger(__name__)


def build_in_slices(
    recipe: Recipe,
    *,
    cluster: Cluster,
    limit: int | None,
    workers: int | None,
    gpus: float | None,
    work: str | Path | None,
    watch: Watch | None,
    tell: Tell,
) -> Outcome:
    """Build a run, or continue it, in as many slices as there are workers.

    Args:
        recipe: what to build, and where.
        cluster: where.
        limit: use only the first rows of the source.
        workers: number of slices of a run that is begun; if not given, of a recipe with models or encoders as many as the
            cluster has GPUs for, or nodes where it has no GPU, and else as many as it has cores; no more than there are
            shards. A run that goes on keeps its number.
        gpus: GPUs of a worker with models or encoders; if not given 1 where the cluster has any, else 0.
        work: of a run in an object store: where each node has its work folders; in the user's cache folder if not given.
        watch: called with the progress every few seconds.
        tell: told, of a run in an object store, what is waited for and where this machine's work folder is.

    Raises:
        WorkerError: the cluster cannot be reached, or a slice failed; the message says which and why.
        As :func:`pairwright.slicing.build_slice` does for everything else.
    """
    url = recipe.url()
    slices: _Slices = _InFolder(recipe, limit) if url is None else _InStore(recipe, url, limit, work, tell)
    if slices.is_one_run():  # finished, or not built in slices, which is told
        return slices.outcome(1)
    source = open_source(recipe.file.source)
    job = Job(in_work_folder(recipe, work).folder().absolute(), recipe, limit, source.marks())
    total = row_count(job, source)
    with connected(cluster, workers):
        wanted = _gpus_each(recipe) if gpus is None else gpus
        begun_with = next((part.count for part in slices.begun()), None)
        count = begun_with or workers or min(_places(recipe, wanted), _shards(recipe, total))
        brief = _Brief(job_line(job), Path.cwd(), packages(), work)
        _build_all(brief, slices.left(count), wanted, _Told(slices, total, watch))
    return replace(slices.outcome(count), already_done=False)


class _Slices(Protocol):
    """The slices of a run, wherever they are."""

    look_s: float
    """Seconds between two looks at how far they are."""

    def is_one_run(self) -> bool:
        """Tell whether there is a run without slices, or one that was made of them."""
        ...

    def begun(self) -> Collection[Slice]:
        """Return the slices that have begun."""
        ...

    def left(self, count: int) -> Sequence[Slice]:
        """Return those that are not finished."""
        ...

    def entries(self) -> Sequence[ShardEntry]:
        """Return the shards that are finished."""
        ...

    def outcome(self, count: int) -> Outcome:
        """Return the outcome of the whole run, making it of the slices where nobody has."""
        ...


class _InFolder:
    """Slices in a folder that all nodes see."""

    look_s = 2.0

    def __init__(self, recipe: Recipe, limit: int | None) -> None:
        self._recipe, self._limit, self._folder = recipe, limit, recipe.folder()

    def is_one_run(self) -> bool:
        return run_file.read(self._folder) is not None

    def begun(self) -> Collection[Slice]:
        return slices_in(self._folder)

    def left(self, count: int) -> Sequence[Slice]:
        return unfinished(self._folder, count)

    def entries(self) -> Sequence[ShardEntry]:
        return list(chain.from_iterable(manifest.read(place) for place in slices_in(self._folder).values()))

    def outcome(self, count: int) -> Outcome:
        return build_slice(self._recipe, f"0/{count}", limit=self._limit, workers=None, watch=None)


class _InStore:
    """Slices in an object store; their commit records are created and never replaced, so each is read once."""

    look_s = 10.0

    def __init__(
        self,
        recipe: Recipe,
        url: str,
        limit: int | None,
        work: str | Path | None,
        tell: Tell,
    ) -> None:
        """Raises RunError, before a cluster is started, where the store cannot be used, or takes no slices."""
        self._recipe, self._limit, self._work, self._tell = recipe, limit, work, tell
        self._prefix = open_prefix(url)
        self._prefix.check()
        check_prefix(self._prefix.url, self._prefix.names(), Slice(0, 1))
        self._read: set[str] = set()
        self._entries: list[ShardEntry] = []

    def is_one_run(self) -> bool:
        return read_run(self._prefix) is not None

    def begun(self) -> Collection[Slice]:
        return begun(self._prefix)

    def left(self, count: int) -> Sequence[Slice]:
        return slices_left(self._prefix, count)

    def entries(self) -> Sequence[ShardEntry]:
        new = set(records_in(self._prefix.sizes(RECORDS), None)) - self._read
        self._entries += read_records(self._prefix, sorted(new))
        self._read |= new
        return self._entries

    def outcome(self, count: int) -> Outcome:
        return _built_in_store(self._recipe, self._limit, self._work, f"0/{count}", None, self._tell)


def _built_in_store(
    recipe: Recipe,
    limit: int | None,
    work: str | Path | None,
    shard: str,
    watch: Watch | None,
    tell: Tell,
) -> Outcome:
    return build_remote(
        recipe,
        recipe.url() or "",
        work=work,
        shard=shard,
        limit=limit,
        workers=1,
        watch=watch,
        tell=tell,
    )


def _gpus_each(recipe: Recipe) -> float:
    import ray

    return 1.0 if inside(recipe) and ray.cluster_resources().get("GPU", 0) else 0.0


def _places(recipe: Recipe, gpus: float) -> int:
    """Return how many workers with so many GPUs have a place: where they need none, one for each node or, without models, core."""
    import ray

    if not inside(recipe):
        return max(1, int(ray.cluster_resources().get("CPU", 1)))
    if gpus:
        return max(1, int(ray.cluster_resources().get("GPU", 0) / gpus))
    return sum(1 for node in ray.nodes() if node["Alive"])


def _shards(recipe: Recipe, total: int | None) -> int:
    """Return how many shards a run has, of which a slice should have at least one; without end where nobody knows."""
    return sys.maxsize if total is None else max(1, math.ceil(total / recipe.file.output.shard_rows))


@dataclass(frozen=True, slots=True)
class _Brief:
    """What an actor is told."""

    job: str
    """The job as a line, as worker processes get it."""
    working: Path
    """Working directory of the process that was started: paths of a recipe may hang on it."""
    packages: Mapping[str, str]
    """Versions that decide how pictures come out."""
    work: str | Path | None
    """Where a node has its work folders, of a run in an object store."""


class _SliceActor:
    """Builds one slice."""

    def __init__(self, brief: _Brief) -> None:
        self._brief = brief
        self._rows: int | None = None
        self._moved = False

    def build(self, shard: str) -> str:
        """Build the slice, or go on with it; return why it failed, nothing if it did not."""
        try:
            check_packages(self._brief.packages)
            self._build(job_from(self._brief.job), shard)
        except ModelError as error:
            if (
                self._moved
            ):  # it did answer: the engine has died, and takes its process along, to be started anew
                os._exit(1)
            return failed(error).why
        except Exception as error:  # noqa: BLE001  # the process that asked raises it again
            return failed(error).why
        return ""

    def _build(self, job: Job, shard: str) -> None:
        recipe = job.recipe
        try:
            os.chdir(self._brief.working)
        except OSError:  # this node lacks it: only what is named from the root is found
            if recipe.url() is None:  # else as it was given, since it is kept with the run
                recipe = recipe.placed(source=None, out=job.folder, seed=None)
        if recipe.url() is None:
            build_slice(recipe, shard, limit=job.limit, workers=1, watch=self._seen)
        else:
            _built_in_store(recipe, job.limit, self._brief.work, shard, self._seen, _log.info)

    def _seen(self, progress: Progress) -> None:
        if self._rows is not None and progress.rows > self._rows:
            self._moved = True
        self._rows = progress.rows


class _Told:
    """Tells how far all slices are, as what they have finished says."""

    def __init__(self, slices: _Slices, total: int | None, watch: Watch | None) -> None:
        self._slices, self._total, self._watch = slices, total, watch
        self._last, self._rows = 0.0, -1

    def look(self) -> None:
        """Tell it, if there is news."""
        now = time.monotonic()
        if self._watch is None or now - self._last < self._slices.look_s:
            return
        self._last = now
        told = progress_of({entry.shard: entry for entry in self._slices.entries()}, self._total)
        if told.rows > self._rows:  # fewer once slices are joined and gone
            self._rows = told.rows
            self._watch(told)


def _build_all(brief: _Brief, parts: Sequence[Slice], gpus: float, told: _Told) -> None:
    """Have every slice built by an actor of its own; Ray lets those wait that have no place yet."""
    import ray

    remote: Any = ray.remote(_SliceActor)
    kind = remote.options(num_cpus=1, num_gpus=gpus, max_restarts=_TRIES, max_task_retries=_TRIES)
    actors = {part: kind.remote(brief) for part in parts}
    left = {actor.build.remote(str(part)): part for part, actor in actors.items()}
    try:
        while left:
            done, _ = ray.wait(list(left), timeout=0.5)
            for answer in done:
                part = left.pop(answer)
                if why := ray.get(answer):
                    raise WorkerError(f"slice {part}: {why}")
                ray.kill(actors.pop(part))  # its GPU is free for the next one
            told.look()
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise WorkerError(f"Ray gave up: {lines[0]} The same command goes on.") from error
    finally:
        for actor in actors.values():
            ray.kill(actor)
