"""Sampler `vllm` against the real engine and a tiny model: what it must get right, and what must not break it."""

import asyncio
import dataclasses
import io
import json
from typing import Any

import PIL.Image
import pytest

import pairwright.samplers.vllm as module
from pairwright.samplers import Model, opened
from pairwright.schemas.codec import read_image
from pairwright.schemas.errors import ModelError, ParameterError, RowError
from pairwright.schemas.request import Message, Reply, Request, Sampling

LONG = json.dumps({"type": "array", "items": {"const": 1}, "minItems": 150, "maxItems": 150})
"""Schema that keeps the model writing for some 300 tokens."""


def texts(reply: Reply) -> list[str]:
    return [answer.text for answer in reply.answers]


async def together(sampler: Any, requests: list[Request]) -> list[Any]:
    return await asyncio.gather(*map(sampler.sample, requests), return_exceptions=True)


def narrow(sampler: Any, window: int) -> Any:
    """Return the same open model with another window."""
    return dataclasses.replace(sampler, slots=asyncio.Semaphore(window), window=window)


def test_the_module_imports_vllm_not_itself() -> None:
    import vllm

    assert module.__name__ == "pairwright.samplers.vllm"
    assert vllm.__name__ == "vllm"
    assert hasattr(vllm, "SamplingParams")


def test_n_samples_are_those_that_single_requests_give(run: Any, sampler: Any, ask: Any) -> None:
    four = texts(run(sampler.sample(ask(1, n=4))))
    single = [texts(run(sampler.sample(ask(1, first=k))))[0] for k in range(4)]
    assert four == single
    assert len(set(four)) == 4
    assert texts(run(sampler.sample(ask(1, first=2, n=2)))) == four[2:]


def test_a_seed_repeats_its_answer_alone_and_in_a_crowd(run: Any, sampler: Any, ask: Any) -> None:
    alone = [texts(run(sampler.sample(ask(number, n=2)))) for number in range(24)]
    crowd = run(together(sampler, [ask(number, n=2) for number in range(24)]))
    assert [texts(reply) for reply in crowd] == alone
    assert texts(run(sampler.sample(ask(3, seed=77 * 1024)))) != alone[3][:1]


def test_greedy_samples_are_all_the_same(run: Any, sampler: Any, ask: Any) -> None:
    reply = run(sampler.sample(ask(1, n=3, temperature=0)))
    assert len(reply.answers) == 3
    assert len(set(texts(reply))) == 1
    assert reply.completion_tokens <= 16


def test_greedy_answers_are_those_of_transformers(run: Any, sampler: Any, white_box: Any, ask: Any) -> None:
    requests = [ask(number, temperature=0, max_tokens=8, logprobs=2) for number in range(6)]
    ours, theirs = run(together(sampler, requests)), run(together(white_box, requests))
    assert [texts(reply) for reply in ours] == [texts(reply) for reply in theirs]
    assert [reply.prompt_tokens for reply in ours] == [reply.prompt_tokens for reply in theirs]
    assert len({texts(reply)[0] for reply in ours}) > 3  # the pictures matter
    for one, other in zip(ours, theirs, strict=True):
        logprobs = [token.logprob for token in other.answers[0].tokens]
        assert [token.logprob for token in one.answers[0].tokens] == pytest.approx(logprobs, abs=1e-3)


def test_another_picture_of_the_same_size_gets_its_own_answer(run: Any, sampler: Any, ask: Any) -> None:
    def first_token(number: int) -> float:
        request = ask(number, "Hm?", temperature=0, max_tokens=1, logprobs=0)
        return float(run(sampler.sample(request)).answers[0].tokens[0].logprob)

    seen = [first_token(number) for number in (30, 31, 30, 32, 31)]
    assert seen[0] == pytest.approx(seen[2], abs=1e-5)
    assert seen[1] == pytest.approx(seen[4], abs=1e-5)
    assert len({round(value, 4) for value in seen}) == 3


def test_a_shrunk_picture_is_another_picture(run: Any, sampler: Any, ask: Any) -> None:
    request = ask(40, temperature=0, max_tokens=1, logprobs=0)
    smaller = dataclasses.replace(sampler, max_image_side=16)
    whole, shrunk = (run(one.sample(request)).answers[0].tokens[0].logprob for one in (sampler, smaller))
    assert abs(whole - shrunk) > 1e-4


def test_bad_requests_cost_themselves_and_nothing_else(run: Any, sampler: Any, ask: Any, image: Any) -> None:
    whole = io.BytesIO()
    PIL.Image.effect_noise((64, 64), 80).save(whole, "PNG")
    cut = read_image(whole.getvalue()[:1500])
    bad = {
        "picture": Request((Message("user", (cut, "What is it?")),), Sampling(max_tokens=4)),
        "At most 2 image": Request(
            (Message("user", (image(1), image(2), image(3), "?")),), Sampling(max_tokens=4)
        ),
        "prompt": ask(1, "score " * 1000),
        "context": ask(1, max_tokens=500),
        "temperature": ask(1, temperature=3.0),
        "logprobs": ask(1, logprobs=21),
        "marker": ask(1, "What is <image> here?"),
        "nonsense": ask(1, schema='{"type": "nonsense"}'),
    }
    good = [ask(number) for number in range(8)]
    mixed = [one for pair in zip(good, bad.values(), strict=True) for one in pair]
    alone = [texts(run(sampler.sample(request))) for request in good]
    outcomes = run(together(sampler, mixed))
    assert [texts(reply) for reply in outcomes[0::2]] == alone
    for words, error in zip(bad, outcomes[1::2], strict=True):
        assert isinstance(error, RowError), error
        expected = "image_truncated" if words == "picture" else "call_refused"
        assert error.reason == expected, (words, error)
        if expected == "call_refused":
            assert words in str(error)


def test_a_long_answer_holds_nobody_up(run: Any, sampler: Any, ask: Any) -> None:
    async def order() -> list[int]:
        limited, ended = narrow(sampler, 8), []

        async def one(number: int) -> None:
            long = {"schema": LONG, "max_tokens": 400} if number == 0 else {"max_tokens": 4}
            await limited.sample(ask(number, **long))
            ended.append(number)

        await asyncio.gather(*map(one, range(24)))
        return ended

    assert run(order())[-1] == 0


def test_no_more_prompts_are_decoded_than_the_window_holds(
    run: Any, sampler: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, answered, most = 0, 0, 0
    picture = module.picture

    def counted(*given: Any) -> Any:
        nonlocal decoded, most
        decoded += 1
        most = max(most, decoded - answered)
        return picture(*given)

    async def all_of_them() -> None:
        limited = narrow(sampler, 4)

        async def one(number: int) -> None:
            nonlocal answered
            await limited.sample(ask(number, max_tokens=4))
            answered += 1

        await asyncio.gather(*map(one, range(40)))

    monkeypatch.setattr(module, "picture", counted)
    run(all_of_them())
    assert decoded == 40
    assert 1 < most <= 5  # an answer counts here a moment after its place was given on


def test_a_cancelled_request_gives_its_place_back(run: Any, sampler: Any, ask: Any) -> None:
    async def cancelled() -> Reply:
        limited = narrow(sampler, 1)
        for n in (1, 3):
            long = asyncio.create_task(limited.sample(ask(0, n=n, schema=LONG, max_tokens=400)))
            await asyncio.sleep(0.2)
            long.cancel()
        return await asyncio.wait_for(limited.sample(ask(1)), 20)

    assert len(run(cancelled()).answers) == 1
    assert sampler.engine.client.get_num_unfinished_requests() == 0


@pytest.mark.parametrize(
    "answer", [{"winner": "B", "score": 7}, "Zwei Bälle, rot.\nUnd ein „Würfel“.", ["a", 1, None]]
)
def test_a_schema_is_followed(run: Any, sampler: Any, ask: Any, answer: Any) -> None:
    reply = run(sampler.sample(ask(2, n=2, schema=json.dumps({"const": answer}), max_tokens=120)))
    assert [json.loads(text) for text in texts(reply)] == [answer, answer]
    assert {one.finish for one in reply.answers} == {"stop"}


def test_answers_without_a_picture(run: Any, sampler: Any, white_box: Any) -> None:
    turns = (
        Message("system", ("Be brief.",)),
        Message("user", ("How many cups?",)),
        Message("assistant", ("Three.",)),
        Message("user", ("And plates?",)),
    )
    request = Request(turns, Sampling(temperature=0, max_tokens=8))
    assert texts(run(sampler.sample(request))) == texts(run(white_box.sample(request)))


def test_pictures_keep_their_order(run: Any, sampler: Any, white_box: Any, image: Any) -> None:
    def request(*parts: Any) -> Request:
        return Request((Message("user", parts),), Sampling(temperature=0, max_tokens=1, logprobs=0))

    orders = [(image(1), "or", image(2)), (image(2), "or", image(1)), ("or", image(1), image(2))]
    ours, theirs = (
        [run(one.sample(request(*parts))).answers[0].tokens[0].logprob for parts in orders]
        for one in (sampler, white_box)
    )
    assert ours == pytest.approx(theirs, abs=1e-3)
    assert len({round(value, 4) for value in ours}) == 3


def test_the_beginning_of_an_answer_is_continued(run: Any, sampler: Any, white_box: Any, ask: Any) -> None:
    begun = ask(5, temperature=0, max_tokens=8)
    begun = dataclasses.replace(begun, messages=(*begun.messages, Message("assistant", ("There are 3",))))
    reply = run(sampler.sample(begun))
    assert texts(reply) == texts(run(white_box.sample(begun)))
    assert texts(reply) != texts(run(sampler.sample(ask(5, temperature=0, max_tokens=8))))
    assert not texts(reply)[0].startswith("There are 3")


def test_logprobs(run: Any, sampler: Any, ask: Any) -> None:
    reply = run(sampler.sample(ask(6, temperature=0, logprobs=3, max_tokens=5)))
    tokens = reply.answers[0].tokens
    assert len(tokens) == reply.completion_tokens
    for token in tokens:
        assert token.alternatives[0] == (token.text, token.logprob)
        assert [value for _, value in token.alternatives] == sorted(
            (value for _, value in token.alternatives), reverse=True
        )
        assert len(token.alternatives) == 3
    assert run(sampler.sample(ask(6))).answers[0].tokens is None


def test_what_it_took_is_counted(run: Any, sampler: Any, ask: Any) -> None:
    reply = run(sampler.sample(ask(7, n=3, max_tokens=4, schema=LONG)))
    assert (reply.completion_tokens, [one.finish for one in reply.answers]) == (12, ["length"] * 3)
    text = Request((Message("user", ("What is it?",)),), Sampling(max_tokens=1))
    assert reply.prompt_tokens > run(sampler.sample(text)).prompt_tokens + 4  # the picture's tokens
    assert 0 <= reply.cached_tokens <= reply.prompt_tokens
    assert reply.attempts == 1
    assert reply.seconds > 0


def test_an_error_inside_the_engine_is_tried_again(
    run: Any, sampler: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, fails = module.Vllm._asked, [True, False, True]

    async def unlucky(self: Any, request: Request, params: Any) -> Any:
        output = await asked(self, request, params)
        if fails.pop(0):
            output.outputs[0].finish_reason = "error"
        return output

    wanted = texts(run(sampler.sample(ask(9))))
    monkeypatch.setattr(module.Vllm, "_asked", unlucky)
    reply = run(sampler.sample(ask(9)))
    assert (texts(reply), reply.attempts) == (wanted, 2)
    with pytest.raises(RowError) as failed:
        run(dataclasses.replace(sampler, retries=0).sample(ask(9)))
    assert failed.value.reason == "call_failed"


def test_stop_texts_end_an_answer(run: Any, sampler: Any, ask: Any) -> None:
    whole = texts(run(sampler.sample(ask(8, n=4))))
    for sample, text in enumerate(whole):
        stop = text[3:5]
        answer = run(sampler.sample(ask(8, first=sample, stop=(stop,)))).answers[0]
        assert (answer.text, answer.finish) == (text[: text.index(stop)], "stop")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"model": "/no/such/folder"}, ModelError, "no/such/folder"),
        ({"options": {"engine": {"max_num_sequences": 3}}}, ParameterError, "max_num_seqs"),
        ({"options": {"engine": {"dtype": "float32"}}}, ParameterError, "dtype has a place of its own"),
        ({"options": {"engine": {"data_parallel_size": 2}}}, ParameterError, "data_parallel_size"),
        ({"options": {"max_model_len": 1_000_000}}, ModelError, "max_model_len"),
    ],
)
def test_an_engine_that_cannot_start_says_why(
    run: Any, model: Model, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    async def start() -> None:
        async with opened(model.model_copy(update=changes)):
            pytest.fail("started")

    with pytest.raises(error, match=words):
        run(start())
