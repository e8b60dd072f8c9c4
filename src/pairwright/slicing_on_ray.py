"""Building a run in slices on a Ray cluster, for recipes whose models or encoders live in the process that builds.

Each slice has an actor, with its own folder, store and lock, that builds it as ``--shard i/n`` does; its model is loaded
once. An actor whose engine dies ends, so that Ray starts another one in its place, which goes on with the slice.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from pairwright.building import Outcome
from pairwright.executors import Cluster, Job, Progress
from pairwright.executors.local import WorkerError, progress_of, row_count
from pairwright.executors.messages import failed, job_from, job_line
from pairwright.executors.ray_cluster import check_packages, connected, packages
from pairwright.recipe import Recipe
from pairwright.runs import manifest, run_file
from pairwright.runs.joining import unfinished
from pairwright.runs.slices import Slice, slices_in
from pairwright.schemas.errors import ModelError
from pairwright.slicing import build_slice
from pairwright.sources.open import open_source

_TRIES = 10
"""Times that a slice's actor may die before the run stops."""

_SECONDS_BETWEEN_LOOKS = 2.0


def build_in_slices(
    recipe: Recipe,
    *,
    cluster: Cluster,
    limit: int | None,
    workers: int | None,
    gpus: float | None,
    watch: Callable[[Progress], None] | None,
) -> Outcome:
    """Build a run, or continue it, in as many slices as there are workers.

    Args:
        recipe: what to build, and where.
        cluster: where.
        limit: use only the first rows of the source.
        workers: number of slices of a run that is begun; if not given, as many as the cluster has GPUs for, or nodes where
            it has no GPU. A run that goes on keeps its number.
        gpus: GPUs of a worker; if not given 1 where the cluster has any, else 0.
        watch: called with the progress every few seconds.

    Raises:
        WorkerError: the cluster cannot be reached, or a slice failed; the message says which and why.
        As :func:`pairwright.slicing.build_slice` does for everything else.
    """
    folder = recipe.folder()
    if run_file.read(folder) is not None:  # finished, or not built in slices, which is told
        return build_slice(recipe, "0/1", limit=limit, workers=None, watch=watch)
    source = open_source(recipe.file.source)
    job = Job(folder.absolute(), recipe, limit, source.marks())
    with connected(cluster, workers):
        wanted = _gpus_each() if gpus is None else gpus
        count = next((part.count for part in slices_in(folder)), workers or _places(wanted))
        brief = _Brief(job_line(job), Path.cwd(), packages())
        _build_all(brief, unfinished(folder, count), wanted, _Told(folder, row_count(job, source), watch))
    joined = build_slice(recipe, f"0/{count}", limit=limit, workers=None, watch=None)
    return replace(joined, already_done=False)


def _gpus_each() -> float:
    import ray

    return 1.0 if ray.cluster_resources().get("GPU", 0) else 0.0


def _places(gpus: float) -> int:
    """Return how many workers with so many GPUs have a place: one for each node where they need none."""
    import ray

    if gpus:
        return max(1, int(ray.cluster_resources().get("GPU", 0) / gpus))
    return sum(1 for node in ray.nodes() if node["Alive"])


@dataclass(frozen=True, slots=True)
class _Brief:
    """What an actor is told."""

    job: str
    """The job as a line, as worker processes get it."""
    working: Path
    """Working directory of the process that was started: paths of a recipe may hang on it."""
    packages: Mapping[str, str]
    """Versions that decide how pictures come out."""


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
            job = job_from(self._brief.job)
            build_slice(self._placed(job), shard, limit=job.limit, workers=1, watch=self._seen)
        except ModelError as error:
            if (
                self._moved
            ):  # it did answer: the engine has died, and takes its process along, to be started anew
                os._exit(1)
            return failed(error).why
        except Exception as error:  # noqa: BLE001  # the process that asked raises it again
            return failed(error).why
        return ""

    def _placed(self, job: Job) -> Recipe:
        """Return the recipe as it was given, since it is kept with the run, or with a folder that can be found from here."""
        try:
            os.chdir(self._brief.working)
        except OSError:  # this node lacks it: only what is named from the root is found
            return job.recipe.placed(source=None, out=job.folder, seed=None)
        return job.recipe

    def _seen(self, progress: Progress) -> None:
        if self._rows is not None and progress.rows > self._rows:
            self._moved = True
        self._rows = progress.rows


class _Told:
    """Tells how far all slices are, as their manifests say."""

    def __init__(self, folder: Path, total: int | None, watch: Callable[[Progress], None] | None) -> None:
        self._folder, self._total, self._watch = folder, total, watch
        self._last, self._rows = 0.0, -1

    def look(self) -> None:
        """Tell it, if there is news."""
        now = time.monotonic()
        if self._watch is None or now - self._last < _SECONDS_BETWEEN_LOOKS:
            return
        self._last = now
        entries = chain.from_iterable(manifest.read(place) for place in slices_in(self._folder).values())
        told = progress_of({entry.shard: entry for entry in entries}, self._total)
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
