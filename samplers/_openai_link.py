"""The way to an OpenAI-compatible server: address, key, the SDK's clients, and what a server's errors mean."""

import itertools
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pairwright.samplers import Model
from pairwright.samplers._limits import TryError
from pairwright.samplers._pace import asked_wait
from pairwright.samplers._wire import Json, excerpt
from pairwright.schemas.errors import MissingExtraError, ModelError, RowError

T = TypeVar("T")

Heard = Callable[[Mapping[str, str]], None]
"""Takes an answer's headers."""

OPENAI = "https://api.openai.com/v1"
KEY = "OPENAI_API_KEY"

_CALLS_OF_A_CLIENT = 32
"""Calls at once that one client takes. The SDK's connection pool looks at all its connections for every call: at 256
of them that is a third of the time a call takes."""
_CONNECT_S = 30.0
"""Seconds for a connection; how long an answer may take is the limits' business."""
_MOST_BYTES = 2**28
"""Bytes of one answer, as they come. Log-probabilities of 16 answers of 4,096 tokens, 20 alternatives each, take 100 MB."""
_REFUSED = frozenset({400, 413, 422})
_LATER = frozenset({408, 409, 425, 429})
_NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_OF_THE_RECIPE = frozenset({"unsupported_parameter", "unknown_parameter", "unsupported_value"})
"""Codes of a 400 that every request would get."""
_MODERATED = re.compile(r"moderat|flagged|polic|safety|content.?filter", re.IGNORECASE)
"""Words of a 403 that is about a request: OpenRouter and others answer so to moderated input."""
_ABOUT_ACCESS = re.compile(r"\bkeys?\b|quota|credit|billing|balance|limit|permission|auth", re.IGNORECASE)
"""Words of a 403 that is about the account, also after others got through: a key can run out."""
_LEAST_OF_A_KEY = 6
"""Characters of a key that tell something of it; the first three or four say whose it is."""
_IN_A_KEY = re.compile(r"[!-~]+")
"""What a header takes. The package that sends it repeats in its error what it does not take."""
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
"""Names of environment variables that errors repeat. Another one may be a key in the wrong place."""


@dataclass(frozen=True, slots=True)
class Place:
    """A server's address, and the key for it."""

    base_url: str
    key: str
    """``none`` where there is none."""
    key_from: str
    """Where the key comes from, for errors."""
    model: str

    @property
    def name(self) -> str:
        """What errors call the model, with host and port; holds no secrets.

        >>> Place("http://127.0.0.1:8299/v1", "none", "api_key_env", "judge").name
        'judge at 127.0.0.1:8299'
        """
        return f"{self.model} at {urlsplit(self.base_url).netloc.rpartition('@')[2]}"

    def scrubbed(self, text: str) -> str:
        """Return a server's words without the key: some repeat it.

        Words that were shortened may end in the middle of it.

        >>> Place("http://a/v1", "sk-0123456789", "api_key_env", "judge").scrubbed("no such key: sk-01234567…")
        'no such key: [key]…'
        """
        if self.key == "none":
            return excerpt(text)
        cut = (self.key[:length] + "…" for length in range(len(self.key) - 1, _LEAST_OF_A_KEY - 1, -1))
        for told, shown in ((self.key, "[key]"), *((part, "[key]…") for part in cut)):
            text = text.replace(told, shown)
        return excerpt(text)


def place_of(model: Model) -> Place:
    """Return where a model is.

    ``OPENAI_API_KEY`` is sent to openai.com only; for other servers ``api_key_env`` names the variable.

    Raises:
        ModelError: no address, or no key where one is needed.
    """
    at_openai = is_openai(model.base_url)
    name = model.api_key_env or (KEY if at_openai else None)
    key = os.environ.get(name, "").strip() if name else "none"
    if not key and model.api_key_env:
        raise ModelError(_unset(model.api_key_env))
    if not key and model.base_url is None:
        raise ModelError(
            f"base_url: missing; name the server (http://127.0.0.1:8000/v1), or set {KEY} to ask api.openai.com"
        )
    if not key:
        raise ModelError(f"api_key_env: api.openai.com needs a key; set {KEY}, or name another variable")
    if not _IN_A_KEY.fullmatch(key):
        raise ModelError(
            f"{_shown(name)} holds something that no key has in it, a blank, a line break or a letter that is not ASCII: "
            "set it to the key alone"
        )
    return Place(model.base_url or OPENAI, key, _shown(name), model.model or "")


def _shown(name: str | None) -> str:
    if name is None:
        return "api_key_env"
    return name if _VARIABLE.fullmatch(name) else "the variable of api_key_env"


def _unset(name: str) -> str:
    if _VARIABLE.fullmatch(name):
        return f"api_key_env: the environment variable {name} is not set; set it to the key"
    return (
        "api_key_env: no environment variable has the name that stands there; put the key into a variable and name "
        f"that, for example {KEY}"
    )


def is_openai(base_url: str | None) -> bool:
    """Return whether a model is at OpenAI itself, where one without an address is.

    >>> is_openai(None), is_openai("https://eu.api.openai.com/v1"), is_openai("http://openai.com.example.org/v1")
    (True, True, False)
    """
    if base_url is None:
        return True
    host = urlsplit(base_url).hostname or ""
    return host == "openai.com" or host.endswith(".openai.com")


@dataclass(frozen=True, slots=True)
class Link:
    """Open clients of one server."""

    place: Place
    sdk: Any
    """The package ``openai``, which may not be installed where this is type-checked."""
    clients: tuple[Any, ...]
    response: type[Any]
    """What a client returns when it is asked for the plain HTTP answer."""
    turn: "itertools.cycle[Any]"

    async def post(self, path: str, body: Mapping[str, Json], *, heard: Heard, answered: bool) -> Any:
        """Return the plain HTTP answer; ``heard`` gets its headers. Raises as :meth:`told` does."""
        call = next(self.turn).post(path, cast_to=self.response, body=body)
        response = await self.told(call, heard=heard, answered=answered)
        heard(response.headers)
        return response

    async def told(self, call: Awaitable[T], *, heard: Heard | None = None, answered: bool = False) -> T:
        """Await a call to the SDK; ``heard`` gets the headers of an answer that is an error.

        ``answered``: the model has answered other requests.

        Raises:
            TryError: it may succeed later.
            RowError: ``call_refused``, the server does not take this very request.
            ModelError: the server cannot be used.
        """
        try:
            return await call
        except self.sdk.APIStatusError as error:
            response = error.response
            if heard is not None:
                heard(response.headers)
            raise error_of(
                self.place, response.status_code, response.text, response.headers, answered=answered
            ) from None
        except self.sdk.APITimeoutError:
            raise TryError(f"no connection within {_CONNECT_S:g} s", "unreached") from None
        except self.sdk.APIConnectionError as error:
            if isinstance(error.__cause__, TryError):
                raise error.__cause__ from None
            cause = f"{type(error.__cause__).__name__} {error.__cause__}".strip()
            if "CERTIFICATE_VERIFY_FAILED" in cause:  # which no waiting mends
                raise ModelError(
                    f"{self.place.name}: its certificate is not trusted ({self.place.scrubbed(cause)}). Set SSL_CERT_FILE to "
                    "a file with the certificate of who signed it."
                ) from None
            raise TryError(self.place.scrubbed(f"no connection: {cause}"), "unreached") from None
        except self.sdk.APIError as error:
            raise TryError(self.place.scrubbed(f"no usable answer: {error}"), "answered") from None


def error_of(
    place: Place, status: int, text: str, headers: Mapping[str, str], *, answered: bool = False
) -> Exception:
    """Return the error for an HTTP answer that is none: TryError, RowError or ModelError (see :meth:`Link.told`)."""
    words, code, in_form = _words(text)
    said = place.scrubbed(words).removeprefix(str(status)).lstrip(" :")  # some repeat it
    told = f"{status} {said}".rstrip(" .")
    if status == 401 or (status == 403 and not _forbids_one(text, answered=answered)):
        return ModelError(
            f"{place.name} refuses the key: {told}. Set {place.key_from} to a key that it knows."
        )
    if status == 404:
        return ModelError(f"{place.name}: {told}. {_not_found(place, in_form=in_form)}")
    if status == 402 or code in _NO_MONEY:
        return ModelError(f"{place.name}: {told}. The account has no money or quota left.")
    if status == 400 and code in _OF_THE_RECIPE:
        return ModelError(
            f"{place.name}: {told}. Set options.leave_out, max_tokens_field or structured_output."
        )
    if status in _REFUSED or status == 403:
        return RowError("call_refused", None, f"{place.name}: {told}")
    if status in _LATER or status >= 500:
        kind = "limited" if status == 429 else "answered"
        return TryError(told, kind, overloaded=status in {503, 529}, wait=asked_wait(headers))  # type: ignore[arg-type]
    return ModelError(f"{place.name}: {told}. Is base_url the address of an OpenAI-compatible server?")


def _not_found(place: Place, *, in_form: bool) -> str:
    """Return what to do about a 404: a server that has the path, but not the model, says so in OpenAI's form."""
    if in_form:
        return "Set model to a name the server knows, and check base_url."
    return (
        f"Is the path of base_url {place.base_url} right? Most servers want one that ends in /v1. "
        "If it is, set model to a name the server knows."
    )


def _forbids_one(text: str, *, answered: bool) -> bool:
    """Return whether a 403 is about one request, not about the key."""
    return bool(_MODERATED.search(text)) or (answered and not _ABOUT_ACCESS.search(text))


def _words(text: str) -> tuple[str, str, bool]:
    """A server's words and its code for an error, and whether it is told in OpenAI's form.

    >>> _words('{"error": {"message": "no such model", "code": "model_not_found"}}')
    ('no such model', 'model_not_found', True)
    >>> _words('{"detail": "Not Found"}')
    ('Not Found', '', False)
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text, "", False
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error), "", False
    words = error.get("message") or error.get("detail") or text
    return str(words), str(error.get("code") or ""), bool(error.get("message"))


@asynccontextmanager
async def linked(
    model: Model, *, headers: Mapping[str, str], feature: str = "the sampler openai"
) -> AsyncIterator[Link]:
    """Open the clients for a model.

    Raises:
        MissingExtraError: the package openai is missing.
        ModelError: no address, or no key where one is needed.
    """
    try:
        import openai
    except ImportError as error:
        raise MissingExtraError(feature, "openai", "openai") from error
    place = place_of(model)
    http = _http_of(openai)
    count = -(-model.calls.concurrency // _CALLS_OF_A_CLIENT)
    trust = http.create_ssl_context()  # one for all: it takes longer to make than all else here
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(_client(openai, http, place, headers=headers, trust=trust))
            for _ in range(count)
        ]
        yield Link(place, openai, tuple(clients), http.Response, itertools.cycle(clients))


def _http_of(openai: Any) -> Any:
    """The package the SDK's clients come from: httpx, or its successor where the SDK has moved on to it."""
    own = [kind.__module__.partition(".")[0] for kind in openai.DefaultAsyncHttpxClient.__mro__]
    return import_module(next(name for name in own if name != openai.__name__))


def _client(openai: Any, http: Any, place: Place, *, headers: Mapping[str, str], trust: Any) -> Any:
    limits = http.Limits(max_connections=None, max_keepalive_connections=None)
    return openai.AsyncOpenAI(
        api_key=place.key,
        base_url=place.base_url,
        default_headers=dict(headers),
        timeout=http.Timeout(None, connect=_CONNECT_S),
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(
            limits=limits, verify=trust, event_hooks={"response": [_bounding(http)]}
        ),
    )


def _bounding(http: Any) -> Callable[[Any], Awaitable[None]]:
    """Return a hook that has an answer broken off where it grows beyond all measure, before it fills the memory."""

    class Bounded(http.AsyncByteStream):  # type: ignore[misc]  # httpx takes nothing else for a stream
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for piece in self._stream:
                size += len(piece)
                if size > _MOST_BYTES:
                    raise TryError(f"an answer of more than {_MOST_BYTES:,} bytes", "answered")
                yield piece

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def bound(response: Any) -> None:
        response.stream = Bounded(response.stream)

    return bound
