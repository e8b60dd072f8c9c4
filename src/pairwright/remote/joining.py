"""Making one run of slices in an object store: their parts lie side by side already, so only what each has of its own is joined."""

import shutil
from pathlib import Path

from pairwright.building import Outcome, identity_now
from pairwright.encoding.store import NAME as VECTORS
from pairwright.recipe import Recipe
from pairwright.remote.finishing import clear, finish
from pairwright.remote.lease import Tell, held
from pairwright.remote.prefix import Prefix
from pairwright.remote.records import entries_of, read_records, records_in
from pairwright.remote.run_json import is_finished, none_at, read_run
from pairwright.remote.work import run_in
from pairwright.responses.layout import NAME as RESPONSES
from pairwright.runs import folder as run_folder
from pairwright.runs import manifest, run_file
from pairwright.runs.disk import replace_whole
from pairwright.runs.joining import join
from pairwright.runs.run_file import Identity, RunFile
from pairwright.runs.slices import FOLDER as SLICES
from pairwright.runs.slices import Slice, check_counts, folder_of, slice_named
from pairwright.schemas.errors import RunError

_JOIN = "join"


def own_prefix(prefix: Prefix, part: Slice | None) -> Prefix:
    """Return the prefix of what a slice has of its own; that of the run itself without slices."""
    return prefix if part is None else prefix.below(str(folder_of(Path(), part)))


def key_of_slice(part: Slice, name: str) -> str:
    """Return the key of something that a slice has of its own.

    >>> key_of_slice(Slice(1, 3), "run.json")
    'slices/1-of-3/run.json'
    """
    return str(folder_of(Path(), part) / name)


def slices_left(prefix: Prefix, count: int) -> list[Slice]:
    """Return the slices that have not begun or are not finished."""
    runs = runs_of_slices(prefix, count)
    parts = (Slice(index, count) for index in range(count))
    return [part for part in parts if part not in runs or runs[part].status != "finished"]


def runs_of_slices(prefix: Prefix, count: int) -> dict[Slice, RunFile]:
    """Return what each slice says that has begun."""
    keys = {key_of_slice(part, run_file.NAME): part for part in (Slice(i, count) for i in range(count))}
    told = prefix.read_all(keys)
    return {keys[key]: run_file.parsed(told[key], f"{prefix.url}/{key}") for key in sorted(told)}


def begun(prefix: Prefix) -> list[Slice]:
    """Return the slices that have begun: one that was refused has a lease and nothing else."""
    steps = (key.split("/") for key in prefix.sizes(SLICES))
    return sorted(part for _, name, *rest in steps if rest == [run_file.NAME] and (part := slice_named(name)))


def check_slices(prefix: Prefix, part: Slice, recipe: Recipe, limit: int | None) -> None:
    """Raise RunError where other slices have begun, of another number or of another run."""
    check_counts(prefix.url, begun(prefix), part)
    others = {other: run for other, run in runs_of_slices(prefix, part.count).items() if other != part}
    if others:
        identity = identity_now(recipe, limit)
        for other, run in others.items():
            run_folder.check_same(f"{prefix.url}, slice {other},", run, recipe, identity, whole=False)


def outcome_of_whole(prefix: Prefix, recipe: Recipe, limit: int | None) -> Outcome:
    """Return the outcome where a prefix holds a whole run: there is nothing left for a slice.

    Raises:
        RunError: it is another run, or one that is not built in slices.
    """
    return _outcome(prefix, recipe, identity_now(recipe, limit))


def _outcome(prefix: Prefix, recipe: Recipe, identity: Identity) -> Outcome:
    told = read_run(prefix)
    if told is None:
        raise none_at(prefix)
    run_folder.check_same(prefix.url, told, recipe, identity, whole=True)
    if told.status != "finished":
        raise RunError(
            f"{prefix.url} holds a run that is not built in slices: go on with it without --shard or --executor ray"
        )
    entries = entries_of(prefix, prefix.read(manifest.NAME) or b"")
    if prefix.below(SLICES).names():  # the join was killed at its last step
        clear(prefix, entries)
    return Outcome(recipe.folder(), manifest.total(entries), True, 0, 0, told.ledger, url=prefix.url)


def join_slices(
    prefix: Prefix, place: Path, owner: str, recipe: Recipe, limit: int | None, count: int, tell: Tell
) -> Outcome:
    """Make one run of all slices, or wait for another process that is at it; return the outcome of the whole run.

    Args:
        prefix: of the run.
        place: work folder of the slice that was the last.
        owner: its name.
        recipe: of all slices.
        limit: of the run.
        count: number of slices.
        tell: told what is waited for.

    Raises:
        RunError: one of them is a slice of another run; slices overlap, or lack rows of the source.
    """
    identity = identity_now(recipe, limit)
    with held(prefix, owner, tell, patient=True) as lease:
        if not is_finished(prefix):
            folder = run_in(place / _JOIN, prefix.url)
            shutil.rmtree(folder, ignore_errors=True)
            _gather(prefix, folder, recipe, identity, count)
            finish(prefix, folder, lease)
            shutil.rmtree(folder)
    return _outcome(prefix, recipe, identity)


def _gather(prefix: Prefix, folder: Path, recipe: Recipe, identity: Identity, count: int) -> None:
    """Make the run folder of all slices, but for the parts."""
    records = records_in(prefix.sizes(), None)
    entries = read_records(prefix, records)
    runs = runs_of_slices(prefix, count)
    if len(runs) < count:
        raise RunError(
            f"{prefix.url}: slices are gone while they were joined, so another process has joined them: give the same command again"
        )
    for part, told in runs.items():
        run_folder.check_same(f"{prefix.url}, slice {part},", told, recipe, identity, whole=False)
        own = folder_of(folder, part)
        own.mkdir(parents=True)
        content = prefix.read(key_of_slice(part, run_file.NAME))
        replace_whole(own / run_file.NAME, content or b"")
        manifest.replace(own, [entry for entry in entries if part.has(entry.shard)])
        for name in (RESPONSES, VECTORS):
            prefix.got_file(key_of_slice(part, name), own / name)
    placed = recipe.placed(source=None, out=folder, seed=None)
    join(folder, placed, identity, with_files=False)
