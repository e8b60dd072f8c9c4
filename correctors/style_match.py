"""Says the same in another style: for both sides of a pair, so that style does not tell them apart.

HA-DPO: the answer of a model and its corrected version are both rewritten by the same writer, several times, so that the
two sides differ in facts alone. Call it with the same settings for both sides; another ``variant`` of a task is another
rewrite, as long as the temperature is above 0. A text that comes back as it was is in that style already.
"""

from functools import partial
from typing import Annotated

from pydantic import Field

from pairwright.annotators._judging import closed_object
from pairwright.annotators._reading import Json, exact_keys, text_of
from pairwright.correctors import Correct, Corrector, Rewritten, Task
from pairwright.correctors._asking import Pen, Rewriting, Shown, marks_of, pen_of, usable
from pairwright.schemas.request import Ask

NEUTRAL = "plain, neutral prose in complete sentences; no lists, no headings, no opening phrase and no closing remark"

_SCHEMA = closed_object({"text": {"type": "string"}})


class StyleMatch(Rewriting):
    """Settings of the corrector."""

    style: Annotated[str, Field(min_length=1)] = NEUTRAL
    """The style, in words."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """0 is greedy, which makes all variants the same."""


def prepare(settings: StyleMatch) -> Correct:
    """Return the corrector.

    Raises:
        ParameterError: the prompt cannot be used.
    """
    rules = {"style": settings.style, "form": '{"text": "…"}'}
    return partial(_correct, pen_of(settings, "style_match", Shown(), rules))


async def _correct(pen: Pen, task: Task, ask: Ask) -> Rewritten:
    def read(found: Json) -> str:
        exact_keys(found, ["text"], "the model's object")
        return usable(text_of(found, "text", "the model's object") or "", task.text)

    text = await pen.read(ask, pen.request(task, _SCHEMA), read)
    return Rewritten(text, prompt=pen.prompt.mark)


PART = Corrector(
    settings=StyleMatch,
    prepare=prepare,
    makes="same",
    summary="says the same in a given style; for both sides of a pair, so that they differ in facts alone",
    source="HA-DPO (arXiv 2311.16839): both sides rewritten by one writer, several times",
    marks=partial(marks_of, "style_match"),
)
