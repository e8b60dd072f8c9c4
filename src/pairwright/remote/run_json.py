"""``run.json`` in an object store: of a run, or among what a slice has of its own."""

from pathlib import Path

from pairwright.remote.prefix import Prefix
from pairwright.runs import run_file
from pairwright.runs.run_file import RunFile
from pairwright.runs.slices import FOLDER as SLICES
from pairwright.schemas.errors import RunError


def read_run(prefix: Prefix) -> RunFile | None:
    """Return what ``run.json`` says, or None where there is none. Raises RunError where it is none of pairwright's."""
    content = prefix.read(run_file.NAME)
    return None if content is None else parsed(prefix, content)


def parsed(prefix: Prefix, content: bytes) -> RunFile:
    """Return what the content of a prefix's ``run.json`` says. Raises RunError where it is none of pairwright's."""
    return run_file.parsed(content, f"{prefix.url}/{run_file.NAME}")


def is_finished(prefix: Prefix) -> bool:
    """Tell whether a prefix says that its run, or slice, is finished."""
    run = read_run(prefix)
    return run is not None and run.status == "finished"


def none_at(prefix: Prefix) -> RunError:
    """Return the error for a prefix that should hold a run and does not: it says what there is in its place."""
    return run_file.none_at(prefix.url, sliced=SLICES in prefix.names())


def put_run_file(own: Prefix, folder: Path) -> None:
    """Put the ``run.json`` of a run folder, with the address in place of the work folder's path."""
    own.put(run_file.NAME, run_file.placed_at((folder / run_file.NAME).read_bytes(), own.url))
