"""Blanks in an answer: the words that tell what a picture shows are taken out, and filled in again from another picture.

After Re-Align (arXiv 2502.13146): a text model blanks words about objects, attributes and logical relations, a vision model
fills them in from a similar picture. The first names the words, the second what stands in their place; neither writes the
text, so all else stays word for word. This is no part that a recipe can name by itself, as it needs the other picture.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal, get_args

from pydantic import Field

from pairwright.annotators._judging import closed_object
from pairwright.annotators._reading import Json, exact_keys, quoted, text_of
from pairwright.correctors import Rewritten, Task
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
from pairwright.correctors._spans import WEIGHT, words
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.request import Ask
from pairwright.schemas.span import Span

Kind = Literal["object", "attribute", "relation"]

KINDS: dict[Kind, str] = {
    "object": "a thing, a person, an animal, a place, an activity",
    "attribute": "a colour, number, size, shape, material, age, state, or text that can be read",
    "relation": "where a thing is, what it does with another one, what comes of what",
}
"""What is blanked, as the model is told of it."""

MASK, REFILL = "mask", "refill"
"""Names of the packaged prompts, and what their heads say they are for."""

_MARK = "[blank {}]"
_MARKED = re.compile(r"\[blank\b", re.IGNORECASE)


class Mask(Rewriting):
    """How words are blanked."""

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = get_args(Kind)
    """Which words: those for an ``object``, an ``attribute``, a ``relation``."""
    words: Annotated[int, Field(ge=1, le=40)] = 6
    """Most words of a blank: who fills it may write anything."""


class Refill(Rewriting):
    """How blanks are filled in."""

    weight: Weight = WEIGHT
    """Of the words that came out otherwise, on both sides."""


@dataclass(frozen=True, slots=True)
class Blank:
    """Characters ``start`` to ``end`` of an answer."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Masked:
    """An answer with its blanks."""

    text: str
    """The answer as it was."""
    blanks: tuple[Blank, ...]
    """At least one, in order, none over another."""
    prompt: str
    """Name, version and hash of the prompt file."""

    def shown(self) -> str:
        """Return the answer with its blanks numbered.

        >>> Masked("A red cat sits.", (Blank(0, 5, "attribute"), Blank(6, 9, "object")), "mask v1").shown()
        '[blank 1] [blank 2] sits.'
        """
        return self._with([_MARK.format(number) for number in range(1, len(self.blanks) + 1)])[0]

    def filled(self, fills: Sequence[str], weight: float) -> Rewritten:
        """Return the answer with its blanks filled in, and where it came out otherwise."""
        text, places = self._with(fills)
        before: list[Span] = []
        after: list[Span] = []
        for one, place, fill in zip(self.blanks, places, fills, strict=True):
            if not same_words(self.text[one.start : one.end], fill):
                before.append(Span(one.start, one.end, weight, one.kind))
                after.append(Span(*place, weight, one.kind))
        return Rewritten(text, tuple(after), tuple(before))

    def _with(self, fills: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
        """Return the text with something else in place of its blanks, and where that stands."""
        made, ends, places = "", 0, []
        for one, fill in zip(self.blanks, fills, strict=True):
            made += self.text[ends : one.start]
            places.append((len(made), len(made) + len(fill)))
            made, ends = made + fill, one.end
        return made + self.text[ends:], places


MaskBy = Callable[[Task, Ask], Awaitable[Masked]]
"""Has words of an answer blanked. Raises RowError ``bad_rewrite`` where no named word stands in it, or as ``Ask`` does."""

FillBy = Callable[[Task, Masked, Ask], Awaitable[Rewritten]]
"""Has blanks filled in from the pictures of the task's prompt; the answer is not shown. Raises RowError ``bad_rewrite`` for
words that cannot stand there, or as ``Ask`` does."""


def prepare_mask(settings: Mask) -> MaskBy:
    """Check the settings once.

    Raises:
        ParameterError: the prompt cannot be used, or a kind stands there twice.
    """
    if len(set(settings.kinds)) < len(settings.kinds):
        raise ParameterError(f"kinds: one stands there twice: {', '.join(settings.kinds)}")
    kinds = [{"name": name, "description": KINDS[name]} for name in settings.kinds]
    rules = {"kinds": kinds, "words": settings.words, "form": '{"blanks": [{"kind": "…", "quoted": "…"}, …]}'}
    return partial(_mask, settings, pen_of(settings, MASK, Shown(), rules))


def prepare_refill(settings: Refill) -> FillBy:
    """Check the settings once.

    Raises:
        ParameterError: the prompt cannot be used.
    """
    rules = {"form": '{"fills": {"1": "…", "2": "…", …}}'}
    return partial(_fill, settings, pen_of(settings, REFILL, Shown("pictures"), rules))


def mask_marks(settings: Mask) -> Mapping[str, str]:
    """Return the SHA-256 of the prompt file, by the setting that names it. Raises ParameterError where it cannot be read."""
    return marks_of(MASK, settings)


def refill_marks(settings: Refill) -> Mapping[str, str]:
    """Return the SHA-256 of the prompt file, by the setting that names it. Raises ParameterError where it cannot be read."""
    return marks_of(REFILL, settings)


async def _mask(settings: Mask, pen: Pen, task: Task, ask: Ask) -> Masked:
    cell = closed_object(
        {"kind": {"type": "string", "enum": list(settings.kinds)}, "quoted": {"type": "string"}}
    )
    schema = closed_object({"blanks": {"type": "array", "items": cell}})

    def read(found: Json) -> tuple[Blank, ...]:
        return _blanks(settings, found, task.text)

    return Masked(task.text, await pen.read(ask, pen.request(task, schema), read), pen.prompt.mark)


def _blanks(settings: Mask, found: Json, text: str) -> tuple[Blank, ...]:
    """Return the blanks that a model named; those that it misquotes, or that are too long, are passed over."""
    exact_keys(found, ["blanks"], "the model's object")
    named = found["blanks"]
    if not isinstance(named, list):
        raise bad("blanks is no list")
    blanks: list[Blank] = []
    faults: list[str] = []
    for number, one in enumerate(named, 1):
        blank = _blank(settings, one, f"blank {number}", text, blanks)
        if isinstance(blank, Blank):
            blanks.append(blank)
        else:
            faults.append(blank)
    if not blanks:
        raise bad(faults[0] if faults else "the model names nothing that could be blanked")
    return tuple(sorted(blanks, key=lambda one: one.start))


def _blank(settings: Mask, one: object, place: str, text: str, before: Sequence[Blank]) -> Blank | str:
    """Return a blank, or why there is none; raises RowError where the form is not kept."""
    if not isinstance(one, dict):
        raise bad(f"{place} is no object")
    exact_keys(one, ["kind", "quoted"], place)
    said = text_of(one, "quoted", place)
    if one["kind"] not in settings.kinds:
        raise bad(f"{place} is of the kind {one['kind']!r}; expected {', '.join(settings.kinds)}")
    if said is None:
        return f"{place} is empty"
    if len(words(said)) > settings.words:
        return f"{place} has more than {settings.words} words"
    where = _place_of(said, text, before)
    return Blank(*where, one["kind"]) if where else f"{place} does not stand in the answer: {quoted(said)}"


def _place_of(said: str, text: str, before: Sequence[Blank]) -> tuple[int, int] | None:
    """Return where words stand in a text: behind the blank before, where they do; None where they stand nowhere free.

    >>> _place_of("cat", "A cat and a cat.", [Blank(2, 5, "object")])
    (12, 15)
    """
    found = re.finditer(rf"(?<!\w){re.escape(said)}(?!\w)", text)
    free = [
        one.span()
        for one in found
        if all(one.end() <= other.start or other.end <= one.start() for other in before)
    ]
    last = before[-1].end if before else 0
    return next((place for place in free if place[0] >= last), free[0] if free else None)


async def _fill(settings: Refill, pen: Pen, task: Task, masked: Masked, ask: Ask) -> Rewritten:
    numbers = [str(number) for number in range(1, len(masked.blanks) + 1)]
    schema = closed_object({"fills": closed_object({key: {"type": "string"} for key in numbers})})

    def read(found: Json) -> Rewritten:
        made = masked.filled(_fills(found, numbers), settings.weight)
        usable(made.text, masked.text)
        return made

    made = await pen.read(ask, pen.request(task, schema, answer=masked.shown()), read)
    return Rewritten(made.text, made.spans, made.original_spans, _notes(masked), pen.prompt.mark)


def _fills(found: Json, numbers: Sequence[str]) -> list[str]:
    exact_keys(found, ["fills"], "the model's object")
    told = found["fills"]
    if not isinstance(told, dict):
        raise bad("fills is no object")
    exact_keys(told, numbers, "fills")
    fills = [text_of(told, number, "fills") for number in numbers]
    for number, fill in zip(numbers, fills, strict=True):
        if fill is None or "\n" in fill or _MARKED.search(fill):
            raise bad(f"blank {number} is filled with {quoted(fill or '')}, which is not one line of words")
    return [fill or "" for fill in fills]


def _notes(masked: Masked) -> str:
    told = [{"kind": one.kind, "was": masked.text[one.start : one.end]} for one in masked.blanks]
    return json.dumps({"blanks": told, "mask": masked.prompt}, ensure_ascii=False)
