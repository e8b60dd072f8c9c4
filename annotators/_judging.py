"""What all judges share: their settings, the request they make of a case, and asking until there is a verdict."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from random import Random
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from pairwright.annotators import Case, Failure
from pairwright.annotators._fences import conversation, fence_code, fenced, label
from pairwright.annotators._prompts import ReadyPrompt, View, read_prompt, ready_prompt
from pairwright.annotators._reading import unusable
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.reasons import Reason
from pairwright.schemas.request import Answer, Ask, Finish, Message, Request, Sampling, sampling_seed
from pairwright.schemas.settings import Settings

T = TypeVar("T")

_ENDS: dict[Finish, str] = {
    "length": "was cut at max_tokens, so it is not whole",
    "filtered": "was stopped by the provider's content filter",
    "repetition": "was stopped because it went round in circles",
    "aborted": "was cut off by the server",
}
"""Ends of an answer that leave no verdict."""

ENFORCED = 120
"""Most characters of a reason that a schema enforces."""

_TOLERATED: frozenset[Reason] = frozenset({"cannot_judge", "call_refused"})
"""Reasons that concern one call of a case and would be the same at the next run: the other calls still count."""


class Asking(Settings):
    """How a model is asked for something that it must give in a form."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """0 is greedy."""
    max_tokens: Annotated[int, Field(ge=1)] = 2048
    """Tokens that it may write; an answer that is cut there is none."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 2
    """How often it is asked until it answers in the form wanted."""
    retry_temperature: Annotated[float, Field(ge=0, le=2)] = 0.5
    """Temperature of later attempts where it is higher: a greedy model would only say the same again."""


class Judging(Asking):
    """Settings that every judge has."""

    look: Literal["pictures", "evidence", "both"] = "pictures"
    """What the judge goes by: the pictures; the row's evidence (a caption, a report) in their place; or both."""
    reference: Literal["none", "use", "require"] = "none"
    """Whether the judge sees a right answer: never, where the row has one, or always (a row without is a reject)."""
    prompt: str | None = None
    """A prompt file of your own (a path ending in .md), or the name of another packaged one."""
    rationale: Annotated[int, Field(ge=0, le=4000)] = 300
    """Most characters of each reason that the judge gives before it decides; 0 for no reasons. The prompt asks for it;
    up to 120, ``output: schema`` also enforces it, which a model that does not stop by itself needs."""


def prepared(settings: Judging, judge: str, rules: dict[str, object]) -> ReadyPrompt:
    """Return the prompt of a judge, tried, with ``rules`` as what its system part may name.

    Raises:
        ParameterError: the prompt cannot be used, or needs what the settings withhold.
    """
    prompt = ready_prompt(read_prompt(settings.prompt or judge, judge), {"look": settings.look, **rules})
    withheld = {
        "pictures": settings.look == "evidence",
        "evidence": settings.look == "pictures",
        "reference": settings.reference == "none",
    }
    for need in prompt.head.needs:
        if withheld[need]:
            key = "reference" if need == "reference" else "look"
            raise ParameterError(
                f"{key}: the prompt {prompt.head.name} needs {need}, which this setting withholds"
            )
    return prompt


def marks_of(judge: str, settings: Judging) -> dict[str, str]:
    """Return the SHA-256 of the prompt file, by the setting that names it: ``Judge.marks`` of every judge here.

    Raises:
        ParameterError: the prompt cannot be read.
    """
    return {"prompt": read_prompt(settings.prompt or judge, judge).digest}


def check_case(settings: Judging, case: Case) -> None:
    """Check that a case has what the judge goes by.

    Raises:
        RowError: ``no_evidence`` or ``no_ground_truth``.
    """
    if settings.look != "pictures" and not case.evidence:
        raise RowError("no_evidence", "evidence", "the judge reads evidence, and this row has none")
    if settings.reference == "require" and not case.reference:
        raise RowError(
            "no_ground_truth",
            None,
            "the judge needs a right answer, and the row has none where the recipe's `reference` looks for it "
            "(ground_truth or chosen)",
        )


def request_for(
    settings: Judging,
    prompt: ReadyPrompt,
    case: Case,
    *,
    answers: Sequence[str],
    labels: Sequence[str],
    part: str,
) -> Request:
    """Return the question to the judge about some answers of a case, in the order in which they are to be shown.

    ``part`` names the draw that the sampling seed is made for.
    """
    images = () if settings.look == "evidence" else case.prompt.images
    reference = case.reference if settings.reference != "none" else None
    evidence = case.evidence if settings.look != "pictures" else None
    view = view_of(
        case, answers=answers, labels=labels, reference=reference, evidence=evidence, pictures=len(images)
    )
    return request_of(settings, prompt, view, case, images=images, part=part)


def request_of(
    settings: Asking, prompt: ReadyPrompt, view: View, case: Case, *, part: str, images: Sequence[Image] = ()
) -> Request:
    """Return a question about what stands in ``view``.

    Instructions stand in the system text and pictures come first, so that servers compute both once for all requests
    that share them. ``part`` names the draw that the sampling seed is made for.
    """
    pictures: list[str | Image] = []
    for number, image in enumerate(images, 1):
        pictures += [f"[picture {number}]", image]
    return Request(
        messages=(
            Message("system", (prompt.system,)),
            Message("user", (*pictures, prompt.user(view))),
        ),
        sampling=Sampling(
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            seed=sampling_seed(case.seed, case.record_id, part),
        ),
    )


def view_of(
    case: Case,
    *,
    answers: Sequence[str] = (),
    labels: Sequence[str] = (),
    reference: str | None = None,
    evidence: str | None = None,
    pictures: int = 0,
) -> View:
    """Return what a prompt shows of a case, every text fenced: its conversation, and what is handed in here."""
    turns, question = conversation(case.prompt)
    reference, evidence, system = reference or None, evidence or None, case.prompt.system or None
    texts = [*(text for _, text in turns), question, *answers]
    code = fence_code(case.seed, case.record_id, [*texts, *(t for t in (system, reference, evidence) if t)])

    def optional(name: str, text: str | None) -> str | None:
        return fenced(name, text, code) if text else None

    return View(
        code=code,
        pictures=pictures,
        instructions=optional("instructions", system),
        turns=tuple(fenced(name, text, code) for name, text in turns),
        question=fenced("question", question, code),
        reference=optional("reference", reference),
        evidence=optional("evidence", evidence),
        answers=tuple(
            fenced(f"answer {name}", text, code) for name, text in zip(labels, answers, strict=True)
        ),
        labels=tuple(labels),
    )


async def verdict_of(settings: Asking, ask: Ask, request: Request, read: Callable[[str], T]) -> T:
    """Ask until ``read`` can read the answer; attempt ``k`` is sample ``k``.

    Raises:
        RowError: ``cannot_judge`` when no attempt gave a verdict, with the last one's fault; or as ``ask`` raises.
    """
    warmer = replace(request.sampling, temperature=max(settings.temperature, settings.retry_temperature))
    fault = unusable("the judge was not asked")
    for attempt in range(settings.attempts):
        sampling = warmer if attempt else request.sampling
        (answer,) = await ask(replace(request, sampling=sampling, first=attempt))
        try:
            return read(_whole_text(answer))
        except RowError as error:
            fault = error
    raise fault


async def together(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T | RowError]:
    """Run the calls of a case together; return what each gave, or why it gave nothing.

    Raises:
        RowError: one failed for a reason that may be gone at the next run, so that the row must be tried again as a
            whole; or the server refuses every one of them.
        ModelError: the model cannot be used.
    """
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    done: list[T | RowError] = []
    for outcome in outcomes:
        if isinstance(outcome, RowError) and outcome.reason in _TOLERATED:
            done.append(outcome)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            done.append(outcome)
    refused = [one for one in done if isinstance(one, RowError) and one.reason == "call_refused"]
    if refused and len(refused) == len(done):
        raise refused[0]
    return done


def failure(error: RowError, candidates: Sequence[int]) -> Failure:
    """Return what a verdict says of a call that gave nothing."""
    return Failure(error.reason, str(error), tuple(candidates))


def shuffled(count: int, rng: Random) -> list[int]:
    """Return the numbers from 0 to ``count`` - 1 in drawn order: candidate ``result[k]`` is shown at place ``k``.

    >>> shuffled(4, Random(0))
    [3, 2, 1, 0]
    """
    draws = [rng.random() for _ in range(count)]  # only random() is the same in every release of Python
    return sorted(range(count), key=lambda number: draws[number])


def labels_for(count: int) -> list[str]:
    """Return the names of ``count`` answers, in the order shown."""
    return [label(place) for place in range(count)]


def reason_schema(most: int) -> dict[str, object]:
    """Return the JSON schema of a reason of at most ``most`` characters; above :data:`ENFORCED` of any length.

    A ``pattern``, because OpenAI's strict mode refuses ``maxLength`` and xgrammar refuses both together; without quotes
    and backslashes, because xgrammar puts it between the quotes as it stands. Longer ones are left to the prompt:
    xgrammar 0.2 fails on a repetition of more than 128, and needs minutes for one inside another.

    >>> reason_schema(300)
    {'type': 'string'}
    """
    if most > ENFORCED:
        return {"type": "string"}
    return {"type": "string", "pattern": f'^[^"\\\\]{{0,{most}}}$'}


def closed_object(properties: dict[str, object]) -> dict[str, object]:
    """Return the JSON schema of an object with exactly these properties: all that OpenAI's strict mode knows."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _whole_text(answer: Answer) -> str:
    if answer.finish in _ENDS:
        raise unusable(f"the judge's answer {_ENDS[answer.finish]}")
    return answer.text
