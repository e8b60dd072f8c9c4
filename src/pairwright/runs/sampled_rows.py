"""Some rows of a run's files, spread evenly over it: all of a small run, whole shards of a large one."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pairwright.runs import manifest
from pairwright.runs.files import Files, FilesIn
from pairwright.runs.samples import evenly

_BATCH = 1024


@dataclass(frozen=True, slots=True)
class SampledRows:
    """Rows that can be read."""

    total: int
    """All rows of the run's files, by its manifest."""
    names: tuple[str, ...]
    files: Files
    columns: tuple[str, ...]
    every: int
    """Of the files' rows every so manieth is taken."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, some thousand at a time at most. Files that cannot be read are passed over; the summary names them."""
        place = 0
        for name in self.names:
            try:
                with self.files.open(name) as content, pq.ParquetFile(content) as opened:
                    if {name.partition(".")[0] for name in self.columns} - {*opened.schema_arrow.names}:
                        continue
                    for batch in opened.iter_batches(_BATCH, columns=list(self.columns)):
                        taken = np.arange(-place % self.every, batch.num_rows, self.every)
                        place += batch.num_rows
                        if len(taken):
                            yield batch if self.every == 1 else batch.take(pa.array(taken))
            except (OSError, pa.ArrowException):
                continue


def sampled_rows(
    folder: Path, folders: Collection[str], columns: Sequence[str], most: int, *, files: Files | None = None
) -> SampledRows:
    """Return at most ``most`` rows, or few more, of the files that a run's manifest has in some of its folders.

    ``files`` are where these lie, if not in the run's folder.
    """
    listed = manifest.parquet_files(manifest.read(folder), folders)
    total = sum(file.rows for file in listed)
    if total > most:
        listed = [listed[place] for place in evenly(len(listed), max(1, most * len(listed) // total))]
    rows = sum(file.rows for file in listed)
    names = tuple(file.name for file in listed)
    return SampledRows(total, names, files or FilesIn(folder), tuple(columns), max(1, -(-rows // most)))
