"""video-SALMONN 2: one dialogue with the chosen answer, the rejected one and the truth as turns of their own."""

from collections.abc import Mapping

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import present
from pairwright.layouts._media import without_media
from pairwright.layouts._said import mappings
from pairwright.schemas.errors import RowError
from pairwright.sources.cells import text

_SIDES = {"gpt": "chosen", "reject_gpt": "rejected", "gt": "ground_truth"}


def recognise(row: Row) -> int:
    """Tell by a turn of the role ``reject_gpt``."""
    turns = row.get("conversations")
    if not isinstance(turns, list):
        return 0
    return 4 if any(isinstance(turn, Mapping) and turn.get("from") == "reject_gpt" for turn in turns) else 0


def read(row: Row) -> Read:
    """Return the question and both sides; video and sound are tags, and their paths stay in ``extra``.

    Raises:
        RowError: a turn is there twice, or has another role.
    """
    said: dict[str, str] = {}
    for number, turn in enumerate(mappings(row["conversations"], "conversations")):
        role = turn.get("from")
        field = "question" if role == "human" else _SIDES.get(str(role))
        column = f"conversations[{number}]"
        if field is None or field in said:
            told = f"expected human, gpt, reject_gpt and gt, each once; got {role}"
            raise RowError("bad_value", column, told)
        said[field] = text(turn.get("value"), column)
    fields, tags = without_media(
        {**row, **{f"conversations.{field}": one for field, one in said.items()}}, "conversations.question"
    )
    taken = {field: f"conversations.{field}" for field in said}
    return Read(fields, taken | present(row, {"id": "id", "images": "image"}), tags=tags)


PART = Layout(
    recognise=recognise,
    read=read,
    summary="video, audio and conversations with turns from human, gpt (chosen), reject_gpt (rejected) and gt (the truth)",
    source="video-SALMONN 2 (arXiv 2506.15220)",
)
