"""Batch files against a real HTTP server."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from pairwright.samplers import BatchStatus, FailedCall, Model, _openai_batches
from pairwright.samplers._openai_batches import BatchFiles, outcomes
from pairwright.samplers._openai_link import linked
from pairwright.samplers.openai import PART, Options
from pairwright.schemas.errors import ModelError, ParameterError, RowError
from pairwright.schemas.request import Reply, Request

T = TypeVar("T")
HUGE = {"content": [{"token": "A", "logprob": 10**400}]}


def do(model: Model, act: Callable[[Any], Awaitable[T]]) -> T:
    """Run ``act`` with the open batches of a model."""

    async def main() -> T:
        assert PART.batches is not None
        async with PART.batches(model, Options()) as batches:
            return await act(batches)

    return asyncio.run(main())


async def finished(batches: Any, name: str) -> BatchStatus:
    while not (status := await batches.status(name)).ended:
        pass
    return status


async def collected(batches: Any, name: str) -> dict[str, Any]:
    await finished(batches, name)
    return {key: outcome async for key, outcome in batches.collect(name)}


@pytest.fixture
def requests(ask: Any, picture: Any) -> dict[str, Request]:
    return {f"row-{number}": ask(picture(seed=number), f"Row {number}?", n=2) for number in range(9)}


def test_answers_are_those_of_single_calls(double: Any, model: Model, requests: dict[str, Request]) -> None:
    async def both(batches: Any) -> tuple[dict[str, Any], BatchStatus]:
        name = await batches.submit(requests, "run-1 part-1")
        return await collected(batches, name), await batches.status(name)

    found, status = do(model, both)
    assert status == BatchStatus(ended=True, answered=9, failed=0, total=9)

    async def singly() -> dict[str, Reply]:
        async with PART.open(model, Options()) as server:
            return {name: await server.sample(request) for name, request in requests.items()}

    single = asyncio.run(singly())
    assert {name: reply.answers for name, reply in found.items()} == {n: r.answers for n, r in single.items()}
    assert {reply.model for reply in found.values()} == {"tiny-double"}


def test_a_batch_is_found_by_its_tag_on_any_page(model: Model, requests: dict[str, Request]) -> None:
    async def act(batches: Any) -> None:
        first = await batches.submit(requests, "wanted")
        few = {"row-0": requests["row-0"]}
        for number in range(120):
            await batches.submit(few, f"other {number}")
        assert await batches.find("wanted") == first
        assert await batches.find("unknown") is None

    do(model, act)


def test_a_batch_made_before_the_connection_broke_is_not_made_again(
    double: Any, model: Model, requests: dict[str, Request]
) -> None:
    double.faults(batch="cut_after_submit")

    async def act(batches: Any) -> dict[str, Any]:
        return await collected(batches, await batches.submit(requests, "once"))

    assert len(do(model, act)) == 9
    assert double.stats()["batches"] == 1
    assert double.stats()["paid_most"] == 1


def test_an_expired_batch_gives_what_it_has(double: Any, model: Model, requests: dict[str, Request]) -> None:
    double.faults(batch="expired")

    async def act(batches: Any) -> tuple[dict[str, Any], BatchStatus]:
        name = await batches.submit(requests, "late")
        return await collected(batches, name), await batches.status(name)

    found, status = do(model, act)
    assert set(found) == {f"row-{number}" for number in range(4)}
    assert all(isinstance(reply, Reply) for reply in found.values())
    assert status == BatchStatus(ended=True, answered=4, failed=5, total=9)


def test_refused_requests_come_from_the_error_file(
    double: Any, model: Model, requests: dict[str, Request]
) -> None:
    double.faults(batch="errors")

    async def act(batches: Any) -> dict[str, Any]:
        return await collected(batches, await batches.submit(requests, "some bad"))

    found = do(model, act)
    refused = {name for name, outcome in found.items() if isinstance(outcome, RowError)}
    assert refused == {"row-1", "row-4", "row-7"}
    assert {found[name].reason for name in refused} == {"call_refused"}
    assert len(found) == 9


def test_a_batch_refused_as_a_whole(double: Any, model: Model, requests: dict[str, Request]) -> None:
    double.faults(batch="failed")

    async def act(batches: Any) -> None:
        name = await batches.submit(requests, "broken")
        with pytest.raises(ModelError, match=r"refused the batch .* Line 1 is not valid JSON"):
            await finished(batches, name)
        assert await batches.find("broken") is None  # so that it is handed in again

    do(model, act)


def test_batches_above_the_provider_s_limits_are_not_sent(
    double: Any, model: Model, requests: dict[str, Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(batches: Any) -> str:
        with pytest.raises(ParameterError) as caught:
            await batches.submit(requests, "large")
        return str(caught.value)

    monkeypatch.setattr(_openai_batches, "MOST_REQUESTS", 8)
    assert "1 to 8 requests, not 9" in do(model, refused)
    monkeypatch.setattr(_openai_batches, "MOST_REQUESTS", 9)
    monkeypatch.setattr(_openai_batches, "MOST_BYTES", 5000)
    assert "5,000 bytes" in do(model, refused)
    assert double.stats()["batches"] == 0


def test_an_empty_batch_is_refused(model: Model) -> None:
    async def act(batches: Any) -> None:
        with pytest.raises(ParameterError, match="not 0"):
            await batches.submit({}, "empty")

    do(model, act)


@pytest.mark.parametrize("options", [Options(n="one"), Options(leave_out=("n",))])
def test_one_answer_per_call_has_no_place_in_batch_files(model: Model, options: Options) -> None:
    async def main() -> None:
        assert PART.batches is not None
        async with PART.batches(model, options):
            pass

    with pytest.raises(ParameterError, match=r"options\.(n: one|leave_out: \[n\]) and calls\.batch"):
        asyncio.run(main())


def line(**values: Any) -> bytes:
    return (
        json.dumps({"custom_id": "a", "response": None, "error": None} | values, ensure_ascii=False).encode()
        + b"\n"
    )


def answered(status: int, body: Any) -> dict[str, Any]:
    return {"response": {"status_code": status, "body": body}}


def read(model: Model, content: bytes) -> list[Any]:
    async def main() -> list[Any]:
        async with linked(model, headers={}) as link:
            return list(outcomes(link, "batch_1", io.BytesIO(content)))

    return asyncio.run(main())


def test_lines_end_at_newlines_only(model: Model) -> None:
    text = "one\u2028two\x85three"
    body = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": text}}]}
    ((_, reply),) = read(model, line(**answered(200, body)))
    assert reply.answers[0].text == text


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (answered(400, {"error": {"message": "too long"}}), "call_refused"),
        (answered(429, {"error": {"message": "later"}}), "call_failed"),
        (answered(500, "oops"), "call_failed"),
        (answered(200, {"choices": []}), "call_failed"),
        (
            answered(200, {"choices": [{"finish_reason": "stop", "message": {}, "logprobs": HUGE}]}),
            "call_failed",
        ),
        ({"error": {"code": "server_error", "message": "lost"}}, "call_failed"),
    ],
)
def test_what_a_line_may_say(model: Model, values: dict[str, Any], reason: str) -> None:
    ((name, error),) = read(model, line(**values))
    assert (name, error.reason) == ("a", reason)


@pytest.mark.parametrize("content", [b"<html>\n", b"{}\n", line(), line(response=3)])
def test_a_file_that_is_none_of_a_batch_stops_the_run(model: Model, content: bytes) -> None:
    with pytest.raises(ModelError, match="batch_1, line 1"):
        read(model, content)


def test_a_key_refused_within_a_batch_stops_the_run(model: Model) -> None:
    with pytest.raises(ModelError, match="Set api_key_env"):
        read(model, line(**answered(401, {"error": {"message": "no"}})))


def test_a_server_without_batches(model: Model, requests: dict[str, Request]) -> None:
    elsewhere = model.model_copy(update={"base_url": model.base_url.removesuffix("/v1")})  # type: ignore[union-attr]

    async def act(batches: BatchFiles) -> None:
        with pytest.raises(ModelError, match="404"):
            await batches.submit(requests, "tag")

    do(elsewhere, act)


def test_what_a_broken_line_took_is_told(model: Model) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 5}
    ((_, error),) = read(model, line(**answered(200, {"choices": [], "usage": usage})))
    assert isinstance(error, FailedCall)
    assert (error.attempts, error.prompt_tokens, error.completion_tokens) == (1, 7, 5)
