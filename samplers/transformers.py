"""transformers in this process: for small models, and for what needs the model itself.

Slow beside vLLM, for it answers one request at a time, all n samples as one batch. In return the model is at hand: the
open sampler has ``model``, ``processor`` and ``tokenizer`` as attributes, for gradients and hidden states, and
``answer_logprobs`` says how likely a given answer is.

Sample k of a request depends on its own seed (seed + k), never on n or on its neighbours: noise of a generator of its
own is added to the log-probabilities, and the largest sum wins. With Gumbel noise that is exact sampling (Gumbel-max;
Maddison et al., arXiv 1411.0030). Only rounding could differ with the batch, where two tokens are equally likely to
the last digits.

This sampler cannot hold a model to a JSON schema, and does not pretend to: a request with one raises ModelError.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from pairwright.samplers import Model, SamplerPart
from pairwright.samplers._pictures import picture
from pairwright.samplers._transformers_write import Written, shares_prompt, write
from pairwright.schemas.errors import MissingExtraError, ModelError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.request import Answer, Message, Reply, Request, Token
from pairwright.schemas.settings import Settings


class Options(Settings):
    """How the model is loaded."""

    device: str = "auto"
    """``cpu``, ``cuda``, ``cuda:1`` …; ``auto`` takes a GPU where there is one."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """Type of the weights; ``auto`` as the model says."""
    max_image_side: Annotated[int, Field(ge=1)] | None = None
    """Shrink pictures with a longer side than this, in pixels, before the image processor sees them."""
    trust_remote_code: bool = False
    """Run code that comes with the model. Only for models you trust as you trust your own code."""


@dataclass(frozen=True, slots=True)
class Transformers:
    """An open model. Work on ``model`` yourself only while no request is under way: it lives in one thread."""

    name: str
    model: Any
    """A ``PreTrainedModel``, in evaluation mode."""
    processor: Any
    """Its processor; the tokenizer again for a model that knows only text."""
    tokenizer: Any
    max_image_side: int | None
    worker: Executor

    async def sample(self, request: Request) -> Reply:
        """Answer a request.

        Raises:
            RowError: ``call_refused`` for a prompt that the model cannot take; a reason of its own for a picture that
                cannot be decoded.
            ModelError: the request has a schema, which this sampler cannot hold a model to.
        """
        if request.schema is not None:
            told = "sampler transformers cannot hold a model to a JSON schema"
            raise ModelError(f"{told}; use sampler vllm or openai, or ask without one")
        answer = self._answer if request.scored is None else self._scored
        return await asyncio.get_running_loop().run_in_executor(self.worker, answer, request)

    async def answer_logprobs(self, messages: Sequence[Message], text: str) -> tuple[Token, ...]:
        """Return the tokens of an answer with their log-probabilities under a prompt, at temperature 1.

        The sum of them is the log-probability of the answer, without that of its end. ``messages`` end with the user's
        turn, or with the beginning of an answer that ``text`` continues.

        Raises:
            RowError: as :meth:`sample` does.
        """
        scored = partial(self._score, messages, text)
        tokens, _ = await asyncio.get_running_loop().run_in_executor(self.worker, scored)
        return tokens

    def encode(self, messages: Sequence[Message], copies: int = 1) -> dict[str, Any]:
        """Return a prompt as the model's inputs: tensors on its device, the same row ``copies`` times.

        Raises:
            RowError: ``call_refused`` for a prompt that the processor cannot take, or a picture's own reason.
        """
        images = [part for message in messages for part in message.parts if isinstance(part, Image)]
        pictures = [picture(image, self.max_image_side) for image in images]
        if pictures and self.processor is self.tokenizer:
            raise RowError("call_refused", None, f"{self.name} takes no images")
        self._check_markers(messages)
        continued = messages[-1].role == "assistant"
        try:
            text = self.processor.apply_chat_template(
                [{"role": one.role, "content": self._content(one)} for one in messages],
                add_generation_prompt=not continued,
                continue_final_message=continued,
                tokenize=False,
            )
            given = {"images": [pictures] * copies} if pictures else {}
            # The chat template writes the first token already.
            inputs = self.processor(
                text=[text] * copies, add_special_tokens=False, return_tensors="pt", **given
            )
        except (
            ValueError,
            IndexError,
            RuntimeError,
        ) as error:  # of a template or a processor that will not have it
            raise RowError("call_refused", None, str(error)) from error
        return self._fitting(inputs)

    def _check_markers(self, messages: Sequence[Message]) -> None:
        """Refuse texts that hold a marker for an image: processors let one pass for which there is no picture."""
        known = [getattr(self.processor, name, None) for name in ("image_token", "boi_token")]
        texts = [part for message in messages for part in message.parts if isinstance(part, str)]
        if any(isinstance(marker, str) and marker in text for marker in known for text in texts):
            raise RowError("call_refused", None, "the text holds the model's own marker for an image")

    def _fitting(self, inputs: Any) -> dict[str, Any]:
        dtype = self.model.dtype
        moved = {name: value.to(self.model.device) for name, value in inputs.items()}
        return {
            name: value.to(dtype) if value.is_floating_point() else value for name, value in moved.items()
        }

    def _content(self, message: Message) -> Any:
        if self.processor is self.tokenizer:
            return "".join(part for part in message.parts if isinstance(part, str))
        return [
            {"type": "image"} if isinstance(part, Image) else {"type": "text", "text": part}
            for part in message.parts
        ]

    def _answer(self, request: Request) -> Reply:
        drawn = request.sampling
        rows = 1 if drawn.temperature == 0 else request.n  # greedy samples are all the same
        inputs = self.encode(request.messages, 1 if shares_prompt(self.model) else rows)
        prompt = inputs["input_ids"].shape[1]
        self._check_length(prompt, drawn.max_tokens)
        begun = time.monotonic()
        written = write(self.model, self.tokenizer, inputs, drawn, first=request.first, rows=rows)
        answers = tuple(
            Answer(one.text, one.finish, None if drawn.logprobs is None else self._tokens(one))
            for one in written
        )
        return Reply(
            answers=answers * request.n if rows == 1 else answers,
            model=self.name,
            prompt_tokens=prompt,
            completion_tokens=sum(len(one.ids) for one in written),
            seconds=time.monotonic() - begun,
        )

    def _scored(self, request: Request) -> Reply:
        answer, begun = request.scored or "", time.monotonic()
        tokens, prompt = self._score(request.messages, answer)
        return Reply(
            answers=(Answer(answer, "stop", tokens),),
            model=self.name,
            prompt_tokens=prompt + len(tokens),
            completion_tokens=0,
            seconds=time.monotonic() - begun,
        )

    def _check_length(self, prompt: int, wanted: int) -> None:
        room = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if room is not None and prompt + wanted > room:
            told = f"the prompt has {prompt} tokens and the answer may have {wanted}"
            raise RowError("call_refused", None, f"{told}, more than the model's context of {room}")

    def _tokens(self, written: Written) -> tuple[Token, ...]:
        def text(token: int) -> str:
            return str(self.tokenizer.decode([token]))

        return tuple(
            Token(text(token), logprob, tuple((text(other), its) for other, its in likeliest))
            for token, logprob, likeliest in zip(
                written.ids, written.logprobs, written.likeliest, strict=True
            )
        )

    def _score(self, messages: Sequence[Message], text: str) -> tuple[tuple[Token, ...], int]:
        """Return the tokens of an answer, and how many the prompt has."""
        import torch

        inputs = self.encode(messages)
        prompt = inputs["input_ids"]
        answer = self.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"].to(
            prompt.device
        )
        self._check_length(prompt.shape[1], answer.shape[1])
        aligned = {"input_ids": answer, "attention_mask": torch.ones_like(answer)}
        for name, value in inputs.items():
            if value.shape == prompt.shape:  # one number per token: the answer's are 0, which means text
                tail = aligned.get(name, torch.zeros_like(answer))
                inputs[name] = torch.cat([value, tail.to(value.dtype)], dim=1)
        with torch.inference_mode():
            logits = self.model(**inputs).logits[0, prompt.shape[1] - 1 : -1]
        chosen = logits.float().log_softmax(-1).gather(1, answer[0][:, None])[:, 0]
        tokens = zip(answer[0].tolist(), chosen.tolist(), strict=True)
        told = tuple(Token(self.tokenizer.decode([token]), logprob) for token, logprob in tokens)
        return told, int(prompt.shape[1])


@asynccontextmanager
async def opened(model: Model, options: Options) -> AsyncIterator[Transformers]:
    """Open a model.

    Raises:
        MissingExtraError: transformers or torch is not installed.
        ModelError: the model cannot be loaded.
    """
    with ThreadPoolExecutor(1, "transformers") as worker:
        yield await asyncio.get_running_loop().run_in_executor(worker, _loaded, model, options, worker)


def _loaded(model: Model, options: Options, worker: Executor) -> Transformers:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtraError("sampler transformers", "transformers", "transformers") from error
    where = {"revision": model.revision, "trust_remote_code": options.trust_remote_code}
    try:
        processor = transformers.AutoProcessor.from_pretrained(model.model, **where)
        try:
            network = transformers.AutoModelForImageTextToText.from_pretrained(
                model.model, dtype=options.dtype, **where
            )
        except ValueError:  # a model that knows only text
            network = transformers.AutoModelForCausalLM.from_pretrained(
                model.model, dtype=options.dtype, **where
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ModelError(f"transformers cannot load {model.model}: {error}") from error
    best = "cuda" if torch.cuda.is_available() else "cpu"
    device = best if options.device == "auto" else options.device
    tokenizer = getattr(processor, "tokenizer", processor)
    _forget_defaults(network, tokenizer)
    return Transformers(
        str(model.model), network.to(device).eval(), processor, tokenizer, options.max_image_side, worker
    )


def _forget_defaults(network: Any, tokenizer: Any) -> None:
    """Keep of a model's own generation settings what ends an answer: a recipe names the sampling in full."""
    from transformers import GenerationConfig

    own = network.generation_config
    end = own.eos_token_id if own.eos_token_id is not None else tokenizer.eos_token_id
    first_end = end[0] if isinstance(end, list) else end
    pad = next(
        (one for one in (own.pad_token_id, tokenizer.pad_token_id, first_end) if one is not None), None
    )
    network.generation_config = GenerationConfig(
        bos_token_id=own.bos_token_id, eos_token_id=end, pad_token_id=pad
    )


PART = SamplerPart(
    options=Options,
    open=opened,
    remote=False,
    check_scoring=lambda model: None,
    summary="transformers in this process: small models, and white-box access to them",
    source="Hugging Face transformers, tried with 5.19; sampling by Gumbel-max (arXiv 1411.0030)",
)
