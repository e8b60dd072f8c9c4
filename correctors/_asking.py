"""What all correctors share: their settings, the request they make of an answer, and asking until there is a usable text."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from pairwright.annotators._fences import conversation, fence_code, fenced
from pairwright.annotators._prompts import AnyHead, Shelf, Tried, read_script, ready_prompt
from pairwright.annotators._reading import Json, json_object
from pairwright.correctors import Task
from pairwright.correctors._spans import words
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.reasons import Reason
from pairwright.schemas.request import Answer, Ask, Finish, Message, Request, Sampling, sampling_seed
from pairwright.schemas.settings import Settings
from pairwright.schemas.special_tokens import special_token

T = TypeVar("T")

Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""Of a span."""

Look = Literal["pictures", "evidence", "both"]

SHORTEST, LONGEST = 0.25, 3.0
"""A rewritten text has between a quarter and three times the words of the original (TPO, arXiv 2411.17265)."""

_SHORT = 10
"""Words that an original has at least when it is asked whether the new text is too long: "Yes." may become a sentence."""

_FENCE = re.compile(r"===\s*(?:begin|end)\b.*===", re.IGNORECASE)
_MEANING = re.compile(r"\w+|(?<!\w)[-−](?=\d)|[<>=≤≥≠±+%°$€£¥]")
"""Words, and the signs without which another thing is said: a minus, less or more than, per cent."""

_ENDS: dict[Finish, str] = {
    "length": "was cut at max_tokens, so it is not whole",
    "filtered": "was stopped by the provider's content filter",
    "repetition": "was stopped because it went round in circles",
    "aborted": "was cut off by the server",
}
"""Ends of an answer that leave no text."""

_ASKED_AGAIN: frozenset[Reason] = frozenset({"bad_rewrite", "cannot_judge"})
"""``cannot_judge`` is what reading JSON says of another form."""


class Rewriting(Settings):
    """Settings that every corrector has."""

    prompt: str | None = None
    """A prompt file of your own (a path ending in .md), or the name of a packaged one."""
    output: Literal["schema", "text"] = "schema"
    """Whether the server holds the model to a JSON schema (``schema``), or the prompt alone asks for JSON (``text``)."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """0 is greedy."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the probability that is drawn from."""
    max_tokens: Annotated[int, Field(ge=1)] = 2048
    """Tokens the model may write; an answer that is cut there is not used."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 2
    """How often the model is asked until its text can be used."""
    retry_temperature: Annotated[float, Field(ge=0, le=2)] = 0.5
    """Temperature of later attempts where it is higher: a greedy model would only say the same again."""


class CorrectorHead(AnyHead):
    """What stands at the top of a corrector's prompt file."""

    corrector: str
    """The corrector it is written for."""


@dataclass(frozen=True, slots=True)
class RewriteView:
    """What the user's part of a corrector's prompt may name: one answer, every foreign text fenced."""

    code: str
    """The code of this record's fences."""
    pictures: int
    """Pictures that stand before the text."""
    instructions: str | None
    """The system text under which the answer was written."""
    turns: tuple[str, ...]
    """Earlier turns of the conversation, the user's and the assistant's in turn."""
    question: str
    answer: str
    """The text that is to be rewritten."""
    reference: str | None
    evidence: str | None
    notes: str | None
    """What was said of the answer in an earlier call."""


SHELF: Shelf[RewriteView] = Shelf(
    "pairwright.correctors",
    "corrector",
    CorrectorHead,
    (
        RewriteView("0" * 12, 1, "…", ("…", "…"), "…", "…", "…", "…", "…"),
        RewriteView("0" * 12, 0, None, (), "…", "…", None, None, "…"),
    ),
)
"""Prompts of correctors."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a corrector is shown beside the question and the answer."""

    look: Literal["none", "pictures", "evidence", "both"] = "none"
    reference: Literal["none", "use", "require"] = "none"

    def pictures(self) -> bool:
        """Tell whether the pictures are sent."""
        return self.look in ("pictures", "both")

    def evidence(self) -> bool:
        """Tell whether a text that tells what they show is sent."""
        return self.look in ("evidence", "both")

    def check(self, task: Task) -> None:
        """Check that a row has what the corrector goes by. Raises RowError: ``no_evidence`` or ``no_ground_truth``."""
        if self.evidence() and not task.evidence:
            raise RowError("no_evidence", "evidence", "the corrector reads evidence, and this row has none")
        if self.reference == "require" and not task.reference:
            raise RowError(
                "no_ground_truth", None, "the corrector needs a right answer, and this row has none"
            )


@dataclass(frozen=True, slots=True)
class Pen:
    """A prompt that was tried, with all that it takes to ask."""

    settings: Rewriting
    prompt: Tried[RewriteView]
    shown: Shown

    def request(
        self, task: Task, schema: Mapping[str, object], *, answer: str | None = None, notes: str | None = None
    ) -> Request:
        """Return the question to the model.

        Instructions stand in the system text and pictures come first, so that servers compute both once for all
        requests that share them. Another ``variant`` of a task is drawn with another seed.

        Args:
            task: what is to be rewritten.
            schema: JSON schema of what is to come back.
            answer: how the text is shown, if not as it stands.
            notes: what was said of it before.

        Raises:
            RowError: the row lacks what is needed, or there is no text.
        """
        self.shown.check(task)
        if not task.text.strip():
            raise RowError("empty_answer", None, "there is no text to rewrite")
        images = task.prompt.images if self.shown.pictures() else ()
        pictures: list[str | Image] = []
        for number, image in enumerate(images, 1):
            pictures += [f"[picture {number}]", image]
        view = _view(self.shown, task, task.text if answer is None else answer, notes, len(images))
        own = self.settings
        part = f"{task.part} {task.variant}" if task.variant else task.part
        return Request(
            (Message("system", (self.prompt.system,)), Message("user", (*pictures, self.prompt.user(view)))),
            Sampling(
                temperature=own.temperature,
                top_p=own.top_p,
                max_tokens=own.max_tokens,
                seed=sampling_seed(task.seed, task.record_id, part),
            ),
            schema=json.dumps(schema) if own.output == "schema" else None,
        )

    async def read(self, ask: Ask, request: Request, read: Callable[[Json], T]) -> T:
        """Ask until ``read`` can use what came back; attempt ``k`` is sample ``k``.

        Raises:
            RowError: ``bad_rewrite`` when no attempt could be used, with the last one's fault; what else ``read``
                raises, such as ``no_correction``; or as ``ask`` does.
        """
        own = self.settings
        warmer = replace(request.sampling, temperature=max(own.temperature, own.retry_temperature))
        fault = bad("the model was not asked")
        for attempt in range(own.attempts):
            sampling = warmer if attempt else request.sampling
            (answer,) = await ask(replace(request, sampling=sampling, first=attempt))
            try:
                return read(json_object(_whole(answer), own.output))
            except RowError as error:
                if error.reason not in _ASKED_AGAIN:
                    raise
                fault = bad(error.message)
        raise fault


def pen_of(
    settings: Rewriting,
    corrector: str,
    shown: Shown,
    rules: Mapping[str, object],
    *,
    prompt: str | None = None,
) -> Pen:
    """Return the prompt of a corrector, tried, with ``rules`` as what its system part may name beside ``look``.

    Args:
        settings: of the corrector.
        corrector: whose prompt it has to be.
        shown: what the settings let the model see.
        rules: what the prompt says besides.
        prompt: another prompt than that of the settings; for a corrector that asks twice.

    Raises:
        ParameterError: the prompt cannot be used, or needs what the settings withhold.
    """
    script = read_script(SHELF, prompt or settings.prompt or corrector, corrector)
    tried = ready_prompt(script, {"look": shown.look, **rules})
    given = {
        "pictures": shown.pictures(),
        "evidence": shown.evidence(),
        "reference": shown.reference != "none",
    }
    for need in tried.head.needs:
        if not given[need]:
            key = "reference" if need == "reference" else "look"
            raise ParameterError(f"{key}: the prompt {tried.head.name} needs {need}, which is not shown here")
    return Pen(settings, tried, shown)


def marks_of(corrector: str, settings: Rewriting) -> dict[str, str]:
    """Return the SHA-256 of the prompt file, by the setting that names it: ``Corrector.marks`` of most.

    Raises:
        ParameterError: the prompt cannot be read.
    """
    return {"prompt": read_script(SHELF, settings.prompt or corrector, corrector).digest}


def bad(message: str) -> RowError:
    """Return the error of a text that cannot be used."""
    return RowError("bad_rewrite", None, message)


def usable(text: str, original: str) -> str:
    """Return a rewritten text without blanks around it.

    Raises:
        RowError: ``bad_rewrite``: it is empty, holds a special token, an image marker or a fence of the prompt, or is far
            shorter or longer than the original.

    >>> usable(" It is blue. ", "It is red.")
    'It is blue.'
    """
    stripped = text.strip()
    if not stripped:
        raise bad("the rewritten text is empty")
    if token := special_token(stripped):
        raise bad(f"the rewritten text holds {token!r}, which a model reads as a token of its own")
    if _FENCE.search(stripped) and not _FENCE.search(original):
        raise bad("the rewritten text holds a fence of the prompt")
    before, after = len(words(original)), len(words(stripped))
    if not SHORTEST * before <= after <= LONGEST * max(before, _SHORT):
        raise bad(f"the rewritten text has {after} words where the original has {before}")
    return stripped


def same_words(one: str, other: str) -> bool:
    """Tell whether two texts differ in case, punctuation and blanks alone; a minus before a number is no punctuation.

    >>> same_words("It is red.", "it is RED"), same_words("It is red.", "It is read."), same_words("It is -5.", "It is 5.")
    (True, False, False)
    """
    return _MEANING.findall(one.casefold()) == _MEANING.findall(other.casefold())


def _whole(answer: Answer) -> str:
    if answer.finish in _ENDS:
        raise bad(f"the model's answer {_ENDS[answer.finish]}")
    return answer.text


def _view(shown: Shown, task: Task, answer: str, notes: str | None, pictures: int) -> RewriteView:
    turns, question = conversation(task.prompt)
    reference = (task.reference or None) if shown.reference != "none" else None
    evidence = (task.evidence or None) if shown.evidence() else None
    system = task.prompt.system or None
    optional = [text for text in (system, reference, evidence, notes) if text]
    code = fence_code(task.seed, task.record_id, [*(text for _, text in turns), question, answer, *optional])

    def shown_as(name: str, text: str | None) -> str | None:
        return fenced(name, text, code) if text else None

    return RewriteView(
        code=code,
        pictures=pictures,
        instructions=shown_as("instructions", system),
        turns=tuple(fenced(name, text, code) for name, text in turns),
        question=fenced("question", question, code),
        answer=fenced("answer", answer, code),
        reference=shown_as("reference", reference),
        evidence=shown_as("evidence", evidence),
        notes=shown_as("notes", notes),
    )
