"""Work folders: the local disk of a run whose output goes to an object store.

A work folder holds an ordinary run folder, a lock, and its own name (``.name``), by which its lease is known. It is in the
user's cache folder, if no other is named, and may be removed at any time: what is in the prefix is enough to go on.
"""

import os
import re
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from pairwright.card import NAME as CARD
from pairwright.encoding.merging import merge_vectors
from pairwright.encoding.store import NAME as VECTORS
from pairwright.recipe import Recipe
from pairwright.remote import checked_url, run_json
from pairwright.remote.keys import RECORDS, key_of
from pairwright.remote.keys import RESPONSES as SEGMENTS
from pairwright.remote.prefix import Prefix
from pairwright.remote.records import entries_of, read_records, records_in
from pairwright.responses.layout import NAME as RESPONSES
from pairwright.runs import manifest, run_file
from pairwright.runs.disk import replace_whole, temporary, writing
from pairwright.runs.folder import WRITTEN, refuse
from pairwright.runs.manifest import ShardEntry
from pairwright.runs.slices import FOLDER as SLICES
from pairwright.runs.slices import Slice
from pairwright.schemas.candidate_table import FAILED
from pairwright.schemas.errors import RunError

_NAME = ".name"
_URL = ".address"
_PULLED = ".pulled"


def work_folder(url: str, work: str | Path | None, part: Slice | None) -> Path:
    """Return the work folder of a run or a slice; below ``work``, if that is given, else in the user's cache folder.

    A slice has one of its own, so that several may run on one machine.
    """
    own = f"slice-{part.index}-of-{part.count}" if part else "whole"
    if work is not None:
        return Path(work) / own
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "pairwright" / f"{_last(url)}-{sha256(url.encode()).hexdigest()[:12]}" / own


def run_in(place: Path, url: str) -> Path:
    """Return the run folder in a work folder; it has the last name of the address, which is the title of the card.

    >>> str(run_in(Path("work"), "s3://bucket/negatives"))
    'work/negatives'
    """
    return place / _last(url)


def in_work_folder(recipe: Recipe, work: str | Path | None = None) -> Recipe:
    """Return a recipe whose output is in an object store as it is built, in its work folder; any other as it is."""
    url = recipe.url()
    if url is None:
        return recipe
    folder = run_in(work_folder(checked_url(url), work, None), checked_url(url))
    return recipe.placed(source=None, out=folder, seed=None)


def _last(url: str) -> str:
    return re.sub(r"[^\w-]", "_", url.rpartition("/")[2])


def name_of(place: Path, url: str) -> str:
    """Return the name of a work folder, given at its first use. The caller holds its lock.

    Raises:
        RunError: it is the work folder of another address, or cannot be written.
    """
    with writing(place):
        of = (place / _URL).read_text() if (place / _URL).exists() else None
    if of is None:
        replace_whole(place / _URL, url.encode())
    elif of != url:
        raise RunError(f"{place} is the work folder of {of}: give another --work")
    if not (place / _NAME).exists():
        replace_whole(place / _NAME, uuid4().hex[:12].encode())
    return (place / _NAME).read_text()


def check_prefix(url: str, names: list[str], part: Slice | None) -> None:
    """Raise RunError where a prefix, of which the names at the top are given, cannot take a run or a slice."""
    if run_file.NAME in names or not names:
        return
    sliced = SLICES in names  # beside them stands what a join put that was killed
    joined = {RESPONSES, VECTORS, manifest.NAME, CARD}
    known = {SLICES, RECORDS, "lease", *WRITTEN, *joined} if sliced else {"lease", SEGMENTS}
    strangers = [name for name in names if name not in known and not name.startswith(".")]
    refuse(url, strangers, sliced=sliced and part is None)


def pull(prefix: Prefix, own: Prefix, folder: Path, part: Slice | None, *, trusted: bool) -> dict[str, int]:
    """Bring a run folder to what the prefix knows, and return the size of every object by key.

    Args:
        prefix: of the run.
        own: of what a slice has of its own.
        folder: run folder in the work folder.
        part: the slice.
        trusted: whether nobody else has built into the prefix since this folder did: its manifest is then what counts.

    Raises:
        RunError: the folder holds another run than the prefix, or a record cannot be read.
    """
    sizes = prefix.sizes()
    content = own.read(run_file.NAME)
    local = run_file.read(folder)
    if content is None:
        return sizes  # begun by nobody, or emptied: what the folder has is put
    told = run_json.parsed(own, content)
    if local is not None and local.name != told.name:
        raise RunError(
            f"{own.url} holds another run than the work folder {folder.parent}: give another --work, or another --out"
        )
    if local is None or not trusted:
        manifest.replace(
            _made(folder), _merged(prefix, folder, sizes, part, finished=told.status == "finished")
        )
        replace_whole(folder / run_file.NAME, content)  # who built last says how far it is and what it took
    return sizes


def is_pulled(folder: Path, go: str) -> bool:
    """Tell whether a go, which was the last at the prefix, had brought this folder to what the prefix knew before it built."""
    return (folder / _PULLED).exists() and (folder / _PULLED).read_text() == go


def note_pulled(folder: Path, go: str) -> None:
    """Note that a go has brought a folder to all that the prefix knows, answers among it: a go that was killed before has not."""
    replace_whole(_made(folder) / _PULLED, go.encode())


def _made(folder: Path) -> Path:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _merged(
    prefix: Prefix, folder: Path, sizes: dict[str, int], part: Slice | None, *, finished: bool
) -> list[ShardEntry]:
    """Return the shards that the prefix has, and those that the folder alone has."""
    records = records_in(sizes, part)
    whole = prefix.read(manifest.NAME) if finished and part is None else None
    there = entries_of(prefix, whole) if whole is not None else read_records(prefix, records)
    known = {entry.shard for entry in there}
    return [*there, *(entry for entry in manifest.read(folder) if entry.shard not in known)]


def fetch_vectors(own: Prefix, folder: Path) -> None:
    """Bring the vectors of a run that was finished beside those that are here: it is going to be finished again with all of them.

    Raises:
        RunError: the file cannot be read, or the folder not written.
    """
    run, file = run_file.read(folder), temporary(folder / VECTORS)
    if run is None or not own.got_file(VECTORS, file):
        return
    merge_vectors([file], folder / VECTORS, run=run.name)
    file.unlink()


def fetch_failed(prefix: Prefix, folder: Path) -> None:
    """Fetch what a retry goes by: which rows failed, and why."""
    for file in (file for entry in manifest.read(folder) for file in entry.files):
        if file.name.startswith(f"{FAILED}/") and file.name.endswith(".jsonl"):
            try:
                prefix.get_file(key_of(file), folder / file.name)
            except FileNotFoundError:
                continue  # the listing says so too, and the shard is built again
