"""Writing one shard: its Parquet parts and rejects under temporary names, then all at once."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from pairwright.builders import Built
from pairwright.runs import manifest
from pairwright.runs.disk import temporary, write_synced, writing
from pairwright.runs.folder import REJECTS, WRITTEN
from pairwright.runs.manifest import Counts, FileEntry, ShardEntry
from pairwright.schemas.candidate_table import FOLDER as CANDIDATES_FOLDER
from pairwright.schemas.pair import FOLDERS, Pair
from pairwright.schemas.reject import Reject
from pairwright.writer import CANDIDATES, PAIRS, PartWriter, WrittenFile, publish


class ShardWriter:
    """Takes the results of a shard's rows in order; :func:`enter` then makes the shard part of the run."""

    def __init__(self, folder: Path, shard: int, start: int) -> None:
        """``start`` is the number of the shard's first source row."""
        self._folder, self._shard, self._start = folder, shard, start
        stem = f"train-{shard:05d}"
        self._parts = {name: PartWriter(folder / name, stem, PAIRS) for name in FOLDERS.values()}
        self._candidates = PartWriter(folder / CANDIDATES_FOLDER, stem, CANDIDATES)
        self._rejects: list[Reject] = []
        self.rows = self._paired = 0
        """Source rows added."""
        self._kinds: Counter[str] = Counter()

    def add(self, results: Sequence[Built]) -> None:
        """Add the results of some rows."""
        by_config: dict[str, list[Pair]] = {name: [] for name in FOLDERS.values()}
        for built in results:
            self.rows += 1
            self._paired += bool(built.pairs)
            self._rejects += built.rejects
            for pair in built.pairs:
                self._kinds[pair.kind] += 1
                by_config[FOLDERS[pair.kind]].append(pair)
        for name, pairs in by_config.items():
            self._parts[name].add(pairs)
        self._candidates.add([row for built in results for row in built.candidates])

    def finish(self) -> ShardEntry:
        """Finish the files under their temporary names, forced to disk, and return the shard's entry."""
        written = {name: writer.close() for name, writer in self._parts.items()}
        written[CANDIDATES_FOLDER] = self._candidates.close()
        if self._rejects:
            written[REJECTS] = (self._write_rejects(),)
        return ShardEntry(self._shard, self._start, self._counts(), tuple(_entries(written)))

    def abort(self) -> None:
        """Remove the temporary files."""
        for writer in self._parts.values():
            writer.abort()
        self._candidates.abort()

    def _counts(self) -> Counts:
        rejects: dict[str, Counter[str]] = {}
        for reject in self._rejects:
            rejects.setdefault(reject.scope, Counter())[reject.reason] += 1
        by_scope = {scope: dict(sorted(reasons.items())) for scope, reasons in sorted(rejects.items())}
        rejected = self.rows - self._paired
        if sum(by_scope.get("row", {}).values()) != rejected:
            raise AssertionError(
                f"shard {self._shard}: {rejected} rows without pairs, but rejects are {by_scope}"
            )
        return Counts(self.rows, self._paired, rejected, dict(sorted(self._kinds.items())), by_scope)

    def _write_rejects(self) -> WrittenFile:
        folder = self._folder / REJECTS
        folder.mkdir(exist_ok=True)
        name = f"rejects-{self._shard:05d}.jsonl"
        content = "".join(
            json.dumps(asdict(reject), ensure_ascii=False) + "\n" for reject in self._rejects
        ).encode()
        with writing(folder / name):
            write_synced(temporary(folder / name), content)
        return WrittenFile(name, len(self._rejects), len(content), sha256(content).hexdigest())


def enter(folder: Path, entry: ShardEntry) -> None:
    """Give all files of a finished shard their final names, then enter it in the manifest."""
    for name in WRITTEN:
        own = [file for file in entry.files if file.name.startswith(f"{name}/")]
        publish((Path(file.name).name for file in own), folder / name)
    manifest.append(folder, entry)


def _entries(written: dict[str, tuple[WrittenFile, ...]]) -> list[FileEntry]:
    return [
        FileEntry(f"{name}/{file.name}", file.rows, file.bytes, file.sha256)
        for name, files in written.items()
        for file in files
    ]
