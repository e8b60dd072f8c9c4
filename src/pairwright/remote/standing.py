"""How far a run in an object store is, from anywhere: by its commit records, and by who holds its lease."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pairwright.remote.joining import begun, own_prefix, runs_of_slices
from pairwright.remote.lease import STALE_S, current
from pairwright.remote.prefix import Prefix, open_prefix
from pairwright.remote.records import read_records, records_in
from pairwright.remote.run_json import read_run
from pairwright.runs import manifest, run_file
from pairwright.runs.manifest import ShardEntry
from pairwright.runs.run_file import RunFile
from pairwright.runs.slices import Slice
from pairwright.runs.standing import Standing, State, share


def standings_of(url: str) -> list[Standing]:
    """Return how far a run is; of one in slices, one record each, those that have not begun among them.

    Raises:
        MissingExtraError: the package for this kind of store is not installed.
        RunError: the prefix holds no run, or cannot be read.
    """
    prefix = open_prefix(url)
    run = read_run(prefix)
    slices = [] if run is not None else begun(prefix)
    if run is None and not slices:
        raise run_file.none_at(prefix.url, sliced=False)
    entries = read_records(prefix, records_in(prefix.sizes(), None))
    if run is not None:
        return [_standing(prefix, run, entries, None)]
    count = slices[0].count
    runs: Mapping[Slice, RunFile] = runs_of_slices(prefix, count)
    parts = (Slice(index, count) for index in range(count))
    return [
        _standing(prefix, runs[part], entries, part) if part in runs else Standing(part, "not begun")
        for part in parts
    ]


def _standing(prefix: Prefix, run: RunFile, entries: Sequence[ShardEntry], part: Slice | None) -> Standing:
    own = own_prefix(prefix, part)
    done = [entry for entry in entries if part is None or part.has(entry.shard)]
    counts = manifest.total(done)
    rows, shards = share(run.total, int(run.recipe["output"]["shard_rows"]), part)
    found = Standing(part, "finished", len(done), len(done), counts, 0, ledger=run.ledger)
    if run.status == "finished":
        return found
    held = current(own)
    state, rate = (
        ("stopped", None) if held is None else (_state(own, held[0], held[1].released), held[1].rate)
    )
    ledger = held[1].ledger if held and held[1].ledger else run.ledger
    left = None if rows is None else max(0, rows - counts.rows)
    return replace(found, state=state, all_shards=shards, rows_left=left, rate=rate, ledger=ledger)


def _state(own: Prefix, key: str, released: bool) -> State:
    """Tell whether the holder of a lease is at work: by the store's clock and this machine's, which may differ a little."""
    written = None if released else own.modified(key)
    if written is None:
        return "stopped"
    return "running" if (datetime.now(UTC) - written).total_seconds() < STALE_S else "stopped"
