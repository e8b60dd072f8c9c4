"""Starts and ends vLLM's engine, and keeps its last words.

The engine runs in processes of its own. What they log goes to a temporary file besides the terminal, because the
exception that reaches this process says only that something failed over there.
"""

import asyncio
import atexit
import gc
import json
import os
import re
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pairwright.samplers._vllm_driver import Driver
from pairwright.schemas.errors import MissingExtraError, ModelError, ParameterError
from pairwright.schemas.room import unknown

_STARTING = threading.Lock()
"""One engine starts at a time: they measure free memory, and what they are told stands in the environment."""

_ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    # This process has threads by now (pictures, event loop), and a fork of a process with threads may hang.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
}
_LOGGING = "VLLM_LOGGING_CONFIG_PATH"
_RECORD = "\x1e"
"""Begins a record in the log file: messages have many lines."""

_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception)\b")
"""Line of a traceback that says what was raised; hints of several lines may follow it."""

_CPU_CACHE_BYTES = 4 << 30
"""Bytes for attention's keys and values on CPUs, where vLLM would take 92 % of the memory, or refuse to start."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine."""

    client: Any
    """``vllm.v1.engine.llm_engine.LLMEngine``."""
    driver: Driver
    log: Path

    @property
    def dead(self) -> bool:
        """Whether it can answer nothing any more."""
        return self.driver.ended or bool(self.client.engine_core.resources.engine_dead)

    def last_words(self) -> str:
        """Return why the engine failed, as far as it said."""
        return last_words(self.log)


@asynccontextmanager
async def started(arguments: Mapping[str, Any]) -> AsyncIterator[Engine]:
    """Start an engine, and end all its processes on the way out.

    Raises:
        MissingExtraError: vLLM is not installed.
        ModelError: it does not start; the message has its last words.
    """
    with tempfile.TemporaryDirectory(prefix="pairwright-vllm-") as folder:
        log, made = Path(folder) / "log", _Made()
        starting = asyncio.ensure_future(
            asyncio.to_thread(_start, arguments, log, made)
        )  # minutes, for big models
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await starting  # a thread cannot be cancelled, and its engine must not outlive us
            await made.end()
            raise
        try:
            yield Engine(made.client, made.drive(), log)
        finally:
            await made.end()


@dataclass(slots=True)
class _Made:
    """What was started. Filled in by the thread that starts it: a thread's result would stay in memory, because vLLM
    keeps the frames it is imported in, and with them the future of the result.
    """

    client: Any = None
    driver: Driver | None = None

    def drive(self) -> Driver:
        """Start the thread that drives the engine."""
        self.driver = Driver(self.client)
        return self.driver

    async def end(self) -> None:
        """End the engine's processes: within a second, or by force after five."""
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        client, driver = self.client, self.driver
        self.client = self.driver = None
        if driver is not None:
            driver.end()
        client.renderer.shutdown()
        client.engine_core.shutdown()


def _start(arguments: Mapping[str, Any], log: Path, made: _Made) -> None:
    with _STARTING, _environment(log):
        try:
            from vllm.engine.arg_utils import EngineArgs
            from vllm.platforms import current_platform
            from vllm.usage.usage_lib import UsageContext
            from vllm.v1.engine.llm_engine import LLMEngine
        except ImportError as error:
            raise MissingExtraError("sampler vllm", "vllm", "vllm") from error
        atexit.register(
            gc.collect
        )  # an engine's own clean-up fails once the interpreter has taken its module apart
        _check_names(arguments, [field.name for field in fields(EngineArgs)])
        wanted = for_cpu(arguments) if current_platform.is_cpu() else arguments
        try:
            # The context of vLLM's class LLM brings its bigger batches; a server's are made for short waits.
            made.client = LLMEngine.from_engine_args(
                EngineArgs(**wanted), usage_context=UsageContext.LLM_CLASS, enable_multiprocessing=True
            )
        except Exception as error:  # from a wrong path to a full GPU: none leaves a model that could be used
            raise ModelError(
                f"vLLM could not start {arguments['model']}: {last_words(log) or error}"
            ) from error


def _check_names(arguments: Mapping[str, Any], known: Sequence[str]) -> None:
    if arguments.get("data_parallel_size", 1) != 1:
        raise ParameterError("options.engine: data_parallel_size needs a server, or a process for each GPU")
    for name in arguments:
        if name not in known:
            raise ParameterError(
                f"options.engine: {unknown('engine arguments of vLLM', name, sorted(known))}"
            )


def for_cpu(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return engine arguments that work on a CPU.

    There, a prompt whose reading is split over several steps ends the whole engine if its request has a seed ("CPU
    Generator does not use offset"), and all of ours have one. So prompts are read in one piece.

    >>> for_cpu({"model": "m", "kv_cache_memory_bytes": 1})
    {'enable_chunked_prefill': False, 'kv_cache_memory_bytes': 1, 'model': 'm'}
    """
    return {"enable_chunked_prefill": False, "kv_cache_memory_bytes": _CPU_CACHE_BYTES, **arguments}


@contextmanager
def _environment(log: Path) -> Iterator[None]:
    """Set what vLLM reads from the environment, where the user has not, and take the log file's name out again."""
    wanted = dict(_ENVIRONMENT)
    if os.environ.get("VLLM_CONFIGURE_LOGGING", "1") != "0":
        wanted[_LOGGING] = str(_describe_logging(log))
    ours = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        if _LOGGING in ours:
            del os.environ[_LOGGING]


def _describe_logging(log: Path) -> Path:
    """Write the file that has vLLM log into ``log``, and its warnings to the terminal as well."""
    configuration = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "record": {"format": f"{_RECORD}%(levelname)s %(message)s"},
            "line": {"format": "vllm: %(levelname)s %(message)s"},
        },
        "handlers": {
            "file": {"class": "logging.FileHandler", "filename": str(log), "formatter": "record"},
            "terminal": {
                "class": "logging.StreamHandler",
                "level": os.environ.get("VLLM_LOGGING_LEVEL", "WARNING"),
                "formatter": "line",
            },
        },
        "loggers": {"vllm": {"handlers": ["file", "terminal"], "level": "INFO", "propagate": False}},
    }
    described = log.with_suffix(".json")
    described.write_text(json.dumps(configuration))
    return described


def last_words(log: Path) -> str:
    """Return what the first error in a log file says, or nothing.

    The first error is the cause: a worker's traceback, of which the exception is returned. Those behind it say that
    the worker, and then the engine, could not go on.
    """
    if not log.exists():
        return ""
    for record in log.read_text(errors="replace").split(_RECORD):
        level, _, message = record.strip().partition(" ")
        if level in ("ERROR", "CRITICAL") and message:
            raised = [line for line in message.splitlines() if _EXCEPTION.match(line)]
            return (raised or message.splitlines())[-1].strip()
    return ""
