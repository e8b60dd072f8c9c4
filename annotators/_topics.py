"""Topics of claims: which claims of several answers are about the same thing, as a text model says that sees no picture.

TPO (arXiv 2411.17265) clusters claims by a text model's word together with CLIP's; here the model's word alone counts.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from pairwright.annotators import Case
from pairwright.annotators._claims import listed, text_prompt
from pairwright.annotators._judging import Asking, closed_object, request_of, verdict_of, view_of
from pairwright.annotators._prompts import ReadyPrompt, read_prompt
from pairwright.annotators._reading import exact_keys, json_object, quoted, unusable
from pairwright.schemas.request import Ask

GROUPER = "claims_topics"
"""Name of the packaged prompt, and what its head says it is for."""

_FORM = '{"topics": [[1, 4], [2, 3, 7], …]}'


class Grouping(Asking):
    """How claims are put in topics."""

    prompt: str | None = None
    """A prompt file of your own (a path ending in .md), or the name of another packaged one."""
    output: Literal["schema", "text"] = "schema"
    """Whether the server holds the model to a JSON schema (``schema``), or the prompt alone asks for JSON (``text``)."""
    max_tokens: Annotated[int, Field(ge=1)] = 4096
    """Tokens for the numbers of all claims; an answer that is cut there is none."""


Group = Callable[[Case, Sequence[str], Ask], Awaitable[tuple[int, ...]]]
"""Puts claims in topics; returns the topic of each, numbered from 1 in the order of their first claims. A claim that the
model does not name is a topic of its own. Raises RowError ``cannot_judge`` where the model does not keep the form, or
as ``Ask`` does."""


@dataclass(frozen=True, slots=True)
class Grouper:
    """A grouper that was checked."""

    group: Group
    mark: str
    """Name, version and hash of its prompt file."""


def prepare_grouper(settings: Grouping) -> Grouper:
    """Check the settings once.

    Raises:
        ParameterError: the prompt cannot be used, or needs what a grouper is not shown.
    """
    prompt = text_prompt(settings.prompt, GROUPER, {"form": _FORM})
    return Grouper(partial(_group, settings, prompt), prompt.mark)


def grouper_marks(settings: Grouping) -> Mapping[str, str]:
    """Return the SHA-256 of the prompt file, by the setting that names it. Raises ParameterError where it cannot be read."""
    return {"prompt": read_prompt(settings.prompt or GROUPER, GROUPER).digest}


def numbered(texts: Sequence[str]) -> str:
    """Return texts as a numbered list, one line each.

    >>> print(numbered(["A cup.", "It is\\nred."]))
    1. A cup.
    2. It is red.
    """
    return "\n".join(f"{number}. {' '.join(text.split())}" for number, text in enumerate(texts, 1))


async def _group(
    settings: Grouping, prompt: ReadyPrompt, case: Case, claims: Sequence[str], ask: Ask
) -> tuple[int, ...]:
    view = view_of(case, answers=[numbered(claims)], labels=["A"])
    request = request_of(settings, prompt, view, case, part="topics of claims")
    if settings.output == "schema":
        number = {"type": "integer", "enum": list(range(1, len(claims) + 1))}
        topics = {"type": "array", "items": {"type": "array", "items": number}}
        request = replace(request, schema=json.dumps(closed_object({"topics": topics})))
    return await verdict_of(settings, ask, request, partial(_read, settings, len(claims)))


def _read(settings: Grouping, count: int, text: str) -> tuple[int, ...]:
    found = json_object(text, settings.output)
    exact_keys(found, ["topics"], "the grouper's object")
    together: dict[int, int] = {}
    for place, group in enumerate(listed(found, "topics", count)):
        for claim in _numbers(group, count):
            if together.setdefault(claim, place) != place:
                raise unusable(f"claim {claim} stands in two topics")
    named: dict[int, int] = {}
    for claim in range(
        1, count + 1
    ):  # a claim that is not named stands for a topic by a number that no group has
        named.setdefault(together.get(claim, -claim), len(named) + 1)
    return tuple(named[together.get(claim, -claim)] for claim in range(1, count + 1))


def _numbers(group: object, count: int) -> list[int]:
    if not isinstance(group, list):
        raise unusable(f"topics: expected lists of numbers, found {quoted(json.dumps(group))}")
    for number in group:
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= count:
            raise unusable(f"topics: {quoted(json.dumps(number))} is no number of a claim, 1 to {count}")
    return group
