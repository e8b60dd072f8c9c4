"""Making one run of all slices, by whichever of them is finished last.

Files are linked, not copied, where the file system knows links. The manifest comes after them, ``run.json`` after it and
the removal of the slices' folders last, so that a join that is killed is simply done again.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from itertools import chain
from pathlib import Path

from pairwright.encoding.merging import merge_vectors
from pairwright.encoding.service import Encoded
from pairwright.encoding.store import NAME as VECTORS
from pairwright.recipe import Recipe
from pairwright.responses.layout import NAME as RESPONSES
from pairwright.responses.ledger import Spent
from pairwright.responses.merging import merge_stores
from pairwright.runs import manifest, run_file
from pairwright.runs.disk import temporary, writing
from pairwright.runs.manifest import ShardEntry
from pairwright.runs.run_file import Identity, RunFile
from pairwright.runs.slices import Slice, remove, slices_in
from pairwright.schemas.errors import RunError

_ACCOUNT = ("model", "endpoint", "sampler")


def unfinished(folder: Path, count: int) -> list[Slice]:
    """Return the slices that have not begun or are not finished."""
    found = slices_in(folder)
    parts = [Slice(index, count) for index in range(count)]
    return [part for part in parts if part not in found or not _is_finished(found[part])]


def _is_finished(folder: Path) -> bool:
    run = run_file.read(folder)
    return run is not None and run.status == "finished"


def join(folder: Path, recipe: Recipe, identity: Identity, *, with_files: bool = True) -> None:
    """Make one run of slices that are all finished. The caller holds the lock of the run's folder.

    Args:
        folder: the run's folder.
        recipe: the recipe of all slices, placed there.
        identity: of the run.
        with_files: whether data files lie in the slices' folders, to be linked into the run's.

    Raises:
        RunError: slices overlap, or lack rows of the source; a file is gone or cannot be written.
    """
    parts = slices_in(folder)
    runs = [run for run in map(run_file.read, parts.values()) if run is not None]
    entries = {part: manifest.read(place) for part, place in parts.items()}
    _check(entries)
    whole = sorted(chain.from_iterable(entries.values()), key=lambda entry: entry.shard)
    counts, total = manifest.total(whole), runs[0].total
    if total is not None and counts.rows != total:
        raise RunError(
            f"the source has {total:,} rows, and {counts.rows:,} came of it in the slices of {folder}: was it changed "
            "meanwhile? Build into another --out."
        )
    for part, place in parts.items() if with_files else ():
        for entry in entries[part]:
            for file in entry.files:
                _link(place / file.name, folder / file.name)
    name = runs[0].name
    if stores := _kept(parts.values(), RESPONSES):
        merge_stores(stores, folder / RESPONSES, run=name)
    if vectors := _kept(parts.values(), VECTORS):
        merge_vectors(vectors, folder / VECTORS, run=name)
    manifest.replace(folder, whole)
    run_file.write(
        folder,
        recipe,
        identity,
        name=name,
        status="finished",
        started=min(run.started for run in runs),
        counts=counts,
        ledger=summed(run.ledger for run in runs),
        encoded=_encoded(runs),
        work_s=sum(run.work_s for run in runs),
        total=total,
    )
    remove(folder)


def _check(entries: Mapping[Slice, Sequence[ShardEntry]]) -> None:
    for part, own in entries.items():
        strange = [entry.shard for entry in own if not part.has(entry.shard)]
        if strange:
            raise RunError(
                f"slice {part} has shard {strange[0]}, which is not its own: its manifest was edited"
            )


def _kept(places: Iterable[Path], name: str) -> list[Path]:
    """Return the files of this name that slices kept for themselves."""
    return [place / name for place in places if (place / name).exists()]


def _link(file: Path, to: Path) -> None:
    with writing(to):
        to.parent.mkdir(parents=True, exist_ok=True)
        if to.exists() and to.stat().st_size == file.stat().st_size:
            return  # of a join that was killed
        try:
            os.link(file, temporary(to))
        except OSError:  # no links between these places, or on this file system
            shutil.copyfile(file, temporary(to))
        temporary(to).replace(to)


def summed(ledgers: Iterable[Sequence[Spent]]) -> tuple[Spent, ...]:
    """Return the ledger of several runs together, by model."""
    sums: dict[tuple[str, str, str], Spent] = {}
    for spent in chain.from_iterable(ledgers):
        account = (spent.model, spent.endpoint, spent.sampler)
        sums[account] = _both(sums[account], spent) if account in sums else spent
    return tuple(sums[account] for account in sorted(sums))


def _both(one: Spent, other: Spent) -> Spent:
    counted = [field.name for field in fields(Spent) if field.name not in (*_ACCOUNT, "usd")]
    usd = None if one.usd is None or other.usd is None else one.usd + other.usd
    sums = {name: getattr(one, name) + getattr(other, name) for name in counted}
    return replace(one, usd=usd, **sums)


def _encoded(runs: Sequence[RunFile]) -> tuple[Encoded, ...]:
    """Return what encoders did in all slices; a picture in two of them was encoded twice."""
    counts: dict[str, Counter[str]] = {}
    for one in chain.from_iterable(run.encoded for run in runs):
        sums = counts.setdefault(one.encoder, Counter())
        sums.update(images=one.images, texts=one.texts, attacked=one.attacked, stored=one.stored)
    return tuple(Encoded(name, **sums) for name, sums in counts.items())
