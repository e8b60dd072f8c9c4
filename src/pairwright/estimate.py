"""What a recipe that asks models would spend: its builder is run on the first rows with models that only count.

Prompts are exact but for the answers they quote, for which a typical length is taken. Tokens are those of a rule of thumb: the
real numbers depend on each model's tokenizer and picture handling, and stand in the ledger once it is run.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np

from pairwright.annotators import Encoding, Vector
from pairwright.annotators._encoding import EncoderSettings, encoder_name
from pairwright.builders import Asks, Built, Encodes, Neighbours
from pairwright.encoding.of_recipe import construct_of, encoders_of
from pairwright.executors.own_loop import run_to_end
from pairwright.executors.shards import rejected
from pairwright.recipe import Recipe
from pairwright.samplers import Model, Prices, model_id
from pairwright.schemas.attack import Attack, AttackedImage, Figures
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.schemas.request import Answer, Ask, Request, Token, request_key
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import RawRow

CHARACTERS_PER_TOKEN = 4
"""Of English text."""

_PIXELS_PER_TOKEN = 28 * 28
_MOST_IMAGE_TOKENS = 1280
"""As Qwen2-VL counts and caps a picture; LLaVA-1.5 takes 576 for any."""

_ANSWER_TOKENS = 150
"""Length assumed of an answer that a judge will read, where ``max_tokens`` allows as much."""

_LIST_ENTRIES = 8
"""Entries assumed of a list whose length is the model's own affair: statements in an answer, for example."""

_WORD_TOKENS = 4
"""An answer of at most so many tokens is a word: yes or no."""

_SENTENCE_WORDS = 8
"""Words assumed of a sentence; they are some ten characters long."""

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one model would be asked."""

    name: str
    """Where the model stands in the parameters."""
    model: Model
    calls: float
    """Requests per source row."""
    prompt_tokens: float
    """Tokens per source row, about."""
    completion_tokens: float
    """Tokens per source row, at most."""

    def usd(self, rows: int) -> float | None:
        """Return what so many rows cost at most, in US dollars; None without prices."""
        prices: Prices | None = self.model.prices
        if prices is None:
            return None
        each = self.prompt_tokens * prices.input + self.completion_tokens * prices.output
        return rows * each / _MILLION


@dataclass(frozen=True, slots=True)
class EncodingEstimate:
    """What one encoder would encode."""

    name: str
    """Where the encoder stands in the parameters."""
    model: str
    images: float
    """Distinct pictures per source row."""
    texts: float
    """Distinct texts per source row."""
    attacks: float
    """Pictures attacked per source row."""
    device: str
    """Where it is to be loaded."""


def estimate(
    recipe: Recipe, rows: Sequence[tuple[RawRow, SourceRow | Built]], neighbours: Neighbours
) -> tuple[list[Built], tuple[Estimate, ...], tuple[EncodingEstimate, ...]]:
    """Run a recipe's builder over rows with models and encoders that only count; return what is sure to come, and counts.

    What came of a row for which a model was asked or something encoded is left out: answers and vectors were made up.
    """
    counters = {name: _Counter(model) for name, model in recipe.models().items()}
    asks = {name: counter.ask for name, counter in counters.items()}
    encodes = {name: _CountingEncoder(name, chosen) for name, chosen in encoders_of(recipe).items()}
    everyone: list[_Counter | _CountingEncoder] = [*counters.values(), *encodes.values()]
    built = run_to_end(
        lambda: _built(recipe, rows, neighbours, asks, encodes, lambda: sum(one.used for one in everyone))
    )
    parsed = max(1, sum(not isinstance(row, Built) for _, row in rows))
    estimates = tuple(counter.estimate(name, parsed) for name, counter in counters.items())
    return built, estimates, tuple(one.estimate(parsed) for one in encodes.values())


async def _built(
    recipe: Recipe,
    rows: Sequence[tuple[RawRow, SourceRow | Built]],
    neighbours: Neighbours,
    asks: Mapping[str, Ask],
    encodes: Encodes,
    used: Callable[[], int],
) -> list[Built]:
    """Return what came of the rows for which nobody was needed."""
    construct = construct_of(recipe, counting=True)

    async def one(raw: RawRow, row: SourceRow | Built, asks: Asks) -> Built:
        try:
            return row if isinstance(row, Built) else await construct(row, neighbours, asks, encodes)
        except RowError as error:
            return rejected(raw, error)

    sure = []
    for raw, row in rows:
        before = used()
        built = await one(raw, row, asks)
        if used() == before:
            sure.append(built)
    return sure


class _Counter:
    """A model that is not asked; ``used`` counts how often it would have been, answers that are stored among them."""

    def __init__(self, model: Model) -> None:
        self._model, self._id = model, model_id(model)
        self._seen: set[str] = set()
        self._calls = self._prompt = self._completion = 0
        self.used = 0

    async def ask(self, request: Request) -> tuple[Answer, ...]:
        """Count a request; answer in the form that it wants, with yes or no, or else with texts that are all different."""
        self.used += 1
        key = request_key(self._id, request)
        # Two that are alike are paid once; and what is asked once more, for want of a usable answer, is no forecast.
        if key not in self._seen and not request.first:
            self._seen.add(key)
            self._calls += 1
            self._prompt += prompt_tokens(request)
            self._completion += request.n * request.sampling.max_tokens
        if request.scored is not None:
            return (Answer(request.scored, "stop", (Token(request.scored, -1 - int(key[:4], 16) / 2**16),)),)
        if request.schema is not None:
            return request.n * (
                Answer(json.dumps(_instance_for(request, json.loads(request.schema), key[:8])), "stop"),
            )
        if request.sampling.max_tokens <= _WORD_TOKENS:
            return request.n * (Answer(("yes", "no")[int(key[0], 16) % 2], "stop"),)
        length = CHARACTERS_PER_TOKEN * min(_ANSWER_TOKENS, request.sampling.max_tokens)
        numbers = range(request.first, request.first + request.n)
        return tuple(_told(request, _different(f"{key} {number}", length)) for number in numbers)

    def estimate(self, name: str, rows: int) -> Estimate:
        """Return the counts per row."""
        return Estimate(name, self._model, self._calls / rows, self._prompt / rows, self._completion / rows)


class _CountingEncoder:
    """An encoder that encodes nothing; ``used`` counts how often it was wanted."""

    def __init__(self, place: str, chosen: EncoderSettings) -> None:
        self._place, self._model, self._device = place, encoder_name(chosen, place), chosen.device
        self._images: set[str] = set()
        self._texts: set[str] = set()
        self._attacks: set[str] = set()
        self.used = 0

    async def image(self, image: Image) -> Vector:
        """Count a picture."""
        self.used += 1
        self._images.add(image.sha256)
        return _direction(image.sha256)

    async def text(self, text: str) -> Encoding:
        """Count a text."""
        self.used += 1
        self._texts.add(text)
        return Encoding(_direction(text))

    async def attacked(self, attack: Attack) -> AttackedImage:
        """Count an attack; return the picture under another name, as an attack that succeeded beyond doubt."""
        self.used += 1
        self._attacks.add(attack.key)
        return AttackedImage(replace(attack.image, sha256=attack.key), Figures(1.0, 1.0, 0.0, -1.0))

    def estimate(self, rows: int) -> EncodingEstimate:
        """Return the counts per row."""
        images, texts, attacks = (len(one) / rows for one in (self._images, self._texts, self._attacks))
        return EncodingEstimate(self._place, self._model, images, texts, attacks, self._device)


def _direction(content: str) -> Vector:
    """Return a vector of its own for each content, with so much in common that no score is too low, so much apart that most
    texts differ as a pairing rule may want.

    >>> round(float(_direction("a cat") @ _direction("a dog")), 2)
    0.98
    """
    angle = int(sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16) / 2**32 * math.pi / 3
    return np.array([math.cos(angle), math.sin(angle)], np.float32)


def _told(request: Request, text: str) -> Answer:
    """Return an answer with this text, or what of it follows the beginning that a request gives.

    Nothing follows a beginning that is as long as an answer is assumed to be.
    """
    last = request.messages[-1]
    if last.role == "assistant":
        begun = "".join(part for part in last.parts if isinstance(part, str))
        whole = begun.endswith(".") and len(begun) >= CHARACTERS_PER_TOKEN * _ANSWER_TOKENS
        text = "" if whole else f" {text}"
    tokens = (Token(text, -1.0),) if request.sampling.logprobs is not None else None
    return Answer(text, "stop", tokens)


def _different(name: str, length: int) -> str:
    """Return a text of about so many characters of which no word stands in another one's, so that no guard takes the two
    for alike, or one for a loop. Its sentences have some eighty characters.

    >>> _different("0a1b2c3d 7", 40)
    '0a1b2c3d 7 0a1b2c7n1 0a1b2c7n2 0a1b2c7n3.'
    """
    key, _, number = name.partition(" ")
    words = [f"{key[:6]}{number}n{place}" for place in range(1, 1 + length)]
    taken = max(0, length - len(name)) // (len(words[0]) + 1)
    every = [name, *words[:taken]]
    parts = (
        " ".join(every[start : start + _SENTENCE_WORDS]) for start in range(0, len(every), _SENTENCE_WORDS)
    )
    return ". ".join(part[0].upper() + part[1:] for part in parts) + "."


_SHOWN = re.compile(
    r"^=== begin answer.* (\w+) ===\n(.*?)\n=== end answer.* \1 ===$", re.MULTILINE | re.DOTALL
)
"""An answer between its fences (``annotators/_fences``)."""


def _instance_for(request: Request, schema: Mapping[str, Any], key: str) -> Any:
    """Return the plainest value of a request's schema: together its ``text``s are as long as the answer it shows, and what is
    ``quoted`` are its words, one after the other.

    All other texts hold ``key``, so that those of two requests differ.
    """
    parts = [part for message in request.messages for part in message.parts if isinstance(part, str)]
    shown = max((found[2] for part in parts for found in _SHOWN.finditer(part)), key=len, default="")
    count, words = max(1, _texts(schema)), [key, *reversed(shown.split())]
    chunks = (" ".join(words[len(words) * n // count : len(words) * (n + 1) // count]) for n in range(count))
    return _instance(schema, {"text": chunks, "quoted": iter(shown.split())}, key)


def _texts(schema: Mapping[str, Any]) -> int:
    inner = schema.get("properties", {})
    below = sum(_texts(one) for one in [*inner.values(), *([schema["items"]] if "items" in schema else [])])
    return below + int(inner.get("text", {}).get("type") == "string")


def _instance(
    schema: Mapping[str, Any], told: Mapping[str, Iterator[str]], where: str = "", dealt: slice = slice(None)
) -> Any:
    """Return the plainest value of a JSON schema as judges and correctors use them.

    Properties of some names take what is ``told`` for them. Other texts say where they stand, so that no two are the same: what repeats another text is often asked nothing more. A list
    has as many entries as it must have, or a typical number where it may have none; values to choose from are
    dealt to the lists of a list like cards, ``dealt`` to this one.

    >>> _instance({"type": "object", "properties": {"rating": {"enum": [1, 2]}, "why": {"type": "string"}}}, {})
    {'rating': 1, 'why': 'why'}
    >>> _instance({"type": "array", "items": {"type": "string"}, "maxItems": 2}, {}, "claim")
    ['claim 1', 'claim 2']
    """
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {
                name: next(told[name], "-")
                if name in told
                else _instance(inner, told, f"{where} {name}".strip())
                for name, inner in schema.get("properties", {}).items()
            }
        case "array":
            count = max(
                1, schema.get("minItems") or min(_LIST_ENTRIES, schema.get("maxItems", _LIST_ENTRIES))
            )
            items = schema["items"]
            if "enum" in items:
                return items["enum"][dealt][:count]
            return [
                _instance(items, told, f"{where} {number}".strip(), slice(number - 1, None, count))
                for number in range(1, count + 1)
            ]
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case _:
            return where or "-"


def prompt_tokens(request: Request) -> int:
    """Return about how many tokens a request's messages have.

    >>> from pairwright.schemas.request import Message
    >>> prompt_tokens(Request((Message("user", ("What is in the picture?",)),)))
    6
    """
    parts = [part for message in request.messages for part in message.parts]
    texts = sum(len(part) for part in parts if isinstance(part, str)) + len(request.scored or "")
    images = sum(_image_tokens(part) for part in parts if isinstance(part, Image))
    return math.ceil(texts / CHARACTERS_PER_TOKEN) + images


def _image_tokens(image: Image) -> int:
    pixels = image.header.width * image.header.height
    return min(_MOST_IMAGE_TOKENS, math.ceil(pixels / _PIXELS_PER_TOKEN))
