"""Any server that speaks the OpenAI chat protocol: OpenAI itself, vLLM, SGLang, Ollama and many more.

Pictures travel as data URIs with their own bytes. Sample ``k`` is drawn with the request's seed + ``k``, whether the
server draws all ``n`` at once (vLLM gives the k-th the seed + k) or is asked for one at a time: one after the other,
each handed over before the next, so that a failed answer costs none of its siblings. The rows under way keep the server
busy meanwhile.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from pairwright.samplers import Batches, Model, Sampler, SamplerPart
from pairwright.samplers._limits import Clock, Limits, TryError
from pairwright.samplers._openai_batches import BatchFiles
from pairwright.samplers._openai_link import Link, is_openai, linked, place_of
from pairwright.samplers._wire import (
    DataUris,
    Dialect,
    NonsenseError,
    body_of,
    excerpt,
    expected_tokens,
    reply_of,
    scored_reply_of,
)
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.request import Message, Reply, Request, Sampling
from pairwright.schemas.settings import NOT_TOLD, Settings

_IGNORED = 3
"""Calls in a row for several answers that brought one, after which a server is known to ignore n."""
_GREETING = Request((Message("user", ("Hi",)),), Sampling(max_tokens=16))
"""A request that every server answers; some take no fewer than 16 tokens."""
_SECRET = re.compile(r"key|auth|token|secret|pass|credential|cookie", re.IGNORECASE)
_SECRET_OF_A_BODY = re.compile(
    r"(api|access|auth|secret).?(key|token)|password|credential|authorization", re.IGNORECASE
)
"""Narrower: fields of a body speak of tokens and passes for other reasons."""


def _harmless(name: str) -> str:
    if _SECRET.search(name):
        raise ValueError(f"{name} looks like a secret; keys stay in the environment (model.api_key_env)")
    return name


HeaderName = Annotated[str, AfterValidator(_harmless)]
"""Checked by itself, so that no error repeats the value."""


def _sorted(fields: tuple[str, ...]) -> tuple[str, ...]:
    for name in {"messages", "model"} & set(fields):
        raise ValueError(f"{name} cannot be left out")
    return tuple(sorted(set(fields)))


def _plain(extra: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(extra, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"must be plain JSON values ({error})") from error
    for name in ("messages", "model", "n", "seed", "stream"):
        if name in extra:
            raise ValueError(f"{name} is set by the request itself")
    for name in filter(_SECRET_OF_A_BODY.search, _names(extra)):
        told = f"{name} looks like a secret; keys stay in the environment (model.api_key_env)"
        raise PydanticCustomError(NOT_TOLD, "{told}", {"told": told})
    return extra


def _names(value: object) -> Iterator[str]:
    """Yield the names of all fields, those of objects inside among them."""
    if isinstance(value, dict):
        yield from value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _names(one)


class Options(Settings):
    """What differs from server to server."""

    max_tokens_field: Literal["auto", "max_tokens", "max_completion_tokens"] = "auto"
    """Which field limits an answer's length. ``auto``: max_completion_tokens at api.openai.com, max_tokens elsewhere."""
    structured_output: Literal["json_schema", "json_object", "none"] = "json_schema"
    """How a JSON answer is asked for, where one is wanted: by its schema, as any JSON object, or by words alone."""
    n: Literal["auto", "one"] = "auto"
    """``auto``: all answers in one call, and those that a server leaves out in further ones. ``one``: one answer per
    call, for a server that ignores n or does not take it; it pays for the prompt each time. Not with calls.batch."""
    detail: Literal["auto", "low", "high"] | None = None
    """How closely the server looks at pictures, where it can be told."""
    leave_out: Annotated[tuple[str, ...], AfterValidator(_sorted)] = ()
    """Fields that are not sent because the server refuses them, for example ``[temperature, top_p]``."""
    extra_body: Annotated[dict[str, Any], AfterValidator(_plain)] = {}
    """Further fields of every request, for example ``{top_k: -1}`` for a vLLM server that would take top_k from the
    model's own generation_config.json. No secrets: keys stay in the environment."""
    headers: dict[HeaderName, str] = {}
    """Further HTTP headers. No secrets: keys stay in the environment."""


class OpenAIServer:
    """An open model at an OpenAI-compatible server."""

    def __init__(self, link: Link, model: Model, options: Options, *, clock: Clock | None = None) -> None:
        """``clock`` is for tests."""
        self._link = link
        self._model = model.model or ""
        self._dialect = dialect_of(model, options)
        self._one_by_one = _single(options) is not None
        self._cut_to_one = 0
        """Calls in a row for several answers that brought one."""
        self._limits = Limits(link.place.name, model.calls, canary=self._greet, clock=clock)
        self._uris = DataUris()

    async def sample(self, request: Request) -> Reply:
        """Answer a request with what one call brings (see ``pairwright.samplers.Sampler``)."""
        if self._one_by_one or request.n == 1:
            return await self._ask(replace(request, n=1))
        reply = await self._ask(request)
        self._cut_to_one = self._cut_to_one + 1 if len(reply.answers) == 1 else 0
        self._one_by_one = self._one_by_one or self._cut_to_one >= _IGNORED
        return reply

    def stop(self) -> None:
        """Send nothing more (see ``pairwright.samplers.Stoppable``)."""
        self._limits.stop()

    async def _ask(self, request: Request) -> Reply:
        """Return at least one of the answers."""
        body = body_of(self._model, request, self._dialect, self._uris)

        async def attempt() -> Reply:
            return await self._attempt(body, request.n, request.scored)

        done = await self._limits.call(attempt, tokens=expected_tokens(request), used=_used)
        lost, reply = done.lost, done.value
        return replace(
            reply,
            prompt_tokens=reply.prompt_tokens + lost.prompt_tokens,
            completion_tokens=reply.completion_tokens + lost.completion_tokens,
            cached_tokens=reply.cached_tokens + lost.cached_tokens,
            attempts=done.attempts,
            seconds=done.seconds,
        )

    async def _greet(self) -> None:
        """Ask for a few tokens, to know whether the server answers anything at all."""
        await self._attempt(body_of(self._model, _GREETING, self._dialect, self._uris), 1)

    async def _attempt(self, body: dict[str, Any], n: int, scored: str | None = None) -> Reply:
        limits = self._limits
        response = await self._link.post(
            "/chat/completions", body, heard=limits.learn, answered=limits.answered
        )
        try:
            told = json.loads(response.content)
            reply = reply_of(told) if scored is None else scored_reply_of(told, scored)
        except NonsenseError as error:
            raise TryError(self._link.place.scrubbed(str(error)), "answered", lost=error.usage) from None
        except (ValueError, RecursionError):  # the latter for brackets nested without end
            raise TryError(
                f"not JSON: {self._link.place.scrubbed(excerpt(response.text))}", "answered"
            ) from None
        return replace(reply, answers=reply.answers[:n])


def dialect_of(model: Model, options: Options) -> Dialect:
    """Return how a server is spoken to."""
    field = options.max_tokens_field
    if field == "auto":
        field = "max_completion_tokens" if is_openai(model.base_url) else "max_tokens"
    extra = json.dumps(options.extra_body)
    return Dialect(field, options.structured_output, options.detail, frozenset(options.leave_out), extra)


def _used(reply: Reply) -> float:
    return reply.prompt_tokens + reply.completion_tokens


def _single(options: Options) -> str | None:
    """Return the option by which every call asks for one answer."""
    return "n: one" if options.n == "one" else "leave_out: [n]" if "n" in options.leave_out else None


def check_place(model: Model) -> None:
    """Check that there is an address, and a key where one is named or needed. Raises ModelError; asks nobody."""
    place_of(model)


def check_scoring(model: Model) -> None:
    """Raise ParameterError for OpenAI itself, which tells log-probabilities of what it writes alone."""
    if model.model and is_openai(model.base_url):
        raise ParameterError(
            "base_url: api.openai.com does not tell how likely a given answer is; name a server of vLLM, or take "
            "sampler: vllm or transformers"
        )


def check_continuing(model: Model, options: Options) -> None:
    """Raise ParameterError for OpenAI itself, which begins every answer anew, and where the field for it is left out."""
    if is_openai(model.base_url):
        raise ParameterError(
            "base_url: api.openai.com cannot be given the beginning of an answer; name another server"
        )
    _check_sent(options, "continue_final_message", "the beginning of an answer is not continued")


def check_logprobs(model: Model, options: Options) -> None:
    """Raise ParameterError where the field for log-probabilities is left out."""
    _check_sent(options, "logprobs", "the server tells no log-probabilities")


def _check_sent(options: Options, field: str, without: str) -> None:
    if field in options.leave_out:
        raise ParameterError(f"options.leave_out: without {field} {without}")


@asynccontextmanager
async def opened(model: Model, options: Options) -> AsyncIterator[Sampler]:
    """Open a model. Raises ModelError without an address or key, MissingExtraError without the package openai."""
    async with linked(model, headers=options.headers) as link:
        yield OpenAIServer(link, model, options)


@asynccontextmanager
async def opened_batches(model: Model, options: Options) -> AsyncIterator[Batches]:
    """Open the server's batch files. Raises as :func:`opened` does, and ParameterError for one answer per call."""
    single = _single(options)
    if single is not None:
        raise ParameterError(
            f"options.{single} and calls.batch: a line of a batch file asks for all answers at once; set one of the two"
        )
    async with linked(model, headers=options.headers) as link:
        yield BatchFiles(link, model, dialect_of(model, options))


PART = SamplerPart(
    options=Options,
    open=opened,
    remote=True,
    summary="asks any OpenAI-compatible server: OpenAI, vLLM, SGLang, Ollama",
    source="OpenAI API reference, chat completions and batches; vLLM's OpenAI-compatible server",
    batches=opened_batches,
    check_place=check_place,
    check_scoring=check_scoring,
    check_continuing=check_continuing,
    check_logprobs=check_logprobs,
)
