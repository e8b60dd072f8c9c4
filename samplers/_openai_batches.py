"""Batch files of the OpenAI protocol: a file of requests goes up, files of answers and errors come down.

Facts (OpenAI API reference, Batch): at most 50,000 requests and 200 MB a file; answers within 24 hours, in any order, at
half the price; a batch that expires keeps the answers it got.
"""

import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import IO, Any, TypeVar

from pairwright.samplers import BatchStatus, FailedCall, Model
from pairwright.samplers._limits import Limits, TryError
from pairwright.samplers._openai_link import Link, error_of
from pairwright.samplers._wire import DataUris, Dialect, Json, NonsenseError, body_of, reply_of
from pairwright.schemas.errors import ModelError, ParameterError, RowError
from pairwright.schemas.request import Reply, Request

T = TypeVar("T")

MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000
_PATH = "/v1/chat/completions"
_ENDED = frozenset({"completed", "expired", "cancelled", "failed"})
_UNANSWERED = frozenset({"batch_expired", "batch_cancelled"})


class BatchFiles:
    """A server's batches, for one model (see ``pairwright.samplers.Batches``)."""

    def __init__(self, link: Link, model: Model, dialect: Dialect) -> None:
        """``link`` stays the caller's to close."""
        self._link = link
        self._client = link.clients[0]
        self._model = model.model or ""
        self._dialect = dialect
        self._limits = Limits(link.place.name, model.calls)

    async def submit(self, requests: Mapping[str, Request], tag: str) -> str:
        """Hand in requests; return the provider's id.

        When the connection breaks while a batch is made, it is looked up by its tag before another one is made.

        Raises:
            ParameterError: more requests or bytes than a batch may hold.
            ModelError: the server takes no batches.
        """
        if not 0 < len(requests) <= MOST_REQUESTS:
            raise ParameterError(
                f"a batch holds 1 to {MOST_REQUESTS:,} requests, not {len(requests):,}: hand in several"
            )
        with tempfile.TemporaryFile() as file:
            self._write(requests, file)
            uploaded = await self._call(lambda: self._upload(file))
        made: list[str] = []  # tries so far

        async def create() -> str:
            found = await self._find(tag) if made else None
            made.append(tag)
            return found or await self._create(uploaded, tag)

        return await self._call(create)

    async def find(self, tag: str) -> str | None:
        """Return the newest batch that was handed in under ``tag`` and not refused, or None."""
        return await self._call(lambda: self._find(tag))

    async def status(self, batch: str) -> BatchStatus:
        """Return how far a batch is. Raises ModelError for one that the server refused as a whole."""
        found = await self._call(lambda: self._client.batches.retrieve(batch))
        if found.status == "failed":
            told = "; ".join(
                str(error.message) for error in (found.errors.data if found.errors else None) or ()
            )
            raise ModelError(
                f"{self._link.place.name} refused the batch {batch}: {self._link.place.scrubbed(told)}"
            )
        counts = found.request_counts
        answered, failed, total = (counts.completed, counts.failed, counts.total) if counts else (0, 0, 0)
        return BatchStatus(found.status in _ENDED, answered, failed, total)

    async def collect(self, batch: str) -> AsyncIterator[tuple[str, Reply | RowError]]:
        """Yield name and outcome of every request that was answered or refused; not of those nobody came to."""
        found = await self._call(lambda: self._client.batches.retrieve(batch))
        for name in (found.output_file_id, found.error_file_id):
            if name is None:
                continue
            with tempfile.TemporaryFile() as file:
                await self._call(lambda name=name, file=file: self._download(name, file))  # type: ignore[misc]
                file.seek(0)
                for outcome in outcomes(self._link, batch, file):
                    yield outcome

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        async def attempt() -> T:
            try:
                return await self._link.told(call())
            except AttributeError as error:  # the SDK takes a proxy's page for text
                raise TryError("not an answer of the batches protocol", "answered") from error

        try:
            done = await self._limits.call(attempt, tokens=0, used=lambda _: 0)
        except RowError as error:  # nothing here is about one row
            raise ModelError(f"batches: {error}") from error
        return done.value

    def _write(self, requests: Mapping[str, Request], file: IO[bytes]) -> None:
        uris = DataUris()
        for name, request in requests.items():
            body = body_of(self._model, request, self._dialect, uris)
            line = {"custom_id": name, "method": "POST", "url": _PATH, "body": body}
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            if file.tell() > MOST_BYTES:
                raise ParameterError(
                    f"a batch holds {MOST_BYTES:,} bytes, and these requests have more: hand in several"
                )

    async def _upload(self, file: IO[bytes]) -> str:
        file.seek(0)
        made = await self._client.files.create(file=("requests.jsonl", file), purpose="batch")
        return str(made.id)

    async def _create(self, uploaded: str, tag: str) -> str:
        made = await self._client.batches.create(
            input_file_id=uploaded, endpoint=_PATH, completion_window="24h", metadata={"tag": tag}
        )
        return str(made.id)

    async def _find(self, tag: str) -> str | None:
        async for batch in self._client.batches.list(limit=100):
            if (batch.metadata or {}).get("tag") == tag and batch.status != "failed":
                return str(batch.id)
        return None

    async def _download(self, name: str, file: IO[bytes]) -> None:
        file.seek(0)
        file.truncate()
        async with self._client.files.with_streaming_response.content(name) as content:
            async for chunk in content.iter_bytes():
                file.write(chunk)


def outcomes(link: Link, batch: str, file: IO[bytes]) -> Iterator[tuple[str, Reply | RowError]]:
    """Yield what each line of an output or error file says.

    Raises:
        ModelError: a line that no batch file has.
    """
    for number, line in enumerate(file, 1):
        try:
            entry = json.loads(line)
            name, outcome = str(entry["custom_id"]), _outcome(link, entry)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(
                f"batch {batch}, line {number} of its answers: not a batch's line ({error})"
            ) from error
        if outcome is not None:
            yield name, outcome


def _outcome(link: Link, entry: Json) -> Reply | RowError | None:
    """What a line says; None for a request that was not come to."""
    response: Any = entry.get("response")
    if response is None:
        error = entry["error"]
        told = f"{error.get('code')}: {link.place.scrubbed(str(error.get('message')))}"
        return None if error.get("code") in _UNANSWERED else RowError("call_failed", None, told)
    if response["status_code"] != 200:
        body = json.dumps(response["body"])
        failed = error_of(
            link.place, response["status_code"], body, {}, answered=True
        )  # the key made the batch
        if isinstance(failed, TryError):
            return RowError("call_failed", None, f"{link.place.name}: {failed}")
        if isinstance(failed, RowError):
            return failed
        raise failed
    try:
        return reply_of(response["body"])
    except NonsenseError as error:
        return FailedCall(
            f"{link.place.name}: {link.place.scrubbed(str(error))}",
            attempts=1,
            prompt_tokens=error.usage.prompt_tokens,
            completion_tokens=error.usage.completion_tokens,
        )
