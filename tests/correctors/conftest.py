"""What the tests of correctors share: a model that says what it is told to say."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from pairwright.correctors import ROOM, Rewritten, Task
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Request


@dataclass(frozen=True, slots=True)
class Scripted:
    """What came of a rewrite, and what the model was asked."""

    rewritten: Rewritten
    requests: list[Request]

    def system(self, number: int = 0) -> str:
        """Return what request ``number`` says to the model."""
        return str(self.requests[number].messages[0].parts[0])

    def user(self, number: int = 0) -> str:
        """Return what request ``number`` shows to it, but for the pictures."""
        return str(self.requests[number].messages[1].parts[-1])


Rewrite = Callable[..., Scripted]


@pytest.fixture(scope="session")
def task() -> Task:
    """An answer to a question about a picture, with all that a corrector may go by."""
    picture = read_image(encode(np.full((8, 8, 3), 90, np.uint8), "png"))
    return Task(
        "rows.jsonl:7",
        3,
        "corrector",
        Prompt("<image>\nWhat is there?", (picture,)),
        "A red cat sleeps on a mat. Two dogs watch it.",
        reference="A black cat sleeps on a mat.",
        evidence="A black cat on a mat; no other animal.",
    )


@pytest.fixture(scope="session")
def rewrite() -> Rewrite:
    """Rewrite with the corrector of a name: ``rewrite(name, task, answers, **settings)``; the last answer is repeated."""

    def rewritten(name: str, task: Task, answers: Sequence[str | Answer], **settings: Any) -> Scripted:
        part = ROOM.get(name)
        requests: list[Request] = []

        async def ask(request: Request) -> tuple[Answer, ...]:
            requests.append(request)
            said = answers[min(len(requests), len(answers)) - 1]
            return (said if isinstance(said, Answer) else Answer(said, "stop"),)

        correct = part.prepare(part.settings.model_validate(settings))

        async def run() -> Rewritten:
            return await correct(task, ask)

        return Scripted(asyncio.run(run()), requests)

    return rewritten
