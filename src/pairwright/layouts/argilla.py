"""Argilla's records as a data set: one column for each field, and for each question its responses, users and status."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._said import items, mappings, rating
from pairwright.layouts._tasks import (
    Heard,
    answer_names,
    hear_choice,
    hear_ranks,
    hear_rating,
    hear_text,
    task_read,
)
from pairwright.schemas.errors import RowError
from pairwright.sources.cells import optional_text

_RESPONSES = ".responses"
SUBMITTED = "submitted"


def recognise(row: Row) -> int:
    """Tell by columns of responses with their users."""
    asked = _asked(row)
    known = all(f"{name}{_RESPONSES}.users" in row for name in asked)
    return 3 + len(asked) if asked and known else 0


def read(row: Row) -> Read:
    """Return the record's answers with every submitted response; drafts and discarded ones stay in ``extra``."""
    names = answer_names(row)
    people: dict[str, Heard] = {}
    at = row.get("updated_at")
    for name in _asked(row):
        column = f"{name}{_RESPONSES}"
        for user, value in _submitted(row, column):
            heard = people.setdefault(
                user, Heard(user, at=optional_text(None if at is None else str(at), "updated_at"))
            )
            _hear(heard, name, value, names, column)
    return task_read(row, list(people.values()), {"id": "id"} if "id" in row else {})


def _asked(row: Row) -> list[str]:
    return [name.removesuffix(_RESPONSES) for name in row if name.endswith(_RESPONSES)]


def _submitted(row: Row, column: str) -> Iterator[tuple[str, Any]]:
    values = _list(row[column], column)
    users = _list(row.get(f"{column}.users"), f"{column}.users")
    states = _list(row.get(f"{column}.status"), f"{column}.status") or [SUBMITTED] * len(values)
    if not len(values) == len(users) == len(states):
        raise RowError("bad_value", column, f"{len(values)} responses of {len(users)} users")
    for value, user, state in zip(values, users, states, strict=True):
        if state == SUBMITTED and value is not None:
            yield str(user), value


def _hear(heard: Heard, name: str, value: Any, names: Sequence[str], column: str) -> None:
    if name == "preference":
        hear_choice(heard, value, column)
    elif isinstance(value, (list, Mapping)):
        if name == "ranking":
            ranks = {
                str(one.get("value")): rating(one.get("rank"), column) for one in mappings(value, column)
            }
            hear_ranks(heard, {name: rank for name, rank in ranks.items() if rank is not None}, names, column)
        else:
            hear_text(heard, name, value if isinstance(value, list) else [value])
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        hear_rating(heard, name, value, column)
    else:
        hear_text(heard, name, value)


def _list(value: Any, column: str) -> list[Any]:
    return [] if value is None else items(value, column)


PART = Layout(
    recognise=recognise,
    read=read,
    summary="fields (question, image, answer_1, answer_2 …) and for each question .responses, .responses.users, .responses.status",
    source="Argilla 2.8, to_datasets() and to_dict()",
)
