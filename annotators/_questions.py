"""Questions about pictures that a text model writes from a text that tells what they show: misleading ones and plain ones.

After LRV-Instruction (arXiv 2306.14565): GPT-4 reads dense captions with boxes and writes, under a prompt for each kind,
6 instructions about things that are not there (its first kind of negative), 6 about things that are there with features
they do not have (its second), or 20 that the captions answer, in fewer than 30 words. The wording here is pairwright's own.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from pairwright.annotators import Case
from pairwright.annotators._judging import (
    ENFORCED,
    Asking,
    closed_object,
    request_of,
    verdict_of,
    view_of,
)
from pairwright.annotators._prompts import ReadyPrompt, read_prompt, ready_prompt
from pairwright.annotators._reading import exact_keys, json_object, quoted, text_of, unusable
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.request import Answer, Ask, Request

Kind = Literal["invented", "wrong_attribute", "plain"]
"""``invented``: about what is not there; ``wrong_attribute``: about what is there, with a feature that it does not have;
``plain``: without a false premise."""

QUESTIONER = "questioner"
"""Name of the packaged prompt, and what its head says it is for."""


class Questioning(Asking):
    """How questions are asked for."""

    prompt: str | None = None
    """A prompt file of your own (a path ending in .md), or the name of another packaged one."""
    output: Literal["schema", "text"] = "schema"
    """Whether the server holds the model to a JSON schema (``schema``), or the prompt alone asks for JSON (``text``)."""
    characters: Annotated[int, Field(ge=20, le=4000)] = 300
    """Most characters of a question or an answer. The prompt asks for it; up to 120, ``output: schema`` also enforces it."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """0 is greedy."""
    max_tokens: Annotated[int, Field(ge=1)] = 4096
    """Tokens for all questions of one kind; an answer that is cut there is none."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what it is answered by."""

    kind: Kind
    text: str
    answer: str
    """True by the evidence: where the question misleads, a correction."""
    yes_man: str | None = None
    """An answer that goes along with the false premise, where the questioner wrote one."""


@dataclass(frozen=True, slots=True)
class Posed:
    """What the questioner wrote of one kind."""

    questions: tuple[Question, ...]
    faults: tuple[str, ...]
    """What is wrong with those that cannot be used, and how many are missing."""
    request: Request
    """What it answered; ``first`` is the number of its answer."""


Pose = Callable[[Case, Kind, Ask], Awaitable[Posed]]
"""Has questions of one kind written from a case's evidence. Raises RowError ``bad_question`` where the model does not keep
the form, or as ``Ask`` does."""


@dataclass(frozen=True, slots=True)
class Questioner:
    """A questioner that was checked."""

    pose: Pose
    mark: str
    """Name, version and hash of its prompt file."""


def prepare_questioner(settings: Questioning, counts: Mapping[Kind, int], *, yes_man: bool) -> Questioner:
    """Check the settings once.

    Args:
        settings: how it is asked.
        counts: how many questions of each kind are wanted, each at least 1.
        yes_man: whether it also writes the answers that go along with a false premise.

    Raises:
        ParameterError: the prompt cannot be used, or needs what a questioner is not shown.
    """
    prompts = {
        kind: _prompt(settings, kind, count, yes_man and kind != "plain") for kind, count in counts.items()
    }

    async def pose(case: Case, kind: Kind, ask: Ask) -> Posed:
        item = ("question", "answer", "yes_man") if yes_man and kind != "plain" else ("question", "answer")
        wanted = _Wanted(kind, counts[kind], item)
        return await _posed(settings, prompts[kind], wanted, case, ask)

    return Questioner(pose, next(iter(prompts.values())).mark)


def questioner_marks(settings: Questioning) -> dict[str, str]:
    """Return the SHA-256 of the prompt file, by the setting that names it. Raises ParameterError where it cannot be read."""
    return {"prompt": read_prompt(settings.prompt or QUESTIONER, QUESTIONER).digest}


@dataclass(frozen=True, slots=True)
class _Wanted:
    kind: Kind
    count: int
    keys: tuple[str, ...]
    """Of each question's object."""

    def schema(self, most: int) -> dict[str, object]:
        """Return the JSON schema of so many questions, each text of at most ``most`` characters if that can be enforced."""
        text: dict[str, object] = {"type": "string"}
        if most <= ENFORCED:  # as in `_judging.reason_schema`, but never empty
            text["pattern"] = f'^[^"\\\\]{{1,{most}}}$'
        items = closed_object(dict.fromkeys(self.keys, text))
        return closed_object(
            {"questions": {"type": "array", "items": items, "minItems": self.count, "maxItems": self.count}}
        )


def _prompt(settings: Questioning, kind: Kind, count: int, yes_man: bool) -> ReadyPrompt:
    keys = {"question": "…", "answer": "…"} | ({"yes_man": "…"} if yes_man else {})
    form = json.dumps({"questions": [keys]}, ensure_ascii=False).replace("}]", "}, …]")
    rules = {
        "kind": kind, "count": count, "yes_man": yes_man, "characters": settings.characters, "form": form,
    }  # fmt: skip
    prompt = ready_prompt(read_prompt(settings.prompt or QUESTIONER, QUESTIONER), rules)
    withheld = [need for need in prompt.head.needs if need != "evidence"]
    if withheld:
        raise ParameterError(
            f"prompt: {prompt.head.name} needs {', '.join(withheld)}; a questioner is shown evidence alone"
        )
    return prompt


async def _posed(settings: Questioning, prompt: ReadyPrompt, wanted: _Wanted, case: Case, ask: Ask) -> Posed:
    request = request_of(
        settings, prompt, view_of(case, evidence=case.evidence), case, part=f"questions {wanted.kind}"
    )
    if settings.output == "schema":
        request = replace(request, schema=json.dumps(wanted.schema(settings.characters)))
    last = [request]

    async def noted(attempt: Request) -> tuple[Answer, ...]:
        last[0] = attempt
        return await ask(attempt)

    try:
        questions, faults = await verdict_of(
            settings, noted, request, partial(_read, settings.output, wanted)
        )
    except RowError as error:
        if error.reason != "cannot_judge":
            raise
        raise RowError("bad_question", QUESTIONER, f"{wanted.kind}: {error.message}") from error
    return Posed(questions, faults, last[0])


def _read(
    output: Literal["schema", "text"], wanted: _Wanted, text: str
) -> tuple[tuple[Question, ...], tuple[str, ...]]:
    found = json_object(text, output)
    exact_keys(found, ["questions"], "the questioner's object")
    items = found["questions"]
    if not isinstance(items, list) or not 1 <= len(items) <= wanted.count:
        raise unusable(f"questions: expected a list of {wanted.count}, found {quoted(json.dumps(items))}")
    questions: list[Question] = []
    faults: list[str] = []
    for number, item in enumerate(items, 1):
        try:
            questions.append(_question(wanted, item, f"question {number} ({wanted.kind})"))
        except RowError as error:
            faults.append(error.message)
    if len(items) < wanted.count:
        faults.append(f"{len(items)} of {wanted.count} questions were written ({wanted.kind})")
    if not questions:
        raise unusable("; ".join(faults))
    return tuple(questions), tuple(faults)


def _question(wanted: _Wanted, item: object, what: str) -> Question:
    if not isinstance(item, dict):
        raise unusable(f"{what}: expected an object with {', '.join(wanted.keys)}, found {quoted(str(item))}")
    exact_keys(item, wanted.keys, what)
    texts = [text_of(item, key, what) for key in wanted.keys]
    question, answer, *others = (text or "" for text in texts)
    empty = [key for key, text in zip(wanted.keys, texts, strict=True) if text is None]
    if empty:
        raise unusable(f"{what}: {', '.join(empty)} is empty")
    return Question(wanted.kind, question, answer, others[0] if others else None)
