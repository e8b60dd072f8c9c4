"""Improves an answer in two calls: first what is to be said of it, then the answer again with that in mind.

Language feedback: DRESS (arXiv 2311.10081) and the ``llf`` sets of align-anything (2412.15838) pair a refined answer with
the first one. Here the model that refines reads its critique as material, fenced like every other text.
"""

import json
from dataclasses import replace
from functools import partial
from typing import Literal

from pairwright.annotators._judging import closed_object
from pairwright.annotators._prompts import read_script
from pairwright.annotators._reading import Json, exact_keys, text_of
from pairwright.correctors import Correct, Corrector, Rewritten, Task
from pairwright.correctors._asking import (
    SHELF,
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

_CRITIQUE = closed_object({"critique": {"type": "string"}, "nothing_to_improve": {"type": "boolean"}})
_REFINED = closed_object({"text": {"type": "string"}})


class Critique(Rewriting):
    """Settings of the corrector."""

    refine_prompt: str = "critique_refine"
    """The prompt of the second call, as ``prompt`` is that of the first."""
    look: Look = "pictures"
    """What both calls go by: the pictures; the row's evidence (a caption, a report) in their place; or both."""
    reference: Literal["none", "use", "require"] = "none"
    """Whether both calls see a right answer: never, where the row has one, or always (a row without is a reject)."""
    weight: Weight = WEIGHT
    """Of the words that were changed, on both sides."""


def prepare(settings: Critique) -> Correct:
    """Return the corrector.

    Raises:
        ParameterError: one of the prompts cannot be used.
    """
    shown = _shown(settings)
    form = '{"critique": "…", "nothing_to_improve": false}'
    first = pen_of(settings, "critique", shown, {"form": form})
    second = pen_of(settings, "critique", shown, {"form": '{"text": "…"}'}, prompt=settings.refine_prompt)
    return partial(_correct, settings, first, second)


async def _correct(settings: Critique, first: Pen, second: Pen, task: Task, ask: Ask) -> Rewritten:
    critique = await first.read(ask, first.request(task, _CRITIQUE), _said)

    def read(found: Json) -> str:
        exact_keys(found, ["text"], "the model's object")
        text = usable(text_of(found, "text", "the model's object") or "", task.text)
        if same_words(text, task.text):
            raise bad("the critique has something to say, and the refined answer is the same")
        return text

    again = replace(task, part=f"{task.part} refined")  # two calls, two draws
    text = await second.read(ask, second.request(again, _REFINED, notes=critique), read)
    old, new = changed(task.text, text, settings.weight)
    notes = json.dumps({"critique": critique}, ensure_ascii=False)
    return Rewritten(text, new, old, notes, f"{first.prompt.mark}, {second.prompt.mark}")


def _said(found: Json) -> str:
    """Return the critique. Raises RowError: ``no_correction`` where there is nothing to improve."""
    exact_keys(found, ["critique", "nothing_to_improve"], "the model's object")
    critique = text_of(found, "critique", "the model's object")
    if not isinstance(found["nothing_to_improve"], bool):
        raise bad("nothing_to_improve is neither true nor false")
    if found["nothing_to_improve"]:
        raise RowError("no_correction", None, f"the critique finds nothing to improve: {critique}")
    if not critique:
        raise bad("the critique is empty")
    return critique


def _shown(settings: Critique) -> Shown:
    return Shown(settings.look, settings.reference)


def _marks(settings: Critique) -> dict[str, str]:
    refine = read_script(SHELF, settings.refine_prompt, "critique").digest
    return {**marks_of("critique", settings), "refine_prompt": refine}


PART = Corrector(
    settings=Critique,
    prepare=prepare,
    makes="better",
    summary="criticises an answer, then writes it again by the critique; two calls",
    source="DRESS (arXiv 2311.10081); language feedback of align-anything (2412.15838)",
    check=lambda settings, task: _shown(settings).check(task),
    marks=_marks,
)
