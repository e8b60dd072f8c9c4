"""Sampler `vllm` against one bare `LLM.chat` call over all prompts: same engine arguments, prompts, seeds, pictures.

    make test-vllm                                        # once: makes .venv-vllm
    .venv-vllm/bin/python benchmarks/generate_vllm.py     # tiny random model, on any machine
    .venv-vllm/bin/python benchmarks/generate_vllm.py --model FOLDER --dummy --gpu-memory 0.4   # real sizes, no weights

Both engines are up at once and take turns, so give each less than half of a GPU. Every round has pictures of its own,
so that no cache helps whoever comes second; both sides start from the files' bytes. Prints one JSON object: how many
times the throughput of the bare call the sampler reaches, with one sample to a prompt and with eight; and milliseconds
of this process's processor time that a prompt takes, bare and through the sampler (engines compute in other processes).
"""

import argparse
import asyncio
import gc
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from pairwright.samplers import CallSettings, Model, Sampler, opened
from pairwright.samplers.vllm import Options, engine_arguments
from pairwright.schemas.codec import read_image
from pairwright.schemas.image import Image
from pairwright.schemas.request import SEED_SPACING, Message, Reply, Request, Sampling

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # on a CPU two engines share the cores, and threads that spin take them from each other
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_LOGGING_LEVEL": "ERROR",
}
"""Set before vLLM is imported, where it is not set."""

QUESTION = "What is in the picture?"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="folder of a model; without it a tiny random one is made")
    parser.add_argument("--dummy", action="store_true", help="random weights: needs no weight files")
    parser.add_argument("--prompts", type=int, default=128, help="prompts in a round; a quarter with n=8")
    parser.add_argument("--rounds", type=int, default=25, help="rounds for each number of samples")
    parser.add_argument("--side", type=int, default=224, help="pixels along each side of a picture")
    parser.add_argument("--tokens", type=int, default=64, help="most tokens of an answer")
    parser.add_argument("--sequences", type=int, default=64, help="sequences computed at once")
    parser.add_argument("--context", type=int, default=512, help="tokens of prompt and answer together")
    parser.add_argument(
        "--window", type=int, help="prompts under way in the sampler; its own choice if not given"
    )
    parser.add_argument("--gpu-memory", type=float, help="part of the GPU for each of the two engines")
    chosen = parser.parse_args()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with tempfile.TemporaryDirectory() as folder:
        model = _model(chosen, chosen.model or _tiny(Path(folder)))
        print(json.dumps(asyncio.run(_measure(model, chosen))))


def _tiny(folder: Path) -> str:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "vllm"))
    from tiny_vlm import make

    return str(make(folder))


def _model(chosen: argparse.Namespace, folder: str) -> Model:
    # A CPU's cache for keys and values is set small; a GPU takes the part that it was given.
    engine = {} if chosen.gpu_memory else {"kv_cache_memory_bytes": 512 << 20, "max_num_batched_tokens": 4096}
    options = Options(
        dtype="auto" if chosen.gpu_memory else "float32",
        enforce_eager=not chosen.gpu_memory,
        max_model_len=chosen.context,
        max_num_seqs=chosen.sequences,
        max_num_batched_tokens=engine.pop("max_num_batched_tokens", None),
        gpu_memory_utilization=chosen.gpu_memory,
        limit_images=1,
        load_format="dummy" if chosen.dummy else "auto",
        engine=engine,
    )
    calls = CallSettings(concurrency=chosen.window) if chosen.window else CallSettings()
    return Model(sampler="vllm", model=folder, options=options.model_dump(exclude_defaults=True), calls=calls)


async def _measure(model: Model, chosen: argparse.Namespace) -> dict[str, Any]:
    bare = await asyncio.to_thread(_bare_engine, model)
    try:
        return await _compare(bare, model, chosen)
    finally:
        bare.llm_engine.engine_core.shutdown()  # its process would keep this one from ending


async def _compare(bare: Any, model: Model, chosen: argparse.Namespace) -> dict[str, Any]:
    async with opened(model) as sampler:
        await _round(bare, sampler, _requests(chosen, 0, n=2, prompts=16), turn=0)  # both warm
        # Python's rare full collection walks over all that was imported, for half a second, in whoever's turn it is.
        gc.collect()
        gc.freeze()
        result: dict[str, Any] = {}
        for name, n, prompts in (
            ("vllm_ratio", 1, chosen.prompts),
            ("vllm_ratio_n8", 8, max(16, chosen.prompts // 4)),
        ):
            rounds = []
            for turn in range(chosen.rounds):
                requests = _requests(chosen, 1 + turn + 100 * n, n=n, prompts=prompts)
                rounds.append(await _round(bare, sampler, requests, turn=turn))
            ratios = [theirs.seconds / ours.seconds for theirs, ours, _ in rounds]
            result[name] = round(statistics.median(ratios), 3)
            result[f"{name}_rounds"] = [round(ratio, 3) for ratio in ratios]
            result[f"{name}_processor_ms"] = [
                round(1000 * statistics.median(side.processor for side in sides) / prompts, 2)
                for sides in list(zip(*rounds, strict=True))[:2]
            ]
            result[f"{name}_tokens_per_s"] = round(
                statistics.median(tokens / ours.seconds for _, ours, tokens in rounds)
            )
    return result


def _bare_engine(model: Model) -> Any:
    from vllm import LLM
    from vllm.platforms import current_platform

    from pairwright.samplers._vllm_engine import for_cpu

    arguments = engine_arguments(model, Options.model_validate(model.options))
    return LLM(**(for_cpu(arguments) if current_platform.is_cpu() else arguments))


def _requests(chosen: argparse.Namespace, round_number: int, *, n: int, prompts: int) -> list[Request]:
    rng = np.random.default_rng(round_number)
    return [
        Request(
            (Message("user", (_picture(rng, chosen.side), QUESTION)),),
            Sampling(seed=(round_number * prompts + at) * SEED_SPACING, max_tokens=chosen.tokens),
            n=n,
        )
        for at in range(prompts)
    ]


def _picture(rng: np.random.Generator, side: int) -> Image:
    small = PIL.Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
    file = io.BytesIO()
    small.resize((side, side), PIL.Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return read_image(file.getvalue())


@dataclass(frozen=True)
class Turn:
    """What one contender took for a round."""

    seconds: float
    processor: float
    """Seconds of processor time, of this process."""


@contextmanager
def _timed(turns: list[Turn]) -> Iterator[None]:
    begun, processor = time.perf_counter(), time.process_time()
    yield
    turns.append(Turn(time.perf_counter() - begun, time.process_time() - processor))


async def _round(
    bare: Any, sampler: Sampler, requests: Sequence[Request], *, turn: int
) -> tuple[Turn, Turn, int]:
    """Return what the bare call and the sampler took, and tokens written, after comparing the answers."""

    async def by_bare() -> tuple[Turn, list[list[str]]]:
        turns: list[Turn] = []
        with _timed(turns):
            outputs = await asyncio.to_thread(_chat, bare, requests)
        return turns[0], [[one.text for one in output.outputs] for output in outputs]

    async def by_sampler() -> tuple[Turn, list[Reply]]:
        turns: list[Turn] = []
        with _timed(turns):
            replies = await asyncio.gather(*(sampler.sample(request) for request in requests))
        return turns[0], replies

    if turn % 2:
        (ours, replies), (theirs, texts) = await by_sampler(), await by_bare()
    else:
        (theirs, texts), (ours, replies) = await by_bare(), await by_sampler()
    same = sum(
        [answer.text for answer in reply.answers] == one for reply, one in zip(replies, texts, strict=True)
    )
    tokens = sum(reply.completion_tokens for reply in replies)
    print(
        f"n={requests[0].n}: bare {theirs.seconds:.2f} s ({theirs.processor:.2f} s here), "
        f"sampler {ours.seconds:.2f} s ({ours.processor:.2f} s here), {tokens} tokens, "
        f"same answers {same} of {len(requests)}",
        file=sys.stderr,
    )
    return theirs, ours, tokens


def _chat(bare: Any, requests: Sequence[Request]) -> Any:
    from vllm import SamplingParams

    conversations = [
        [
            {
                "role": "user",
                "content": [
                    {"type": "image_pil", "image_pil": PIL.Image.open(io.BytesIO(_image(request).data))},
                    {"type": "text", "text": QUESTION},
                ],
            }
        ]
        for request in requests
    ]
    params = [
        SamplingParams(n=one.n, temperature=1.0, seed=one.sampling.seed, max_tokens=one.sampling.max_tokens)
        for one in requests
    ]
    return bare.chat(conversations, params, use_tqdm=False)


def _image(request: Request) -> Image:
    return next(part for part in request.messages[0].parts if isinstance(part, Image))


if __name__ == "__main__":
    main()
