"""The sampler openai against a real HTTP server, with every fault the server knows."""

import asyncio
import json
import logging
import mimetypes
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from start import running

from pairwright.samplers import CallSettings, FailedCall, Model, checked, model_id, opened
from pairwright.samplers._limits import Clock
from pairwright.samplers._openai_link import error_of, linked, place_of
from pairwright.samplers._wire import DataUris, NonsenseError, expected_tokens, reply_of
from pairwright.samplers.openai import OpenAIServer, Options
from pairwright.schemas.errors import ModelError, ParameterError, RowError
from pairwright.schemas.image import EXTENSIONS, Header, Image
from pairwright.schemas.request import Answer, Message, Reply, Request

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"enum": ["A", "B"]}, "score": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["verdict", "score"],
    "additionalProperties": False,
}

pytestmark = pytest.mark.usefixtures("no_key")


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@dataclass
class Sleepless:
    """A clock that only sleeping moves, without taking any time."""

    at: float = 0.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)

    def clock(self) -> Clock:
        return Clock(self.now, self.sleep, lambda: 0.5)


@asynccontextmanager
async def sleepless(
    model: Model, time: Sleepless | None = None, **options: Any
) -> AsyncIterator[OpenAIServer]:
    async with linked(model, headers={}) as link:
        yield OpenAIServer(link, model, Options(**options), clock=(time or Sleepless()).clock())


async def whole(server: OpenAIServer, request: Request) -> list[Reply]:
    """Ask until all answers are there, as those who store them do."""
    replies: list[Reply] = []
    while missing := request.n - sum(len(reply.answers) for reply in replies):
        replies.append(
            await server.sample(replace(request, first=request.first + request.n - missing, n=missing))
        )
    return replies


def sample(model: Model, request: Request, **options: Any) -> Reply:
    """Ask once; waiting takes no time."""

    async def main() -> Reply:
        async with sleepless(model, **options) as server:
            return await server.sample(request)

    return asyncio.run(main())


def test_texts_and_pictures_arrive_in_order_and_byte_for_byte(
    double: Any, model: Model, ask: Any, picture: Any
) -> None:
    first, second = picture("JPEG"), picture("PNG", 1)
    sample(model, ask("Before", first, "between", second, "after?"))
    content = double.last()[-1]["body"]["messages"][0]["content"]
    assert [part.get("text") for part in content] == ["Before", None, "between", None, "after?"]
    urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    assert [url.partition(",")[0] for url in urls] == ["data:image/jpeg;base64", "data:image/png;base64"]
    assert [b64decode(url.partition(",")[2]) for url in urls] == [first.data, second.data]


@pytest.mark.parametrize("format", EXTENSIONS)
def test_every_picture_format_has_its_mime_type(format: str) -> None:
    uri = DataUris().of(Image(b"bytes", format, Header(format, "RGB", 1, 1)))
    assert mimetypes.guess_extension(uri.partition(";")[0].removeprefix("data:")) in {
        f".{EXTENSIONS[format]}",
        None,  # avif, on systems that do not know it
    }
    assert uri.startswith("data:image/")


def test_addresses_of_pictures_are_kept_up_to_a_size(picture: Any) -> None:
    pictures = [picture(seed=seed) for seed in range(4)]
    uris = DataUris(most=len(DataUris().of(pictures[0])) * 2 + 200)
    made = [uris.of(one) for one in pictures]
    assert made == [DataUris().of(one) for one in pictures]
    assert uris.of(pictures[3]) is made[3]
    assert uris.of(pictures[0]) is not made[0]


def test_what_is_drawn_and_how(double: Any, model: Model, ask: Any) -> None:
    request = ask(
        "Hi", n=3, first=2, temperature=0.7, top_p=0.9, top_k=20, max_tokens=6, stop=("\n\n",), logprobs=3
    )
    reply = sample(model, request)
    body = double.last()[-1]["body"]
    assert body == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 20,
        "max_tokens": 6,
        "stop": ["\n\n"],
        "n": 3,
        "seed": 1026,
        "logprobs": True,
        "top_logprobs": 3,
    }
    assert len(reply.answers) == 3
    assert reply.model == "tiny-double"
    assert (reply.prompt_tokens, reply.attempts) == (4, 1)
    assert reply.cached_tokens == 2
    assert 0 < reply.completion_tokens <= 18
    for answer in reply.answers:
        assert answer.tokens is not None
        assert "".join(token.text for token in answer.tokens).strip() == answer.text
        assert [len(token.alternatives) for token in answer.tokens] == [3] * len(answer.tokens)
        assert all(token.alternatives[0] == (token.text, token.logprob) for token in answer.tokens)


def test_samples_asked_for_later_are_the_same(model: Model, ask: Any) -> None:
    together = sample(model, ask("Hi", n=4)).answers
    apart = [sample(model, ask("Hi", first=k)).answers[0] for k in range(4)]
    assert list(together) == apart
    assert len({answer.text for answer in together}) == 4


def test_prefill_asks_the_server_to_go_on(double: Any, model: Model, ask: Any) -> None:
    request = ask("Describe it.")
    sample(model, replace(request, messages=(*request.messages, Message("assistant", ("There is",)))))
    body = double.last()[-1]["body"]
    assert body["messages"][-1] == {"role": "assistant", "content": "There is"}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)


@pytest.mark.parametrize("way", ["json_schema", "json_object", "none"])
def test_structured_output(double: Any, model: Model, ask: Any, way: Any) -> None:
    reply = sample(model, ask("Which?", schema=json.dumps(SCHEMA)), structured_output=way)
    sent = double.last()[-1]["body"].get("response_format")
    if way == "json_schema":
        assert set(json.loads(reply.answers[0].text)) == {"verdict", "score"}
        assert sent["json_schema"] == {"name": "answer", "strict": True, "schema": SCHEMA}
    else:
        assert sent == ({"type": "json_object"} if way == "json_object" else None)


def test_options_for_servers_that_differ(double: Any, model: Model, ask: Any, picture: Any) -> None:
    chosen: dict[str, Any] = {
        "max_tokens_field": "max_completion_tokens",
        "leave_out": ["temperature", "seed"],
        "extra_body": {"top_k": -1, "chat_template_kwargs": {"enable_thinking": False}},
        "detail": "low",
    }
    sample(model, ask(picture(), "Hi"), **chosen)
    body = double.last()[-1]["body"]
    assert body["max_completion_tokens"] == 1024
    assert {"temperature", "seed", "max_tokens"} & set(body) == set()
    assert (body["top_k"], body["chat_template_kwargs"]) == (-1, {"enable_thinking": False})
    assert body["messages"][0]["content"][0]["image_url"]["detail"] == "low"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"headers": {"Authorization": "Bearer x"}}, "looks like a secret"),
        ({"extra_body": {"n": 3}}, "n is set by the request itself"),
        ({"leave_out": ["messages"]}, "messages cannot be left out"),
        ({"max_token_field": "auto"}, "Did you mean 'max_tokens_field'"),
    ],
)
def test_options_that_cannot_be_meant(model: Model, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        checked(model.model_copy(update={"options": options}))


@pytest.mark.parametrize(
    "name",
    ["api-key", "Ocp-Apim-Subscription-Key", "x-functions-key", "X-Auth", "X-Password", "X-Credential", "Cookie", "X-Token"],
)  # fmt: skip
def test_headers_hold_no_secrets_and_the_error_neither(model: Model, name: str) -> None:
    with pytest.raises(ParameterError, match=f"{name} looks like a secret") as caught:
        checked(model.model_copy(update={"options": {"headers": {"X-Title": "pairs", name: "hunter2"}}}))
    assert "hunter2" not in str(caught.value)


def test_options_are_part_of_the_key_in_one_order(model: Model) -> None:
    keys = {
        model_id(model.model_copy(update={"options": {"leave_out": fields}})).options
        for fields in (["top_p", "seed"], ["seed", "top_p"])
    }
    assert len(keys) == 1


RETRIED = [
    "rate_limit", "server_error", "error_then_drop", "unavailable", "timeout", "conflict", "cut_before", "cut_middle",
    "html", "cut_json", "no_choices", "null_content", "aborted",
]  # fmt: skip


@pytest.mark.parametrize("fault", RETRIED)
def test_what_may_succeed_later_is_tried_again_and_paid_once(
    double: Any, model: Model, ask: Any, fault: str
) -> None:
    quiet = sample(model, ask("Hi"))
    double.reset()
    double.faults(queue=[fault, fault])
    reply = sample(model, ask("Hi"))
    assert reply.answers == quiet.answers
    assert reply.attempts == (
        5 if fault == "error_then_drop" else 3
    )  # each 500 is followed by a cut connection
    assert (double.stats()["paid"], double.stats()["paid_most"]) == (1, 1)


@pytest.mark.parametrize("fault", RETRIED)
def test_a_request_that_always_fails_is_rejected(double: Any, model: Model, ask: Any, fault: str) -> None:
    double.faults(by_text=[{"contains": "bad row", "fault": fault}])

    async def main() -> list[Any]:
        # error_then_drop cuts other rows too: one try more would not do
        patient = model.model_copy(update={"calls": CallSettings(concurrency=4, retries=3)})
        async with sleepless(patient) as server:
            asked = [
                server.sample(ask(f"row {number}" if number != 5 else "bad row")) for number in range(12)
            ]
            return await asyncio.gather(*asked, return_exceptions=True)

    done = asyncio.run(main())
    assert isinstance(done[5], FailedCall)
    assert done[5].reason == "call_failed"
    assert done[5].attempts >= 4
    assert [number for number, outcome in enumerate(done) if not isinstance(outcome, Reply)] == [5]
    assert double.stats()["paid_most"] == 1


@pytest.mark.parametrize("fault", ["bad_request", "too_large", "unprocessable", "filter_error"])
def test_a_refused_request_is_not_tried_again(double: Any, model: Model, ask: Any, fault: str) -> None:
    double.faults(queue=[fault])
    with pytest.raises(RowError) as caught:
        sample(model, ask("Hi"))
    assert caught.value.reason == "call_refused"
    assert double.stats()["calls"] == 2  # nobody else had been answered, so the server itself was tried
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unauthorized", "Set api_key_env"),
        ("forbidden", "Set api_key_env"),
        ("unknown_model", "Set model"),
        ("no_quota", "no money or quota"),
    ],
)
def test_a_model_that_cannot_be_used(double: Any, model: Model, ask: Any, fault: str, words: str) -> None:
    double.faults(queue=[fault])
    with pytest.raises(ModelError, match=words) as caught:
        sample(model, ask("Hi"))
    assert double.stats()["calls"] == 1
    assert ".." not in str(caught.value)


def test_a_model_the_server_does_not_know(model: Model, ask: Any) -> None:
    with pytest.raises(ModelError, match=r"larger.*Set model"):
        sample(model.model_copy(update={"model": "larger"}), ask("Hi"))


def test_a_picture_the_server_cannot_read_is_refused(model: Model, ask: Any, picture: Any) -> None:
    with pytest.raises(RowError, match="Invalid image"):
        sample(model, ask(replace(picture("PNG"), header=Header("JPEG", "RGB", 1, 1))))


def test_filtered_and_cut_answers_say_so(double: Any, model: Model, ask: Any) -> None:
    double.faults(queue=["content_filter"])
    assert sample(model, ask("Hi")).answers == (Answer("", "filtered"),)
    assert sample(model, ask("Hi", max_tokens=2)).answers[0].finish == "length"


def test_choices_left_out_are_asked_for_again(double: Any, model: Model, ask: Any) -> None:
    quiet = sample(model, ask("Hi", n=4))
    double.faults(queue=["fewer_choices"])

    async def main() -> list[Reply]:
        async with sleepless(model) as server:
            return await whole(server, ask("Hi", n=4))

    first, rest = asyncio.run(main())
    assert first.answers + rest.answers == quiet.answers
    assert [(entry["body"]["n"], entry["body"]["seed"]) for entry in double.last()[-2:]] == [
        (4, 1024),
        (1, 1027),
    ]


def test_a_server_that_ignores_n_gets_one_call_per_answer(model: Model, ask: Any) -> None:
    with running("--ignores-n", "--keep", "64") as other:
        there = model.model_copy(update={"base_url": other.url})

        async def main() -> list[list[Reply]]:
            async with sleepless(there) as server:
                return [await whole(server, ask(f"Hi {number}", n=3)) for number in range(5)]

        for replies in asyncio.run(main()):
            assert len({reply.answers[0].text for reply in replies}) == 3
        assert [entry["body"]["n"] for entry in other.last()] == [3, 2, 1] + [3] + [1] * 11
        assert [entry["body"]["seed"] for entry in other.last()[-3:]] == [1024, 1025, 1026]


def test_one_answer_per_call_is_handed_over_before_the_next_is_asked(
    double: Any, model: Model, ask: Any
) -> None:
    """So a failed answer costs none of its siblings."""
    together = sample(model, ask("Hi", n=4)).answers
    double.reset()
    double.faults(queue=["ok", "ok", "bad_request"])

    async def main() -> list[Answer]:
        async with sleepless(model, n="one") as server:
            had: list[Answer] = []
            for first in (0, 1):
                had += (await server.sample(ask("Hi", n=4 - first, first=first))).answers
            with pytest.raises(RowError):
                await server.sample(ask("Hi", n=2, first=2))
            for reply in await whole(server, ask("Hi", n=2, first=2)):
                had += reply.answers
            return had

    assert tuple(asyncio.run(main())) == together
    assert (double.stats()["paid"], double.stats()["paid_most"]) == (4, 1)


def test_tokens_of_failed_tries_are_counted(double: Any, model: Model, ask: Any) -> None:
    once = sample(model, ask("Hi"))
    double.faults(queue=["null_content", "cut_before", "aborted"])
    thrice = sample(model, ask("Hi"))
    assert thrice.attempts == 4
    assert (thrice.prompt_tokens, thrice.completion_tokens, thrice.cached_tokens) == (
        3 * once.prompt_tokens,
        3 * once.completion_tokens,
        3 * once.cached_tokens,
    )
    double.faults(by_text=[{"contains": "row Hi", "fault": "null_content"}])
    impatient = model.model_copy(update={"calls": CallSettings(retries=2)})
    with pytest.raises(FailedCall) as caught:
        sample(impatient, ask("row Hi"))
    quiet = sample(model, ask("Hi row"))
    assert caught.value.attempts == 3
    assert caught.value.prompt_tokens == 3 * quiet.prompt_tokens
    assert caught.value.completion_tokens > 0


def test_a_model_with_nothing_to_say_has_answered(double: Any, model: Model, ask: Any) -> None:
    double.faults(queue=["no_words"])
    assert sample(model, ask("Hi")).answers == (Answer("", "stop"),)
    assert double.stats()["calls"] == 1


def test_a_server_that_refuses_everything_stops_the_run(double: Any, model: Model, ask: Any) -> None:
    """It answers the canary, which is short and has no picture."""
    double.faults(by_text=[{"contains": "row", "fault": "unprocessable"}])
    wide = model.model_copy(update={"calls": CallSettings(concurrency=64)})

    async def main() -> list[Any]:
        async with sleepless(wide) as server:
            asked = (server.sample(ask(f"row {number}")) for number in range(60))
            return await asyncio.gather(*asked, return_exceptions=True)

    done = asyncio.run(main())
    assert {type(outcome) for outcome in done} == {ModelError}
    assert "refused the first 20 requests, and answered none; last: 422 Unprocessable entity. Look" in str(
        done[0]
    )


def test_a_moderated_request_is_refused(double: Any, model: Model, ask: Any) -> None:
    double.faults(queue=["moderated", "ok", "ok", "forbidden"])

    async def main() -> list[Any]:
        async with sleepless(model) as server:
            asked = [server.sample(ask(f"row {number}")) for number in range(3)]
            return [await asyncio.gather(one, return_exceptions=True) for one in asked]

    (flagged,), (reply,), (forbidden,) = asyncio.run(main())  # between the first two, the canary
    assert [flagged.reason, forbidden.reason] == ["call_refused", "call_refused"]
    assert isinstance(reply, Reply)


@pytest.mark.parametrize(
    ("words", "answered", "kind"),
    [
        ("Not allowed.", False, ModelError),
        ("Not allowed.", True, RowError),
        ("Key limit exceeded", True, ModelError),
        ("violates our usage policies", False, RowError),
    ],
)
def test_whom_a_403_is_about(words: str, answered: bool, kind: type[Exception]) -> None:
    place = place_of(Model(model="m", base_url="http://a/v1"))
    assert (
        type(error_of(place, 403, json.dumps({"error": {"message": words}}), {}, answered=answered)) is kind
    )


def test_a_stopped_model_is_not_asked(model: Model, ask: Any) -> None:
    """Further in test_limits."""

    async def main() -> None:
        async with sleepless(model) as server:
            server.stop()
            server.stop()
            with pytest.raises(ModelError, match="the run has ended"):
                await server.sample(ask("Hi"))

    asyncio.run(main())


def test_retry_after_is_respected(double: Any, model: Model, ask: Any) -> None:
    double.faults(queue=["rate_limit"], retry_after=17.5)
    time = Sleepless()

    async def main() -> None:
        async with sleepless(model, time) as server:
            await server.sample(ask("Hi"))

    asyncio.run(main())
    assert 17.5 <= sum(time.waits) < 20
    assert max(time.waits) >= 17.5


def test_a_limit_told_in_headers_is_kept(double: Any, model: Model, ask: Any) -> None:
    """In real time, but nothing is said of how long it takes."""

    def refused(show: bool) -> int:
        double.reset()
        double.limit(per_second=60, burst=4, show=show)

        async def main() -> None:
            patient = model.model_copy(update={"calls": CallSettings(concurrency=64)})
            async with opened(patient) as server:
                await asyncio.gather(*(server.sample(ask(f"Hi {number}")) for number in range(80)))

        asyncio.run(main())
        assert (double.stats()["paid"], double.stats()["paid_most"]) == (80, 1)
        return int(double.stats()["by_status"].get("429", 0))

    assert refused(show=True) < refused(show=False) / 2


def test_many_requests_through_every_fault_are_each_answered_once(
    double: Any, model: Model, ask: Any
) -> None:
    def outcomes() -> list[Any]:
        async def main() -> list[Any]:
            async with sleepless(model) as server:
                asked = (server.sample(ask(f"Hi {number}", n=2)) for number in range(150))
                return [reply.answers for reply in await asyncio.gather(*asked)]

        return asyncio.run(main())

    quiet = outcomes()
    double.reset()
    double.faults(seed=3, rates=dict.fromkeys(RETRIED, 0.02))
    assert outcomes() == quiet
    stats = double.stats()
    assert stats["calls"] > 170
    assert (stats["paid_distinct"], stats["paid_most"]) == (150, 1)


def test_a_server_that_is_down_stops_the_run_and_the_next_one_goes_on(
    double: Any, model: Model, ask: Any
) -> None:
    double.faults(down=True)

    async def main() -> list[Any]:
        async with sleepless(model) as server:
            asked = (server.sample(ask(f"Hi {number}")) for number in range(40))
            return await asyncio.gather(*asked, return_exceptions=True)

    done = asyncio.run(main())
    assert all(isinstance(outcome, ModelError) for outcome in done)
    assert "nothing has succeeded for" in str(done[0])
    assert double.stats()["calls"] < 80
    double.faults(down=False)
    assert len(asyncio.run(main())) == 40


def test_no_server_at_all(ask: Any) -> None:
    nowhere = Model(model="tiny", base_url="http://127.0.0.1:9/v1", calls=CallSettings(retries=1))
    with pytest.raises(
        ModelError, match=r"tiny at 127\.0\.0\.1:9: nothing has succeeded for .* no connection"
    ):
        sample(nowhere, ask("Hi"))


def test_keys_are_sent_and_never_told(
    model: Model, ask: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = "sk-right-0123456789"
    monkeypatch.setenv("JUDGE_KEY", key)
    with running("--api-key", key) as other:
        there = model.model_copy(update={"base_url": other.url, "api_key_env": "JUDGE_KEY"})
        sample(there, ask("Hi"))
        other.faults(queue=["unauthorized"])  # its words repeat the key
        with pytest.raises(ModelError, match=r"Incorrect API key provided: \[key\].*Set JUDGE_KEY") as caught:
            sample(there, ask("Hi"))
        with pytest.raises(ModelError, match="Set api_key_env"):
            sample(there.model_copy(update={"api_key_env": None}), ask("Hi"))
    assert key not in str(caught.value)
    assert key not in repr(caught.value.__cause__)
    assert key not in caplog.text


@pytest.mark.parametrize(
    ("model", "environment", "words"),
    [
        (Model(model="m"), {}, "base_url: missing"),
        (Model(model="m", base_url="https://api.openai.com/v1"), {}, "set OPENAI_API_KEY"),
        (Model(model="m", api_key_env="MINE"), {"OPENAI_API_KEY": "sk-1"}, "MINE is not set"),
        (Model(model="m", api_key_env="AIzaSyD3adB33f"), {}, "no environment variable has the name"),
    ],
)
def test_what_is_missing_is_named_on_opening(
    model: Model, environment: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    async def main() -> None:
        async with opened(model):
            pass

    with pytest.raises(ModelError, match=words) as caught:
        asyncio.run(main())
    assert "AIza" not in str(caught.value)


@pytest.mark.parametrize(
    ("base_url", "key"),
    [
        (None, "sk-1"),
        ("https://eu.api.openai.com/v1", "sk-1"),
        ("http://127.0.0.1:8000/v1", "none"),
        ("https://openai.com.example.org/v1", "none"),
    ],
)
def test_the_key_of_openai_goes_to_openai_only(
    base_url: str | None, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    assert place_of(Model(model="m", base_url=base_url)).key == key


def test_a_parameter_no_request_may_have_stops_the_run(model: Model, ask: Any) -> None:
    with (
        running("--refuse", "max_tokens") as other,
        pytest.raises(ModelError, match=r"'max_tokens' is not supported.*max_tokens_field"),
    ):
        sample(model.model_copy(update={"base_url": other.url}), ask("Hi"))


@pytest.mark.parametrize("status", [402, 405, 301])
def test_other_answers_are_about_the_server(status: int) -> None:
    error = error_of(place_of(Model(model="m", base_url="http://a/v1")), status, "<html>no</html>", {})
    assert isinstance(error, ModelError)


@pytest.mark.parametrize("body", ["404: Not Found", '{"detail": "Not Found"}'])
def test_a_404_that_is_not_about_the_model_asks_for_the_path_first(body: str) -> None:
    told = str(error_of(place_of(Model(model="m", base_url="http://127.0.0.1:8299")), 404, body, {}))
    assert told.startswith(
        "m at 127.0.0.1:8299: 404 Not Found. Is the path of base_url http://127.0.0.1:8299 "
    )
    assert told.index("/v1") < told.index("set model")


def choice(**values: Any) -> dict[str, Any]:
    return {"index": 0, "finish_reason": "stop", "message": {"content": "Yes."}} | values


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (choice(message={"content": None, "refusal": "I cannot."}), Answer("I cannot.", "filtered")),
        (choice(message={"content": None}, finish_reason="length"), Answer("", "length")),
        (choice(message={"content": [{"type": "text", "text": "Yes."}]}), Answer("Yes.", "stop")),
        (choice(finish_reason="SAFETY"), Answer("Yes.", "filtered")),
        (choice(finish_reason="repetition"), Answer("Yes.", "repetition")),
        (choice(message={"content": None}), Answer("", "stop")),
        (choice(finish_reason="end_turn"), Answer("Yes.", "stop")),
        (choice(finish_reason="MAX_TOKENS"), Answer("Yes.", "length")),
    ],
)
def test_answers_as_servers_write_them(given: dict[str, Any], answer: Answer) -> None:
    reply = reply_of({"choices": [given]})
    assert reply.answers == (answer,)
    assert (reply.prompt_tokens, reply.completion_tokens) == (0, 0)


@pytest.mark.parametrize(
    "body",
    [
        None, [], "no", {}, {"choices": None}, {"choices": [None]}, {"choices": [{}]}, {"error": {"message": "busy"}},
        {"choices": [choice(message=None)]}, {"choices": [choice(finish_reason=None)]}, {"choices": [choice(logprobs=3)]},
        {"choices": [choice(logprobs={"content": [{"token": "A", "logprob": -(10**400)}]})]},
        {"choices": [choice(finish_reason="abort")]}, {"choices": [choice(finish_reason="power cut")]},
    ],
)  # fmt: skip
def test_nonsense_is_known_as_such(body: Any) -> None:
    with pytest.raises(NonsenseError):
        reply_of(body)


def test_answers_before_a_bad_one_are_kept_in_order() -> None:
    choices = [
        choice(index=1, message={"content": "b"}),
        choice(index=0),
        choice(index=2, finish_reason="abort"),
    ]
    assert [answer.text for answer in reply_of({"choices": choices, "usage": "none"}).answers] == [
        "Yes.",
        "b",
    ]


def test_the_estimate_of_tokens_is_not_too_low(model: Model, ask: Any, picture: Any) -> None:
    request = ask("How many people are in the picture?", picture(), n=3, max_tokens=12)
    reply = sample(model, request)
    assert reply.prompt_tokens + reply.completion_tokens <= expected_tokens(request)
