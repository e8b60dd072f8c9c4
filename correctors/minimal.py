"""Corrects what is wrong in an answer and leaves every other word as it stands.

The model lists the wrong statements first, each with what is true in its place, and then gives the text with these
corrected. It goes by the pictures, by a text that tells what they show (HA-DPO: all annotations of a Visual Genome
picture), or by both.
"""

import json
from functools import partial
from typing import Literal

from pairwright.annotators._judging import closed_object
from pairwright.annotators._reading import Json, exact_keys, text_of
from pairwright.correctors import Correct, Corrector, Rewritten, Task
from pairwright.correctors._asking import (
    Look,
    Pen,
    Rewriting,
    Shown,
    Weight,
    bad,
    marks_of,
    pen_of,
    same_words,
    usable,
)
from pairwright.correctors._spans import WEIGHT, changed
from pairwright.schemas.errors import RowError
from pairwright.schemas.request import Ask

_TEXT: dict[str, object] = {"type": "string"}
_SCHEMA = closed_object(
    {
        "errors": {"type": "array", "items": closed_object({"wrong": _TEXT, "right": _TEXT})},
        "text": _TEXT,
    }
)
_FORM = '{"errors": [{"wrong": "…", "right": "…"}], "text": "…"}'


class Minimal(Rewriting):
    """Settings of the corrector."""

    look: Look = "pictures"
    """What it goes by: the pictures; the row's evidence (annotations, a caption, a report) in their place; or both."""
    reference: Literal["none", "use", "require"] = "none"
    """Whether it sees a right answer: never, where the row has one, or always (a row without is a reject)."""
    weight: Weight = WEIGHT
    """Of the words that were changed, on both sides: 5 in RLHF-V's paper, 3 in its successor's code, 4 in CHiP."""


def prepare(settings: Minimal) -> Correct:
    """Return the corrector.

    Raises:
        ParameterError: the prompt cannot be used.
    """
    return partial(_correct, settings, pen_of(settings, "minimal", _shown(settings), {"form": _FORM}))


async def _correct(settings: Minimal, pen: Pen, task: Task, ask: Ask) -> Rewritten:
    def read(found: Json) -> tuple[list[Json], str]:
        errors = _errors(found)
        if not errors:
            raise RowError("no_correction", None, "the corrector finds no wrong statement")
        text = usable(text_of(found, "text", "the model's object") or "", task.text)
        if same_words(text, task.text):
            raise bad("the corrector names wrong statements and corrects none")
        return errors, text

    errors, text = await pen.read(ask, pen.request(task, _SCHEMA), read)
    old, new = changed(task.text, text, settings.weight)
    return Rewritten(text, new, old, json.dumps({"errors": errors}, ensure_ascii=False), pen.prompt.mark)


def _errors(found: Json) -> list[Json]:
    exact_keys(found, ["errors", "text"], "the model's object")
    errors = found["errors"]
    if not isinstance(errors, list) or not all(isinstance(one, dict) for one in errors):
        raise bad("errors is no list of objects")
    for one in errors:
        exact_keys(one, ["wrong", "right"], "an error")
        for key in one:
            text_of(one, key, "an error")
    return errors


def _shown(settings: Minimal) -> Shown:
    return Shown(settings.look, settings.reference)


PART = Corrector(
    settings=Minimal,
    prepare=prepare,
    makes="better",
    summary="names the wrong statements of an answer and corrects them, every other word stays",
    source="HA-DPO (arXiv 2311.16839): all annotations of the picture as evidence; corrected segments as in RLHF-V "
    "(2312.00849)",
    check=lambda settings, task: _shown(settings).check(task),
    marks=partial(marks_of, "minimal"),
)
