"""Which layout rows are written in."""

from collections.abc import Sequence

from pairwright.layouts import ROOM, Row
from pairwright.schemas.errors import SourceError

AUTO = "auto"
"""``source.layout`` that means: find out."""


def recognised(rows: Sequence[Row], where: str) -> str:
    """Return the name of the layout that knows all these rows, and by more columns than any other does.

    Args:
        rows: the first rows of a source.
        where: what they are of, for errors.

    Raises:
        SourceError: no layout knows them, or two know them equally well.

    >>> recognised([{"good_image": "a.jpg", "bad_image": "b.jpg", "question": "?", "chosen": "A.", "rejected": "A."}], "x")
    'image_dpo'
    """
    sure = {name: min((ROOM.get(name).recognise(row) for row in rows), default=0) for name in ROOM.names()}
    best = max(sure.values(), default=0)
    found = [name for name, told in sure.items() if told == best]
    if best == 0:
        columns = ", ".join(sorted({column for row in rows for column in row})) or "none"
        raise SourceError(
            f"{where}: no layout is recognised by its columns ({columns}). Name one with --as (source.layout): "
            f"{', '.join(ROOM.names())}. For any other table take plain, and say what is what: --set source.columns.chosen=COLUMN"
        )
    if len(found) > 1:
        raise SourceError(f"{where}: may be {' or '.join(found)}; name the layout with --as (source.layout)")
    return found[0]
