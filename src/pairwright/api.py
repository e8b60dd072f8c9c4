"""The functions behind the command line, and the surface for Python: build, perturb, validate."""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from pairwright.recipe import Recipe, load_recipe
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.image import Pixels

if TYPE_CHECKING:
    from pairwright.encoding.service import Encoded
    from pairwright.executors import Job, Progress, Watch
    from pairwright.responses.ledger import Spent
    from pairwright.runs.manifest import Counts
    from pairwright.runs.run_file import Identity, RunFile
    from pairwright.schemas.reasons import Reason
    from pairwright.schemas.validate import Problem
    from pairwright.sources import Source


@dataclass(frozen=True, slots=True)
class Outcome:
    """What :func:`build` did."""

    folder: Path
    counts: "Counts"
    """Sums over the whole run, earlier goes included."""
    already_done: bool
    """Whether there was nothing left to do."""
    mended: int
    """Shards that were built again because a file of theirs was gone or cut short."""
    retried: int
    """Shards that were built again because of rejects that might succeed now."""
    ledger: "tuple[Spent, ...]"
    """What each model took, earlier goes included."""


def build(
    recipe: str | Path | Recipe,
    *,
    source: str | Path | None = None,
    out: str | Path | None = None,
    limit: int | None = None,
    workers: int | None = None,
    seed: int | None = None,
    watch: "Callable[[Progress], None] | None" = None,
) -> Outcome:
    """Build a data set, or continue one.

    Args:
        recipe: a checked recipe, a YAML file, or the name of one that comes with the package.
        source: replaces the recipe's ``source.path``.
        out: folder of the run; replaces ``output.path``. Called again on the same folder, the run continues.
        limit: use only the first rows of the source.
        workers: processes, this one included; as many as there are cores if not given. The rows do not depend on
            it. A recipe that asks models runs in one process.
        seed: replaces the recipe's seed.
        watch: called with the progress after every few rows.

    Raises:
        RecipeError: the recipe cannot be used.
        SourceError: the source cannot be read.
        RunError: the folder belongs to another run or process, or cannot be written.
        ModelError: a model cannot be used; finished shards and stored answers are kept.
        BudgetError: the run has spent what it may; finished shards and stored answers are kept.
        WorkerError: a worker process failed; finished shards are kept.
        ParameterError: ``limit`` or ``workers`` below 1.
    """
    _at_least_one("limit", limit)
    _at_least_one("workers", workers)
    ready = (recipe if isinstance(recipe, Recipe) else load_recipe(recipe)).placed(
        source=source, out=out, seed=seed
    )
    return _build(ready, limit=limit, workers=workers, watch=watch)


def retry(
    folder: str | Path,
    *,
    overrides: Sequence[str] = (),
    refused: bool = False,
    watch: "Callable[[Progress], None] | None" = None,
) -> Outcome:
    """Build those shards of a run again that hold rejects which may succeed now; answers that are stored are not asked for.

    Args:
        folder: folder of the run.
        overrides: ``key=value`` lines as for :func:`pairwright.recipe.load_recipe`, for example another
            ``judge.base_url``. Only keys that do not decide which rows come out may change.
        refused: also ask again what the models refused, for example after a server was set up wrongly.
        watch: called with the progress.

    Raises:
        RunError: the folder holds no run, or another process has it.
        As :func:`build` does for everything else.
    """
    from pairwright.recipe_of_run import stored_recipe
    from pairwright.runs import run_file
    from pairwright.schemas.errors import RunError
    from pairwright.schemas.reasons import MAY_SUCCEED_LATER

    place = Path(folder)
    run = run_file.read(place)
    if run is None:
        raise RunError(f"{place} holds no run: there is no {run_file.NAME} in it")
    ready = stored_recipe(run.recipe, overrides).placed(source=None, out=place, seed=None)
    again: tuple[Reason, ...] = (*MAY_SUCCEED_LATER, *(("call_refused",) if refused else ()))
    return _build(ready, limit=run.identity.limit, workers=None, watch=watch, again=again)


def pair(
    folder: str | Path,
    rule: str,
    *,
    out: str | Path,
    overrides: Sequence[str] = (),
    workers: int | None = None,
    watch: "Callable[[Progress], None] | None" = None,
) -> Outcome:
    """Form pairs anew from the candidates that a run has kept, by another rule, without asking any model.

    Args:
        folder: folder of the run.
        rule: a pairing rule, for example ``margin``.
        out: folder of the new run.
        overrides: ``key=value`` lines; keys without a block of their own belong to ``pairing.params``, for example
            ``at_least=0.5``.
        workers: processes, as in :func:`build`.
        watch: called with the progress.

    Raises:
        As :func:`build` does.
    """
    from pairwright.recipe_of_run import pairing_recipe
    from pairwright.runs import run_file

    _at_least_one("workers", workers)
    run = run_file.read(Path(folder))
    recipe = pairing_recipe(Path(folder), rule, overrides, of=run.recipe if run else None)
    ready = recipe.placed(source=None, out=out, seed=None)
    return _build(ready, limit=None, workers=workers, watch=watch)


def next_round(
    folder: str | Path,
    *,
    out: str | Path,
    overrides: Sequence[str] = (),
    limit: int | None = None,
    watch: "Callable[[Progress], None] | None" = None,
) -> Outcome:
    """Build the next round of self-training on a run: a new checkpoint writes, and its answers join those that are there.

    The recipe is the run's own, the prompts are the run's, under the record ids that they have there, and the response
    store is shared: what was asked before is replayed.

    Args:
        folder: folder of the run; it stays as it is.
        out: folder of the new run. Called again on it, the run continues.
        overrides: ``key=value`` lines that say what is new, for example ``samplers.0.model=NAME``.
        limit: use only the first rows.
        watch: called with the progress.

    Raises:
        RunError: the folder holds no run that a round can be built on.
        RecipeError: nothing that writes answers has changed, or the builder has no such model.
        As :func:`build` does for everything else.
    """
    _at_least_one("limit", limit)
    ready = round_after(folder, overrides).placed(source=None, out=out, seed=None)
    return _build(ready, limit=limit, workers=None, watch=watch)


def round_after(folder: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Return the recipe that :func:`next_round` builds, not yet placed. Raises as that does."""
    from pairwright.recipe_of_run import round_recipe
    from pairwright.runs import run_file
    from pairwright.runs.rounds import check_basis, highest_round

    place = Path(folder)
    run = check_basis(place, run_file.read(place))
    return round_recipe(place, run.recipe, highest_round(place) + 1, overrides)


def _build(
    ready: Recipe,
    *,
    limit: int | None,
    workers: int | None,
    watch: "Callable[[Progress], None] | None",
    again: "Collection[Reason]" = (),
) -> Outcome:
    """Build what is missing of a run, and the shards with rejects of the reasons ``again``."""
    from pairwright.card import write_card
    from pairwright.encoding.of_recipe import check_encoders_of
    from pairwright.executors import Job
    from pairwright.responses.asking import check_reachable
    from pairwright.responses.refusals import forget_refusals
    from pairwright.runs import folder as run_folder
    from pairwright.runs import manifest
    from pairwright.runs.run_file import identity_of
    from pairwright.sources.open import open_source

    models = ready.models()  # a model without a name is told before anything is opened
    if not ready.responses().is_file():  # where answers are stored, a replay needs neither server nor key
        check_reachable(models)
    check_encoders_of(ready)
    opened = open_source(ready.file.source)
    identity = identity_of(ready, opened, limit)
    folder = ready.folder()
    run_folder.refuse_strangers(folder)
    with run_folder.locked(folder) as lock:
        damaged = run_folder.damaged(folder)
        retried = run_folder.with_rejects(folder, again)
        earlier = run_folder.earlier(folder, ready, identity, whole=not (damaged or retried))
        finished = earlier is not None and earlier.status == "finished" and not (damaged or retried)
        if not finished:
            manifest.begin(folder)
            record = _Record(folder, ready, identity, earlier)
            record.write("running")
            if "call_refused" in again:
                forget_refusals(ready.responses(), record.name)
            manifest.drop(folder, (*damaged, *retried))
            run_folder.clean(folder)
            job = Job(folder.absolute(), ready, limit, identity.files)
            record.watch(lambda seen: _execute(job, opened, record.name, lock, workers, seen), watch)
        if not finished or not (folder / "README.md").exists():
            write_card(folder)
        counts = manifest.total(manifest.read(folder))
        ledger = earlier.ledger if finished and earlier else record.spent
        return Outcome(folder, counts, finished, len(damaged), len(retried), ledger)


def _execute(job: "Job", source: "Source", name: str, lock: int, workers: int | None, watch: "Watch") -> None:
    """Build the shards that are left, by the executor that fits the builder."""
    from pairwright.builders import Builder
    from pairwright.executors import calls, local

    if isinstance(job.recipe.builder, Builder):
        local.run(job, source, lock=lock, workers=workers or _usable_cores(), watch=watch)
    else:
        calls.run(job, source, name=name, watch=watch)


def perturb(
    image: Pixels, name: str, params: Mapping[str, Any] | None = None, *, seed: int = 0, record_id: str = ""
) -> tuple[Pixels, Mapping[str, float | int]]:
    """Change one picture by a perturbation.

    Args:
        image: uint8, height × width × 3, RGB.
        name: a perturbation, for example ``gaussian_blur``.
        params: values or ranges [low, high]; missing ones keep their defaults.
        seed: run seed of the draw.
        record_id: record of the draw; the same (seed, record id, name) draws the same values.

    Returns:
        The changed picture, and the drawn values by name.

    Raises:
        UnknownPartError, ParameterError: no such operation or parameter, or a value outside its range.

    >>> import numpy as np
    >>> changed, drawn = perturb(np.zeros((32, 32, 3), np.uint8), "gaussian_blur", {"radius": [2, 4]})
    >>> changed.shape, 2 <= drawn["radius"] <= 4
    ((32, 32, 3), True)
    """
    from dataclasses import asdict

    from pairwright.perturbations import ROOM, Perturbation
    from pairwright.schemas.knobs import plan
    from pairwright.schemas.seeds import generator

    part = ROOM.get(name)
    if not isinstance(part, Perturbation):
        raise ParameterError(
            f"{name} needs the other pictures of a source, or an encoder; it cannot change a single one"
        )
    if image.dtype != "uint8" or image.ndim != 3 or image.shape[2] != 3:
        raise ParameterError(f"image: expected uint8 height × width × 3, got {image.dtype} {image.shape}")
    drawn = plan(name, part.params, params or {}).draw(generator(seed, record_id, name))
    return part.apply(image, drawn), asdict(drawn)


def validate(path: str | Path, *, max_pixels: int | None = None) -> "list[Problem]":
    """Check a Parquet file, or all files of a run folder, against the shared schema; return what is wrong.

    Of a run it also says which files of its manifest are gone or cut short, and that it is not finished.
    Stops after ``pairwright.schemas.validate_file.MOST_PROBLEMS`` problems.

    Args:
        path: a Parquet file, or a folder of them.
        max_pixels: pictures with more pixels are refused. If not given it is ``source.max_pixels`` of the run that
            the folder holds, and ``pairwright.schemas.codec.DEFAULT_MAX_PIXELS`` for everything else.

    Raises:
        RunError: the folder's ``run.json`` is not one of pairwright's.
    """
    from pairwright.runs import run_file
    from pairwright.schemas.codec import DEFAULT_MAX_PIXELS
    from pairwright.schemas.validate_file import validate_file, validate_folder
    from pairwright.sources.settings import SourceSettings

    place = Path(path)
    if not place.is_dir():
        return validate_file(place, max_pixels=DEFAULT_MAX_PIXELS if max_pixels is None else max_pixels)
    run = run_file.read(place)
    if max_pixels is None:
        settings = SourceSettings.model_validate(run.recipe["source"]) if run else SourceSettings()
        max_pixels = settings.max_pixels
    return [*_run_problems(place, run), *validate_folder(place, max_pixels=max_pixels)]


def _run_problems(folder: Path, run: "RunFile | None") -> "Iterator[Problem]":
    """Yield what manifest and ``run.json`` say against a folder; nothing for a folder that is no run."""
    from pairwright.runs.folder import damaged_files
    from pairwright.runs.run_file import NAME
    from pairwright.schemas.validate import Problem

    for file in damaged_files(folder):
        said = (
            f"is gone or cut short: the manifest says {file.rows:,} rows; build again, it will be made anew"
        )
        yield Problem(None, None, "", said, file.name)
    if run is not None and run.status != "finished":
        yield Problem(None, None, "", "the run is not finished; the same build command goes on", NAME)


class _Record:
    """Keeps ``run.json`` up to date."""

    def __init__(self, folder: Path, recipe: Recipe, identity: "Identity", earlier: "RunFile | None") -> None:
        from pairwright.runs import run_file

        self._folder, self._recipe, self._identity = folder, recipe, identity
        self._started = earlier.started if earlier else run_file.now()
        self._begun = time.perf_counter()
        self.name = earlier.name if earlier else uuid4().hex
        """Name of the run in a response store, which other runs may share."""
        self.spent: tuple[Spent, ...] = earlier.ledger if earlier else ()
        """What each model took so far."""
        self.encoded: tuple[Encoded, ...] = ()
        """What each encoder did so far."""

    def watch(self, work: "Callable[[Watch], None]", watch: "Watch | None") -> None:
        """Do the work of a run, telling its progress on; write down how it ended."""

        def seen(progress: "Progress") -> None:
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
        from pairwright.runs import manifest, run_file

        run_file.write(
            self._folder,
            self._recipe,
            self._identity,
            name=self.name,
            status=status,
            started=self._started,
            counts=manifest.total(manifest.read(self._folder)),
            ledger=self.spent,
            encoded=self.encoded,
            work_s=time.perf_counter() - self._begun,
        )


def _usable_cores() -> int:
    """Return the cores that this process may use; on a shared machine fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _at_least_one(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise ParameterError(f"{name}: expected 1 or more, got {value}")
