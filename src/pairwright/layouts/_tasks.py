"""What annotation tools hand back: tasks with numbered answers, and controls whose names say what was asked.

A task has ``question``, ``image``, and ``answer_1``, ``answer_2`` and so on in the order shown, perhaps with ``model_1``.
What a person said has a name: ``preference`` (an answer, or a tie), ``ranking``, ``helpfulness_2`` (a rating of the second
answer on helpfulness), ``reason`` (text for the preference) or any other (text, a note).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from pairwright.layouts import Read, Row
from pairwright.layouts._said import ranked
from pairwright.schemas.annotation import Annotation
from pairwright.schemas.candidate import Candidate, Comparison, Outcome
from pairwright.schemas.errors import RowError
from pairwright.schemas.judgement import Judgement
from pairwright.sources.cells import text

ANSWER = re.compile(r"(?:answer|response|output)_([0-9a-z])")
_RATED = re.compile(r"(\w+)_(\d+)")
_QUESTIONS = ("question", "prompt", "instruction")
_PICTURES = ("images", "image")
REASONS = frozenset({"reason", "rationale", "why"})
_WORDS: dict[str, Outcome] = {
    **dict.fromkeys(("left", "first", "1", "a", "answer_1", "response_1"), "first"),
    **dict.fromkeys(("right", "second", "2", "b", "answer_2", "response_2"), "second"),
    **dict.fromkeys(("tie", "equal", "same", "c"), "tie"),
    **dict.fromkeys(("cannot_judge", "cannot judge", "unsure"), "cannot_judge"),
}


@dataclass(slots=True)
class Heard:
    """What one person said of the answers of a task, gathered control by control."""

    annotator: str
    seconds: float | None = None
    at: str | None = None
    outcome: Outcome | None = None
    ranks: list[float] = field(default_factory=list)
    ratings: list[tuple[int, str, float]] = field(default_factory=list)
    """Number of the answer from 0, aspect, value."""
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def hear_choice(heard: Heard, value: object, column: str) -> None:
    """Take a preference among two answers. Raises RowError for a word that is none."""
    said = str(value).strip().lower()
    if said not in _WORDS:
        raise RowError("bad_value", column, f"expected an answer, tie or cannot_judge; got {value!r}")
    heard.outcome = _WORDS[said]


def hear_rating(heard: Heard, name: str, value: object, column: str) -> None:
    """Take a rating; without a number at the end of its name it is a note."""
    found = _RATED.fullmatch(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise RowError("bad_value", column, f"expected a number, got {value!r}")
    if found is None:
        heard.notes.append(f"{name}: {value}")
    else:
        heard.ratings.append((int(found[2]) - 1, found[1], float(value)))


def hear_text(heard: Heard, name: str, value: object) -> None:
    """Take what a person wrote."""
    told = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
    if told.strip():
        (heard.reasons if name in REASONS else heard.notes).append(told)


def hear_ranks(heard: Heard, places: Mapping[str, float], names: Sequence[str], column: str) -> None:
    """Take a ranking: a rank for every answer by its name, 1 the best. Raises RowError where one is missing."""
    if set(places) != set(names):
        raise RowError(
            "bad_value", column, f"expected a rank of each of {', '.join(names)}; got {', '.join(places)}"
        )
    heard.ranks = [places[name] for name in names]


def answer_names(fields: Row) -> list[str]:
    """Return the names of a task's answers in the order shown.

    >>> answer_names({"answer_2": "b", "question": "?", "answer_1": "a"})
    ['answer_1', 'answer_2']
    """
    return sorted(
        (name for name in fields if ANSWER.fullmatch(name) and fields[name] is not None),
        key=lambda name: (ANSWER.fullmatch(name) or name)[1],
    )


def task_read(fields: Row, people: Sequence[Heard], taken: Mapping[str, str]) -> Read:
    """Return a task with what people said of it."""
    names = answer_names(fields)
    asked = next((name for name in _QUESTIONS if fields.get(name)), None)
    shown = next((name for name in _PICTURES if fields.get(name)), None)
    candidates = []
    for number, name in enumerate(names):
        model = fields.get(f"model_{name.rpartition('_')[2]}")
        judged = [
            Judgement("candidate", heard.annotator, aspect, value)
            for heard in people
            for of, aspect, value in heard.ratings
            if of == number
        ]
        told = model if isinstance(model, str) else None
        candidates.append(Candidate(text(fields[name], name), told, judgements=tuple(judged)))
    comparisons = [one for heard in people for one in _comparisons(heard, len(names))]
    order = tuple(range(len(names)))
    return Read(
        fields,
        {
            **taken,
            **({"question": asked} if asked else {}),
            **({"images": shown} if shown else {}),
        },
        tuple(candidates),
        tuple(comparisons),
        tuple(
            Annotation(heard.annotator, order, heard.seconds, heard.at, "\n".join(heard.notes) or None)
            for heard in people
        ),
    )


def _comparisons(heard: Heard, count: int) -> Sequence[Comparison]:
    why = "\n".join(heard.reasons) or None
    if heard.ranks:
        return ranked(heard.ranks, heard.annotator, why)
    if heard.outcome is None or count < 2:
        return ()
    strength = 1.0 if heard.outcome in ("first", "second") else 0.0
    return [Comparison(0, 1, heard.outcome, heard.annotator, strength, why)]


def person(told: Any) -> str:
    """Return the id of a person: a number where there is one, rather than an address, which would be published with the set.

    >>> person({"id": 7, "email": "ann@example.org"}), person({"email": "ann@example.org"}), person(8)
    ('7', 'ann@example.org', '8')
    """
    if isinstance(told, Mapping):
        told = next((told[name] for name in ("id", "username", "email") if told.get(name) is not None), None)
    if told is None or isinstance(told, (list, bool)):
        raise RowError("bad_value", "completed_by", f"expected the id of a person, got {told!r}")
    return str(told)
