"""The Ray executor: shards of a run in actors of a Ray cluster, through Ray Data.

The data set that Ray sees is the list of shards that the manifest lacks, one block each: what a shard holds, when it is
done and where it goes on is decided here, never by blocks. An actor builds shards by the same code as a worker process and
writes them in a folder of its own below the run's, so that an actor that is believed dead and goes on cannot touch what
its successor writes. The process that was started, and it alone, moves the files in place and enters the shard.
"""

import os
import platform
import threading
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from pairwright.builders import Builder
from pairwright.encoding.of_recipe import encoders_of
from pairwright.executors import SAFE, Cluster, Job, Watch
from pairwright.executors.local import WorkerError, own_rows, pending, progress_of, row_count, tally_of
from pairwright.executors.messages import (
    Failed,
    Finished,
    failed,
    job_from,
    job_line,
    message_from,
    message_line,
)
from pairwright.executors.ray_cluster import check_packages, connected, packages, ray_data
from pairwright.executors.shards import ShardBuilder, keep_freed_memory
from pairwright.recipe import Recipe
from pairwright.runs import folder as run_folder
from pairwright.runs import manifest
from pairwright.runs.disk import temporary, writing
from pairwright.runs.folder import STAGED
from pairwright.runs.manifest import Entry, PatchEntry, ShardEntry
from pairwright.samplers import ROOM as SAMPLERS
from pairwright.schemas.errors import RunError, SourceError
from pairwright.sources import Source
from pairwright.sources.open import open_source

_TRIES = 10
"""Times that a shard is built before the run stops: a picture that kills whoever opens it would go round for ever."""

_READERS_S = 5.0
"""How long threads of Ray Data may take to end, seconds; they look every hundredth of a second whether they should."""


def inside(recipe: Recipe) -> list[str]:
    """Return the models and encoders of a recipe that live in the process that builds, by where they stand in it."""
    models = [name for name, model in recipe.models().items() if not SAMPLERS.get(model.sampler).remote]
    return [*models, *encoders_of(recipe)]


def in_slices(recipe: Recipe) -> bool:
    """Tell whether a cluster builds a recipe in slices: it has models or encoders inside, or no folder that all nodes see."""
    return bool(inside(recipe)) or (recipe.url() is not None and isinstance(recipe.builder, Builder))


def check(recipe: Recipe) -> str | None:
    """Check that there is what a recipe needs to be built on a cluster, before anything is opened.

    Returns:
        What should be said beforehand: how the cluster is used, where it is not shard by shard.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    living = inside(recipe)
    if living or isinstance(recipe.builder, Builder):
        ray_data()
    if living:
        return f"{', '.join(living)} run in the workers: the run is built in slices, one for each worker, and joined"
    if in_slices(recipe):
        return (
            "the output goes to an object store: the run is built in slices, one for each worker, and joined"
        )
    if isinstance(recipe.builder, Builder):
        return None
    return (
        "all models are servers, so they are asked from this process, with one set of limits and one store; "
        "--executor ray changes nothing"
    )


def run(job: Job, source: Source, *, cluster: Cluster, workers: int | None, watch: Watch) -> None:
    """Build every shard that the manifest does not list yet.

    Args:
        job: what to build, and where.
        source: the job's source, opened.
        cluster: where; one is started on this machine, for the time of the run, if it has no address.
        workers: actors; as many as the cluster has cores if not given.
        watch: called with the progress, whenever a shard is finished.

    Raises:
        WorkerError: the cluster cannot be reached, an actor failed, or died again and again.
        SourceError: the source is streamed over the network, which one process does alone.
        RunError: files cannot be moved in place.
    """
    done = {entry.shard: entry for entry in manifest.read(job.folder)}
    numbers = list(pending(done, job, _counted(job, source)))
    told = progress_of(done, own_rows(job, row_count(job, source)))
    watch(told)
    staged = job.folder / STAGED / uuid4().hex
    try:
        with writing(staged):
            staged.mkdir(parents=True)
        brief = _Brief(job_line(job), staged, Path.cwd(), packages(), _TRIES)
        with connected(cluster, workers), closing(_built(brief, numbers, workers)) as built:
            for entry, place in built:
                _move(entry, place, job.folder)
                job.enter(entry)
                told = told.plus(tally_of(entry.counts))
                watch(told)
    finally:
        run_folder.clean(job.folder)


def _counted(job: Job, source: Source) -> int:
    """Return how many rows there are to build, reading over a source that does not know."""
    if not source.local:
        raise SourceError(
            f"{job.recipe.file.source.path} is streamed over the network, which one process does alone: leave out "
            "--executor ray, or download it first"
        )
    total = row_count(job, source)
    if source.count() is None:
        return sum(1 for _ in islice(source.rows(0), job.limit))
    return total or 0


def _move(entry: ShardEntry, place: Path, folder: Path) -> None:
    """Bring a shard's files from an actor's folder to where ``Job.enter`` looks for them."""
    for file in entry.files:
        to = temporary(folder / file.name)
        with writing(to):
            to.parent.mkdir(exist_ok=True)
            os.replace(temporary(place / file.name), to)


@dataclass(frozen=True, slots=True)
class _Brief:
    """What an actor is told."""

    job: str
    """The job as a line, as worker processes get it."""
    staged: Path
    """Where actors make their folders; gone once the run is over, so that a straggler fails."""
    working: Path
    """Working directory of the process that was started: paths of a recipe may hang on it."""
    packages: Mapping[str, str]
    """Versions that decide how pictures come out."""
    tries: int
    """Times that a shard is begun before it is given up."""


class _ShardActor:
    """Builds shards; Ray keeps one in each of its worker processes and starts another where one dies."""

    def __init__(self, brief: _Brief) -> None:
        """Do nothing that can fail: what fails here would be tried again for ever."""
        self._brief = brief
        self._job: Job | None = None
        self._source: Source | None = None
        self._builder: ShardBuilder | None = None
        self._last = -1

    def __call__(self, row: dict[str, Any]) -> dict[str, str]:
        """Build the shard of a row; return what a worker process would have said, and where the files lie."""
        try:
            entry = self._build(int(row["shard"]))
        except Exception as error:  # noqa: BLE001  # the process that asked raises it again
            return {"said": message_line(failed(error)), "place": ""}
        return {"said": message_line(Finished(int(row["shard"]), entry)), "place": str(self._opened().folder)}

    def _build(self, number: int) -> Entry | None:
        job = self._opened()
        _count_try(self._brief, number)
        if self._builder is None or number <= self._last:  # a builder goes forwards only, Ray in any order
            self._builder = ShardBuilder(job, self._source)
        self._last = number
        writer = self._builder.build(number, lambda tally: None)
        return None if writer is None else writer.finish()

    def _opened(self) -> Job:
        """Return the job, with a folder of this actor's own; opened by the first shard."""
        if self._job is None:
            check_packages(self._brief.packages)
            keep_freed_memory()
            with suppress(OSError):  # a node may lack it: then only what is named from the root is found
                os.chdir(self._brief.working)
            job = job_from(self._brief.job)
            self._source = open_source(job.recipe.file.source)
            if self._source.marks() != job.marks:
                raise SourceError(
                    f"{job.recipe.file.source.path} is not the same on node {platform.node()}, or has changed"
                )
            self._job = replace(job, folder=_own_place(self._brief.staged))
        return self._job


def _own_place(staged: Path) -> Path:
    place = staged / uuid4().hex
    try:
        place.mkdir()
    except OSError as error:
        raise RunError(
            f"node {platform.node()} cannot write to {staged.parent.parent} ({error}): every node must see the run's "
            "folder under the same path, on a shared file system"
        ) from error
    return place


def _count_try(brief: _Brief, number: int) -> None:
    """Note that a shard is begun; raise WorkerError where it has been, again and again, and never finished."""
    try:
        with (brief.staged / f"begun-{number}").open("ab") as file:
            file.write(b".")
            tries = file.tell()
    except OSError as error:
        raise RunError(f"{brief.staged} cannot be written ({error})") from error
    if tries > brief.tries:
        raise WorkerError(
            f"shard {number} was begun {brief.tries} times, and each time its worker died, perhaps of a picture or for lack of memory"
        )


def _built(
    brief: _Brief, numbers: Sequence[int], workers: int | None
) -> Generator[tuple[ShardEntry, Path], None, None]:
    """Yield finished shards and where their files lie, in the order in which they are finished; closed, Ray ends its work."""
    import ray

    if not numbers:
        return
    actors = min(workers or int(ray.cluster_resources().get("CPU", 1)), len(numbers))
    try:
        with closing(_rows(brief, numbers, actors)) as rows:
            for row in rows:
                match message_from(row["said"]):
                    case Failed(why):
                        raise WorkerError(f"a worker of Ray failed: {why}")
                    case Finished(_, ShardEntry() as entry):
                        yield entry, Path(row["place"])
                    case Finished(shard, PatchEntry()):
                        raise AssertionError(f"shard {shard}: no actor is asked for a patch")
    except ray.exceptions.RayError as error:
        told = str(error).strip().splitlines() or [type(error).__name__]
        raise WorkerError(f"Ray gave up: {told[0]} {SAFE}") from error


def _rows(brief: _Brief, numbers: Sequence[int], actors: int) -> Generator[Mapping[str, str], None, None]:
    """Send each shard through an actor and yield what it said. Ray Data starts again whatever dies, without end.

    Closed early, it waits until no thread of Ray Data reads any more: one that asks Ray for something once this process is no
    longer connected has Ray end the process without a word, with status 1.
    """
    data = ray_data()
    shards = data.from_items([{"shard": number} for number in numbers], override_num_blocks=len(numbers))
    said = shards.map(
        _ShardActor,
        fn_constructor_args=(brief,),
        compute=data.ActorPoolStrategy(size=actors),
        num_cpus=1,
    )
    said.context.enable_progress_bars = False
    said.context.print_on_execution_start = False
    before = set(threading.enumerate())
    rows: Generator[Mapping[str, str], None, None] = iter(said.iter_rows())
    try:
        yield from rows
    finally:
        rows.close()
        _wait_for(set(threading.enumerate()) - before)


def _wait_for(threads: Iterable[threading.Thread]) -> None:
    deadline = time.monotonic() + _READERS_S
    for thread in threads:
        if thread.name != "Prefetcher":  # it sleeps for good, and asks for nothing
            thread.join(max(0.0, deadline - time.monotonic()))
