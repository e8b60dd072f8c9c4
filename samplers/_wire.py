"""The OpenAI chat protocol as JSON: a request's body, and a reply out of an answer's body.

Answers are read as plain JSON. The SDK's own objects cost more time than all else on the way of a call, and refuse what
compatible servers add.
"""

import json
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from pairwright.samplers._scored import answer_tokens, with_answer
from pairwright.schemas.errors import ModelError
from pairwright.schemas.image import Image
from pairwright.schemas.request import Answer, Finish, Message, Reply, Request, Token

Json: TypeAlias = Any
"""A value out of a JSON text that nobody has checked yet."""

FINISHES: Mapping[str, Finish] = {
    "stop": "stop",
    "complete": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "filtered",
    "safety": "filtered",
    "recitation": "filtered",
    "blocklist": "filtered",
    "prohibited_content": "filtered",
    "sensitive": "filtered",
    "refusal": "filtered",
    "repetition": "repetition",
}
"""What servers' words for an answer's end mean. Another word (abort, error) means that something went wrong: no answer."""

_TOKENS_OF_AN_IMAGE = 1000
"""Estimate, for limits only: 765 for a large square at OpenAI, up to 1,600 elsewhere."""
_CHARACTERS_OF_A_TOKEN = 4
_MOST_TOKENS = 2**40
"""A count of tokens that no call can reach: a server that tells such a one counts nothing."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a call took, as the server counts them; 0 where it does not."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )


_NOT_AS_EXPECTED = (KeyError, TypeError, AttributeError, ValueError, OverflowError)
"""What comes of a body that holds something else in some place; the last of a number that no float holds."""


class NonsenseError(Exception):
    """An answer that is no answer: not JSON, without what the protocol promises, or broken off."""

    def __init__(self, message: str, usage: Usage = Usage()) -> None:
        """``usage``: it may be paid all the same."""
        self.usage = usage
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server's protocol differs from others'."""

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    structured_output: Literal["json_schema", "json_object", "none"] = "json_schema"
    detail: Literal["auto", "low", "high"] | None = None
    leave_out: frozenset[str] = frozenset()
    """Fields of the body that are not sent."""
    extra: str = "{}"
    """Further fields of the body, as JSON text; they win over the others."""


class DataUris:
    """Pictures as ``data:`` addresses, their bytes untouched; the last ones used are kept, up to ``most`` characters."""

    def __init__(self, most: int = 64 * 2**20) -> None:
        """The same picture is often asked about several times in a row."""
        self._most = most
        self._held = 0
        self._made: OrderedDict[str, str] = OrderedDict()

    def of(self, image: Image) -> str:
        """Return a picture's address."""
        made = self._made.pop(image.sha256, None)
        if made is None:
            mime = f"image/{image.header.format.lower()}"
            made = f"data:{mime};base64,{b64encode(image.data).decode('ascii')}"
            self._held += len(made)
        self._made[image.sha256] = made
        while self._held > self._most:
            self._held -= len(self._made.popitem(last=False)[1])
        return made


def body_of(model: str, request: Request, dialect: Dialect, uris: DataUris) -> dict[str, Json]:
    """Return a request as the body of a chat completion.

    >>> request = Request((Message("user", ("Hi",)),))
    >>> body_of("m", request, Dialect(), DataUris())["messages"]
    [{'role': 'user', 'content': 'Hi'}]
    """
    drawn = request.sampling
    messages = request.messages if request.scored is None else with_answer(request)
    body: dict[str, Json] = {
        "model": model,
        "messages": [_message(message, dialect, uris) for message in messages],
        "temperature": drawn.temperature,
        "top_p": drawn.top_p,
        dialect.max_tokens_field: drawn.max_tokens,
        "n": request.n,
    }
    if drawn.top_k is not None:
        body["top_k"] = drawn.top_k
    if drawn.stop:
        body["stop"] = list(drawn.stop)
    if drawn.seed is not None:
        body["seed"] = drawn.seed + request.first
    if request.scored is not None:
        body["prompt_logprobs"] = 0  # vLLM's own field: those of the prompt's tokens, without alternatives
    elif drawn.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": drawn.logprobs}
    if messages[-1].role == "assistant":
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    if request.schema is not None and dialect.structured_output != "none":
        body["response_format"] = _format(request.schema, dialect)
    kept = {name: value for name, value in body.items() if name not in dialect.leave_out}
    kept.update(json.loads(dialect.extra))
    return kept


def reply_of(body: Json, *, attempts: int = 1, seconds: float = 0.0) -> Reply:
    """Return the answers of a chat completion's body, as far as they are usable, first sample first.

    There may be fewer than were asked for, but there is at least one.

    Raises:
        NonsenseError: there is no usable answer.
    """
    usage = _usage(body)
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices:
        raise NonsenseError(f"no choices in it: {excerpt(json.dumps(body))}", usage)
    answers: list[Answer] = []
    try:
        for choice in sorted(choices, key=lambda choice: choice.get("index") or 0):
            answers.append(_answer(choice))  # noqa: PERF401  (those before a bad one are kept)
    except (NonsenseError, *_NOT_AS_EXPECTED) as error:
        if not answers:
            raise NonsenseError(f"{error}: {excerpt(json.dumps(body))}", usage) from error
    return Reply(
        answers=tuple(answers),
        model=str(body.get("model") or ""),
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        attempts=attempts,
        seconds=seconds,
    )


def scored_reply_of(body: Json, answer: str) -> Reply:
    """Return a given answer with the log-probabilities of its tokens, out of those of a prompt that ends with it.

    Raises:
        NonsenseError: there is no usable answer.
        ModelError: the server tells no log-probabilities of prompts: it is not vLLM's.
        RowError: ``call_refused``, the prompt does not end with the answer.
    """
    reply = reply_of(body)
    told = body.get("prompt_logprobs")
    if told is None:
        raise ModelError(
            f"{reply.model or 'the model'} gave no prompt_logprobs: only vLLM's own server tells how likely a given "
            "answer is; ask one, or take the sampler vllm or transformers"
        )
    try:
        tokens = [_prompt_token(entry) for entry in told if entry]  # of the first token nothing is known
    except _NOT_AS_EXPECTED as error:
        usage = Usage(reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens)
        end = told[-3:] if isinstance(told, list) else told
        raise NonsenseError(f"prompt_logprobs: {error}: {excerpt(json.dumps(end))}", usage) from error
    return replace(reply, answers=(Answer(answer, "stop", answer_tokens(tokens, answer)),))


def _prompt_token(entry: Json) -> Token:
    """Return the prompt's own token: the first that is told at its place, by id."""
    own = next(iter(entry.values()))
    return Token(str(own["decoded_token"] or ""), float(own["logprob"]))


def expected_tokens(request: Request) -> float:
    """Return about how many tokens a request takes, prompt and answers together; more rather than fewer.

    >>> expected_tokens(Request((Message("user", ("What is it?" * 4,)),), n=2))
    2059.0
    """
    parts = [part for message in request.messages for part in message.parts]
    texts = sum(len(part) for part in parts if isinstance(part, str)) + len(request.scored or "")
    images = sum(isinstance(part, Image) for part in parts)
    prompt = texts / _CHARACTERS_OF_A_TOKEN + images * _TOKENS_OF_AN_IMAGE
    return prompt + request.sampling.max_tokens * request.n


def excerpt(text: str, longest: int = 300) -> str:
    """Return a server's words on one line, shortened.

    >>> excerpt("too   long" + "!" * 400, 12)
    'too long!!!…'
    """
    line = " ".join(text[: 4 * longest].split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _message(message: Message, dialect: Dialect, uris: DataUris) -> dict[str, Json]:
    if len(message.parts) == 1 and isinstance(message.parts[0], str):
        return {"role": message.role, "content": message.parts[0]}
    return {"role": message.role, "content": [_part(part, dialect, uris) for part in message.parts]}


def _part(part: str | Image, dialect: Dialect, uris: DataUris) -> dict[str, Json]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    address = {"url": uris.of(part)}
    return {
        "type": "image_url",
        "image_url": address | ({"detail": dialect.detail} if dialect.detail else {}),
    }


def _format(schema: str, dialect: Dialect) -> dict[str, Json]:
    if dialect.structured_output == "json_object":
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": json.loads(schema)},
    }


def _answer(choice: Json) -> Answer:
    reason = choice.get("finish_reason")
    if not isinstance(reason, str):
        raise NonsenseError("an answer without finish_reason")
    finish = FINISHES.get(reason.lower())
    if finish is None:
        raise NonsenseError(f"an answer that ended by {reason!r}")
    message = choice["message"]
    text = _text(message.get("content"))
    if text is None and message.get("refusal"):
        return Answer(str(message["refusal"]), "filtered")
    content = (choice.get("logprobs") or {}).get("content")
    tokens = None if content is None else tuple(_token(entry) for entry in content)
    return Answer(text or "", finish, tokens)


def _text(content: Json) -> str | None:
    """An answer's text; some servers send it in parts."""
    if isinstance(content, list):
        return "".join(str(part["text"]) for part in content if part.get("type") == "text")
    return None if content is None else str(content)


def _token(entry: Json) -> Token:
    others = [(str(other["token"]), float(other["logprob"])) for other in entry.get("top_logprobs") or ()]
    likeliest = sorted(others, key=lambda other: -other[1])
    return Token(str(entry["token"]), float(entry["logprob"]), tuple(likeliest))


def _usage(body: Json) -> Usage:
    told = body.get("usage") if isinstance(body, dict) else None
    return Usage(
        _count(told, "prompt_tokens"),
        _count(told, "completion_tokens"),
        _count(told, "prompt_tokens_details", "cached_tokens"),
    )


def _count(usage: Json, *path: str) -> int:
    for name in path:
        usage = usage.get(name) if isinstance(usage, dict) else None
    return usage if isinstance(usage, int) and 0 <= usage < _MOST_TOKENS else 0
