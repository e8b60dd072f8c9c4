"""Models that answer from a table, rows, and a way to run one row through a builder that checks what always holds."""

import asyncio
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
import skimage.data

from pairwright.annotators import Encoding, Vector
from pairwright.builders import ROOM, Built, ModelBuilder, Run
from pairwright.recipe import Recipe
from pairwright.schemas.arrow import to_table
from pairwright.schemas.attack import Attack, AttackedImage, Figures
from pairwright.schemas.candidate_table import to_candidate_table
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Request
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.validate import check_table

_ANSWER = re.compile(r"=== begin answer (\w+) \w+ ===\n(.*?)\n=== end answer", re.DOTALL)

_REWRITTEN = re.compile(r"=== begin answer \w+ ===\n(.*?)\n=== end answer", re.DOTALL)

Said = str | Answer
Write = Callable[[Request], Sequence[Said]]


class Model:
    """An ``Ask`` that keeps what it was asked."""

    def __init__(self, write: Write | Sequence[Said]) -> None:
        self.write = write
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> tuple[Answer, ...]:
        self.requests.append(request)
        await asyncio.sleep(0)
        said = self.write(request) if callable(self.write) else self.write[: request.n]
        assert len(said) == request.n
        return tuple(one if isinstance(one, Answer) else Answer(one, "stop") for one in said)


class Scripted:
    """An encoder that gives each text the score it is told, any other text 10, and any picture the same direction.

    A picture for which `turned` has an angle in degrees lies that far from the others; an attack gives it a picture whose
    grey levels are 255 less, 90 degrees away.
    """

    def __init__(self, scores: Mapping[str, float], cut: tuple[str, ...] = ()) -> None:
        self.scores, self.cut = scores, cut
        self.texts: list[str] = []
        self.images: list[str] = []
        self.turned: dict[str, float] = {}

    async def image(self, image: Image) -> Vector:
        self.images.append(image.sha256)
        angle = math.radians(self.turned.get(image.sha256, 0.0))
        return np.array([math.cos(angle), math.sin(angle)], np.float32)

    async def text(self, text: str) -> Encoding:
        self.texts.append(text)
        cosine = self.scores.get(text, 10.0) / 100
        return Encoding(np.array([cosine, math.sqrt(1 - cosine**2)], np.float32), text in self.cut)

    async def attacked(self, attack: Attack) -> AttackedImage:
        image = read_image(encode(255 - decode(attack.image), "png"), license=attack.image.license)
        self.turned[image.sha256] = 90.0
        return AttackedImage(image, Figures(2.0, 2.0, 0.0, 0.0))


class Alone:
    """Neighbours of a row that has none."""

    def images(self, record_id: str, rng: Random) -> Iterator[tuple[str, Image]]:
        return iter(())

    def every(self) -> Iterator[tuple[str, Image]]:
        return iter(())

    def image_of(self, record_id: str) -> Image | None:
        return None


@pytest.fixture
def scripted() -> type[Scripted]:
    """The class of encoders that are told what to say."""
    return Scripted


@pytest.fixture
def alone() -> Alone:
    """Neighbours of a row that has none."""
    return Alone()


def shown(request: Request) -> dict[str, str]:
    """Return the answers that a request shows to a judge, by label."""
    return dict(_ANSWER.findall(text_of(request)))


def text_of(request: Request) -> str:
    """Return all text of a request's last turn."""
    return "\n".join(part for part in request.messages[-1].parts if isinstance(part, str))


def rating(values: Mapping[str, Mapping[str, int | None]]) -> Model:
    """Return a judge that rates answers by their text; listwise or pointwise, as its form asks."""

    def form(text: str) -> dict[str, object]:
        return {name: {"rationale": f"{name} of it", "rating": value} for name, value in values[text].items()}

    def write(request: Request) -> list[str]:
        answers = shown(request)
        listwise = "answers" in text_of(request).rpartition("Rate the ")[2]
        said = {label: form(text) for label, text in answers.items()} if listwise else form(answers["A"])
        return [json.dumps(said)]

    return Model(write)


def comparing(order: Sequence[str]) -> Model:
    """Return a judge that prefers the answer that stands first in ``order``; texts that are missing make a tie."""

    def write(request: Request) -> list[str]:
        answers = shown(request)
        places = {label: order.index(text) for label, text in answers.items() if text in order}
        verdict = min(places, key=places.__getitem__) if len(places) == 2 else "tie"
        return [json.dumps({"rationale": "seen", "verdict": verdict})]

    return Model(write)


def rewriting(texts: Mapping[str, str | Sequence[str]]) -> Model:
    """Return a model that rewrites answers as the correctors minimal, inject and style_match ask: by text, several in turn.

    In an answer that is not among them it finds nothing to change.
    """
    asked: dict[str, int] = {}

    def write(request: Request) -> list[str]:
        [old] = _REWRITTEN.findall(text_of(request))
        number = asked[old] = asked.get(old, -1) + 1
        new = texts.get(old, old)
        text = new if isinstance(new, str) else new[number % len(new)]
        keys = json.loads(request.schema or "{}")["properties"]
        form: dict[str, Any] = {"text": text}
        if "errors" in keys:
            form["errors"] = [{"wrong": "that", "right": "this"}] if text != old else []
        if "changes" in keys:
            none = {"kind": "none", "was": "", "now": ""}
            form["changes"] = dict.fromkeys(keys["changes"]["properties"], none)
            if text != old:
                form["changes"]["1"] = {"kind": "objects", "was": "this", "now": "that"}
        return [json.dumps(form)]

    return Model(write)


@pytest.fixture(scope="session")
def picture() -> Image:
    return read_image(encode(skimage.data.coffee(), "jpeg"), license="cc0-1.0")


@pytest.fixture(scope="session")
def row(picture: Image) -> Callable[..., SourceRow]:
    """Return a way to make rows about one picture."""

    def make(**fields: Any) -> SourceRow:
        prompt = Prompt("<image>\nWhat is it?", (picture,))
        plain: dict[str, Any] = {
            "record_id": "t.jsonl:0",
            "source": "t",
            "source_id": "7",
            "prompt": prompt,
            "license": "cc0-1.0",
            "language": "en",
            "tags": ("food",),
            "extra": '{"split": "train"}',
        }
        return SourceRow(**(plain | fields))

    return make


@pytest.fixture(scope="session")
def build() -> Callable[..., Built]:
    """Return a way to run one row through a builder. What holds for every row is checked here."""

    def run(
        builder: str, parameters: Mapping[str, Any], row: SourceRow, asks: Mapping[str, Model], seed: int = 0
    ) -> Built:
        part = ROOM.get(builder)
        settings = part.settings.model_validate(parameters)
        prepared = part.prepare(settings, Run("test", seed, "0"))
        if isinstance(part, ModelBuilder):
            built: Built = asyncio.run(prepared(row, asks))
        else:
            built = prepared(row, None)
        _holds(built, row)
        return built

    return run


def _holds(built: Built, row: SourceRow) -> None:
    if built.pairs:
        assert check_table(to_table(built.pairs)) == []
    assert len([one for one in built.rejects if one.scope == "row"]) == (0 if built.pairs else 1)
    assert {one.record_id for one in built.rejects} <= {row.record_id}
    assert len({pair.id for pair in built.pairs}) == len(built.pairs)
    assert built.candidates or built.record_id
    assert to_candidate_table(built.candidates).num_rows == len(built.candidates)
    for kept in built.candidates:
        count = len(kept.candidates)
        assert all(max(one.first, one.second) < count for one in kept.comparisons)


@pytest.fixture(scope="session")
def model() -> type[Model]:
    return Model


@pytest.fixture(scope="session")
def rating_judge() -> Callable[[Mapping[str, Mapping[str, int | None]]], Model]:
    return rating


@pytest.fixture(scope="session")
def comparing_judge() -> Callable[[Sequence[str]], Model]:
    return comparing


@pytest.fixture(scope="session")
def shown_answers() -> Callable[[Request], dict[str, str]]:
    return shown


@pytest.fixture(scope="session")
def construct() -> Callable[..., Built]:
    """Return a way to run one row through a recipe that asks models. What holds for every row is checked here."""

    def run(recipe: Recipe, row: SourceRow, asks: Mapping[str, Model]) -> Built:
        async def built() -> Built:
            return await recipe.construct_asking()(row, asks)

        made = asyncio.run(built())
        _holds(made, row)
        return made

    return run


@pytest.fixture(scope="session")
def rewriter() -> Callable[[Mapping[str, str | Sequence[str]]], Model]:
    return rewriting
