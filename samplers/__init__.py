"""Samplers: they write candidates. One way to reach a model per file.

A part binds ``PART`` to a :class:`SamplerPart`: the options that a recipe may set, and a function that opens a model.
An open model is anything with one method, ``sample``.
"""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Protocol, TypeVar, runtime_checkable
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from pairwright.schemas.errors import ParameterError, RowError, UnknownPartError
from pairwright.schemas.request import ModelId, Reply, Request
from pairwright.schemas.room import Room
from pairwright.schemas.settings import NOT_TOLD, Settings, parsed

S = TypeVar("S", bound=Settings)


class CallSettings(Settings):
    """How a model is called. Nothing here changes which rows come out, so it may change while a run is continued."""

    concurrency: Annotated[int, Field(ge=1, le=4096)] = 64
    """Requests under way at once."""
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Most requests per minute; learnt from the server's headers where it tells."""
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Most tokens per minute, prompt and answer together; learnt from the server's headers where it tells."""
    timeout_s: Annotated[float, Field(gt=0)] = 300.0
    """Seconds after which a try is given up."""
    retries: Annotated[int, Field(ge=0, le=100)] = 8
    """Tries after the first, before the request becomes a reject."""
    give_up_after_s: Annotated[float, Field(gt=0)] = 300.0
    """Seconds without any success, while requests fail, after which the run stops instead of making rejects of all."""
    batch: bool = False
    """Use the provider's batch files: half the price, answers within a day."""


class Prices(Settings):
    """What a model costs, in US dollars per million tokens."""

    input: Annotated[float, Field(ge=0)]
    """Prompt tokens."""
    output: Annotated[float, Field(ge=0)]
    """Answer tokens."""
    cached_input: Annotated[float, Field(ge=0)] | None = None
    """Prompt tokens that the server had cached; the price of ``input`` if not given."""


class Model(Settings):
    """Which model, and how it is reached."""

    sampler: str = "openai"
    """How: a sampler; ``pairwright list samplers`` shows them."""
    model: str | None = None
    """Its name at the endpoint, or a folder or hub id. A packaged recipe leaves it to you."""
    revision: str | None = None
    """Commit or tag of a hub id."""
    base_url: str | None = None
    """Address of the server, for example ``http://127.0.0.1:8000/v1``."""
    endpoint: str | None = None
    """Name that stands for ``base_url`` in the response store, so that a server may move and its answers stay."""
    api_key_env: str | None = None
    """Environment variable that holds the key. The key itself never stands in a recipe."""
    options: dict[str, Any] = {}
    """Options of the sampler itself, checked by it."""
    calls: CallSettings = CallSettings()
    """Limits and patience."""
    prices: Prices | None = None
    """What it costs, where that is to be counted."""

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address such as http://127.0.0.1:8000/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            told = (
                "an address holds no user, password or query; name the variable with the key in api_key_env"
            )
            raise PydanticCustomError(NOT_TOLD, "{told}", {"told": told})
        return value

    @field_validator("api_key_env")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
            told = "expected the name of an environment variable, not the key itself"
            raise PydanticCustomError(NOT_TOLD, "{told}", {"told": told})
        return value


class FailedCall(RowError):  # noqa: N818 - what came of a call, not how it went wrong
    """A request that failed at every try, some of which may have been answered, and paid for, all the same.

    >>> FailedCall("no text in it, three times", attempts=3, prompt_tokens=30).reason
    'call_failed'
    """

    def __init__(
        self, message: str, *, attempts: int, prompt_tokens: int = 0, completion_tokens: int = 0
    ) -> None:
        """The tokens are those of all tries together, as far as the server told them."""
        super().__init__("call_failed", None, message)
        self.attempts = attempts
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = completion_tokens


class Sampler(Protocol):
    """An open model."""

    async def sample(self, request: Request) -> Reply:
        """Answer a request; any number may be under way at once.

        One with ``scored`` is asked only of a sampler whose part has ``check_scoring``: its answer is the text that was
        given, with the log-probabilities of its tokens. The reply may hold fewer answers than ``request.n``, at least one: the first ones, where the others failed. They
        are stored, and the others are asked for again by a request of their own.

        Raises:
            RowError: ``call_refused`` for a request that the model will never take; :class:`FailedCall` for one that
                failed at every try.
            ModelError: the model cannot be used at all, now or for any request.
        """


@runtime_checkable
class Stoppable(Protocol):
    """What a sampler that holds requests back has besides, so that a run that ends sends and pays for none of them."""

    def stop(self) -> None:
        """Send nothing more, no further try either.

        Requests that wait fail at once with ModelError; what is on the wire is let finish. May be called twice.
        """


class Batches(Protocol):
    """A provider's batch files: many requests handed in at once, answered within a day, at a lower price.

    Every method has its own patience with a failing server and raises ModelError alone.
    """

    async def submit(self, requests: Mapping[str, Request], tag: str) -> str:
        """Hand in requests under names of the caller's; return the provider's id. ``tag`` is stored with the batch."""

    async def find(self, tag: str) -> str | None:
        """Return the id of a batch that was handed in under ``tag``, or None: tells after a crash whether it was.

        A batch that the provider refused as a whole does not count: its requests may be handed in again.
        """

    async def status(self, batch: str) -> "BatchStatus":
        """Return how far a batch is."""

    def collect(self, batch: str) -> AsyncIterator[tuple[str, "Reply | RowError"]]:
        """Yield name and outcome of every request that was answered or refused, also of a batch that expired."""


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How far a batch is."""

    ended: bool
    """Nothing more will come; what there is can be collected."""
    answered: int
    failed: int
    total: int


@dataclass(frozen=True, slots=True)
class SamplerPart(Generic[S]):
    """A way to reach a model."""

    options: type[S]
    """What a recipe's ``options`` may hold."""
    open: Callable[[Model, S], AbstractAsyncContextManager[Sampler]]
    """Opens a model. Entering raises ModelError if it cannot be used, MissingExtraError if a package is missing."""
    remote: bool
    """Whether ``base_url`` says where it is; otherwise it runs in this process."""
    summary: str
    source: str
    batches: Callable[[Model, S], AbstractAsyncContextManager[Batches]] | None = None
    """Opens the provider's batch files, where it has them."""
    width: Callable[[Model, S], int] | None = None
    """Requests under way that keep the model busy; ``calls.concurrency`` if not given."""
    check_place: Callable[[Model], None] | None = None
    """Raises ModelError for a model without an address, or without the key it needs; asks nobody."""
    check_scoring: Callable[[Model], None] | None = None
    """Raises ParameterError for a model of which is known that it cannot tell how likely a given answer is
    (``Request.scored``); asks nobody. Not given where none can."""
    check_continuing: Callable[[Model, S], None] | None = None
    """Raises ParameterError for a model of which is known that it cannot be given the beginning of its answer; asks nobody.
    Not given where all can."""
    check_logprobs: Callable[[Model, S], None] | None = None
    """Raises ParameterError for a model of which is known that it tells no log-probabilities of what it writes
    (``Sampling.logprobs``); asks nobody. Not given where all do."""


ROOM: Room[SamplerPart[Any]] = Room(__name__, __path__, (SamplerPart,))
"""All samplers, by file name."""


def opened(model: Model) -> AbstractAsyncContextManager[Sampler]:
    """Return a model, to be opened with ``async with``. Raises as :func:`checked` does."""
    part = ROOM.get(model.sampler)
    return part.open(model, checked(model))


def checked(model: Model) -> Settings:
    """Return the sampler's own options, parsed.

    Raises:
        UnknownPartError: there is no such sampler.
        ParameterError: the model has no name, no address, or an option that the sampler does not know.
    """
    try:
        part = ROOM.get(model.sampler)
    except UnknownPartError as error:
        raise UnknownPartError(f"sampler: {error}") from error
    if not model.model:
        raise ParameterError("model: missing; name the model that is to be asked")
    if model.base_url is not None and not part.remote:
        raise ParameterError(f"base_url: {model.sampler} runs in this process and has no address")
    options: Settings = parsed(part.options, model.options, where="options", owner=model.sampler)
    return options


def check_scoring(model: Model) -> None:
    """Check that a model can tell how likely a given answer is, as far as that is known without asking it.

    Raises:
        UnknownPartError: there is no such sampler.
        ParameterError: it cannot; the message says who can.
    """
    try:
        part = ROOM.get(model.sampler)
    except UnknownPartError as error:
        raise UnknownPartError(f"sampler: {error}") from error
    if part.check_scoring is None:
        able = ", ".join(name for name in ROOM.names() if ROOM.get(name).check_scoring)
        raise ParameterError(
            f"sampler: {model.sampler} cannot tell how likely a given answer is; take {able}"
        )
    if model.calls.batch:
        raise ParameterError(
            "calls.batch: how likely a given answer is, is asked call by call; leave batch out"
        )
    part.check_scoring(model)


def check_continuing(model: Model) -> None:
    """Check that a model can be given the beginning of its answer, as far as that is known without asking it.

    Raises:
        UnknownPartError, ParameterError: as :func:`checked` does, or it cannot.
    """
    options, part = checked(model), ROOM.get(model.sampler)
    if part.check_continuing is not None:
        part.check_continuing(model, options)


def check_logprobs(model: Model) -> None:
    """Check that a model tells log-probabilities of what it writes, as far as that is known without asking it.

    Raises:
        UnknownPartError, ParameterError: as :func:`checked` does, or it tells none.
    """
    options, part = checked(model), ROOM.get(model.sampler)
    if part.check_logprobs is not None:
        part.check_logprobs(model, options)


def width(model: Model) -> int:
    """Return how many requests to a model are under way at once. Raises as :func:`checked` does."""
    part = ROOM.get(model.sampler)
    return part.width(model, checked(model)) if part.width else model.calls.concurrency


def model_id(model: Model) -> ModelId:
    """Return all of a model that changes its answers, for the response store."""
    part = ROOM.get(model.sampler)
    endpoint = (model.endpoint or model.base_url or "default") if part.remote else "in process"
    options = json.dumps(checked(model).model_dump(mode="json"), sort_keys=True)
    return ModelId(model.sampler, endpoint, model.model or "", model.revision, options)
