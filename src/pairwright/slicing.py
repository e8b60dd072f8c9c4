"""Building one slice of a run, and making one run of all slices when the last of them is finished."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pairwright.building import Outcome, build_whole, identity_now
from pairwright.card import write_card
from pairwright.executors import Progress
from pairwright.recipe import Recipe
from pairwright.runs import folder as run_folder
from pairwright.runs import manifest, run_file
from pairwright.runs.joining import join, unfinished
from pairwright.runs.run_file import Identity
from pairwright.runs.slices import FOLDER as SLICES
from pairwright.runs.slices import check_count, folder_of, parse_slice, remove, slices_in
from pairwright.schemas.errors import RunError

_AS_LONG_AS_IT_TAKES = math.inf
"""Seconds to wait for a process that joins slices: it copies every answer, and every file where there are no links."""

_JOINING = ".joining"
"""Folder that says that slices are being joined, where there are no locks."""


def build_slice(
    recipe: Recipe,
    shard: str,
    *,
    limit: int | None,
    workers: int | None,
    watch: Callable[[Progress], None] | None,
) -> Outcome:
    """Build one slice of a run, or continue it; see :func:`pairwright.build`.

    Raises:
        ParameterError: ``shard`` names no slice.
        RunError: the folder holds a run without slices, one of another number of slices, or slices of another run.
        As :func:`pairwright.build` does for everything else.
    """
    part, folder = parse_slice(shard), recipe.folder()
    whole = run_file.read(folder)
    if whole is not None:
        return _of_whole(folder, recipe, whole, limit)
    _refuse_strangers(folder)
    check_count(folder, part)
    if slices_in(folder):
        _check_same(folder, recipe, identity_now(recipe, limit))
    own = recipe.placed(source=None, out=folder_of(folder, part), seed=None)
    outcome = build_whole(own, limit=limit, workers=workers, watch=watch, part=part)
    left = unfinished(folder, part.count)
    # Of a whole run another process removed the slices in the meantime.
    if left and run_file.read(folder) is None:
        return replace(outcome, slices_left=tuple(left))
    return _joined(folder, recipe, limit, outcome)


def _of_whole(folder: Path, recipe: Recipe, whole: run_file.RunFile, limit: int | None) -> Outcome:
    """Return the outcome where the folder holds a whole run: there is nothing left for a slice."""
    run_folder.earlier(folder, recipe, identity_now(recipe, limit), whole=True)
    shards = manifest.read(folder)
    if whole.status != "finished" or run_folder.damaged(folder, shards):
        raise RunError(
            f"{folder} holds a run that is not built in slices: go on with it without --shard or --executor ray"
        )
    with run_folder.locked(folder, _AS_LONG_AS_IT_TAKES):
        if slices_in(folder):  # the join was killed at its last step
            remove(folder)
        if not (folder / "README.md").exists():
            write_card(folder)
    return Outcome(folder, manifest.total(shards), True, 0, 0, whole.ledger)


def _refuse_strangers(folder: Path) -> None:
    if folder.is_dir() and not slices_in(folder):
        run_folder.refuse_strangers(folder)


def _check_same(folder: Path, recipe: Recipe, identity: Identity) -> None:
    """Raise RunError where a slice of another run has begun already."""
    for place in slices_in(folder).values():
        if place.is_dir():
            run_folder.earlier(place, recipe, identity, whole=False)


def _joined(folder: Path, recipe: Recipe, limit: int | None, outcome: Outcome) -> Outcome:
    """Make one run of all slices, or wait for another process that is at it; return the outcome of the whole run.

    Raises:
        RunError: one of them is a slice of another run, which began at the same moment.
    """
    # Of the slices themselves, so that it goes with them.
    with run_folder.locked(folder, _AS_LONG_AS_IT_TAKES, stand_in=folder / SLICES / _JOINING):
        if run_file.read(folder) is None:  # else another slice, finished at the same time, was first
            identity = identity_now(recipe, limit)
            _check_same(folder, recipe, identity)
            join(folder, recipe, identity)
        write_card(folder)
    found = run_file.read(folder)
    if found is None:
        raise RunError(f"{folder} lost its {run_file.NAME}: was it removed by hand?")
    return replace(outcome, folder=folder, counts=manifest.total(manifest.read(folder)), ledger=found.ledger)
