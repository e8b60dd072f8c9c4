"""What people said of a run's answers in a labelling tool, put to the prompts that the run has.

Tasks name their prompt by ``record_id`` and each answer by ``place_1``, ``place_2`` and so on, its number in the config
``candidates``; where there is no number, an answer is found by its text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pairwright.layouts import ROOM as LAYOUTS
from pairwright.layouts import Columns, Read
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.candidate_table import files_in
from pairwright.schemas.errors import RowError, SourceError
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import FileMark, RawRow, Source
from pairwright.sources.cells import number


@dataclass(frozen=True, slots=True)
class Task:
    """What people said of one prompt, in the order of its task."""

    name: str
    """Place of the task in its file, for errors."""
    read: Read
    places: tuple[int | None, ...]
    """Number of each answer in the run; None where its text has to tell."""


Tasks = Mapping[str, Sequence[Task]]
"""By record id of the prompt."""


class VotedSource:
    """The config ``candidates`` of a run, with what people said in the tasks that were made of it."""

    def __init__(self, source: Source, votes: Source, layout: str, run: Path) -> None:
        """Read all tasks.

        Args:
            source: reads the config ``candidates``.
            votes: reads the file of the tool.
            layout: the tool's layout.
            run: folder of the run.

        Raises:
            SourceError: a task cannot be read, or is of no prompt of the run.
        """
        self.name, self.local = source.name, source.local
        self._source, self._votes = source, votes
        self._tasks = tasks_in(votes, layout)
        strangers = sorted(self._tasks.keys() - _record_ids(run))
        if strangers:
            first = self._tasks[strangers[0]][0].name
            raise SourceError(
                f"source.votes: {len(strangers)} tasks are of no prompt of {run}; the first one is {first}, "
                f"of {strangers[0]}: are they of another run?"
            )

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        """Yield the run's prompts from number ``start`` on."""
        return self._source.rows(start)

    def parse(self, raw: RawRow) -> SourceRow:
        """Return a prompt with everything that was said of its answers. Raises RowError for a reject."""
        row = self._source.parse(raw)
        for task in self._tasks.get(str(raw.fields.get("record_id")), ()):
            row = with_votes(row, task)
        return row

    def marks(self) -> tuple[FileMark, ...]:
        """Return the marks of the run's files and of the tool's."""
        votes = (replace(mark, name=f"votes/{mark.name}") for mark in self._votes.marks())
        return (*self._source.marks(), *votes)

    def count(self) -> int | None:
        """Return the number of prompts."""
        return self._source.count()

    def columns(self) -> Mapping[str, str]:
        """Return which column was taken for which field."""
        return self._source.columns()


def tasks_in(votes: Source, layout: str) -> dict[str, list[Task]]:
    """Return the tasks of a tool's file. Raises SourceError for one that cannot be read: a vote must not get lost."""
    read, tasks = LAYOUTS.get(layout).read, dict[str, list[Task]]()
    for raw in votes.rows():
        try:
            if raw.problem is not None:
                raise raw.problem
            told = read(Columns(raw.fields))
            places = _places(told)
        except RowError as error:
            raise SourceError(f"source.votes: {raw.record_id}: {error}") from error
        record_id = told.fields.get("record_id")
        if not isinstance(record_id, str):
            raise SourceError(f"source.votes: {raw.record_id} has no record_id; it is no task of a run")
        tasks.setdefault(record_id, []).append(Task(raw.record_id, told, places))
    return tasks


def people_in(tasks: Tasks) -> tuple[str, ...]:
    """Return the ids of all who said something, sorted."""
    return tuple(
        sorted(
            {
                one.annotator
                for of_prompt in tasks.values()
                for task in of_prompt
                for one in task.read.annotations
            }
        )
    )


def with_votes(row: SourceRow, task: Task) -> SourceRow:
    """Return a row with what people said in a task.

    Raises:
        RowError: ``bad_value`` where an answer of the task is none of the row's.
    """
    numbers = [
        _number(row, one, place, task.name)
        for one, place in zip(task.read.candidates, task.places, strict=True)
    ]
    said = {number: one.judgements for number, one in zip(numbers, task.read.candidates, strict=True)}
    return replace(
        row,
        candidates=tuple(
            replace(one, judgements=(*one.judgements, *said.get(number, ())))
            for number, one in enumerate(row.candidates)
        ),
        comparisons=(
            *row.comparisons,
            *(
                replace(one, first=numbers[one.first], second=numbers[one.second])
                for one in task.read.comparisons
            ),
        ),
        annotations=(
            *row.annotations,
            *(
                replace(one, shown=tuple(numbers[place] for place in one.shown))
                for one in task.read.annotations
            ),
        ),
    )


def _places(read: Read) -> tuple[int | None, ...]:
    names = [f"place_{number}" for number in range(1, len(read.candidates) + 1)]
    found = [number(_one(read.fields.get(name)), name) for name in names]
    return tuple(None if place is None else int(place) for place in found)


def _one(value: Any) -> Any:
    """Return a value out of a list of one: Argilla keeps terms as lists."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _number(row: SourceRow, answer: Candidate, place: int | None, task: str) -> int:
    texts = [one.text.strip() for one in row.candidates]
    if place is not None and 0 <= place < len(texts) and texts[place] == answer.text.strip():
        return place
    if answer.text.strip() not in texts:
        raise RowError(
            "bad_value", "votes", f"{task}: its answer {answer.text[:60]!r} is none of the prompt's"
        )
    return texts.index(answer.text.strip())


def _record_ids(run: Path) -> set[str]:
    return {
        one
        for path in files_in(run)
        for one in pq.read_table(path, columns=["record_id"])["record_id"].to_pylist()
    }
