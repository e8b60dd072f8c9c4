"""Open questions about claims: what else a model says of a claim's topic when it looks again, without the answer before it.

After TPO (arXiv 2411.17265): a text model makes a wh-question of each claim, and the model that wrote the answers answers
it with the picture, in one sentence. That sentence is another claim of the same topic, right or wrong.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from pairwright.annotators import Case
from pairwright.annotators._claims import text_prompt
from pairwright.annotators._judging import Asking, closed_object, request_of, verdict_of, view_of
from pairwright.annotators._prompts import ReadyPrompt, read_prompt, ready_prompt
from pairwright.annotators._reading import exact_keys, json_object, quoted, text_of, unusable
from pairwright.annotators._topics import numbered
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import digest
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Ask, Request
from pairwright.schemas.settings import Settings
from pairwright.schemas.special_tokens import special_token

QUESTIONS, ANSWERS = "claims_questions", "claims_alternatives"
"""Names of the packaged prompts, and what their heads say they are for."""


class OpenQuestions(Asking):
    """How open questions are asked for."""

    prompt: str | None = None
    """A prompt file of your own (a path ending in .md), or the name of another packaged one."""
    output: Literal["schema", "text"] = "schema"
    """Whether the server holds the model to a JSON schema (``schema``), or the prompt alone asks for JSON (``text``)."""
    batch: Annotated[int, Field(ge=1, le=100)] = 20
    """Most claims of one call."""


class OpenAnswers(Settings):
    """How open questions are answered."""

    prompt: str | None = None
    """A prompt file of your own (a path ending in .md), or the name of another packaged one."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """0 is greedy."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the probability that is drawn from."""
    max_tokens: Annotated[int, Field(ge=1)] = 128
    """Tokens of the one sentence; an answer that is cut there is none."""


Pose = Callable[[Case, Sequence[str], Ask], Awaitable[tuple[str | None, ...]]]
"""Makes an open question of each claim; None for one that the model left empty. At most ``batch`` claims. Raises RowError
``bad_question`` where the model does not keep the form, or as ``Ask`` does."""

Reply = Callable[[Case, str, Ask], Awaitable[str]]
"""Answers an open question by the pictures, in one line. Raises RowError for an answer that cannot be used, or as ``Ask``
does."""


@dataclass(frozen=True, slots=True)
class Interview:
    """Questions and answers that were checked."""

    pose: Pose
    reply: Reply
    batch: int
    marks: tuple[str, str]
    """Name, version and hash of the prompt files of questions and answers."""


def prepare_interview(questions: OpenQuestions, answers: OpenAnswers) -> Interview:
    """Check the settings once.

    Raises:
        ParameterError: a prompt cannot be used, or needs what is not shown; the message begins with ``questions`` or
            ``answers``.
    """
    try:
        asking = text_prompt(questions.prompt, QUESTIONS, {"form": _FORM})
    except ParameterError as error:
        raise ParameterError(f"questions.{error}") from error
    try:
        answering = _answers_prompt(answers.prompt)
    except ParameterError as error:
        raise ParameterError(f"answers.{error}") from error
    return Interview(
        partial(_pose, questions, asking),
        partial(_reply, answers, answering),
        questions.batch,
        (asking.mark, answering.mark),
    )


def interview_marks(questions: OpenQuestions, answers: OpenAnswers) -> Mapping[str, str]:
    """Return the SHA-256 of both prompt files, by the settings that name them. Raises ParameterError where one cannot be read."""
    return {
        "questions.prompt": read_prompt(questions.prompt or QUESTIONS, QUESTIONS).digest,
        "answers.prompt": read_prompt(answers.prompt or ANSWERS, ANSWERS).digest,
    }


_FORM = '{"questions": {"1": "…", "2": "…", …}}'


def _answers_prompt(where: str | None) -> ReadyPrompt:
    prompt = ready_prompt(read_prompt(where or ANSWERS, ANSWERS), {})
    withheld = [need for need in prompt.head.needs if need != "pictures"]
    if withheld:
        raise ParameterError(
            f"prompt: {prompt.head.name} needs {', '.join(withheld)}; open questions are answered by the pictures alone"
        )
    return prompt


async def _pose(
    settings: OpenQuestions, prompt: ReadyPrompt, case: Case, claims: Sequence[str], ask: Ask
) -> tuple[str | None, ...]:
    told = numbered(claims)
    view = view_of(case, answers=[told], labels=["A"])
    part = f"open questions {digest(told.encode('utf-8', 'surrogatepass'))}"
    request = request_of(settings, prompt, view, case, part=part)
    names = [str(number) for number in range(1, len(claims) + 1)]
    if settings.output == "schema":
        questions = closed_object({name: {"type": "string"} for name in names})
        request = replace(request, schema=json.dumps(closed_object({"questions": questions})))

    def read(text: str) -> tuple[str | None, ...]:
        found = json_object(text, settings.output)
        exact_keys(found, ["questions"], "the model's object")
        questions = found["questions"]
        if not isinstance(questions, dict):
            raise unusable(f"questions: expected an object, found {quoted(json.dumps(questions))}")
        exact_keys(questions, names, "questions")
        return tuple(text_of(questions, name, "questions") for name in names)

    try:
        return await verdict_of(settings, ask, request, read)
    except RowError as error:
        if error.reason != "cannot_judge":
            raise
        raise RowError("bad_question", error.field, error.message) from error


async def _reply(settings: OpenAnswers, prompt: ReadyPrompt, case: Case, question: str, ask: Ask) -> str:
    (answer,) = await ask(_request(settings, prompt, case, question))
    return _sentence(answer)


def _request(settings: OpenAnswers, prompt: ReadyPrompt, case: Case, question: str) -> Request:
    """Return an open question as a request: the same one from whichever claim it comes."""
    images = case.prompt.images
    view = view_of(replace(case, prompt=Prompt(question)), pictures=len(images))
    asking = Asking(temperature=settings.temperature, max_tokens=settings.max_tokens)
    part = f"alternative {digest(question.encode('utf-8', 'surrogatepass'))}"
    request = request_of(asking, prompt, view, case, images=images, part=part)
    return replace(request, sampling=replace(request.sampling, top_p=settings.top_p))


def _sentence(answer: Answer) -> str:
    """Return what was answered, on one line. Raises RowError where nothing of it can be used."""
    match answer.finish:
        case "length":
            raise RowError("answer_cut", None, "the answer reached max_tokens")
        case "repetition":
            raise RowError("answer_cut", None, "the answer went round in circles")
        case "filtered":
            raise RowError("call_refused", None, "the answer was stopped by the provider's content filter")
        case "aborted":
            raise RowError("call_failed", None, "the answer was cut off by the server")
    text = " ".join(answer.text.split())
    if not text:
        raise RowError("empty_answer", None, "the answer is empty")
    if token := special_token(text):
        raise RowError("special_token", None, f"the answer holds {token}")
    return text
