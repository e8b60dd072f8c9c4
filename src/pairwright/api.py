"""The functions behind the command line, and the surface for Python: build, perturb, validate."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairwright.recipe import Recipe, load_recipe
from pairwright.remote import is_url
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.image import Pixels

if TYPE_CHECKING:
    from pairwright.building import Outcome
    from pairwright.executors import Cluster, Progress
    from pairwright.runs.run_file import RunFile
    from pairwright.schemas.reasons import Reason
    from pairwright.schemas.validate import Problem

EXECUTORS = ("local", "ray")
"""Where :func:`build` can have shards built."""


def build(
    recipe: str | Path | Recipe,
    *,
    source: str | Path | None = None,
    out: str | Path | None = None,
    limit: int | None = None,
    workers: int | None = None,
    seed: int | None = None,
    shard: str | None = None,
    executor: str = "local",
    address: str | None = None,
    gpus_per_worker: float | None = None,
    work: str | Path | None = None,
    watch: "Callable[[Progress], None] | None" = None,
    tell: Callable[[str], None] | None = None,
) -> "Outcome":
    """Build a data set, or continue one.

    Args:
        recipe: a checked recipe, a YAML file, or the name of one that comes with the package.
        source: replaces the recipe's ``source.path``.
        out: folder of the run, or an address in an object store (``s3://bucket/run``); replaces ``output.path``. Called again on
            the same place, the run continues.
        limit: use only the first rows of the source.
        workers: processes, this one included; as many as there are cores if not given. The rows do not depend on
            it. A recipe that asks models runs in one process.
        seed: replaces the recipe's seed.
        shard: build one slice of n alone, ``i/n`` with i from 0; other processes, on other machines, build the others into
            the same folder, and the last to finish makes one run of all.
        executor: ``local``, or ``ray`` for the actors of a Ray cluster; ``workers`` are then actors. The rows do not depend
            on it. Models that are servers are asked from this process with either; those that live in the process that
            builds, and encoders, get an actor for each slice of the run, and so does a run in an object store.
        address: of the Ray cluster; if not given that of ``RAY_ADDRESS``, or else one is started for the run.
        gpus_per_worker: GPUs of an actor with models or encoders; if not given 1 where the cluster has GPUs.
        work: where ``out`` is in an object store: the folder on a local disk for what is under way. If not given, one in the
            user's cache folder.
        watch: called with the progress after every few rows.
        tell: told, where ``out`` is in an object store, what is waited for and where the work folder is.

    Raises:
        RecipeError: the recipe cannot be used.
        SourceError: the source cannot be read.
        RunError: the folder belongs to another run or process, or cannot be written.
        ModelError: a model cannot be used; finished shards and stored answers are kept.
        BudgetError: the run has spent what it may; finished shards and stored answers are kept.
        WorkerError: a worker process failed; finished shards are kept.
        ParameterError: ``limit`` or ``workers`` below 1, a ``shard`` that is no slice, an unknown ``executor``, or one that
            does not fit the recipe or the other arguments.
        MissingExtraError: Ray, or the package for an object store, is not installed.
    """
    _at_least_one("limit", limit)
    _at_least_one("workers", workers)
    ready = (recipe if isinstance(recipe, Recipe) else load_recipe(recipe)).placed(
        source=source, out=out, seed=seed
    )
    cluster = _cluster(executor, address, shard, gpus_per_worker)
    url = ready.url()
    if url is None and work is not None:
        raise ParameterError(f"work: {work} is of use where out is an address in an object store")
    if cluster is not None:
        from pairwright.executors.ray import in_slices

        if in_slices(ready):
            from pairwright.slicing_on_ray import build_in_slices

            return build_in_slices(
                ready,
                cluster=cluster,
                limit=limit,
                workers=workers,
                gpus=gpus_per_worker,
                work=work,
                watch=watch,
                tell=tell or _tell_nobody,
            )
    if url is not None:
        from pairwright.remote.building import build_remote

        return build_remote(
            ready,
            url,
            work=work,
            shard=shard,
            limit=limit,
            workers=workers,
            watch=watch,
            tell=tell or _tell_nobody,
        )
    if shard is not None:
        from pairwright.slicing import build_slice

        return build_slice(ready, shard, limit=limit, workers=workers, watch=watch)
    from pairwright.building import build_whole

    return build_whole(ready, limit=limit, workers=workers, watch=watch, cluster=cluster)


def retry(
    folder: str | Path,
    *,
    overrides: Sequence[str] = (),
    refused: bool = False,
    work: str | Path | None = None,
    watch: "Callable[[Progress], None] | None" = None,
    tell: Callable[[str], None] | None = None,
) -> "Outcome":
    """Try the failed rows of a run again; answers that are stored are not asked for.

    What comes of them is written beside what there is, as patches of their shards: no finished file is touched. Where the run
    is not finished, what is missing is built first.

    Args:
        folder: folder of the run, or its address in an object store.
        overrides: ``key=value`` lines as for :func:`pairwright.recipe.load_recipe`, for example another
            ``judge.base_url``. Only keys that do not decide which rows come out may change.
        refused: also ask again what the models refused, for example after a server was set up wrongly.
        work: of a run in an object store, as in :func:`build`.
        watch: called with the progress.
        tell: of a run in an object store, as in :func:`build`.

    Raises:
        RunError: the folder holds no run, or another process has it.
        As :func:`build` does for everything else.
    """
    from pairwright.recipe_of_run import stored_recipe
    from pairwright.runs import run_file
    from pairwright.schemas.reasons import MAY_SUCCEED_LATER

    again: tuple[Reason, ...] = (*MAY_SUCCEED_LATER, *(("call_refused",) if refused else ()))
    if isinstance(folder, str) and is_url(folder):
        from pairwright.remote.building import retry_remote

        return retry_remote(folder, overrides, again, work=work, watch=watch, tell=tell or _tell_nobody)
    if work is not None:
        raise ParameterError(
            f"work: {work} is of use with an address in an object store alone, and {folder} is a folder"
        )
    place = Path(folder)
    run = run_file.read(place)
    if run is None:
        raise run_file.none_in(place)
    ready = stored_recipe(run.recipe, overrides).placed(source=None, out=place, seed=None)
    from pairwright.building import build_whole

    return build_whole(ready, limit=run.identity.limit, workers=None, watch=watch, again=again, part=run.part)


def pair(
    folder: str | Path,
    rule: str,
    *,
    out: str | Path,
    overrides: Sequence[str] = (),
    workers: int | None = None,
    watch: "Callable[[Progress], None] | None" = None,
) -> "Outcome":
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
    run = run_file.read_joined(Path(folder))
    recipe = pairing_recipe(Path(folder), rule, overrides, of=run.recipe if run else None)
    ready = recipe.placed(source=None, out=out, seed=None)
    from pairwright.building import build_whole

    return build_whole(ready, limit=None, workers=workers, watch=watch)


def next_round(
    folder: str | Path,
    *,
    out: str | Path,
    overrides: Sequence[str] = (),
    limit: int | None = None,
    watch: "Callable[[Progress], None] | None" = None,
) -> "Outcome":
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
    from pairwright.building import build_whole

    return build_whole(ready, limit=limit, workers=None, watch=watch)


def round_after(folder: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Return the recipe that :func:`next_round` builds, not yet placed. Raises as that does."""
    from pairwright.recipe_of_run import round_recipe
    from pairwright.runs import run_file
    from pairwright.runs.rounds import check_basis, highest_round

    place = Path(folder)
    run = check_basis(place, run_file.read(place))
    return round_recipe(place, run.recipe, highest_round(place) + 1, overrides)


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
        RunError: the folder's ``run.json`` is not one of pairwright's; or it holds slices that are not joined yet.
    """
    from pairwright.runs import run_file
    from pairwright.schemas.codec import DEFAULT_MAX_PIXELS
    from pairwright.schemas.errors import RunError
    from pairwright.schemas.validate_file import validate_file, validate_folder
    from pairwright.sources.settings import SourceSettings

    place = Path(path)
    if not place.is_dir():
        return validate_file(place, max_pixels=DEFAULT_MAX_PIXELS if max_pixels is None else max_pixels)
    run = run_file.read_joined(place)
    if max_pixels is None:
        try:
            settings = SourceSettings.model_validate(run.recipe["source"]) if run else SourceSettings()
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{place / run_file.NAME}: its recipe has no source that can be used") from error
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


def _cluster(executor: str, address: str | None, shard: str | None, gpus: float | None) -> "Cluster | None":
    """Return the cluster to build on; None for this machine."""
    from pairwright.executors import Cluster
    from pairwright.schemas.room import unknown

    if executor not in EXECUTORS:
        raise ParameterError(f"executor: {unknown('executors', executor, EXECUTORS)}")
    if executor == "local":
        if address is not None:
            raise ParameterError(f"address: {address} is of use with executor ray alone")
        if gpus is not None:
            raise ParameterError(f"gpus_per_worker: {gpus:g} is of use with executor ray alone")
        return None
    if gpus is not None and gpus < 0:
        raise ParameterError(f"gpus_per_worker: expected 0 or more, got {gpus:g}")
    if shard is not None:
        raise ParameterError(
            "shard: a Ray cluster builds all shards of a run; give executor ray or a slice, not both"
        )
    return Cluster(address)


def _tell_nobody(sentence: str) -> None:
    """Take what should be told, where the caller gave nobody to tell it."""


def _at_least_one(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise ParameterError(f"{name}: expected 1 or more, got {value}")
