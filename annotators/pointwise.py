"""A judge that sees one answer at a time and rates it on several aspects.

Answers cannot influence each other's ratings, at the price of one call each. With ``look: evidence`` no picture is sent
and a text stands for it: a caption (LLaVA-Hound: cheap, and in agreement with the same model on the frames for over 70 %
of the preferences) or a report. With ``reference`` the answer is held against a right one (3D-CT-GPT++). ImageDPO's
additive rubric is one aspect with ``scale: [0, 5]`` whose description says what earns a point.
"""

import json
from dataclasses import replace
from functools import partial
from typing import Literal

from pairwright.annotators import Case, Decide, Failure, Judge, Verdict
from pairwright.annotators._judging import (
    Judging,
    check_case,
    failure,
    labels_for,
    marks_of,
    prepared,
    request_for,
    together,
    verdict_of,
)
from pairwright.annotators._prompts import ReadyPrompt
from pairwright.annotators._ratings import (
    Aspect,
    Aspects,
    Rubric,
    Scale,
    rubric_of,
    rules_of,
    scales_of,
    unrated,
)
from pairwright.annotators._reading import json_object
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import digest
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.request import Ask

ASPECTS = (
    Aspect(
        name="accuracy",
        description="whether what the answer says is true; every wrong or invented finding counts",
    ),
    Aspect(name="completeness", description="whether everything of weight that was asked for is there"),
    Aspect(
        name="clarity", description="whether it can be understood at once: order, wording, no needless words"
    ),
    Aspect(
        name="consistency",
        description="whether its statements fit together and its conclusion follows from them",
    ),
)


class Pointwise(Judging):
    """Settings of the judge."""

    aspects: Aspects = ASPECTS
    """What each answer is rated on."""
    scale: Scale = (1, 5)
    """Lowest and highest rating."""
    output: Literal["schema", "text"] = "schema"
    """Whether the server holds the judge to a JSON schema (``schema``), or the prompt alone asks for JSON (``text``)."""


def prepare(settings: Pointwise, scorer: str) -> Decide:
    """Return the judge.

    Raises:
        ParameterError: the prompt or the aspects cannot be used.
    """
    rubric = rubric_of(settings.aspects, settings.scale, settings.rationale)
    prompt = prepared(settings, "pointwise", rules_of(rubric))
    return partial(_decide, settings, prompt, rubric, scorer)


async def _decide(
    settings: Pointwise, prompt: ReadyPrompt, rubric: Rubric, scorer: str, case: Case, ask: Ask
) -> Verdict:
    check_case(settings, case)
    texts = [candidate.text for candidate in case.candidates]
    outcomes = await together([_rate(settings, prompt, rubric, scorer, case, ask, text) for text in texts])
    failures: list[Failure] = []
    ratings: list[tuple[Judgement, ...]] = []
    for number, outcome in enumerate(outcomes):
        ratings.append(() if isinstance(outcome, RowError) else outcome)
        if isinstance(outcome, RowError):
            failures.append(failure(outcome, [number]))
        elif unrated(outcome):
            failures.append(Failure("cannot_judge", "the judge can tell of no aspect", (number,)))
    return Verdict(ratings=tuple(ratings), failures=tuple(failures), prompt=prompt.mark)


async def _rate(
    settings: Pointwise, prompt: ReadyPrompt, rubric: Rubric, scorer: str, case: Case, ask: Ask, text: str
) -> tuple[Judgement, ...]:
    # The seed goes by the text: an answer keeps its rating when others are added or taken away.
    part = f"pointwise {digest(text.encode('utf-8', 'surrogatepass'))}"
    request = request_for(settings, prompt, case, answers=[text], labels=labels_for(1), part=part)
    if settings.output == "schema":
        request = replace(request, schema=json.dumps(rubric.schema()))

    def read(answer: str) -> tuple[Judgement, ...]:
        return rubric.read(json_object(answer, settings.output), scorer, "the judge's object")

    return await verdict_of(settings, ask, request, read)


PART = Judge(
    settings=Pointwise,
    prepare=prepare,
    gives="scores",
    summary="rates each answer in a call of its own, by the pictures or by a text in their place",
    source="LLaVA-Hound (arXiv 2404.01258): caption for the picture, 1 to 5; 3D-CT-GPT++: four aspects against a report; "
    "ImageDPO (arXiv 2501.00569): 0 to 5, additive",
    aspects=lambda settings: scales_of(settings.aspects, settings.scale),
    marks=partial(marks_of, "pointwise"),
)
