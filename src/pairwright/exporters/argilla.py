"""Argilla: records as JSON Lines, and a script that makes the data set."""

import json
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from pairwright.exporters import Gathered, Page, Row, Task, Tasks, TaskSettings
from pairwright.exporters._layouts import NAME, dialogue, numbered


class Argilla(TaskSettings):
    """Settings of the exporter."""

    name: Annotated[str, Field(pattern=NAME)] = "pairs"
    """Name of the data set in Argilla."""


def row(task: Task, paths: Sequence[str], settings: Argilla) -> Row:
    """One value for each field; ``image``, ``image_2`` and so on for pictures."""
    images = {"image" if n == 1 else f"image_{n}": path for n, path in enumerate(paths, 1)}
    return {**numbered(task), "question": dialogue(task), **images}


def loading(settings: Argilla, gathered: Gathered) -> Sequence[Page]:
    """The script that makes the data set with its questions."""
    answers = [f"answer_{n}" for n in range(1, gathered.answers + 1)]
    images = ["image" if n == 1 else f"image_{n}" for n in range(1, gathered.images + 1)]
    script = _SCRIPT.format(
        name=json.dumps(settings.name),
        images=json.dumps(images),
        answers=json.dumps(answers),
        question=_RANKING if settings.ask == "ranking" else _PREFERENCE,
    )
    return (Page("load.py", script),)


_RANKING = 'rg.RankingQuestion(name="ranking", values=ANSWERS)'
_PREFERENCE = 'rg.LabelQuestion(name="preference", labels=[*ANSWERS, "tie", "cannot_judge"])'

_SCRIPT = '''"""Makes an Argilla 2 data set of the records beside this file:  ARGILLA_API_URL=... ARGILLA_API_KEY=... python load.py

When they are labelled, dataset.records.to_datasets().to_json("labelled.jsonl") is what `pairwright import` reads.
"""

import json
from pathlib import Path

import argilla as rg
from PIL import Image

HERE = Path(__file__).parent
IMAGES = {images}
ANSWERS = {answers}
KEPT = ["record_id", "pair_id", *(f"{{what}}_{{n + 1}}" for n in range(len(ANSWERS)) for what in ("place", "model"))]

client = rg.Argilla()
settings = rg.Settings(
    fields=[
        rg.TextField(name="question"),
        *(rg.ImageField(name=name, required=False) for name in IMAGES),
        *(rg.TextField(name=name, required=n < 2) for n, name in enumerate(ANSWERS)),
    ],
    questions=[{question}, rg.TextQuestion(name="reason", required=False)],
    metadata=[rg.TermsMetadataProperty(name=name, visible_for_annotators=False) for name in KEPT],
)
dataset = rg.Dataset(name={name}, settings=settings, client=client)
dataset.create()
records = []
for line in (HERE / "records.jsonl").read_text(encoding="utf-8").splitlines():
    row = json.loads(line)
    shown = {{name: row[name] for name in ("question", *ANSWERS) if name in row}}
    shown |= {{name: Image.open(HERE / row[name]) for name in IMAGES if name in row}}
    kept = {{name: str(row[name]) for name in KEPT if row.get(name) is not None}}
    records.append(rg.Record(id=row.get("pair_id") or row["record_id"], fields=shown, metadata=kept))
dataset.records.log(records)
'''

PART = Tasks(
    settings=Argilla,
    row=row,
    loading=loading,
    file="records.jsonl",
    summary="Argilla: records of answers to compare or rank, with a script that makes the data set",
    source="Argilla 2.8: fields, LabelQuestion, RankingQuestion, TextQuestion",
)
