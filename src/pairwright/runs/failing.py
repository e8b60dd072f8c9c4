"""Failed rows: source rows that wait for something that may come later, a call or a picture, or that a model refused.

They lie beside the data, in the folder ``failed`` of a run: each of their rejects with the number of the source row, and
what the config ``candidates`` has of them. Trying them again writes patches, see :mod:`pairwright.runs.manifest`.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pairwright.builders import Built
from pairwright.runs.manifest import Scoped, ShardEntry, by_scope
from pairwright.schemas.candidate_table import FAILED
from pairwright.schemas.errors import RunError, SourceError
from pairwright.schemas.reasons import MAY_SUCCEED_LATER, Reason

NAME = "failed"
"""How the names of the files with their rejects begin."""

Failed = Callable[[Built], bool]
"""Tells whether a row failed, by what it gave."""


@dataclass(frozen=True, slots=True)
class Patch:
    """The failed rows of a finished shard, which are to be tried again."""

    shard: int
    number: int
    """Of the patch that comes of it, from 1."""
    rows: frozenset[int]
    """Numbers of the source rows."""
    rejects: Mapping[str, Mapping[str, int]]
    """How many rejects they have, by scope and reason."""
    files: tuple[str, ...]
    """Where they lie, relative to the run folder: gone once the patch is entered."""


def waits(built: Built) -> bool:
    """Tell whether something failed for a row that may succeed later."""
    return any(one.reason in MAY_SUCCEED_LATER for one in built.rejects)


def waits_or_was_refused(built: Built) -> bool:
    """Tell whether a row waits, or gave no pairs and a model refused something: where another setting of it may take it."""
    refused = not built.pairs and any(one.reason == "call_refused" for one in built.rejects)
    return refused or waits(built)


def held_back(record_id: str, built: Built) -> Built:
    """Return what a row gave; of one that waits its rejects and candidates alone, with one reject of the whole row.

    With the answer that is missing, other pairs might have been formed: they would stand beside those of the next try.
    """
    late = [one for one in built.rejects if one.reason in MAY_SUCCEED_LATER]
    if not late or (not built.pairs and any(one.scope == "row" for one in late)):
        return built
    finer = (one for one in built.rejects if one.scope != "row")
    return replace(built, pairs=(), rejects=(replace(late[0], record_id=record_id, scope="row"), *finer))


def to_try_again(folder: Path, shards: Sequence[ShardEntry], reasons: Collection[Reason]) -> dict[int, Patch]:
    """Return the failed rows of all those finished shards in which one failed for one of these reasons, by shard in order.

    Args:
        folder: the run's folder.
        shards: finished shards of it.
        reasons: of rejects.

    Raises:
        RunError: a file of failed rows cannot be read.
    """
    found = (_patch(folder, one) for one in shards if _has_any(one.counts.rejects, reasons))
    return {one.shard: one for one in found if one is not None and _has_any(one.rejects, reasons)}


def without_failed_rows(shards: Sequence[ShardEntry]) -> tuple[ShardEntry, ...]:
    """Return those of some finished shards with rows that wait and do not lie beside the data: an earlier pairwright built them."""
    return tuple(
        entry for entry in shards if _has_any(entry.counts.rejects, MAY_SUCCEED_LATER) and not _told(entry)
    )


def check_found(patch: Patch, rows: int) -> None:
    """Raise SourceError where not all failed rows of a shard are in the source any more."""
    if rows != len(patch.rows):
        raise SourceError(
            f"the source has {rows:,} of the {len(patch.rows):,} failed rows of shard {patch.shard}: was it changed, or were "
            f"files in {FAILED}/? What is finished is kept"
        )


def waiting_rows(rejects: Mapping[str, Mapping[str, int]]) -> int:
    """Return how many rows wait, by the rejects of a run: each has one of scope ``row``.

    >>> waiting_rows({"row": {"call_failed": 2, "tie": 1}, "candidate": {"call_failed": 3}})
    2
    """
    return sum(number for reason, number in rejects.get("row", {}).items() if reason in MAY_SUCCEED_LATER)


def rows_tried(patch: Patch, reasons: Collection[Reason]) -> int:
    """Return how many rows of a patch may come out otherwise: those that a model refused only where they are asked again.

    The others of the shard are built with them, from stored answers.
    """
    return len(patch.rows) if "call_refused" in reasons else waiting_rows(patch.rejects)


def _has_any(rejects: Mapping[str, Mapping[str, int]], reasons: Collection[Reason]) -> bool:
    return any(reason in found for found in rejects.values() for reason in reasons)


def _told(entry: ShardEntry) -> list[str]:
    """Return the file with the rejects of a shard's failed rows, if it has any."""
    return [file.name for file in entry.files if file.name.startswith(f"{FAILED}/{NAME}-")]


def _patch(folder: Path, entry: ShardEntry) -> Patch | None:
    rows: set[int] = set()
    rejects: Counter[Scoped] = Counter()
    for name in _told(entry):
        for row, scope, reason in _lines(folder / name):
            rows.add(row)
            rejects[scope, reason] += 1
    files = tuple(file.name for file in entry.files if file.name.startswith(f"{FAILED}/"))
    return Patch(entry.shard, entry.patches + 1, frozenset(rows), by_scope(rejects), files) if rows else None


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield row, scope and reason of each reject."""
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                told = json.loads(line)
                yield int(told["row"]), str(told["scope"]), str(told["reason"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise RunError(
            f"{path} cannot be read ({type(error).__name__}: {error}): remove it, and the same build command makes its "
            "shard anew"
        ) from error
