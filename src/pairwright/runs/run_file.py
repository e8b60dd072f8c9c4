"""``run.json``: what a run is and what came of it, in one file that is replaced whole."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from pairwright import __version__
from pairwright.encoding.of_recipe import packages_of_encoders
from pairwright.encoding.service import Encoded
from pairwright.recipe import Recipe
from pairwright.responses.ledger import Spent, from_json, to_json
from pairwright.runs.disk import replace_whole
from pairwright.runs.manifest import Counts
from pairwright.runs.slices import Slice, parse_slice, slices_in
from pairwright.schemas.arrow import SCHEMA_VERSION
from pairwright.schemas.errors import ParameterError, RunError
from pairwright.sources import FileMark, Source

NAME = "run.json"
Status: TypeAlias = Literal["running", "finished"]

_RECORDED = ("numpy", "opencv-python-headless", "pillow", "pyarrow")


@dataclass(frozen=True, slots=True)
class Identity:
    """All that decides which rows come out; a run folder belongs to one identity."""

    recipe: str
    """Fingerprint of the resolved recipe."""
    pairwright: str
    source: str
    """Name of the data set."""
    files: tuple[FileMark, ...]
    limit: int | None
    versions: tuple[tuple[str, str], ...]
    """Packages that decide how pictures and files come out, and Python, each with its version."""
    named: tuple[tuple[str, str], ...] = ()
    """Files that the recipe names, by the parameter that names them, each with its SHA-256."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """The parts of ``run.json`` that a later run needs."""

    identity: Identity
    status: Status
    recipe: Mapping[str, Any]
    """The resolved recipe as it was written."""
    started: str
    name: str
    """The run's name in a response store."""
    ledger: tuple[Spent, ...]
    """What each model took so far."""
    encoded: tuple[Encoded, ...] = ()
    """What each encoder did so far."""
    work_s: float = 0.0
    """Seconds of the last go."""
    total: int | None = None
    """Source rows of the whole run, where that was known when it began."""
    part: Slice | None = None
    """Which slice of a run this is; None for a whole one."""


def versions(further: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """Return what is installed of the packages that decide how a row comes out; ``further`` ones where a recipe has some."""
    names = (*_RECORDED, *further)
    return (("python", platform.python_version()), *((name, version(name)) for name in names))


def identity_of(recipe: Recipe, source: Source, limit: int | None) -> Identity:
    """Return what a run folder belongs to that this recipe builds from this source."""
    return Identity(
        recipe=recipe.identity(),
        pairwright=__version__,
        source=source.name,
        files=source.marks(),
        limit=limit,
        versions=versions(packages_of_encoders(recipe)),
        named=tuple(sorted(recipe.marks().items())),
    )


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(
    folder: Path,
    recipe: Recipe,
    identity: Identity,
    *,
    name: str,
    status: Status,
    started: str,
    counts: Counts,
    ledger: Sequence[Spent],
    encoded: Sequence[Encoded],
    work_s: float,
    total: int | None,
    part: Slice | None = None,
) -> None:
    """Write ``run.json``, whole or not at all."""
    told: dict[str, Any] = {
        "pairwright": __version__,
        "schema": SCHEMA_VERSION,
        "name": name,
        "status": status,
        "recipe_fingerprint": identity.recipe,
        "recipe": recipe.resolved(),
        "source": {
            "name": identity.source,
            "path": recipe.file.source.path,
            "rows": counts.rows,
            "files": [asdict(mark) for mark in identity.files],
        },
        "limit": identity.limit,
        "total": total,
        **({"slice": str(part)} if part else {}),
        "counts": asdict(counts),
        "versions": dict(identity.versions),
        "named_files": dict(identity.named),
        "ledger": to_json(ledger),
        **({"encoded": [asdict(one) for one in encoded]} if encoded else {}),
        "started": started,
        "finished": now() if status == "finished" else None,
        "work_s": round(work_s, 3),
    }
    replace_whole(folder / NAME, (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode())


def read(folder: Path) -> RunFile | None:
    """Return what ``run.json`` says, or None where there is none.

    Raises:
        RunError: it is not one of pairwright's.
    """
    try:
        return parsed((folder / NAME).read_bytes(), str(folder / NAME))
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise RunError(f"{folder} is a file: name the folder of a run") from error


def read_joined(folder: Path) -> RunFile | None:
    """Return what ``run.json`` says, or None for a folder that is no run. Raises RunError also for slices that are not joined."""
    run = read(folder)
    if run is None and slices_in(folder):
        raise none_in(folder)
    return run


def none_in(folder: Path) -> RunError:
    """Return the error for a folder that should hold a run and does not: it says what there is in its place."""
    if not folder.exists():
        return RunError(f"{folder} holds no run: there is no such folder (working directory: {Path.cwd()})")
    return none_at(str(folder), sliced=bool(slices_in(folder)))


def none_at(place: str, *, sliced: bool) -> RunError:
    """Return the error for a place that should hold a run; ``sliced`` says that there are slices of one in its place."""
    if sliced:
        return RunError(
            f"{place} is being built in slices, and they are not joined yet: pairwright status {place} shows which are left"
        )
    return RunError(f"{place} holds no run: there is no {NAME} in it. Give the place a run was written to")


def parsed(content: bytes, place: str) -> RunFile:
    """Return what the content of a ``run.json`` says. Raises RunError, which names the place, where it is none of pairwright's."""
    try:
        told = json.loads(content)
        _check(told)
        files = tuple(FileMark(**mark) for mark in told["source"]["files"])
        identity = Identity(
            told["recipe_fingerprint"],
            told["pairwright"],
            told["source"]["name"],
            files,
            told["limit"],
            tuple(told["versions"].items()),
            tuple(told.get("named_files", {}).items()),
        )
        return RunFile(
            identity,
            told["status"],
            told["recipe"],
            told["started"],
            told["name"],
            from_json(told["ledger"]),
            encoded_from(told),
            float(told.get("work_s", 0)),
            told.get("total"),
            parse_slice(told["slice"]) if "slice" in told else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, ParameterError) as error:
        raise RunError(
            f"{place} is not a run file of pairwright ({error!r}); build into another folder"
        ) from error


def placed_at(content: bytes, out: str) -> bytes:
    """Return the content of a ``run.json`` with another output path."""
    told = json.loads(content)
    told["recipe"]["output"]["path"] = out
    return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode()


def unfinished(content: bytes) -> bytes:
    """Return the content of a ``run.json`` that says that the run is not finished."""
    told = json.loads(content) | {"status": "running", "finished": None}
    return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode()


def _check(told: Mapping[str, Any]) -> None:
    """Raise KeyError, TypeError or ValueError for what those who go on with a run would trip over later."""
    if told["status"] not in get_args(Status):
        raise ValueError(f"no status: {told['status']!r}")
    total, size = told.get("total"), told["recipe"]["output"]["shard_rows"]
    if not isinstance(total, int | None) or (total or 0) < 0:
        raise TypeError(f"no number of rows: {total!r}")
    if not isinstance(told["name"], str) or not isinstance(size, int) or size < 1:
        raise TypeError("no name, or no size of shards")


def encoded_from(told: Mapping[str, Any]) -> tuple[Encoded, ...]:
    """Return what ``run.json`` says of encoders; raises KeyError, TypeError or ValueError for what it cannot say."""
    counts = ("images", "texts", "attacked", "stored")
    return tuple(
        Encoded(str(one["encoder"]), *(int(one.get(key, 0)) for key in counts))
        for one in told.get("encoded") or ()
    )
