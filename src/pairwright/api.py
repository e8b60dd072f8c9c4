"""The functions behind the command line, and the surface for Python: build, perturb, validate."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pairwright import __version__
from pairwright.recipe import Recipe, load_recipe
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.image import Pixels

if TYPE_CHECKING:
    from pairwright.executors import Progress
    from pairwright.runs.manifest import Counts
    from pairwright.runs.run_file import Identity, RunFile
    from pairwright.schemas.validate import Problem


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
            it.
        seed: replaces the recipe's seed.
        watch: called with the progress after every few rows.

    Raises:
        RecipeError: the recipe cannot be used.
        SourceError: the source cannot be read.
        RunError: the folder belongs to another run or process, or cannot be written.
        WorkerError: a worker process failed; finished shards are kept.
        ParameterError: ``limit`` or ``workers`` below 1.
    """
    from pairwright.card import write_card
    from pairwright.executors import Job, local
    from pairwright.runs import folder as run_folder
    from pairwright.runs import manifest
    from pairwright.runs.run_file import Identity, versions
    from pairwright.sources.open import open_source

    _at_least_one("limit", limit)
    _at_least_one("workers", workers)
    ready = (recipe if isinstance(recipe, Recipe) else load_recipe(recipe)).placed(
        source=source, out=out, seed=seed
    )
    opened = open_source(ready.file.source)
    identity = Identity(ready.identity(), __version__, opened.name, opened.marks(), limit, versions())
    folder = ready.folder()
    run_folder.refuse_strangers(folder)
    with run_folder.locked(folder) as lock:
        damaged = run_folder.damaged(folder)
        earlier = run_folder.earlier(folder, ready, identity, whole=not damaged)
        if damaged:
            manifest.drop(folder, damaged)
        finished = earlier is not None and earlier.status == "finished" and not damaged
        if not finished:
            manifest.begin(folder)
            run_folder.clean(folder)
            record = _recorder(folder, ready, identity, earlier.started if earlier else None)
            record("running")
            job = Job(folder.absolute(), ready, limit, identity.files)
            local.run(job, opened, lock=lock, workers=workers or _usable_cores(), watch=watch or _unwatched)
            record("finished")
        if not finished or not (folder / "README.md").exists():
            write_card(folder)
        return Outcome(folder, manifest.total(manifest.read(folder)), finished, len(damaged))


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
            f"{name} chooses among the other pictures of a source; it cannot change a single one"
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


def _recorder(
    folder: Path, recipe: Recipe, identity: "Identity", started: str | None
) -> Callable[[Literal["running", "finished"]], None]:
    """Return a function that writes ``run.json`` with the counts so far."""
    from pairwright.runs import manifest, run_file

    first, begun = started or run_file.now(), time.perf_counter()

    def record(status: Literal["running", "finished"]) -> None:
        counts = manifest.total(manifest.read(folder))
        work_s = time.perf_counter() - begun
        run_file.write(folder, recipe, identity, status=status, started=first, counts=counts, work_s=work_s)

    return record


def _usable_cores() -> int:
    """Return the cores that this process may use; on a shared machine fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _unwatched(progress: "Progress") -> None:
    """Take no notice."""


def _at_least_one(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise ParameterError(f"{name}: expected 1 or more, got {value}")
