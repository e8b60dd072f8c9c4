"""Faults of the Hub: which pass when one waits, and what to say of those that do not.

The client retries the upload of large files itself. What it does not retry (looking, creating, the commit) is retried here.
No message repeats a token: the client's own messages hold addresses and the Hub's words, never headers.
"""

import logging
import re
import time
from collections.abc import Callable
from typing import TypeVar

from pairwright.schemas.errors import PublishError

_TOO_MANY = 429
_TRANSIENT = frozenset({408, _TOO_MANY, 500, 502, 503, 504})
_TRIES = 5
_LONGEST_WAIT_S = 120.0
"""A Hub that asks for a longer wait is told of instead."""

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


def committed_patiently(attempt: Callable[[], str], settled: Callable[[], str | None]) -> str:
    """Make a commit, again after faults that pass.

    An answer that was lost is no commit that was lost, so before every further attempt ``settled`` looks whether the
    branch has the content by now, and returns the address to give then.

    Raises:
        PublishError: as the last attempt did.
    """
    for number in range(_TRIES):
        try:
            return attempt()
        except PublishError as error:
            wait = _wait_after(error.__cause__, number)
            if wait is None or number == _TRIES - 1:
                raise
            _log.warning("%s; again in %.0f s", error, wait)
            time.sleep(wait)
        if found := settled():
            return found
    raise AssertionError("the last attempt returns or raises")


def patiently(call: Callable[[], Result]) -> Result:
    """Return what a call returns, made again after faults that pass."""
    for number in range(_TRIES):
        try:
            return call()
        except failures() as error:
            wait = _wait_after(error, number)
            if wait is None or number == _TRIES - 1:
                raise
            _log.warning("the Hub: %s; again in %.0f s", _status(error) or type(error).__name__, wait)
            time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _wait_after(error: BaseException | None, number: int) -> float | None:
    """Return how long to wait before another attempt, in seconds; None where another would not help."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return None
    if isinstance(error, HfHubHTTPError):
        if error.response.status_code not in _TRANSIENT:
            return None
        headers = error.response.headers
        asked = re.search(r"^\d+$|(?<=t=)\d+", headers.get("Retry-After") or headers.get("RateLimit") or "")
        wait = float(asked[0]) if asked and error.response.status_code == _TOO_MANY else 2.0**number
        return wait if wait <= _LONGEST_WAIT_S else None
    return 2.0**number if isinstance(error, _network_failures()) else None


def failures() -> tuple[type[Exception], ...]:
    """Return what the client raises: RuntimeError is how it tells of an upload that failed in a thread."""
    return (*_network_failures(), OSError, RuntimeError)


def _network_failures() -> tuple[type[Exception], ...]:
    """Return the base of all errors of the HTTP library that the client is built on, httpx or requests; that differs by release."""
    from huggingface_hub.errors import HfHubHTTPError

    bases: tuple[type[Exception], ...] = tuple(
        base
        for base in HfHubHTTPError.__mro__
        if base.__module__.split(".")[0] in ("httpx", "httpx2", "requests")
    )
    return (*bases, ConnectionError, TimeoutError)


def _status(error: BaseException | None) -> int | None:
    """Return the HTTP status behind an error."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            status: int = response.status_code
            return status
        error = error.__cause__
    return None


def told(error: Exception, name: str, doing: str) -> str:
    """Return what to say of an error: what the Hub did not do, and what helps."""
    status = _status(error)
    owner = name.partition("/")[0]
    helps = {
        401: "the login is missing or not valid (401): `hf auth login`, or set HF_TOKEN to a token that may write",
        403: f"this login may not (403): the token needs the right to write, and {owner} has to be you or an organization "
        "in which you may",
        404: "there is no such repository, or none that this login may see (404): look at the spelling and at the login",
        409: "it is in the way of itself (409): something of that name is there already",
        412: "somebody else has changed it since this push began (412); nothing of this push is visible. Push again: "
        "it then compares with what is there now",
        413: "it is too large (413): smaller files, by a smaller output.shard_rows",
        429: "too many requests (429); what was uploaded stays there. Push again in some minutes, it goes on from there",
    }
    if status in helps:
        return f"{name}: the Hub did not {doing}: {helps[status]}{_words(error)}"
    if status is not None and status >= 500:
        return (
            f"{name}: the Hub did not {doing}: it fails itself ({status}), also after several attempts. What was uploaded "
            "stays there; the same push goes on from it later"
        )
    if status is not None:
        return f"{name}: the Hub did not {doing} ({status}){_words(error)}"
    root = _root(error)
    return (
        f"{name}: the Hub could not be asked to {doing}: {type(root).__name__}: {root}. What was uploaded stays there; the same push goes on "
        "from it. Is the network up, and HF_HUB_OFFLINE not set?"
    )


def _root(error: BaseException) -> BaseException:
    """Return the first error of a chain: the client wraps what went wrong in a thread."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _words(error: BaseException) -> str:
    said = getattr(error, "server_message", None)
    return f". It says: {said}" if said else ""
