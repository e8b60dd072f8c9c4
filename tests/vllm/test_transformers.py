"""Sampler `transformers` with a tiny model: its draws, and its white box against forward passes made by hand."""

import dataclasses
import io
import math
from typing import Any

import PIL.Image
import pytest

import pairwright.samplers._transformers_write as module
from pairwright.samplers import Model, opened
from pairwright.schemas.errors import ModelError, RowError
from pairwright.schemas.request import Message, Reply, Request, Sampling


def texts(reply: Reply) -> list[str]:
    return [answer.text for answer in reply.answers]


def by_hand(white_box: Any, messages: Any, text: str) -> list[float]:
    """Return log-probabilities of the text's tokens, from one forward pass without the sampler's own code."""
    import torch

    pictures = [part for message in messages for part in message.parts if not isinstance(part, str)]
    chat = "".join(
        f"<|im_start|>{one.role}\n"
        + "".join(part if isinstance(part, str) else "<image>" for part in one.parts)
        + "<|im_end|>\n"
        for one in messages
    )
    loaded = (
        [[PIL.Image.open(io.BytesIO(part.data)).convert("RGB") for part in pictures]] if pictures else None
    )
    prompt = white_box.processor(text=[chat + "<|im_start|>assistant\n"], images=loaded, return_tensors="pt")
    answer = white_box.tokenizer(text)["input_ids"]
    ids = torch.cat([prompt.pop("input_ids"), torch.tensor([answer])], dim=1)
    prompt["attention_mask"] = torch.ones_like(ids)
    with torch.no_grad():
        logits = white_box.model(input_ids=ids, **prompt).logits[0]
    places = range(ids.shape[1] - len(answer) - 1, ids.shape[1] - 1)
    return [float(logits[at].log_softmax(-1)[token]) for at, token in zip(places, answer, strict=True)]


def test_n_samples_are_those_that_single_requests_give(run: Any, white_box: Any, ask: Any) -> None:
    four = texts(run(white_box.sample(ask(1, n=4))))
    assert four == [texts(run(white_box.sample(ask(1, first=k))))[0] for k in range(4)]
    assert len(set(four)) == 4
    assert texts(run(white_box.sample(ask(1, n=4)))) == four
    assert texts(run(white_box.sample(ask(1, n=4, seed=99 * 1024)))) != four


def test_reading_the_prompt_once_changes_nothing(
    run: Any, white_box: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = texts(run(white_box.sample(ask(2, n=3))))
    monkeypatch.setattr("pairwright.samplers.transformers.shares_prompt", lambda model: False)
    assert texts(run(white_box.sample(ask(2, n=3)))) == once


def test_the_picture_is_encoded_once_for_all_samples(run: Any, white_box: Any, ask: Any) -> None:
    encoded = []
    tower = white_box.model.model.vision_model
    hook = tower.register_forward_hook(lambda *given: encoded.append(given[2].last_hidden_state.shape[0]))
    try:
        run(white_box.sample(ask(3, n=1)))
        run(white_box.sample(ask(3, n=5)))
    finally:
        hook.remove()
    assert encoded[0] == encoded[1]
    assert len(encoded) == 2


def test_greedy_takes_the_likeliest(run: Any, white_box: Any, ask: Any) -> None:
    reply = run(white_box.sample(ask(4, n=3, temperature=0, logprobs=2, max_tokens=6)))
    assert len(set(texts(reply))) == 1
    assert len(reply.answers) == 3
    for token in reply.answers[0].tokens:
        assert token.alternatives[0] == (token.text, token.logprob)
    for narrow in ({"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-4}):
        assert texts(run(white_box.sample(ask(4, max_tokens=6, **narrow)))) == texts(reply)[:1]


def test_draws_follow_the_distribution() -> None:
    import torch

    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0, -8.0]])
    sampling = Sampling(temperature=0.7, top_k=4, top_p=0.9)
    wanted = module.warped(logits.log_softmax(-1), sampling).softmax(-1)[0]
    draws, rows = 3000, 1
    draw = module.Draw(sampling, [torch.Generator().manual_seed(5)] * rows)
    counts = torch.zeros(5)
    for _ in range(draws):
        counts[int(draw(None, logits).argmax())] += 1
    assert wanted[-2:].tolist() == [0.0, 0.0]  # behind top_p, and behind top_k
    for share, count in zip(wanted.tolist(), counts.tolist(), strict=True):
        assert abs(count / draws - share) <= 4 * math.sqrt(share * (1 - share) / draws)


def test_top_p_keeps_the_token_that_passes_it() -> None:
    import torch

    logprobs = torch.tensor([[0.5, 0.3, 0.2]]).log()
    for top_p, kept in ((0.4, 1), (0.6, 2), (0.79, 2), (0.81, 3), (1.0, 3)):
        assert int(module.warped(logprobs, Sampling(top_p=top_p)).isfinite().sum()) == kept


@pytest.mark.parametrize("text", [" a red circle", "Drei Bälle.\n"])
def test_answer_logprobs_are_those_of_a_forward_pass(run: Any, white_box: Any, image: Any, text: str) -> None:
    with_picture = (Message("system", ("Brief.",)), Message("user", (image(1), "What is it?")))
    for messages in (with_picture, (Message("user", ("How many?",)),)):
        tokens = run(white_box.answer_logprobs(messages, text))
        assert [token.logprob for token in tokens] == pytest.approx(
            by_hand(white_box, messages, text), abs=1e-4
        )
    assert "".join(token.text for token in run(white_box.answer_logprobs(with_picture, " a red"))) == " a red"


def test_answer_logprobs_are_those_of_the_sampler(run: Any, white_box: Any, ask: Any) -> None:
    request = ask(5, "How many?", temperature=0, max_tokens=1, logprobs=0)
    drawn = run(white_box.sample(request)).answers[0]
    (scored,) = run(white_box.answer_logprobs(request.messages, drawn.tokens[0].text))
    assert scored.logprob == pytest.approx(drawn.tokens[0].logprob, abs=1e-4)


def test_a_begun_answer_is_scored_from_there(run: Any, white_box: Any, image: Any) -> None:
    messages = (Message("user", (image(1), "What is it?")),)
    whole = run(white_box.answer_logprobs(messages, " a red circle"))
    rest = run(white_box.answer_logprobs((*messages, Message("assistant", (" a red",))), " circle"))
    assert [one.logprob for one in rest] == pytest.approx(
        [one.logprob for one in whole[-len(rest) :]], abs=1e-4
    )


def test_stop_texts_end_an_answer(run: Any, white_box: Any, ask: Any) -> None:
    whole = texts(run(white_box.sample(ask(6, n=4))))
    stops = tuple(text[3:5] for text in whole)
    reply = run(white_box.sample(ask(6, n=4, stop=stops, logprobs=0)))
    for text, answer in zip(whole, reply.answers, strict=True):
        assert answer.text == text[: min(text.index(stop) for stop in stops if stop in text)]
        assert answer.finish == "stop"
    assert reply.completion_tokens == sum(len(answer.tokens) for answer in reply.answers) < 64


def test_answers_end_by_themselves_or_at_their_length(run: Any, white_box: Any, ask: Any) -> None:
    reply = run(white_box.sample(ask(7, n=16, max_tokens=120)))
    ended = [answer for answer in reply.answers if answer.finish == "stop"]
    assert ended
    assert reply.completion_tokens < 16 * 120
    assert all("<|" not in answer.text for answer in ended)
    assert [one.finish for one in run(white_box.sample(ask(7, max_tokens=1))).answers] == ["length"]


def test_the_gradient_reaches_the_picture(white_box: Any, image: Any) -> None:
    inputs = white_box.encode((Message("user", (image(1), "What is it?")),))
    inputs["pixel_values"].requires_grad_()
    white_box.model(**inputs).logits[0, -1].log_softmax(-1)[5].backward()
    assert float(inputs["pixel_values"].grad.abs().sum()) > 0


def test_a_schema_is_never_ignored(run: Any, white_box: Any, ask: Any) -> None:
    with pytest.raises(ModelError, match="JSON schema"):
        run(white_box.sample(ask(1, schema='{"type": "object"}')))


def test_what_cannot_be_answered_is_refused(run: Any, white_box: Any, ask: Any) -> None:
    with pytest.raises(RowError, match="than the model's context") as refused:
        run(white_box.sample(ask(1, max_tokens=1_000_000)))
    assert refused.value.reason == "call_refused"
    extra = dataclasses.replace(ask(1), messages=(Message("user", ("What is <image> here?",)),))
    with pytest.raises(RowError, match="own marker") as refused:
        run(white_box.sample(extra))
    assert refused.value.reason == "call_refused"


def test_a_model_that_is_not_there(run: Any) -> None:
    async def start() -> None:
        async with opened(Model(sampler="transformers", model="/no/such/folder")):
            pytest.fail("loaded")

    with pytest.raises(ModelError, match="no/such/folder"):
        run(start())


def test_a_model_that_knows_only_text(run: Any, white_box: Any, ask: Any, tmp_path: Any) -> None:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    LlamaForCausalLM(white_box.model.config.text_config).save_pretrained(tmp_path)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=white_box.tokenizer.backend_tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )
    tokenizer.chat_template = white_box.tokenizer.chat_template
    tokenizer.save_pretrained(tmp_path)

    async def answers() -> Reply:
        async with opened(Model(sampler="transformers", model=str(tmp_path))) as sampler:
            with pytest.raises(RowError, match="takes no images"):
                await sampler.sample(ask(1))
            return await sampler.sample(
                Request((Message("user", ("Hi",)),), Sampling(seed=0, max_tokens=3), n=2)
            )

    assert len(run(answers()).answers) == 2
