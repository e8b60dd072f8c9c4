"""Tasks for people: which answers are put side by side, and their file."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from pairwright.exporters import Gathered, PairRow, Picture, Shown, Task, Tasks, TaskSettings
from pairwright.exporters._files import PictureFolder
from pairwright.exporters._parquet import synced
from pairwright.exporters._plan import Choices
from pairwright.exporters._reading import (
    CHECKED,
    WHOLE,
    RunFiles,
    candidate_files,
    checked_rows,
    pair_files,
    pictures_of,
    whole_rows,
)
from pairwright.runs.contents import parsed
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ParameterError, RowError, RunError
from pairwright.schemas.room import unknown
from pairwright.schemas.seeds import generator
from pairwright.sources.candidates import own_candidates, own_comparisons

MOST = {"preference": 2, "ranking": 9}
"""Most answers of a task."""

REFUSALS: Mapping[str, str] = {
    "more_answers": "a preference is between two answers, a ranking of nine at most (--set ask=ranking)",
    "rejected_images": "a task shows one list of images to both answers",
}
"""Why prompts or pairs cannot be tasks; they may be left out on request."""

_PROMPT = ("record_id", "question", "system", "history", "candidates", "comparisons")
_META = tuple(f"images_meta.list.element.{member}" for member in ("sha256", "format"))
_PIXELS = "images.list.element.bytes"


def gather(
    folder: Path, settings: TaskSettings, choices: Choices
) -> tuple[RunFiles, Gathered, Mapping[str, int]]:
    """Look at everything that may become a task; return the files, what the tasks have, and what is left out and why.

    Raises:
        ParameterError: ``leave_out`` names an unknown reason.
        RunError: something cannot be a task that is not to be left out, or nothing would be left.
    """
    for reason in choices.leave_out:
        if reason not in REFUSALS:
            raise ParameterError(f"--leave-out: {unknown('reasons of tasks', reason, list(REFUSALS))}")
    open_files = candidate_files if settings.of == "candidates" else pair_files
    files = open_files(folder, unfinished=choices.unfinished)
    left_out: Counter[str] = Counter()
    tasks = images = answers = 0
    for made in tasks_of(files, settings, choices.seed, pictures=False):
        if isinstance(made, str):
            left_out[made] += 1
        else:
            tasks, images, answers = (
                tasks + 1,
                max(images, len(made.images)),
                max(answers, len(made.answers)),
            )
    refused = {reason: count for reason, count in left_out.items() if reason in REFUSALS}
    lines = [f"  - {count:,} for {reason}: {REFUSALS[reason]}" for reason, count in sorted(refused.items())]
    if set(refused) - choices.leave_out:
        wanted = " ".join(f"--leave-out {reason}" for reason in sorted(refused))
        raise RunError(
            "\n".join(["some cannot be tasks:", *lines, f"Nothing was written. To leave them out: {wanted}"])
        )
    if not tasks:
        told = ", ".join(f"{count:,} for {reason}" for reason, count in sorted(left_out.items()))
        raise RunError(f"no task is left: {told}")
    return files, Gathered(folder, tasks, images, answers), dict(sorted(left_out.items()))


def write_tasks(draft: Path, part: Tasks[Any], files: RunFiles, settings: TaskSettings, seed: int) -> None:
    """Write the tasks with their pictures."""
    pictures, path = PictureFolder(draft), draft / part.file
    as_lines = path.suffix == ".jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        before = "" if as_lines else "[\n"
        for made in tasks_of(files, settings, seed, pictures=True):
            if isinstance(made, str):
                continue
            paths = [pictures.place(picture) for picture in made.images]
            file.write(before + json.dumps(part.row(made, paths, settings), ensure_ascii=False))
            before = "\n" if as_lines else ",\n"
        file.write("\n" if as_lines else "\n]\n")
    synced(path)


def tasks_of(files: RunFiles, settings: TaskSettings, seed: int, *, pictures: bool) -> Iterator[Task | str]:
    """Yield a task for each prompt or pair, or why it is none."""
    if settings.of == "pairs":
        columns = WHOLE if pictures else CHECKED
        for batch in files.batches((*columns, "provenance")):
            rows = whole_rows(batch, ()) if pictures else checked_rows(batch)
            for row, provenance in zip(rows, batch["provenance"].to_pylist(), strict=True):
                yield _of_pair(row, provenance, settings, seed)
    else:
        columns = (*_PROMPT, *_META, *((_PIXELS,) if pictures else ()))
        for batch in files.batches(columns):
            yield from _of_prompts(batch, settings, seed)


def _of_pair(row: PairRow, provenance: str | None, settings: TaskSettings, seed: int) -> Task | str:
    if row.rejected_images is not None:
        return "rejected_images"
    if settings.doubtful is not None and not _near([row.score_chosen, row.score_rejected], settings.doubtful):
        return "no_doubt"
    answers = [Shown(row.chosen, None, None), Shown(row.rejected, None, None)]
    record_id = str(parsed(provenance).get("record_id") or row.id)
    shown = _shuffled(answers, seed, row.id)
    return Task(record_id, row.id, row.question, row.system, row.history, row.images, shown)


def _of_prompts(batch: pa.RecordBatch, settings: TaskSettings, seed: int) -> Iterator[Task | str]:
    for told in batch.to_pylist():
        named = f"prompt {told['record_id']}"
        try:
            candidates = own_candidates(told["candidates"])
            comparisons = own_comparisons(told["comparisons"], len(candidates))
        except RowError as error:
            raise RunError(f"{named}: {error}; see pairwright validate") from error
        images = pictures_of(named, told["images_meta"], told.get("images"))
        yield _of_prompt(told, images, candidates, comparisons, settings, seed)


def _of_prompt(
    told: Mapping[str, Any],
    images: tuple[Picture, ...],
    candidates: Sequence[Candidate],
    comparisons: Sequence[Comparison],
    settings: TaskSettings,
    seed: int,
) -> Task | str:
    by_text: dict[str, Shown] = {}
    for place, one in enumerate(candidates):
        by_text.setdefault(one.text.strip(), Shown(one.text, one.model, place))
    if len(by_text) < 2:
        return "one_answer"
    scores = [candidates[shown.place or 0].score for shown in by_text.values()]
    if settings.doubtful is not None and not _in_doubt(scores, comparisons, settings.doubtful):
        return "no_doubt"
    if len(by_text) > MOST[settings.ask]:
        return "more_answers"
    record_id = str(told["record_id"])
    return Task(
        record_id,
        None,
        told["question"],
        told["system"],
        tuple((user, assistant) for user, assistant in told["history"] or ()),
        images,
        _shuffled(list(by_text.values()), seed, record_id),
    )


def _in_doubt(scores: Sequence[float | None], comparisons: Sequence[Comparison], margin: float) -> bool:
    """Tell whether a prompt's answers are in doubt: see :attr:`TaskSettings.doubtful`."""
    if any(one.outcome in ("tie", "cannot_judge") for one in comparisons):
        return True
    better = {
        (one.first, one.second) if one.outcome == "first" else (one.second, one.first) for one in comparisons
    }
    if any((worse, best) in better for best, worse in better):
        return True
    return _close(scores, margin) or (not comparisons and None in scores)


def _near(scores: Sequence[float | None], margin: float) -> bool:
    """Tell whether one score is missing or the two best ones are less than ``margin`` apart.

    >>> _near([4.0, 1.0], 1.0), _near([4.0, None], 1.0), _near([4.0, 3.5, 1.0], 1.0)
    (False, True, True)
    """
    return any(score is None for score in scores) or _close(scores, margin)


def _close(scores: Sequence[float | None], margin: float) -> bool:
    known = sorted((score for score in scores if score is not None), reverse=True)
    return any(best - second < margin for best, second in list(pairwise(known))[:1])


def _shuffled(answers: Sequence[Shown], seed: int, record_id: str) -> tuple[Shown, ...]:
    drawn = generator(seed, record_id, "shown")
    return tuple(sorted(answers, key=lambda answer: drawn.random()))
