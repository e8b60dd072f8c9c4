"""Requests to a model, and what it answers: the contract between everything that asks and every sampler."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from pairwright.schemas.image import Image
from pairwright.schemas.prompt import MARKER, Prompt
from pairwright.schemas.seeds import seed_for

Role = Literal["system", "user", "assistant"]

Finish = Literal["stop", "length", "filtered", "repetition", "aborted"]
"""Why an answer ended: by itself, at ``max_tokens``, by the provider's content filter, in a loop, or cut off."""

SEED_SPACING = 1024
"""Seeds of different requests differ by at least this: sample ``k`` of a request is drawn with ``seed + k``, as
vLLM does for ``n`` above 1, so neighbouring seeds would share their noise."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: texts and images in the order in which the model sees them."""

    role: Role
    parts: tuple[str | Image, ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn."""

    temperature: float = 1.0
    """0 is greedy."""
    top_p: float = 1.0
    top_k: int | None = None
    """Draw among this many tokens; None for all. Not every endpoint knows it."""
    max_tokens: int = 1024
    stop: tuple[str, ...] = ()
    seed: int | None = None
    """Made by :func:`sampling_seed`. Sample ``k`` is drawn with ``seed + k``."""
    logprobs: int | None = None
    """Alternatives per token whose log-probabilities are wanted, 0 to 20; None for no log-probabilities."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to one model, for samples ``first`` to ``first + n - 1``."""

    messages: tuple[Message, ...]
    """Ends with a user's turn, or with the beginning of an answer (role ``assistant``) that is to be continued."""
    sampling: Sampling = Sampling()
    n: int = 1
    first: int = 0
    """Number of the first sample: other than 0 when the earlier ones are stored already."""
    schema: str | None = None
    """JSON schema, as text, that the answer must follow."""
    scored: str | None = None
    """An answer that is given: nothing is written, and it comes back with the log-probability of each of its tokens after
    the messages, without that of its end. Made by :func:`scoring`."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an answer."""

    text: str
    logprob: float
    """Natural logarithm of its probability before temperature, where the server says so."""
    alternatives: tuple[tuple[str, float], ...] = ()
    """(token, log-probability) of the likeliest tokens here, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a request."""

    text: str
    finish: Finish
    tokens: tuple[Token, ...] | None = None
    """Where log-probabilities were asked for."""


@dataclass(frozen=True, slots=True)
class Reply:
    """All answers to a request, and what they took."""

    answers: tuple[Answer, ...]
    """``request.n`` answers, sample ``first`` first; fewer, at least one, where the others failed."""
    model: str
    """Model that answered, in the server's own words."""
    prompt_tokens: int
    completion_tokens: int
    """Tokens of all answers together."""
    cached_tokens: int = 0
    """Prompt tokens that the server had cached and bills at less."""
    attempts: int = 1
    """Tries until this answer came."""
    seconds: float = 0.0
    """From the last try to the answer."""


@dataclass(frozen=True, slots=True)
class ModelId:
    """All of a model that changes its answers."""

    sampler: str
    endpoint: str
    """Address of the server, or the name that stands for it; ``in process`` where there is none."""
    model: str
    revision: str | None = None
    options: str = "{}"
    """The sampler's own options, as JSON text with sorted keys."""


Ask = Callable[[Request], Awaitable[tuple[Answer, ...]]]
"""Asks one model, or the store if it has the answers: ``n`` answers in order. Raises RowError for a request that
cannot be answered (it becomes a reject), ModelError when the model cannot be used at all."""


def request_key(model: ModelId, request: Request) -> str:
    """Return the store's key of a request: 64 hex digits over everything that changes the answer.

    Images stand in it by their hash. ``n`` and ``first`` do not: answers are stored by their sample number, so asking
    for more of them later pays only for the new ones.

    >>> one = Request((Message("user", ("Hi",)),))
    >>> request_key(ModelId("openai", "http://a", "m"), one) == request_key(ModelId("openai", "http://b", "m"), one)
    False
    """
    return sha256(canonical(model, request).encode()).hexdigest()


def canonical(model: ModelId, request: Request) -> str:
    """Return the text that :func:`request_key` hashes: JSON with sorted keys, images by hash."""
    drawn = request.sampling
    content: dict[str, Any] = {
        "sampler": model.sampler,
        "endpoint": model.endpoint,
        "model": model.model,
        "revision": model.revision,
        "options": json.loads(model.options),
        "messages": [
            {
                "role": message.role,
                "content": [
                    {"image": part.sha256} if isinstance(part, Image) else part for part in message.parts
                ],
            }
            for message in request.messages
        ],
        "sampling": {name: getattr(drawn, name) for name in Sampling.__slots__},
        "schema": None if request.schema is None else json.loads(request.schema),
    }
    if request.scored is not None:  # in no other request, so that the keys of those stay what they were
        content["scored"] = request.scored
    return json.dumps(content, sort_keys=True, ensure_ascii=False)


def scoring(prompt: Prompt, answer: str) -> Request:
    """Return the question how likely a given answer to a prompt is.

    Nothing is drawn, so there is no seed: equal questions of different rows are asked once. One token is written, because
    servers take no less.

    >>> request = scoring(Prompt("What is it?"), "A cat.")
    >>> request.scored, request.sampling.max_tokens
    ('A cat.', 1)
    """
    return Request(messages_of(prompt), Sampling(temperature=0.0, max_tokens=1, logprobs=0), scored=answer)


def sampling_seed(seed: int, record_id: str, part: str) -> int:
    """Return the seed of a request: below 2^48, and a multiple of :data:`SEED_SPACING`.

    >>> sampling_seed(0, "a.jsonl:1", "sampler") % SEED_SPACING
    0
    """
    return seed_for(seed, record_id, part) % 2**38 * SEED_SPACING


def messages_of(prompt: Prompt) -> tuple[Message, ...]:
    """Return a prompt as messages, each image where its marker stands.

    >>> messages_of(Prompt("What is it?", system="Be brief."))[0]
    Message(role='system', parts=('Be brief.',))
    """
    images = iter(prompt.images)

    def user(text: str) -> Message:
        first, *rest = text.split(MARKER)
        parts: list[str | Image] = [first]
        for segment in rest:
            parts += [next(images), segment]
        bare = [part.strip("\n") if isinstance(part, str) else part for part in parts]
        return Message("user", tuple(part for part in bare if part))

    made = [Message("system", (prompt.system,))] if prompt.system else []
    for question, answer in prompt.history:
        made += [user(question), Message("assistant", (answer,))]
    return (*made, user(prompt.question))
