"""Drives vLLM's synchronous engine: one thread renders prompts, hands them to the engine and takes its outputs.

vLLM's own asynchronous engine spends turns of an event loop on every prompt and every step, and they compete with the
rendering for the interpreter. Here the event loop sees a prompt twice: when it is asked and when it is answered.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any


@dataclass(slots=True, eq=False)
class Job:
    """One prompt on its way."""

    params: Any
    """vLLM's sampling parameters. Without them the prompt is rendered and nothing else."""
    answer: asyncio.Future[Any]
    """The finished ``RequestOutput``, or what was raised."""
    number: str = ""
    """Our name for the request, once the engine has it."""
    inner: str = ""
    """vLLM's name for it."""


class Driver:
    """One thread that has the engine for itself: vLLM's sockets and caches are made for one thread."""

    def __init__(self, client: Any) -> None:
        """Start the thread.

        Args:
            client: ``vllm.v1.engine.llm_engine.LLMEngine`` with its core in a process of its own.
        """
        from vllm.v1.engine import EngineCoreOutputs

        self._client = client
        self._outputs = client.engine_core.outputs_queue
        self._nothing = EngineCoreOutputs
        self._waiting: deque[tuple[Job, Callable[[], Any] | None]] = deque()
        self._running: dict[str, Job] = {}
        self._done: list[tuple[Job, Any]] = []
        self._numbers = count()
        self._asleep = self._ending = False
        self._ended: Exception | None = None
        self._thread = threading.Thread(target=self._drive, name="vllm-driver", daemon=True)
        self._thread.start()
        threading.Thread(target=self._watch, name="vllm-watch", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether no prompt is taken any more: the engine died, or was ended."""
        return self._ended is not None

    def put(self, job: Job, render: Callable[[], Any]) -> None:
        """Take a job, from any thread.

        Args:
            job: the prompt.
            render: makes its ``EngineInput``, in the driver's thread.
        """
        self._waiting.append((job, render))
        self._wake()
        if self._ended is not None:  # the thread may not have seen the job any more
            self._refuse(self._ended)

    def forget(self, job: Job) -> None:
        """Give up a job whose answer was cancelled."""
        self._waiting.appendleft((job, None))
        self._wake()

    def end(self) -> None:
        """End the thread. What is under way fails."""
        self._ending = True
        self._wake()
        self._thread.join()

    def _wake(self) -> None:
        # The thread says that it sleeps before it looks for work a last time, and others look whether it sleeps after
        # they gave it work: one of the two always sees the other.
        if self._asleep:
            self._asleep = False
            self._outputs.put_nowait(self._nothing())

    def _watch(self) -> None:
        """Pass on that the engine's process is gone: vLLM's thread that receives outputs then ends without a word."""
        from vllm.v1.engine.exceptions import EngineDeadError

        self._client.engine_core.output_queue_thread.join()
        self._outputs.put_nowait(EngineDeadError())

    def _drive(self) -> None:
        try:
            while not self._ending:
                if self._waiting:
                    self._begin(*self._waiting.popleft())
                else:
                    self._asleep = True
                    if not (self._waiting or self._ending):
                        self._step()  # waits for the engine, or for somebody who wakes us
                    self._asleep = False
                while not self._outputs.empty():
                    self._step()
                if self._done:
                    done, self._done = self._done, []
                    _deliver(done)
            self._end_with(RuntimeError("the engine was ended"))
        except Exception as error:  # noqa: BLE001  (all who wait have to know that the engine is gone)
            self._end_with(error)

    def _begin(self, job: Job, render: Callable[[], Any] | None) -> None:
        """Render a prompt and hand it to the engine; or take one back that was cancelled."""
        if render is None or job.answer.cancelled():
            if self._running.pop(job.number, None) is not None:
                self._client.abort_request([job.inner], internal=True)
            return
        try:
            prompt = render()
            if job.params is None:
                self._done.append((job, prompt))
                return
            job.number = str(next(self._numbers))
            job.inner = self._added(job.number, prompt, job.params)
            self._running[job.number] = job
        except Exception as error:  # noqa: BLE001  (goes to whoever asked)
            self._done.append((job, error))

    def _added(self, number: str, prompt: Any, params: Any) -> str:
        try:
            return str(self._client.add_request(number, prompt, params))
        except (
            TypeError,
            AttributeError,
        ) as error:  # of what was asked, such as a strange schema: no fault of ours
            raise ValueError(str(error)) from error

    def _step(self) -> None:
        for output in self._client.step():
            job = self._running.pop(output.request_id, None) if output.finished else None
            if job is not None:
                self._done.append((job, output))

    def _end_with(self, error: Exception) -> None:
        self._ended = error
        _deliver([*self._done, *((job, error) for job in self._running.values())])
        self._done, self._running = [], {}
        self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        while self._waiting:
            try:
                _deliver([(self._waiting.popleft()[0], error)])
            except IndexError:  # another thread took it
                return


def _deliver(done: Sequence[tuple[Job, Any]]) -> None:
    """Give answers to those who wait: one turn of their event loop for all that are there."""
    for loop in {job.answer.get_loop() for job, _ in done}:
        ours = [(job, outcome) for job, outcome in done if job.answer.get_loop() is loop]
        with suppress(RuntimeError):  # that loop was closed: nobody waits there
            loop.call_soon_threadsafe(_settle, ours)


def _settle(done: Iterable[tuple[Job, Any]]) -> None:
    for job, outcome in done:
        if job.answer.done():  # cancelled
            continue
        if isinstance(outcome, Exception):
            job.answer.set_exception(outcome)
        else:
            job.answer.set_result(outcome)
