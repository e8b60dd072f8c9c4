"""What layouts share: columns to fields, and rows told by their columns."""

from collections.abc import Callable, Mapping

from pairwright.layouts import Read, Row

FLAT = {
    "question": "question",
    "chosen": "chosen",
    "rejected": "rejected",
    "images": "image",
}
"""Columns of most flat sets."""


def known_by(*names: str, without: tuple[str, ...] = ()) -> Callable[[Row], int]:
    """Return what recognises rows that have all of these columns, and none of the others.

    >>> known = known_by("image", "question", without=("bad_image",))
    >>> known({"image": "a.jpg", "question": "What?", "idx": 3}), known({"image": "a.jpg"})
    (2, 0)
    """

    def recognise(row: Row) -> int:
        known = all(name in row for name in names) and not any(name in row for name in without)
        return len(names) if known else 0

    return recognise


def read_by(columns: Mapping[str, str]) -> Callable[[Row], Read]:
    """Return what reads rows whose columns are fields; columns that a row does not have are left out.

    >>> read_by({"question": "query", "chosen": "good"})({"query": "What?"}).taken
    {'question': 'query'}
    """
    return lambda row: Read(row, present(row, columns))


def present(row: Row, columns: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of which a row has the column."""
    return {field: column for field, column in columns.items() if column in row}
