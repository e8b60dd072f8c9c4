"""What must be the same in two runs of one recipe, and what must hold in each of them."""

import json
import re
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

STORE = "responses.sqlite"
_PASSING = ("name", "started", "finished", "work_s")
"""Of ``run.json``: when and how long."""
_WHEN = re.compile(rb"Built .* UTC, finished after [^,]*,")
"""What a card says of the same."""
_COSTS = (
    "calls",
    "seconds",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "attempts",
    "replayed",
    "failed",
    "usd",
)
"""Of a ledger: what answers that got lost on their way cost once more."""


def contents(folder: Path, *, killed: bool = False) -> dict[str, Any]:
    """Return all that must be the same in another run of the same name, file by file.

    The manifest is a set of lines, since shards are entered as they are finished; a response store is what it answers; of
    ``run.json`` times are left out. With ``killed``, costs are left out as well, and with them the card.
    """
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and path.name != ".lock" and not name.startswith(f"{STORE}."):
            found[name] = path.read_bytes()
    found["manifest.jsonl"] = sorted(found["manifest.jsonl"].splitlines())
    if "README.md" in found:
        found["README.md"] = _WHEN.sub(b"", found["README.md"])
    found["run.json"] = _told(json.loads(found["run.json"]), killed=killed)
    if STORE in found:
        found[STORE] = stored(folder / STORE)
        for beside in (f"{STORE}-wal", f"{STORE}-shm", *(["README.md"] if killed else [])):
            found.pop(beside, None)
    return found


def _told(run: dict[str, Any], *, killed: bool) -> dict[str, Any]:
    run["ledger"] = [
        {key: value for key, value in one.items() if key != "seconds" and not (killed and key in _COSTS)}
        for one in run["ledger"]
    ]
    run["recipe"]["output"]["path"] = None
    return {key: value for key, value in run.items() if key not in _PASSING}


def stored(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a store holds, looked at in a copy: to open a store is to mend it after a kill."""
    copy = store.with_name(f".look-{store.name}")
    for suffix in ("", "-wal", "-shm"):
        if store.with_name(store.name + suffix).exists():
            shutil.copyfile(store.with_name(store.name + suffix), copy.with_name(copy.name + suffix))
    try:
        with closing(sqlite3.connect(copy)) as opened:
            if not opened.execute("SELECT 1 FROM sqlite_master WHERE name = 'answers'").fetchone():
                return {"answers": [], "refusals": []}  # it was killed before it had tables
            return {
                "answers": sorted(opened.execute("SELECT key, sample, text, finish FROM answers")),
                "refusals": sorted(opened.execute("SELECT key, first, n FROM refusals")),
            }
    finally:
        for suffix in ("", "-wal", "-shm"):
            copy.with_name(copy.name + suffix).unlink(missing_ok=True)


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file but those that tell name and time: what must be the same in a run of another name."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("run.json", ".lock", "README.md")
    }
    files["manifest.jsonl"] = b"".join(sorted(files["manifest.jsonl"].splitlines(keepends=True)))
    return {name: sha256(content).hexdigest() for name, content in files.items()}


def parts(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of rows, candidates and rejects, by its name in the run."""
    places = ("data", "visual_negative", "candidates", "failed", "rejects")
    files = [path for place in places for path in sorted((folder / place).glob("*"))]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def stamped(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return bytes and time of all finished files but those of failed rows: what no `retry` may touch."""
    paths = [
        path
        for name in ("data", "visual_negative", "candidates", "rejects")
        for path in (folder / name).glob("*")
    ]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def answered(out: Path) -> set[str]:
    """Return the keys of all requests whose answers are stored, in the run and in its slices."""
    stores = [*out.glob(STORE), *out.glob(f"slices/*/{STORE}")]
    return {key for store in stores for key, *_ in stored(store)["answers"]}


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return the names of files that differ, or that only one of them has."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def check_every_row_once(folder: Path, rows: int) -> None:
    """Check that each source row gave pairs or is a reject, and no pair stands there twice."""
    pairs = [
        row
        for config in ("data", "visual_negative")
        for path in sorted((folder / config).glob("*.parquet"))
        for row in pq.ParquetFile(path).read(columns=["id", "provenance"]).to_pylist()
    ]
    assert max(Counter(row["id"] for row in pairs).values()) == 1
    paired = {json.loads(row["provenance"])["record_id"] for row in pairs}
    files = [path for place in ("rejects", "failed") for path in (folder / place).glob("*.jsonl")]
    told = [json.loads(line) for path in files for line in path.read_text("utf-8").splitlines()]
    rejected = Counter(one["record_id"] for one in told if one["scope"] == "row")
    assert set(rejected.values()) <= {1}
    assert not paired & rejected.keys()
    counts = json.loads((folder / "run.json").read_bytes())["counts"]
    assert (len(paired), len(rejected), len(paired) + len(rejected)) == (
        counts["paired"],
        counts["rejected"],
        rows,
    )
    assert counts["rows"] == rows
