"""Rounds of self-training: which ones a run has answers of, and whether the next one can be built on it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairwright.runs.folder import damaged_files
from pairwright.runs.run_file import RunFile, none_in
from pairwright.schemas.candidate_table import files_in
from pairwright.schemas.errors import RunError

_COLUMN = "candidates.list.element.round"
_BATCH = 4096


def highest_round(folder: Path) -> int:
    """Return the highest round of the candidates of a run; 0 where none was written in a round.

    Raises:
        RunError: a file of candidates cannot be read.
    """
    highest = 0
    for path in files_in(folder):
        try:
            with pq.ParquetFile(path) as opened:
                for batch in opened.iter_batches(_BATCH, columns=[_COLUMN]):
                    highest = max(highest, _highest(batch))
        except (OSError, pa.ArrowException, KeyError) as error:
            raise RunError(f"{path} cannot be read as a file of candidates ({error})") from error
    return highest


def check_basis(folder: Path, run: RunFile | None) -> RunFile:
    """Return the run that a folder holds, if the next round can be built on it.

    Raises:
        RunError: the folder holds no run; or one that is not finished, has lost files, or has kept no candidates.
    """
    if run is None:
        raise none_in(folder)
    if run.status != "finished":
        raise RunError(f"{folder} is not finished: the build command that began it goes on with it")
    lost = damaged_files(folder)
    if lost:
        raise RunError(
            f"{folder}: {lost[0].name} is gone or cut short; the build command that made it makes it anew"
        )
    if not files_in(folder):
        raise RunError(
            f"{folder} has no candidates: a round adds answers to those of a run whose models wrote some"
        )
    return run


def _highest(batch: pa.RecordBatch) -> int:
    answers = pc.list_flatten(batch["candidates"])
    if not len(answers):
        return 0
    return pc.max(pc.struct_field(answers, "round")).as_py() or 0
