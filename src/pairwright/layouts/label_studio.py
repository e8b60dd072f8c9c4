"""Label Studio's JSON export: tasks with the annotations of several people."""

from collections.abc import Mapping
from typing import Any

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._said import mapping, mappings, rating
from pairwright.layouts._tasks import (
    Heard,
    answer_names,
    hear_choice,
    hear_ranks,
    hear_rating,
    hear_text,
    person,
    task_read,
)
from pairwright.schemas.errors import RowError
from pairwright.sources.cells import optional_text


def recognise(row: Row) -> int:
    """Tell by data beside annotations with results."""
    told = row.get("annotations")
    known = isinstance(row.get("data"), Mapping) and isinstance(told, list)
    return 4 if known and all(isinstance(one, Mapping) and "result" in one for one in told or ()) else 0


def read(row: Row) -> Read:
    """Return the task's answers with what each person said. Cancelled annotations say nothing; they stay in ``extra``."""
    data = mapping(row["data"], "data")
    names = answer_names(data)
    people = [
        _heard(one, names, f"annotations[{place}]")
        for place, one in enumerate(mappings(row["annotations"], "annotations"))
        if not one.get("was_cancelled")
    ]
    return task_read({**data, "id": row.get("id")}, people, {"id": "id"})


def _heard(annotation: Mapping[str, Any], names: list[str], column: str) -> Heard:
    heard = Heard(
        person(annotation.get("completed_by")),
        rating(annotation.get("lead_time"), f"{column}.lead_time", 0.0),
        optional_text(annotation.get("created_at"), f"{column}.created_at"),
    )
    for place, result in enumerate(mappings(annotation.get("result"), f"{column}.result")):
        _hear(heard, result, names, f"{column}.result[{place}]")
    return heard


def _hear(heard: Heard, result: Mapping[str, Any], names: list[str], column: str) -> None:
    name, value = str(result.get("from_name")), result.get("value") or {}
    match value:
        case {"selected": selected}:
            hear_choice(heard, selected, column)
        case {"choices": [choice]} if name == "preference":
            hear_choice(heard, choice, column)
        case {"choices": choices}:
            hear_text(heard, name, choices)
        case {"rating": rated}:
            hear_rating(heard, name, rated, column)
        case {"ranker": buckets}:
            hear_ranks(heard, _places(buckets, column), names, column)
        case {"text": written}:
            hear_text(heard, name, written)


def _places(buckets: Any, column: str) -> dict[str, float]:
    """Return ranks: places in the only bucket, or, of several, whose answers are ties, the buckets' places."""
    if not isinstance(buckets, Mapping):
        raise RowError("bad_value", column, "expected answers by bucket")
    lists = list(buckets.values())
    if len(lists) == 1:
        return {str(name): float(place) for place, name in enumerate(lists[0], 1)}
    return {str(name): float(place) for place, names in enumerate(lists, 1) for name in names}


PART = Layout(
    recognise=recognise,
    read=read,
    summary="tasks with data (question, image, answer_1, answer_2 …) and annotations: Pairwise, Choices, Rating, Ranker, TextArea",
    source="Label Studio's export as JSON",
)
