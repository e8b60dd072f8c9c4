"""What several layouts share: conversations, and the pages that load them."""

import json
from collections.abc import Iterable, Sequence

import pyarrow as pa

from pairwright.exporters import PairRow, Picture, Row, Split
from pairwright.schemas.prompt import MARKER

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""Type of a column of one picture."""


def messages(row: PairRow) -> list[dict[str, str]]:
    """Return the prompt as messages whose contents are texts with ``<image>`` markers."""
    made = [{"role": "system", "content": row.system}] if row.system else []
    for user, assistant in row.history:
        made += [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
    return [*made, {"role": "user", "content": row.question}]


def answer(text: str) -> dict[str, str]:
    """Return an answer as a message."""
    return {"role": "assistant", "content": text}


def bare(question: str) -> str:
    """Return a question without its markers, for trainers that put the picture in front by themselves.

    >>> bare("<image>\\nWhat is it?")
    'What is it?'
    """
    return "\n".join(line for line in question.replace(MARKER, "").split("\n") if line.strip()).strip()


def stored(picture: Picture) -> Row:
    """Return a picture as a value of an image column."""
    return {"bytes": picture.data, "path": picture.name}


def features(images: Iterable[str], lists: Iterable[str] = ()) -> dict[str, str]:
    """Return file metadata by which every release of ``datasets`` decodes these columns to pictures."""
    told: dict[str, object] = {name: {"_type": "Image"} for name in images}
    told |= {name: [{"_type": "Image"}] for name in lists}
    return {"huggingface": json.dumps({"info": {"features": told}})}


def refused(*checks: tuple[str, bool]) -> Sequence[str]:
    """Return the reasons that hold.

    >>> refused(("system", True), ("history", False))
    ('system',)
    """
    return tuple(reason for reason, holds in checks if holds)


def data_files(splits: Sequence[Split]) -> str:
    """Return Python source of the ``data_files`` of ``load_dataset``, relative to the export's folder."""
    return json.dumps({split.name: f"{split.name}/*.parquet" for split in splits})
