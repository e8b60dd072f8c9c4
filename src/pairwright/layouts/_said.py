"""What layouts share in reading what people said: two answers with a verdict, numbers in texts, lists in structs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pairwright.layouts import Row
from pairwright.schemas.candidate import Candidate, Comparison, Outcome
from pairwright.schemas.errors import RowError
from pairwright.sources.cells import bad_value, from_json, number, text

PERSON = "annotator"
"""Who judged, where a set does not tell its people apart."""
_NO_RATING = frozenset({"", "n/a", "na", "none", "nan"})
RANK = "rank"
"""Aspect of a place in somebody's ranking, 1 the best."""


def of_these(value: object, column: str, words: Mapping[str, Outcome]) -> Outcome:
    """Return what a verdict's word means; letters' case and space around it do not count.

    Raises:
        RowError: ``bad_value`` for any other word.
    """
    said = str(value).strip().lower()
    if said not in words:
        raise RowError("bad_value", column, f"expected one of {', '.join(words)}; got {value!r}")
    return words[said]


def answers(row: Row, columns: Sequence[str], models: Sequence[str] = ()) -> tuple[Candidate, ...]:
    """Return the answers of these columns, and who wrote each, where there are columns for that."""
    names = [row.get(model) for model in models] or [None] * len(columns)
    return tuple(
        Candidate(text(row.get(column), column), name if isinstance(name, str) else None)
        for column, name in zip(columns, names, strict=True)
    )


def verdict(outcome: Outcome, scorer: str, *, strength: float = 1.0, why: object = None) -> Comparison:
    """Return what somebody said of the first two answers."""
    told = why if isinstance(why, str) and why.strip() else None
    return Comparison(0, 1, outcome, scorer, 0.0 if outcome == "tie" else strength, told)


def rating(value: object, column: str, low: float | None = None, high: float | None = None) -> float | None:
    """Return a rating, also from its text; None for "N/A" and for nothing.

    Raises:
        RowError: ``bad_value`` for what is no number, or one outside of the range.

    >>> rating("4", "Rating"), rating("N/A", "Rating"), rating(None, "Rating")
    (4.0, None, None)
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in _NO_RATING):
        return None
    found = number(value, column)
    if found is not None and ((low is not None and found < low) or (high is not None and found > high)):
        raise bad_value(column, f"a number from {low} to {high}", value)
    return found


def items(value: object, column: str) -> list[Any]:
    """Return a list, also from JSON text, or from the struct of lists that Arrow makes of a list of structs.

    >>> items({"model": ["a", "b"], "response": ["x", "y"]}, "completions")
    [{'model': 'a', 'response': 'x'}, {'model': 'b', 'response': 'y'}]
    """
    value = from_json(value)
    if isinstance(value, Mapping) and value:
        lists = {name: items(member, f"{column}.{name}") for name, member in value.items()}
        lengths = {len(member) for member in lists.values()}
        if len(lengths) != 1:
            raise bad_value(column, "lists of equal length", value)
        return [{name: member[number] for name, member in lists.items()} for number in range(lengths.pop())]
    if not isinstance(value, (list, tuple)):
        raise bad_value(column, "a list", value)
    return list(value)


def mapping(value: object, column: str) -> Mapping[str, Any]:
    """Return an object. Raises RowError for anything else."""
    if not isinstance(value, Mapping):
        raise bad_value(column, "an object", value)
    return value


def mappings(value: object, column: str) -> list[Mapping[str, Any]]:
    """Return a list of objects, in whatever way :func:`items` takes it; none for null."""
    told = [] if value is None else items(value, column)
    return [mapping(one, f"{column}[{number}]") for number, one in enumerate(told)]


def ranked(ranks: Sequence[float], scorer: str, why: object = None) -> tuple[Comparison, ...]:
    """Return a ranking, 1 the best, as what it says of every two answers.

    >>> [one.outcome for one in ranked([1, 2, 2], "ann")]
    ['first', 'first', 'tie']
    """
    told = why if isinstance(why, str) and why.strip() else None
    made = []
    for first, one in enumerate(ranks):
        for second, other in enumerate(ranks[first + 1 :], first + 1):
            outcome: Outcome = "tie" if one == other else "first" if one < other else "second"
            made.append(Comparison(first, second, outcome, scorer, 0.0 if outcome == "tie" else 1.0, told))
    return tuple(made)


def as_text(value: object) -> str | None:
    """Return a value as a note: a text as it is, anything else as JSON, None for nothing."""
    if value is None or value == "" or value == [] or value == {}:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
