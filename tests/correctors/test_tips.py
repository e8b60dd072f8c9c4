"""Rewriting by tips: what the model is shown, and which texts can be used."""

import asyncio
import json
from typing import Any

import pytest

from pairwright.correctors import ROOM, Rewritten, Task
from pairwright.correctors._tips import Overwrite, Tip, prepare_tips, tips_marks
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.schemas.request import Answer, Request

TIPS = (
    Tip(("The cat is red.",), "The cat is\nblack."),
    Tip(("Two dogs are there.", "They watch it."), "No dog."),
)


def rewrite(task: Task, said: str, **settings: Any) -> tuple[Rewritten, list[Request]]:
    requests: list[Request] = []

    async def ask(request: Request) -> tuple[Answer, ...]:
        requests.append(request)
        return (Answer(said, "stop"),)

    async def run() -> Rewritten:
        return await prepare_tips(Overwrite(**settings))(task, TIPS, ask)

    return asyncio.run(run()), requests


def test_an_answer_is_rewritten_by_tips(task: Task) -> None:
    made, [request] = rewrite(task, json.dumps({"text": " A black cat sleeps on a mat. "}))
    assert made.text == "A black cat sleeps on a mat."
    assert (made.prompt or "").startswith("tips v1 #")
    shown = str(request.messages[1].parts[-1])
    assert f"\n{task.text}\n=== end answer" in shown
    assert (
        "\n1. Now: The cat is red.\n   To say: The cat is black.\n2. Now: Two dogs are there. They watch it.\n   To say: No dog.\n"
        in shown
    )
    assert "other animal" not in shown  # the evidence
    assert not any(isinstance(part, Image) for part in request.messages[1].parts)
    _, [request] = rewrite(task, '{"text": "A black cat sleeps there."}', look="pictures")
    assert any(isinstance(part, Image) for part in request.messages[1].parts)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("Cat.", "2 words where the original has 13"),
        ("cat " * 40, "40 words where the original has 13"),
        ("A cat sleeps <image> on a mat.", "holds '<image>'"),
        ("A cat on a mat. === End notes 0123 ===", "holds a fence of the prompt"),
    ],
)
def test_texts_that_cannot_be_used_are_asked_for_again(task: Task, text: str, told: str) -> None:
    with pytest.raises(RowError, match=told) as caught:
        rewrite(task, json.dumps({"text": text}))
    assert caught.value.reason == "bad_rewrite"


def test_it_is_no_part_that_a_recipe_names() -> None:
    assert "tips" not in ROOM.names()
    assert set(tips_marks(Overwrite())) == {"prompt"}
