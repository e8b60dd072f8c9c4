"""Fixtures of the tests that need vLLM: they run in an environment of its own (`make test-vllm`), and elsewhere not."""

import asyncio
import importlib.util
import io
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from pairwright.samplers import CallSettings, Model, opened
from pairwright.schemas.codec import read_image
from pairwright.schemas.image import Image
from pairwright.schemas.request import Message, Request, Sampling

HERE = Path(__file__).resolve().parent
if importlib.util.find_spec("vllm") is None:
    collect_ignore_glob = ["test_*.py"]

# Read when torch and vLLM are imported, which only fixtures do.
os.environ.update(
    HF_HUB_OFFLINE="1",
    OMP_NUM_THREADS="1",  # threads that spin while they wait take the cores from each other
    VLLM_CPU_OMP_THREADS_BIND="nobind",
    VLLM_LOGGING_LEVEL="ERROR",
)

OPTIONS: dict[str, Any] = {
    "dtype": "float32",
    "enforce_eager": True,
    "max_model_len": 512,
    "max_num_seqs": 64,
    "max_num_batched_tokens": 2048,
    "limit_images": 2,
    "engine": {"kv_cache_memory_bytes": 256 << 20, "mm_processor_cache_gb": 0.25},
}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a tiny random model."""
    specification = importlib.util.spec_from_file_location("tiny_vlm", HERE / "tiny_vlm.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return str(module.make(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="session")
def run() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Runs coroutines, all in one event loop: an engine lives in the loop that first asked it."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture(scope="session")
def model(tiny: str) -> Model:
    return Model(sampler="vllm", model=tiny, options=OPTIONS, calls=CallSettings(concurrency=64))


@pytest.fixture(scope="session")
def sampler(run: Any, model: Model) -> Iterator[Any]:
    """Sampler `vllm` over the tiny model: one engine for all tests that do not break it."""
    yield from _open(run, model)


@pytest.fixture(scope="session")
def white_box(run: Any, tiny: str) -> Iterator[Any]:
    """Sampler `transformers` over the same model."""
    yield from _open(run, Model(sampler="transformers", model=tiny, options={"dtype": "float32"}))


def _open(run: Any, model: Model) -> Iterator[Any]:
    stack = AsyncExitStack()
    yield run(stack.enter_async_context(opened(model)))
    run(stack.aclose())


@pytest.fixture(scope="session")
def image() -> Callable[..., Image]:
    """Makes pictures: number, width, height."""

    def make(number: int, width: int = 64, height: int = 48, kind: str = "PNG") -> Image:
        rng = np.random.default_rng(number)
        file = io.BytesIO()
        blocks = PIL.Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
        blocks.resize((width, height), PIL.Image.Resampling.NEAREST).save(file, kind)
        return read_image(file.getvalue())

    return make


@pytest.fixture(scope="session")
def ask(image: Any) -> Callable[..., Request]:
    """Makes requests about a picture: its number, then what differs from the usual sampling."""

    def make(number: int, text: str = "What is it?", *, n: int = 1, first: int = 0, schema: str | None = None,
             **sampling: Any) -> Request:  # fmt: skip
        drawn = Sampling(**{"seed": 1024 * (number + 1), "max_tokens": 16, **sampling})
        return Request((Message("user", (image(number), text)),), drawn, n=n, first=first, schema=schema)

    return make


@pytest.fixture(scope="session")
def server(tiny: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of vLLM's own OpenAI-compatible server, which serves the tiny model as `tiny-vlm`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = {
        "--model": tiny,
        "--served-model-name": "tiny-vlm",
        "--host": "127.0.0.1",
        "--port": str(port),
        "--dtype": "float32",
        "--max-model-len": "8192",
        "--max-num-seqs": "64",
        "--max-num-batched-tokens": "8192",
        "--kv-cache-memory-bytes": str(256 << 20),
        "--limit-mm-per-prompt": '{"image": 2, "video": 0}',
        "--mm-processor-cache-gb": "0.25",
        "--generation-config": "vllm",
        "--structured-outputs-config": '{"backend": "guidance", "disable_any_whitespace": true}',
    }
    command = [sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server"]
    command += [word for pair in arguments.items() for word in pair]
    command += ["--enforce-eager", "--no-enable-chunked-prefill"]
    log = tmp_path_factory.mktemp("server") / "log"
    environment = {**os.environ, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    with log.open("w") as writing:
        process = subprocess.Popen(
            command, env=environment, stdout=writing, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _wait_until_healthy(process, f"http://127.0.0.1:{port}", log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"the server did not start:\n{log.read_text()[-3000:]}")
