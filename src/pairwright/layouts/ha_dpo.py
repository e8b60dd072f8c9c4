"""HA-DPO: descriptions in several wordings for each side, and yes/no questions; pictures by Visual Genome id.

``desc_data.json`` is an object whose keys are picture ids: the key stands in the column ``key``.
"""

from typing import Any

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import present
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RowError
from pairwright.sources.cells import text

_POPE = {"image_id", "question", "chosen"}


def recognise(row: Row) -> int:
    """Tell descriptions by lists of texts on both sides, and yes/no questions by image_id, reject and correct."""
    lists = all(_is_texts(row.get(side)) for side in ("chosen", "rejected"))
    if lists and ("image_id" in row or "key" in row) and "question" not in row:
        return 4
    asks = row.keys() >= _POPE and ("reject" in row or "rejected" in row)
    return 5 if asks and ("correct" in row or "answer" in row) else 0


def read(row: Row) -> Read:
    """Return every wording of a description with its side, or the sides of a question.

    Raises:
        RowError: ``all_right`` for a question that the model answered rightly; the loader of the set leaves it out, too.
    """
    identity = "image_id" if "image_id" in row else "key"
    told = str(row[identity])
    name = told if "." in told else f"{told}.jpg"
    fields = {**row, identity: told, "picture": name}
    taken = {"id": identity, "images": "picture"}
    if "question" not in row:
        candidates = [
            Candidate(text(one, f"{side}[{number}]"), side=side)
            for side in ("chosen", "rejected")
            for number, one in enumerate(row[side])
        ]
        return Read(fields, taken, tuple(candidates))
    if str(row.get("correct")).lower() == "true":
        raise RowError("all_right", "correct", "the model's own answer was right, so there is no wrong one")
    rejected = "reject" if "reject" in row else "rejected"
    sides = {"question": "question", "chosen": "chosen", "rejected": rejected, "ground_truth": "answer"}
    return Read(fields, taken | present(row, sides))


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


PART = Layout(
    recognise=recognise,
    read=read,
    summary="desc_data.json: picture id to lists of chosen and rejected descriptions; pope_data.json: question, chosen, reject",
    source="juliozhao/hadpo-data (arXiv 2311.16839)",
    parameters={"pairing": {"rule": "sides", "per_prompt": 1}},
    question="Describe this picture in detail.",
)
