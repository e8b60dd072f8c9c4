"""What in a picture could be another thing: a vision model lists things with boxes, a text model proposes what stands there instead.

After V-DPO (arXiv 2411.02712): a vision-language model finds the objects of a picture, ChatGPT proposes something
unconventional but possible in the place of one of them (a pile of rocks on the plate, not a cake) and writes the answers that
belong to the picture before and after. The wording here is pairwright's own.
"""

import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import Field

from pairwright.annotators import Case
from pairwright.annotators._judging import Asking, closed_object, request_of, verdict_of, view_of
from pairwright.annotators._prompts import ReadyPrompt, read_prompt, ready_prompt
from pairwright.annotators._reading import Json, exact_keys, json_object, quoted, text_of, unusable
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Header
from pairwright.schemas.request import Answer, Ask, Request
from pairwright.schemas.special_tokens import special_token

T = TypeVar("T")

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the upright picture; the pixels at right and bottom are no longer in it."""

LISTER, PROPOSER = "lister", "proposer"
"""Names of the packaged prompts, what their heads say they are for, and what errors name."""

_SIDES = ("left", "top", "right", "bottom")
_WHOLE = 1000
"""Width and height of a picture, where boxes are told in thousandths."""


class Listing(Asking):
    """How things are asked for."""

    prompt: str | None = None
    """A prompt file of your own (a path ending in .md), or the name of another packaged one."""
    output: Literal["schema", "text"] = "schema"
    """Whether the server holds the model to a JSON schema (``schema``), or the prompt alone asks for JSON (``text``)."""
    boxes: Literal["thousandths", "pixels"] = "thousandths"
    """How the model tells places: in thousandths of width and height (Qwen2-VL), or in pixels (Qwen2.5-VL)."""
    most: Annotated[int, Field(ge=1, le=100)] = 12
    """Most things."""


class Proposing(Asking):
    """How an edit is asked for."""

    prompt: str | None = None
    """A prompt file of your own (a path ending in .md), or the name of another packaged one."""
    output: Literal["schema", "text"] = "schema"
    """Whether the server holds the model to a JSON schema (``schema``), or the prompt alone asks for JSON (``text``)."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """0 is greedy."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that a picture shows."""

    name: str
    box: Box


@dataclass(frozen=True, slots=True)
class Proposal:
    """What could stand in the place of a thing, and what would be said of both pictures."""

    thing: Thing
    replacement: str
    question: str | None
    """Whose answers differ; None where the row's own question was asked."""
    answer: str
    """Right for the picture as it is."""
    edited_answer: str
    """Right for the edited picture."""
    request: Request
    """What the proposer answered; ``first`` is the number of its answer."""

    @property
    def instruction(self) -> str:
        """What is to be done, in words."""
        return f"Replace the {self.thing.name} with {self.replacement}."


List = Callable[[Case, Ask], Awaitable[tuple[Thing, ...]]]
"""Lists things in the first picture of a case. Raises RowError ``bad_proposal`` where the model does not keep the form or
places nothing in the picture, or as ``Ask`` does."""

Propose = Callable[[Case, Sequence[Thing], Ask], Awaitable[Proposal]]
"""Proposes an edit of one of these things. Raises RowError ``bad_proposal`` where the model does not keep the form, or as
``Ask`` does."""


def prepare_lister(settings: Listing) -> tuple[List, str]:
    """Check the settings once; return the lister, and the mark of its prompt file.

    Raises:
        ParameterError: the prompt cannot be used, or needs what a lister is not shown.
    """
    cell = {"name": "…"} | dict.fromkeys(_SIDES, 0)
    form = json.dumps({"objects": [cell]}, ensure_ascii=False).replace("}]", "}, …]")
    rules = {"boxes": settings.boxes, "most": settings.most, "form": form}
    prompt = _prompt(settings.prompt, LISTER, "pictures", rules)
    return partial(_list, settings, prompt), prompt.mark


def prepare_proposer(settings: Proposing, *, with_question: bool) -> tuple[Propose, str]:
    """Check the settings once; return the proposer, and the mark of its prompt file.

    Args:
        settings: how it is asked.
        with_question: whether it writes the question too; else it answers the row's own.

    Raises:
        ParameterError: the prompt cannot be used, or needs what a proposer is not shown.
    """
    keys = _keys(with_question)
    form = json.dumps({"object": 1} | dict.fromkeys(keys, "…"), ensure_ascii=False)
    rules = {"with_question": with_question, "form": form}
    prompt = _prompt(settings.prompt, PROPOSER, "evidence", rules)
    return partial(_propose, settings, prompt, keys), prompt.mark


def listing_marks(settings: Listing) -> dict[str, str]:
    """Return the SHA-256 of the prompt file, by the setting that names it. Raises ParameterError where it cannot be read."""
    return {"prompt": read_prompt(settings.prompt or LISTER, LISTER).digest}


def proposing_marks(settings: Proposing) -> dict[str, str]:
    """Return the SHA-256 of the prompt file, by the setting that names it. Raises ParameterError where it cannot be read."""
    return {"prompt": read_prompt(settings.prompt or PROPOSER, PROPOSER).digest}


def _prompt(where: str | None, role: str, shown: str, rules: Mapping[str, object]) -> ReadyPrompt:
    prompt = ready_prompt(read_prompt(where or role, role), rules)
    withheld = [need for need in prompt.head.needs if need != shown]
    if withheld:
        raise ParameterError(
            f"prompt: {prompt.head.name} needs {', '.join(withheld)}; a {role} is shown {shown} alone"
        )
    return prompt


async def _list(settings: Listing, prompt: ReadyPrompt, case: Case, ask: Ask) -> tuple[Thing, ...]:
    image = case.prompt.images[0]
    request = request_of(settings, prompt, view_of(case, pictures=1), case, images=[image], part=LISTER)
    if settings.output == "schema":
        whole = _WHOLE if settings.boxes == "thousandths" else max(image.header.width, image.header.height)
        request = replace(request, schema=json.dumps(_listing_schema(whole)))

    def read(text: str) -> tuple[Thing, ...]:
        return _things(settings, json_object(text, settings.output), image.header)

    return await _read(LISTER, settings, ask, request, read)


def _listing_schema(whole: int) -> dict[str, object]:
    side = {
        name: {"type": "integer", "minimum": int(name in ("right", "bottom")), "maximum": whole}
        for name in _SIDES
    }
    cell = closed_object({"name": {"type": "string"}, **side})
    return closed_object({"objects": {"type": "array", "items": cell}})


def _things(settings: Listing, found: Json, header: Header) -> tuple[Thing, ...]:
    """Return the things that lie in the picture; the others are passed over."""
    exact_keys(found, ["objects"], "the lister's object")
    listed = found["objects"]
    if not isinstance(listed, list):
        raise unusable(f"objects is no list: {quoted(json.dumps(listed))}")
    things: list[Thing] = []
    faults: list[str] = []
    for number, one in enumerate(listed[: settings.most], 1):
        try:
            things.append(_thing(settings, one, header, f"object {number}"))
        except RowError as error:
            faults.append(error.message)
    if not things:
        raise unusable(faults[0] if faults else "the lister names nothing")
    return tuple(things)


def _thing(settings: Listing, one: object, header: Header, what: str) -> Thing:
    if not isinstance(one, dict):
        raise unusable(f"{what} is no object")
    exact_keys(one, ["name", *_SIDES], what)
    name = " ".join(_said(one, "name", what).split())
    told = [one[side] for side in _SIDES]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in told):
        raise unusable(f"{what}: {quoted(json.dumps(told))} are no four numbers")
    across, down = (_WHOLE, _WHOLE) if settings.boxes == "thousandths" else (header.width, header.height)
    left, top, right, bottom = told
    if not (0 <= left < right <= across and 0 <= top < bottom <= down):
        raise unusable(f"{what}: the box {told} lies not in {across} × {down}")
    return Thing(
        name,
        (
            math.floor(left * header.width / across),
            math.floor(top * header.height / down),
            math.ceil(right * header.width / across),
            math.ceil(bottom * header.height / down),
        ),
    )


async def _propose(
    settings: Proposing,
    prompt: ReadyPrompt,
    keys: Sequence[str],
    case: Case,
    things: Sequence[Thing],
    ask: Ask,
) -> Proposal:
    header = case.prompt.images[0].header
    told = "\n".join(_told(number, one, header) for number, one in enumerate(things, 1))
    request = request_of(settings, prompt, view_of(case, evidence=told), case, part=PROPOSER)
    if settings.output == "schema":
        number = {"type": "integer", "enum": list(range(1, len(things) + 1))}
        texts = {key: {"type": "string"} for key in keys}
        request = replace(request, schema=json.dumps(closed_object({"object": number, **texts})))
    last = [request]

    async def noted(attempt: Request) -> tuple[Answer, ...]:
        last[0] = attempt
        return await ask(attempt)

    def read(text: str) -> Proposal:
        return _proposal(json_object(text, settings.output), keys, things, last[0])

    return await _read(PROPOSER, settings, noted, request, read)


def _told(number: int, thing: Thing, header: Header) -> str:
    """Return a thing as the proposer reads of it, its box in thousandths."""
    left, top, right, bottom = thing.box
    across = [round(_WHOLE * one / header.width) for one in (left, right)]
    down = [round(_WHOLE * one / header.height) for one in (top, bottom)]
    return f"{number}. {thing.name} (from left {across[0]} to {across[1]}, from top {down[0]} to {down[1]})"


def _keys(with_question: bool) -> tuple[str, ...]:
    return ("replacement", *(("question",) if with_question else ()), "answer", "edited_answer")


def _proposal(found: Json, keys: Sequence[str], things: Sequence[Thing], request: Request) -> Proposal:
    what = "the proposer's object"
    exact_keys(found, ["object", *keys], what)
    number = found["object"]
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= len(things):
        raise unusable(
            f"{what}: object is {quoted(json.dumps(number))}, expected a number from 1 to {len(things)}"
        )
    said = {key: _said(found, key, what) for key in keys}
    if said["answer"].casefold() == said["edited_answer"].casefold():
        raise unusable(f"{what}: both answers are the same: {quoted(said['answer'])}")
    return Proposal(
        things[number - 1],
        " ".join(said["replacement"].split()).rstrip("."),
        said.get("question"),
        said["answer"],
        said["edited_answer"],
        request,
    )


def _said(found: Json, key: str, what: str) -> str:
    """Return a text that is there and that may stand in a prompt or an answer."""
    text = text_of(found, key, what)
    if text is None:
        raise unusable(f"{what}: {key} is empty")
    if token := special_token(text):
        raise unusable(f"{what}: {key} holds {token}")
    return text


async def _read(role: str, settings: Asking, ask: Ask, request: Request, read: Callable[[str], T]) -> T:
    """Ask until ``read`` can read the answer; what cannot be read in the end is a ``bad_proposal`` of the role."""
    try:
        return await verdict_of(settings, ask, request, read)
    except RowError as error:
        reason = "bad_proposal" if error.reason == "cannot_judge" else error.reason
        raise RowError(reason, role, error.message) from error
