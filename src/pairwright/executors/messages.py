"""What the processes of a run tell each other, a line of JSON each."""

import json
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pairwright.executors import Job, Tally
from pairwright.recipe import RecipeFile, checked
from pairwright.runs import manifest
from pairwright.runs.failing import Patch
from pairwright.runs.manifest import Entry
from pairwright.schemas.errors import PairwrightError
from pairwright.sources import FileMark


@dataclass(frozen=True, slots=True)
class Finished:
    """A shard is written under temporary names."""

    shard: int
    entry: Entry | None
    """None where the shard lies behind the end of the source."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker cannot go on."""

    why: str
    """A sentence for an error that was foreseen, a traceback for a bug."""


Message = Tally | Finished | Failed


def failed(error: Exception) -> Failed:
    """Return what went wrong: the message of an error that was foreseen, the traceback of a bug.

    >>> failed(PairwrightError("photos.csv has changed"))
    Failed(why='photos.csv has changed')
    """
    foreseen = isinstance(error, PairwrightError)
    return Failed(str(error) if foreseen else "".join(traceback.format_exception(error)))


def job_line(job: Job) -> str:
    """Return a job as a line."""
    told = {
        "folder": str(job.folder),
        "recipe": job.recipe.file.model_dump(mode="json"),
        "limit": job.limit,
        "marks": [asdict(mark) for mark in job.marks],
        "patches": [asdict(patch) | {"rows": sorted(patch.rows)} for patch in job.patches.values()],
    }
    return json.dumps(told)


def job_from(line: str) -> Job:
    """Return the job of a line."""
    told: Mapping[str, Any] = json.loads(line)
    recipe = checked(RecipeFile.model_validate(told["recipe"]))
    marks = tuple(FileMark(**mark) for mark in told["marks"])
    patches = {patch["shard"]: _patch(**patch) for patch in told["patches"]}
    return Job(Path(told["folder"]), recipe, told["limit"], marks, patches=patches)


def _patch(
    shard: int, number: int, rows: list[int], rejects: Mapping[str, Mapping[str, int]], files: list[str]
) -> Patch:
    return Patch(shard, number, frozenset(rows), rejects, tuple(files))


def message_line(message: Message) -> str:
    """Return a message as a line."""
    match message:
        case Tally():
            return json.dumps({"tally": asdict(message)})
        case Finished(shard, entry):
            return json.dumps(
                {"finished": shard, "entry": None if entry is None else manifest.to_line(entry)}
            )
        case Failed(why):
            return json.dumps({"failed": why})


def message_from(line: str) -> Message:
    """Return the message of a line."""
    told: Mapping[str, Any] = json.loads(line)
    if "tally" in told:
        return Tally(**told["tally"])
    if "failed" in told:
        return Failed(told["failed"])
    entry = told["entry"]
    return Finished(told["finished"], None if entry is None else manifest.from_line(entry))
