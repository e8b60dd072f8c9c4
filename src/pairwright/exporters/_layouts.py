"""What several layouts share: conversations, and the pages that load them."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa

from pairwright.exporters import PairRow, Picture, Row, Split, Task
from pairwright.schemas.arrow import SCHEMA
from pairwright.schemas.prompt import MARKER

_MARKER = re.compile(rf"\n*{re.escape(MARKER)}\n*")

NAME = r"^[A-Za-z0-9_-]+$"
"""What a set may be called, in files and command lines of trainers."""

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
    return _MARKER.sub(lambda found: "\n" if "\n" in found[0] else "", question).strip()


def image_inside(question: str) -> bool:
    """Tell whether a marker stands between words, so that they would say something else without it.

    >>> image_inside("<image>\\nWhat is it?"), image_inside("What is it? <image>"), image_inside("Is <image> red?")
    (False, False, True)
    """
    *before, after = question.split(MARKER)
    return bool(after.strip()) and any(text.strip() for text in before)


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


PLAIN_COLUMNS = tuple(name for name in SCHEMA.names if name not in ("images", "rejected_images"))
"""Columns of the shared schema that hold no pictures."""


def history_rows(row: PairRow) -> list[list[str]] | None:
    """Return earlier turns as a value of the shared schema's column."""
    return [list(turn) for turn in row.history] or None


def margin_of(row: PairRow) -> float | None:
    """Return chosen score minus rejected score, or None where one is missing."""
    if row.score_chosen is None or row.score_rejected is None:
        return None
    return row.score_chosen - row.score_rejected


def like_prompt(row: PairRow, made: Row) -> Sequence[Any]:
    """Return what two rows of one prompt and one right answer have in common."""
    pictures = (picture.sha256 for picture in row.images)
    return (row.system, row.history, row.question, row.ground_truth, *pictures)


def like_answer(label: str) -> Callable[[PairRow, Row], Sequence[Any]]:
    """Return what tells what two rows of one prompt, one answer and one label have in common; ``label`` is its column."""

    def like(row: PairRow, made: Row) -> Sequence[Any]:
        pictures = (picture.sha256 for picture in row.images)
        answer = row.chosen if made[label] else row.rejected
        return (row.system, row.history, row.question, answer, made[label], *pictures)

    return like


def numbered(task: Task) -> Row:
    """Return what every task has: ids, the question with markers, and answers by their number in the order shown.

    ``place_1`` is the number of the first answer among the run's candidates, ``model_1`` who wrote it, where they are known.
    """
    row: Row = {"record_id": task.record_id, "question": task.question}
    row |= {} if task.pair is None else {"pair_id": task.pair}
    for number, one in enumerate(task.answers, 1):
        row[f"answer_{number}"] = one.text
        row |= {} if one.model is None else {f"model_{number}": one.model}
        row |= {} if one.place is None else {f"place_{number}": one.place}
    return row


def dialogue(task: Task) -> str:
    """Return the prompt as people read it: system text, earlier turns and question, without markers."""
    said = [("System", task.system)] if task.system else []
    for user, assistant in task.history:
        said += [("User", bare(user)), ("Assistant", assistant)]
    if not said:
        return bare(task.question)
    return "\n\n".join(f"{who}: {text}" for who, text in [*said, ("User", bare(task.question))])
