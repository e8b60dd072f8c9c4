"""Puts errors into a good answer, so that it speaks of what the picture does not show, in the same style and length.

Two ways: errors of given kinds (POVID: things that often occur together, attributes, relations, for reasoning a wrong
step), or the answer as it would be for a similar but different picture (BPO). The model plans the changes before it
writes, one entry for each; where the text has no place for one, its kind is ``none``.
"""

import json
from functools import partial
from typing import Annotated, Literal, get_args

from pydantic import Field

from pairwright.annotators._judging import closed_object
from pairwright.annotators._reading import Json, exact_keys, text_of
from pairwright.correctors import Correct, Corrector, Rewritten, Task
from pairwright.correctors._asking import (
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
from pairwright.correctors._spans import WEIGHT, changed, relabelled
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.request import Ask

Kind = Literal["objects", "attributes", "relations", "counts", "reasoning"]

KINDS: dict[Kind, str] = {
    "objects": "a thing that often occurs together with what is there, but is not in the picture",
    "attributes": "another colour, size, material, age, action or text of a thing that is there",
    "relations": "another place or another relation between things that are there",
    "counts": "another number of things that are there",
    "reasoning": "a step of the reasoning that does not follow, and a conclusion that fits it",
}
"""Kinds of errors, as the model is told of them."""

_NONE = "none"
_KEYS = ("kind", "was", "now")


class Inject(Rewriting):
    """Settings of the corrector."""

    mode: Literal["errors", "similar_image"] = "errors"
    """``errors`` of the kinds below, or the answer as it would be for a ``similar_image`` that shows something else."""
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = get_args(Kind)
    """Which errors: ``objects`` (that occur together), ``attributes``, ``relations``, ``counts``, a ``reasoning`` step."""
    errors: Annotated[int, Field(ge=1, le=10)] = 2
    """How many, at most; fewer where the text has no place for more."""
    look: Literal["none", "pictures"] = "none"
    """Whether the model sees the pictures: BPO's writer of negatives reads the text alone, POVID's sees them."""
    weight: Weight = WEIGHT
    """Of the words that were changed, on both sides."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.8
    """0 is greedy; BPO has 0.8."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Share of the probability that is drawn from; BPO has 0.95."""


def prepare(settings: Inject) -> Correct:
    """Return the corrector.

    Raises:
        ParameterError: the prompt cannot be used, or a kind stands there twice.
    """
    if len(set(settings.kinds)) < len(settings.kinds):
        raise ParameterError(f"kinds: one stands there twice: {', '.join(settings.kinds)}")
    rules = {
        "mode": settings.mode,
        "kinds": [{"name": name, "description": KINDS[name]} for name in settings.kinds],
        "errors": settings.errors,
        "form": _form(settings.errors),
    }
    return partial(_correct, settings, pen_of(settings, "inject", Shown(settings.look), rules))


async def _correct(settings: Inject, pen: Pen, task: Task, ask: Ask) -> Rewritten:
    def read(found: Json) -> tuple[list[dict[str, str]], str]:
        changes = _changes(settings, found)
        if not changes:
            raise RowError("no_correction", None, "the corrector finds no place for an error")
        text = usable(text_of(found, "text", "the model's object") or "", task.text)
        if same_words(text, task.text):
            raise bad("the rewritten text says the same as the original")
        return changes, text

    changes, text = await pen.read(ask, pen.request(task, _schema(settings)), read)
    old, new = changed(task.text, text, settings.weight)
    return Rewritten(
        text,
        relabelled(new, text, [(one["kind"], one["now"]) for one in changes]),
        relabelled(old, task.text, [(one["kind"], one["was"]) for one in changes]),
        json.dumps({"mode": settings.mode, "changes": changes}, ensure_ascii=False),
        pen.prompt.mark,
    )


def _numbers(errors: int) -> list[str]:
    return [str(number) for number in range(1, errors + 1)]


def _schema(settings: Inject) -> dict[str, object]:
    text: dict[str, object] = {"type": "string"}
    change = closed_object(
        {"kind": {"type": "string", "enum": [*settings.kinds, _NONE]}, "was": text, "now": text}
    )
    return closed_object(
        {"changes": closed_object(dict.fromkeys(_numbers(settings.errors), change)), "text": text}
    )


def _form(errors: int) -> str:
    changes = ", ".join(f'"{number}": {{"kind": "…", "was": "…", "now": "…"}}' for number in _numbers(errors))
    return f'{{"changes": {{{changes}}}, "text": "…"}}'


def _changes(settings: Inject, found: Json) -> list[dict[str, str]]:
    """Return the changes that the model made."""
    exact_keys(found, ["changes", "text"], "the model's object")
    if not isinstance(found["changes"], dict):
        raise bad("changes is no object")
    exact_keys(found["changes"], _numbers(settings.errors), "changes")
    made = []
    for number, one in found["changes"].items():
        place = f"change {number}"
        if not isinstance(one, dict):
            raise bad(f"{place} is no object")
        exact_keys(one, _KEYS, place)
        told = {key: text_of(one, key, place) or "" for key in _KEYS}
        if told["kind"] not in (*settings.kinds, _NONE):
            raise bad(
                f"{place} is of the kind {told['kind']!r}; expected {', '.join(settings.kinds)} or none"
            )
        if told["kind"] != _NONE:
            made.append(told)
    return made


PART = Corrector(
    settings=Inject,
    prepare=prepare,
    makes="worse",
    summary="rewrites a good answer so that it tells of what is not in the picture, in its style and length",
    source="POVID (arXiv 2402.11411): errors of given kinds; BPO (2403.08730): as if for a similar picture, text only, "
    "temperature 0.8, top-p 0.95",
    marks=partial(marks_of, "inject"),
)
