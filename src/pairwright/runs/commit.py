"""Writing one shard, or a patch of one: its Parquet parts and rejects under temporary names, then all at once."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from pairwright.builders import Built
from pairwright.runs import manifest
from pairwright.runs.disk import temporary, write_synced, writing
from pairwright.runs.failing import NAME as FAILED_ROWS
from pairwright.runs.failing import Failed, Patch, waits
from pairwright.runs.folder import REJECTS, WRITTEN
from pairwright.runs.manifest import Counts, Entry, FileEntry, PatchEntry, Scoped, ShardEntry
from pairwright.schemas.candidate_table import FAILED
from pairwright.schemas.candidate_table import FOLDER as CANDIDATES_FOLDER
from pairwright.schemas.pair import FOLDERS, Pair
from pairwright.schemas.reject import Reject
from pairwright.schemas.source_row import SourceRow
from pairwright.writer import CANDIDATES, PAIRS, PartWriter, WrittenFile, publish


class ShardWriter:
    """Takes the results of a shard's rows in order; :func:`enter` then makes the shard part of the run.

    Of a patch it takes the results of those rows alone that are tried again.
    """

    def __init__(
        self, folder: Path, shard: int, start: int, *, failed: Failed = waits, patch: Patch | None = None
    ) -> None:
        """``start`` is the number of the shard's first source row; ``failed`` says whose results lie beside the data."""
        self._folder, self._shard, self._start, self._patch = folder, shard, start, patch
        self._is_failed = failed
        self._stem = f"{shard:05d}" if patch is None else f"{shard:05d}-p{patch.number:02d}"
        train = f"train-{self._stem}"
        self._pairs = {name: PartWriter(folder / name, train, PAIRS) for name in FOLDERS.values()}
        self._candidates = {
            name: PartWriter(folder / name, train, CANDIDATES) for name in (CANDIDATES_FOLDER, FAILED)
        }
        self._lines: dict[str, list[dict[str, object]]] = {REJECTS: [], FAILED: []}
        """Rejects as they are written, by folder."""
        self.rows = self._paired = 0
        """Source rows added."""
        self._kinds: Counter[str] = Counter()
        self._reasons: Counter[Scoped] = Counter()

    def add(self, rows: Iterable[tuple[int, Built]]) -> None:
        """Add the results of some source rows, each with the row's number."""
        pairs: dict[str, list[Pair]] = {name: [] for name in self._pairs}
        candidates: dict[str, list[SourceRow]] = {name: [] for name in self._candidates}
        for number, built in rows:
            failed = self._is_failed(built)
            self.rows += 1
            self._paired += bool(built.pairs)
            for pair in built.pairs:
                self._kinds[pair.kind] += 1
                pairs[FOLDERS[pair.kind]].append(pair)
            candidates[FAILED if failed else CANDIDATES_FOLDER] += built.candidates
            self._add_rejects(built.rejects, number if failed else None)
        for name, of_config in pairs.items():
            self._pairs[name].add(of_config)
        for name, of_folder in candidates.items():
            self._candidates[name].add(of_folder)

    def finish(self) -> Entry:
        """Finish the files under their temporary names, forced to disk, and return the shard's entry, or the patch's."""
        written = {name: writer.close() for name, writer in self._pairs.items()}
        written |= {name: writer.close() for name, writer in self._candidates.items()}
        for name, kind in ((REJECTS, "rejects"), (FAILED, FAILED_ROWS)):
            if self._lines[name]:
                written[name] = (
                    *written.get(name, ()),
                    self._write_lines(name, f"{kind}-{self._stem}.jsonl"),
                )
        files = tuple(_entries(written))
        if self._patch is not None:
            return PatchEntry(self._shard, self._patch.number, self._changes(self._patch), files)
        return ShardEntry(self._shard, self._start, self._counts(), files)

    def abort(self) -> None:
        """Remove the temporary files."""
        for of_pairs in self._pairs.values():
            of_pairs.abort()
        for of_candidates in self._candidates.values():
            of_candidates.abort()

    def _add_rejects(self, rejects: Iterable[Reject], number: int | None) -> None:
        """Take the rejects of a row, and of a failed one its number."""
        for reject in rejects:
            self._reasons[reject.scope, reject.reason] += 1
            if number is None:
                self._lines[REJECTS].append(asdict(reject))
            else:
                self._lines[FAILED].append({"row": number, **asdict(reject)})

    def _counts(self) -> Counts:
        rejected = self.rows - self._paired
        self._check(rejected, self._reasons)
        kinds = dict(sorted(self._kinds.items()))
        return Counts(self.rows, self._paired, rejected, kinds, manifest.by_scope(self._reasons))

    def _changes(self, patch: Patch) -> Counts:
        """Return by how much the shard's counts change: its failed rows are counted there as they were before."""
        reasons = Counter(self._reasons)
        reasons.subtract(manifest.by_reason(patch.rejects))
        self._check(-self._paired, reasons)
        kinds = dict(sorted(self._kinds.items()))
        return Counts(0, self._paired, -self._paired, kinds, manifest.by_scope(reasons))

    def _check(self, rejected: int, reasons: Counter[Scoped]) -> None:
        found = sum(number for (scope, _), number in reasons.items() if scope == "row")
        if found != rejected:
            raise AssertionError(
                f"shard {self._shard}: {rejected} rows without pairs, but rejects are {dict(reasons)}"
            )

    def _write_lines(self, to: str, name: str) -> WrittenFile:
        folder, lines = self._folder / to, self._lines[to]
        folder.mkdir(exist_ok=True)
        content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
        with writing(folder / name):
            write_synced(temporary(folder / name), content)
        return WrittenFile(name, len(lines), len(content), sha256(content).hexdigest())


def enter(folder: Path, entry: Entry, replaced: Iterable[str] = ()) -> None:
    """Give all files of a finished shard, or of a patch, their final names, then enter it in the manifest.

    ``replaced`` names files of the run that a patch takes the place of; they are removed last.
    """
    for name in WRITTEN:
        own = [file for file in entry.files if file.name.startswith(f"{name}/")]
        publish((Path(file.name).name for file in own), folder / name)
    manifest.append(folder, entry)
    for gone in replaced:
        (folder / gone).unlink(missing_ok=True)


def _entries(written: dict[str, tuple[WrittenFile, ...]]) -> list[FileEntry]:
    return [
        FileEntry(f"{name}/{file.name}", file.rows, file.bytes, file.sha256)
        for name, files in written.items()
        for file in files
    ]
