"""vLLM in this process: one engine per model, no server.

Requests go to the engine one by one, through a window. Against one big ``LLM.chat`` call that keeps memory flat (every
prompt that waits holds its pixels), lets a short answer pass a long one, and costs one row for one bad prompt, where the
big call is lost as a whole. It takes no longer: pictures are decoded in threads, and all that is vLLM's goes on in one
thread, as in the big call (``benchmarks/generate_vllm.py``).

What limits it with pictures: vLLM runs the model's image processor in one thread per process, about 19 ms for
1000 × 1000 pixels, so some 50 pictures a second however fast the GPU is. ``max_image_side`` shrinks pictures before
they get there. Beyond that, use one process per GPU, or a server with ``--api-server-count``.

Of a model's ``calls`` only ``concurrency`` (the window) and ``retries`` mean something here: there is no server to be
patient with. Without ``concurrency`` the window is twice what the engine computes at once.

The engine runs in processes that are spawned: a script that opens this sampler needs the usual
``if __name__ == "__main__":``.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import PIL.Image
from pydantic import Field

from pairwright.samplers import CallSettings, Model, SamplerPart
from pairwright.samplers._pictures import picture
from pairwright.samplers._vllm_driver import Job
from pairwright.samplers._vllm_engine import Engine, started
from pairwright.samplers._vllm_prompt import (
    Rendered,
    answers,
    conversation,
    rendered,
    sampling_params,
)
from pairwright.schemas.errors import ModelError, ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.request import Message, Reply, Request, Sampling
from pairwright.schemas.settings import Settings

_PER_SEQUENCE = 2
"""Requests under way for each sequence that the engine computes at once, so that it never waits for one."""

_MOST_SEQUENCES = 1024
"""Sequences that vLLM computes at once by default on its largest GPUs (H100, H200)."""


class Options(Settings):
    """What the engine is started with. What is not given is left to vLLM."""

    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """Type of the weights; ``auto`` as the model says."""
    max_model_len: Annotated[int, Field(ge=1)] | None = None
    """Tokens of prompt and answer together."""
    tensor_parallel_size: Annotated[int, Field(ge=1)] = 1
    """GPUs that share the model."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] | None = None
    """Part of the GPU's memory that vLLM may take."""
    max_num_seqs: Annotated[int, Field(ge=1)] | None = None
    """Sequences computed at once; each of a request's n samples is one."""
    max_num_batched_tokens: Annotated[int, Field(ge=1)] | None = None
    """Tokens computed at once."""
    enforce_eager: bool = False
    """No CUDA graphs: starts sooner, runs slower."""
    limit_images: Annotated[int, Field(ge=0)] | None = None
    """Most images in a prompt; a prompt with more is refused."""
    mm_processor_kwargs: dict[str, Any] = {}
    """Settings of the model's image processor, for example ``size``."""
    max_image_side: Annotated[int, Field(ge=1)] | None = None
    """Shrink pictures with a longer side than this, in pixels, before the image processor sees them."""
    load_format: str = "auto"
    """``dummy`` for random weights."""
    quantization: str | None = None
    """For weights that do not say so themselves."""
    trust_remote_code: bool = False
    """Run code that comes with the model. Only for models you trust as you trust your own code."""
    engine: dict[str, Any] = {}
    """Further engine arguments of vLLM, by their names in its documentation."""


def engine_arguments(model: Model, options: Options) -> dict[str, Any]:
    """Return the arguments that vLLM's engine is started with.

    Raises:
        ParameterError: ``engine`` names what has an option of its own.
    """
    named = options.model_dump(exclude={"engine", "limit_images", "max_image_side"}, exclude_none=True)
    taken = sorted(
        {*type(options).model_fields, "limit_mm_per_prompt", "model", "revision"} & options.engine.keys()
    )
    if taken:
        raise ParameterError(f"options.engine: {taken[0]} has a place of its own in the recipe")
    counted = {} if options.limit_images is None else {"image": options.limit_images}
    return {
        "model": model.model,
        "revision": model.revision,
        "tokenizer_revision": model.revision,
        "enable_prefix_caching": True,
        "disable_log_stats": True,
        "limit_mm_per_prompt": {**counted, "video": 0},  # a modality of 0 is neither loaded nor measured
        # The other backends let a model write blanks and line breaks between the parts of an object until its tokens
        # are spent, and control characters into strings, which no JSON parser takes.
        "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True},
        **named,
        **options.engine,
    }


@dataclass(frozen=True, slots=True)
class Vllm:
    """An open model."""

    engine: Engine
    name: str
    """What the recipe calls the model."""
    max_image_side: int | None
    retries: int
    window: int
    """Requests under way at once; those beyond it wait, undecoded."""
    image_token: int | None
    """Id of the token that stands for an image, where the model's configuration tells."""
    decoders: Executor
    slots: asyncio.Semaphore

    async def sample(self, request: Request) -> Reply:
        """Answer a request. A prompt that leaves no room for ``max_tokens`` is refused, as a server would.

        Raises:
            RowError: ``call_refused`` with vLLM's own words, ``call_failed`` for an internal error at every try, or
                a reason of its own for a picture that cannot be decoded.
            ModelError: the engine is dead.
        """
        async with self.slots:
            with self._translated():
                params = sampling_params(request)
                for attempt in range(1, self.retries + 2):
                    begun = time.monotonic()
                    # Rendered anew at each try: the engine may have lost a picture from its cache.
                    output = await self._asked(request, params)
                    if all(one.finish_reason != "error" for one in output.outputs):
                        return self._reply(output, request, attempt, time.monotonic() - begun)
        raise RowError("call_failed", None, f"vLLM failed inside at each of {self.retries + 1} tries")

    async def _asked(self, request: Request, params: Any) -> Any:
        """Return the finished output: by the sampling's output kind, the only one there is."""
        job = Job(params, asyncio.get_running_loop().create_future())
        # Pictures are decoded in other threads, and the driver gets the prompt afterwards: it never waits for one.
        decoding = self.decoders.submit(self._decoded, request)
        decoding.add_done_callback(
            lambda made: self.engine.driver.put(job, partial(self._render, request, made))
        )
        try:
            return await job.answer
        except asyncio.CancelledError:
            self.engine.driver.forget(job)
            raise

    def _decoded(self, request: Request) -> dict[str, PIL.Image.Image]:
        images = {image.sha256: image for image in _images(request)}
        return {name: picture(image, self.max_image_side) for name, image in images.items()}

    def _render(self, request: Request, decoding: Future[dict[str, PIL.Image.Image]]) -> Any:
        """Apply chat template, tokenizer and image processor, in the driver's thread, as vLLM's caches want it."""
        from vllm.renderers.params import ChatParams

        pictures = decoding.result()
        continued = request.messages[-1].role == "assistant" or request.scored is not None
        template = {"add_generation_prompt": not continued, "continue_final_message": continued}
        renderer = self.engine.client.renderer
        _, (prompt,) = renderer.render_chat(
            [conversation(request, pictures, self.max_image_side)],
            ChatParams(chat_template_kwargs=template),
            # The chat template writes the first token already.
            renderer.default_chat_tok_params.with_kwargs(add_special_tokens=False),
        )
        made = rendered(prompt, self.image_token)
        wanted = len(_images(request))
        if made.images != wanted:
            raise RowError("call_refused", None, f"{made.images} of {wanted} images went into the prompt")
        self._check_length(made, request)
        return made.prompt

    def _check_length(self, prompt: Rendered, request: Request) -> None:
        room, wanted = self.engine.client.model_config.max_model_len, request.sampling.max_tokens
        if prompt.tokens + wanted > room:
            told = f"the prompt has {prompt.tokens} tokens and the answer may have {wanted}"
            raise RowError("call_refused", None, f"{told}, more than the model's context of {room}")

    def _reply(self, output: Any, request: Request, attempt: int, seconds: float) -> Reply:
        return Reply(
            answers=answers(output, request),
            model=self.name,
            prompt_tokens=len(output.prompt_token_ids),
            completion_tokens=sum(len(one.token_ids) for one in output.outputs),
            cached_tokens=output.num_cached_tokens or 0,
            attempts=attempt,
            seconds=seconds,
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise what vLLM says of a request as RowError, and of a dead engine as ModelError."""
        from vllm.v1.engine.exceptions import EngineDeadError

        try:
            yield
        except (RowError, TypeError, AttributeError, ImportError):  # the latter are no fault of a request
            raise
        except Exception as error:
            if isinstance(error, EngineDeadError) or self.engine.dead:
                raise ModelError(f"vLLM's engine died: {self.engine.last_words() or error}") from error
            raise RowError("call_refused", None, str(error)) from error


def _images(request: Request) -> list[Image]:
    return [part for message in request.messages for part in message.parts if isinstance(part, Image)]


def window(calls: CallSettings, sequences: int) -> int:
    """Return how many requests are under way at once: what the recipe says, or else enough to keep the engine busy.

    >>> window(CallSettings(), 256), window(CallSettings(concurrency=8), 256)
    (512, 8)
    """
    if "concurrency" in calls.model_fields_set:
        return calls.concurrency
    return max(calls.concurrency, _PER_SEQUENCE * sequences)


@asynccontextmanager
async def opened(model: Model, options: Options) -> AsyncIterator[Vllm]:
    """Open a model; its processes end with the ``async with``.

    Raises:
        MissingExtraError: vLLM is not installed.
        ParameterError: an engine argument that vLLM does not have.
        ModelError: the engine does not start, or the model has no chat template.
    """
    decoders = ThreadPoolExecutor(min(8, os.cpu_count() or 1), "pictures")
    with decoders:
        async with started(engine_arguments(model, options)) as engine:
            client = engine.client
            room = window(model.calls, client.vllm_config.scheduler_config.max_num_seqs)
            config = client.model_config.hf_config
            token = getattr(config, "image_token_id", getattr(config, "image_token_index", None))
            sampler = Vllm(
                engine=engine,
                name=str(model.model),
                max_image_side=options.max_image_side,
                retries=model.calls.retries,
                window=room,
                image_token=token,
                decoders=decoders,
                slots=asyncio.Semaphore(room),
            )
            await _try_template(sampler)
            yield sampler


async def _try_template(sampler: Vllm) -> None:
    """Render one short prompt: a model without chat template would refuse every row."""
    try:
        with sampler._translated():
            await sampler._asked(Request((Message("user", ("Hello",)),), Sampling(max_tokens=1)), None)
    except RowError as error:
        raise ModelError(f"{sampler.name} cannot be asked: {error.message}") from error


def _width(model: Model, options: Options) -> int:
    return window(model.calls, options.max_num_seqs or _MOST_SEQUENCES)


PART = SamplerPart(
    options=Options,
    open=opened,
    width=_width,
    check_scoring=lambda model: None,
    remote=False,
    summary="vLLM in this process: one engine per model, n samples from one request",
    source="vLLM (arXiv 2309.06180), tried with 0.32",
)
