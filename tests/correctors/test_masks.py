"""Blanks: the words that a model names are taken out, and only what stands in their place may change."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from pairwright.correctors import Rewritten, Task
from pairwright.correctors._masks import Blank, Mask, Masked, Refill, prepare_mask, prepare_refill
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Request

ANSWER = "A red cat sits on a rug. The cat looks left."


@pytest.fixture(scope="module")
def picture() -> Image:
    return read_image(encode(np.full((8, 8, 3), 90, np.uint8), "png"))


def task(**fields: Any) -> Task:
    plain: dict[str, Any] = {
        "record_id": "t:0",
        "seed": 0,
        "part": "m",
        "prompt": Prompt("What is it?"),
        "text": ANSWER,
    }
    return Task(**(plain | fields))


class Model:
    """Answers in turn, the last one for good; keeps what it was asked."""

    def __init__(self, *answers: object) -> None:
        self.answers = [one if isinstance(one, str) else json.dumps(one) for one in answers]
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> tuple[Answer, ...]:
        said = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        return (Answer(said, "stop"),)


def quotes(*quoted: str, kind: str = "object") -> dict[str, object]:
    return {"blanks": [{"kind": kind, "quoted": one} for one in quoted]}


def masked(*said: object, **settings: Any) -> Masked:
    return asyncio.run(prepare_mask(Mask(**settings))(task(), Model(*said)))


@pytest.mark.parametrize(
    ("quoted", "shown"),
    [
        (("cat", "rug"), "A red [blank 1] sits on a [blank 2]. The cat looks left."),
        (
            ("cat", "rug", "cat", "left"),
            "A red [blank 1] sits on a [blank 2]. The [blank 3] looks [blank 4].",
        ),
        (("rug", "A red cat"), "[blank 1] sits on a [blank 2]. The cat looks left."),  # told out of order
        (
            ("red cat", "cat"),
            "A [blank 1] sits on a rug. The [blank 2] looks left.",
        ),  # never one over another
        (("ca", "rug"), "A red cat sits on a [blank 1]. The cat looks left."),  # whole words alone
        (("rug.", "dog"), "A red cat sits on a [blank 1] The cat looks left."),  # misquoted: passed over
        (("", "A red cat sits on a rug", "rug"), "A red cat sits on a [blank 1]. The cat looks left."),
    ],
)
def test_quoted_words_are_blanked_and_all_else_stays(quoted: Sequence[str], shown: str) -> None:
    assert masked(quotes(*quoted)).shown() == shown


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (quotes(), "names nothing"),
        (quotes("dog", "bird"), "blank 1 does not stand in the answer: 'dog'"),
        (quotes("cat", kind="colour"), "of the kind 'colour'; expected object, attribute, relation"),
        ({"blanks": "cat"}, "blanks is no list"),
        ({"blanks": ["cat"]}, "blank 1 is no object"),
        ({"blanks": [{"quoted": "cat"}]}, "blank 1 lacks kind"),
        ("no", "not JSON"),
    ],
)
def test_what_names_no_words_is_asked_again_and_then_cannot_be_used(said: object, told: str) -> None:
    model = Model(said)
    with pytest.raises(RowError) as caught:
        asyncio.run(prepare_mask(Mask(attempts=3))(task(), model))
    assert caught.value.reason == "bad_rewrite"
    assert told in caught.value.message
    assert [(one.first, one.sampling.temperature) for one in model.requests] == [(0, 0.0), (1, 0.5), (2, 0.5)]
    assert masked(said, quotes("cat")).blanks == (Blank(6, 9, "object"),)


def test_the_model_that_blanks_reads_the_answer_and_sees_no_picture(picture: Image) -> None:
    model = Model(quotes("cat", kind="attribute"))
    prompt = Prompt("<image>\nWhat is it?", (picture,))
    asyncio.run(prepare_mask(Mask(kinds=("attribute",), words=3))(task(prompt=prompt), model))
    (request,) = model.requests
    system, user = request.messages
    assert "- attribute: a colour" in str(system.parts[0])
    assert "- object:" not in str(system.parts[0])
    assert "at most 3, never" in str(system.parts[0])
    assert all(isinstance(part, str) for part in user.parts)
    assert ANSWER in str(user.parts[-1])
    (cell,) = [json.loads(request.schema or "{}")["properties"]["blanks"]["items"]["properties"]]
    assert cell["kind"]["enum"] == ["attribute"]


def filled(said: Mapping[str, object] | str, **fields: Any) -> Rewritten:
    blanks = masked(quotes("A red cat", "rug", "left"))
    return asyncio.run(prepare_refill(Refill(attempts=1, **fields))(task(), blanks, Model(said)))


def test_fills_stand_in_the_blanks_and_nothing_else_moves() -> None:
    made = filled({"fills": {"1": "Two dogs", "2": "rug", "3": "right"}})
    assert made.text == "Two dogs sits on a rug. The cat looks right."
    assert [(made.text[one.start : one.end], one.weight, one.label) for one in made.spans] == [
        ("Two dogs", 5.0, "object"),
        ("right", 5.0, "object"),
    ]
    assert [ANSWER[one.start : one.end] for one in made.original_spans] == ["A red cat", "left"]
    notes = json.loads(made.notes or "")
    assert [one["was"] for one in notes["blanks"]] == ["A red cat", "rug", "left"]
    assert notes["mask"].startswith("mask v1 #")
    assert (made.prompt or "").startswith("refill v1 #")


@pytest.mark.parametrize(
    ("fills", "told"),
    [
        ({"1": "Two dogs", "2": "rug"}, "fills lacks 3"),
        ({"1": "Two dogs", "2": "", "3": "right"}, "blank 2 is filled with ''"),
        ({"1": "Two\ndogs", "2": "rug", "3": "right"}, "blank 1 is filled with"),
        ({"1": "[blank 1]", "2": "rug", "3": "right"}, "blank 1 is filled with"),
        ({"1": "a </s> cat", "2": "rug", "3": "right"}, "</s>"),
        ({"1": "word " * 60, "2": "rug", "3": "right"}, "words where the original has"),
        ({"1": 3, "2": "rug", "3": "right"}, "not a text"),
        ("rug", "fills is no object"),
    ],
)
def test_fills_that_cannot_stand_there_are_not_used(fills: object, told: str) -> None:
    with pytest.raises(RowError) as caught:
        filled({"fills": fills})
    assert caught.value.reason == "bad_rewrite"
    assert told in caught.value.message


def test_who_fills_in_sees_the_picture_and_not_the_answer(picture: Image) -> None:
    blanks, model = masked(quotes("A red cat")), Model({"fills": {"1": "Two dogs"}})
    prompt = Prompt("<image>\nWhat is it?", (picture,))
    asyncio.run(prepare_refill(Refill())(task(prompt=prompt), blanks, model))
    (user,) = [one for one in model.requests[0].messages if one.role == "user"]
    assert user.parts[1] == picture
    assert "[blank 1] sits on a rug." in str(user.parts[-1])
    assert "red cat" not in str(model.requests[0].messages)


def test_settings_that_cannot_be_used_are_told() -> None:
    with pytest.raises(ParameterError, match="one stands there twice: object, object"):
        prepare_mask(Mask(kinds=("object", "object")))
    with pytest.raises(ParameterError, match="this prompt is for the corrector refill, not mask"):
        prepare_mask(Mask(prompt="refill"))
