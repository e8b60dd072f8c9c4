"""How likely a given answer is: which tokens are the answer's, over HTTP, and who cannot tell."""

import asyncio
from typing import Any

import pytest

from pairwright.samplers import CallSettings, Model, check_scoring, opened
from pairwright.samplers._scored import answer_tokens, with_answer
from pairwright.samplers._wire import NonsenseError, scored_reply_of
from pairwright.schemas.errors import ModelError, ParameterError, RowError, UnknownPartError
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Message, ModelId, Request, Token, request_key, scoring


def told(*texts: str) -> list[Token]:
    return [Token(text, -float(number)) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("prompt", "answer", "tokens"),
    [
        (("<user>", "Hi", "\n", "A", " red", " cat"), "A red cat", 3),
        (("<user>", "\n", "A", "red", "cat"), "A red cat", 3),  # white space that the tokenizer hides
        (("<user>", "\n", "", "", "🙂", "!"), "🙂!", 4),  # the first two are parts of a character
        (("<user>", "\n", "…", " no"), "... no", 2),
        (("a", "a", "a"), "a", 1),
        (("<user>", "cafe", "\u0301", "."), "cafe\u0301.", 3),  # an accent that is a token
        (("<user>", "caf\u00e9"), "cafe\u0301", 1),
        (("\n", "Yes"), " Yes\n", 1),
    ],
)
def test_the_tokens_of_an_answer_are_told_from_the_end(
    prompt: tuple[str, ...], answer: str, tokens: int
) -> None:
    assert list(answer_tokens(told(*prompt), answer)) == told(*prompt)[-tokens:]


@pytest.mark.parametrize("prompt", [("<user>", "A", " dog"), ("A red", " cat", "<end>"), ("cat",), ()])
def test_a_prompt_that_ends_otherwise_is_refused(prompt: tuple[str, ...]) -> None:
    with pytest.raises(RowError, match="does not end with the answer") as refused:
        answer_tokens(told(*prompt), "A red cat")
    assert refused.value.reason == "call_refused"


def test_a_beginning_that_was_given_is_joined_to_the_answer() -> None:
    request = Request((Message("user", ("Hi",)), Message("assistant", ("I see",))), scored=" a cat.")
    assert with_answer(request) == (Message("user", ("Hi",)), Message("assistant", ("I see a cat.",)))


def test_the_key_of_a_request_that_scores_nothing_is_what_it_was() -> None:
    model = ModelId("openai", "http://a", "m")
    plain = Request((Message("user", ("Hi",)),))
    assert request_key(model, plain) == "026010148aaebcc4f3ae3009349b4dd61823992ea802059432ff5eeeec314dfa"
    one, other = (scoring(Prompt("Hi"), text) for text in ("Hello.", "Bye."))
    assert len({request_key(model, request) for request in (plain, one, other)}) == 3


def test_a_server_of_vllm_is_asked_for_the_likelihood(double: Any, model: Model, picture: Any) -> None:
    prompts = [Prompt("<image>\nWhat is it?", (picture(),)), Prompt("What is it?")]

    async def main() -> list[Any]:
        async with opened(model) as server:
            return [await server.sample(scoring(prompt, "A red cat")) for prompt in prompts]

    seeing, blind = asyncio.run(main())
    for reply in (seeing, blind):
        (answer,) = reply.answers
        assert (answer.text, answer.finish) == ("A red cat", "stop")
        assert [token.text.strip() for token in answer.tokens] == ["A", "red", "cat"]
    body = double.last()[-1]["body"]
    assert body["messages"][-1] == {"role": "assistant", "content": "A red cat"}
    assert (body["prompt_logprobs"], body["max_tokens"], body["continue_final_message"]) == (0, 1, True)
    assert "logprobs" not in body
    assert sum(token.logprob for token in seeing.answers[0].tokens) != sum(
        token.logprob for token in blind.answers[0].tokens
    )


def test_a_server_that_says_nothing_of_prompts_cannot_be_used() -> None:
    choice = {"index": 0, "message": {"content": "x"}, "finish_reason": "length"}
    body = {"model": "other", "choices": [choice], "usage": {"prompt_tokens": 7}}
    with pytest.raises(ModelError, match="other gave no prompt_logprobs: only vLLM's own server"):
        scored_reply_of(body, "A cat")
    for odd in (5, {"a": 1}, [{"7": {"decoded_token": "A", "logprob": 10**400}}]):
        with pytest.raises(NonsenseError, match="prompt_logprobs"):
            scored_reply_of({**body, "prompt_logprobs": odd}, "A cat")
    with pytest.raises(NonsenseError) as nonsense:
        scored_reply_of({**body, "prompt_logprobs": [None, {"7": {"rank": 1}}]}, "A cat")
    assert nonsense.value.usage.prompt_tokens == 7


def test_who_cannot_tell_how_likely_an_answer_is() -> None:
    near = Model(model="m", base_url="http://127.0.0.1:8000/v1")
    for able in (near, Model(sampler="vllm", model="m"), Model(sampler="transformers", model="m")):
        check_scoring(able)
    check_scoring(Model())  # a packaged recipe names no model yet
    with pytest.raises(ParameterError, match=r"^base_url: api.openai.com does not tell"):
        check_scoring(Model(model="gpt-4o"))
    with pytest.raises(ParameterError, match=r"^calls.batch: "):
        check_scoring(near.model_copy(update={"calls": CallSettings(batch=True)}))
    with pytest.raises(UnknownPartError, match=r"^sampler: no 'vlm' among samplers"):
        check_scoring(Model(sampler="vlm", model="m"))
