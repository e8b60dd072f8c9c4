"""Rewriting an answer by tips: what it has to say of each topic, true or not, and all else as it is.

TPO (arXiv 2411.17265) has an answer rewritten twice like this: once with what is right of each topic, once with what is
wrong. The model is not told which it is. This is no part that a recipe can name by itself, as it needs the tips.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pairwright.annotators._judging import closed_object
from pairwright.annotators._reading import Json, exact_keys, text_of
from pairwright.correctors import Rewritten, Task
from pairwright.correctors._asking import Pen, Rewriting, Shown, marks_of, pen_of, usable
from pairwright.schemas.request import Ask

TIPS = "tips"
"""Name of the packaged prompt, and what its head says it is for."""

_SCHEMA = closed_object({"text": {"type": "string"}})


class Overwrite(Rewriting):
    """How the rewriter is asked."""

    look: Literal["none", "pictures"] = "none"
    """Whether it sees the pictures. What it sees may keep it from writing what is wrong."""


@dataclass(frozen=True, slots=True)
class Tip:
    """What an answer has to say of one topic."""

    said: tuple[str, ...]
    """What it says of it now, claim by claim."""
    now: str
    """What it has to say."""


RewriteBy = Callable[[Task, Sequence[Tip], Ask], Awaitable[Rewritten]]
"""Rewrites an answer by tips. Raises RowError ``bad_rewrite`` for a text that cannot be used, or as ``Ask`` does."""


def prepare_tips(settings: Overwrite) -> RewriteBy:
    """Check the settings once.

    Raises:
        ParameterError: the prompt cannot be used, or needs what the settings withhold.
    """
    return partial(_rewrite, pen_of(settings, TIPS, Shown(settings.look), {"form": '{"text": "…"}'}))


def tips_marks(settings: Overwrite) -> Mapping[str, str]:
    """Return the SHA-256 of the prompt file, by the setting that names it. Raises ParameterError where it cannot be read."""
    return marks_of(TIPS, settings)


def told(tips: Sequence[Tip]) -> str:
    """Return tips as the model reads them.

    >>> print(told([Tip(("The cup is red.",), "The cup is blue."), Tip(("A dog sits.", "It sleeps."), "A dog runs.")]))
    1. Now: The cup is red.
       To say: The cup is blue.
    2. Now: A dog sits. It sleeps.
       To say: A dog runs.
    """
    return "\n".join(
        f"{number}. Now: {_line(' '.join(tip.said))}\n   To say: {_line(tip.now)}"
        for number, tip in enumerate(tips, 1)
    )


async def _rewrite(pen: Pen, task: Task, tips: Sequence[Tip], ask: Ask) -> Rewritten:
    def read(found: Json) -> str:
        exact_keys(found, ["text"], "the model's object")
        return usable(text_of(found, "text", "the model's object") or "", task.text)

    text = await pen.read(ask, pen.request(task, _SCHEMA, notes=told(tips)), read)
    return Rewritten(text, prompt=pen.prompt.mark)


def _line(text: str) -> str:
    return " ".join(text.split())
