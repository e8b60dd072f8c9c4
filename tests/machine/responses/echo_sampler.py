"""A sampler that other packages would bring: it answers at once, and writes down in a folder what it was asked.

The texts of requests say what happens: ``refuse`` and ``fail`` raise, ``costly`` fails after three tries that were
paid, ``few`` and ``many`` give an answer too few and too many, ``half`` gives half of the answers, ``lame`` gives half of
them once and then fails, ``dead`` ends all. ``hold`` is answered when there is a file ``go``, and so is the model ``slow``
opened; ``queue`` is never sent.
Its batch files lie in the same folder, so that they outlive the process; ``die`` names the point at which it is killed.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from pairwright.samplers import BatchStatus, FailedCall, Model, SamplerPart
from pairwright.schemas.errors import ModelError, RowError
from pairwright.schemas.request import Answer, Reply, Request, Token
from pairwright.schemas.settings import Settings


class Options(Settings):
    folder: str
    version: int = 0


def note(folder: str, what: str) -> None:
    """Append a line; one write of this length is never torn."""
    with (Path(folder) / "log").open("a") as file:
        file.write(what + "\n")


def die_at(folder: str, point: str) -> None:
    if (Path(folder) / "die").exists() and (Path(folder) / "die").read_text() == point:
        (Path(folder) / "die").unlink()
        os.kill(os.getpid(), signal.SIGKILL)


async def gone(folder: str) -> None:
    while not (Path(folder) / "go").exists():
        await asyncio.sleep(0.01)


def text_of(request: Request) -> str:
    return "".join(str(part) for part in request.messages[-1].parts)


def reply(request: Request) -> Reply:
    text = text_of(request)
    if "refuse" in text:
        raise RowError("call_refused", "prompt", "too long")
    if "costly" in text:
        raise FailedCall("no text in it", attempts=3, prompt_tokens=30, completion_tokens=6)
    if "fail" in text or ("lame" in text and request.first):
        raise RowError("call_failed", None, "500 at every try")
    if "dead" in text:
        raise ModelError("the engine is dead")
    given = (request.n + 1) // 2 if "half" in text or "lame" in text else request.n
    numbers = range(request.first, request.first + given - ("few" in text) + ("many" in text))
    tokens = (
        None if request.sampling.logprobs is None else (Token("a", -0.1, (("a", -0.1), ("b\ud83d", -2.5))),)
    )
    answers = tuple(Answer(f"{text} {number}", "stop", tokens) for number in numbers)
    return Reply(
        answers, "echo-1", prompt_tokens=10, completion_tokens=2 * len(answers), cached_tokens=4, seconds=0.5
    )


class Echo:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.stopped = asyncio.Event()

    def stop(self) -> None:
        self.stopped.set()

    async def sample(self, request: Request) -> Reply:
        text = text_of(request)
        if "queue" in text:
            note(self.folder, "queued")
            await self.stopped.wait()
            raise ModelError("stopped before it was sent")
        note(self.folder, f"asked {request.first} {request.n} {text}")
        if "hold" in text:
            await gone(self.folder)
        else:
            await asyncio.sleep(0)
        die_at(self.folder, "sample")
        return reply(request)


@asynccontextmanager
async def open_model(model: Model, options: Options) -> AsyncIterator[Echo]:
    note(options.folder, "opened")
    if model.model == "slow":
        await gone(options.folder)
    if model.model == "broken":
        raise ModelError("no such model")
    yield Echo(options.folder)
    note(options.folder, "closed")


class EchoBatches:
    """Batch files as JSON files named by tag. ``expire`` in the folder makes the next batch answer its first half only."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    async def submit(self, requests: Mapping[str, Request], tag: str) -> str:
        die_at(str(self.folder), "before submit")
        lines = {name: [text_of(one), one.first, one.n] for name, one in requests.items()}
        whole = len(lines)
        if (self.folder / "expire").exists():
            (self.folder / "expire").unlink()
            whole //= 2
        (self.folder / f"{tag}.batch").write_text(json.dumps([lines, whole]))
        note(str(self.folder), f"submitted {len(lines)}")
        die_at(str(self.folder), "after submit")
        if (self.folder / "cut").exists():
            (self.folder / "cut").unlink()
            raise RowError("call_failed", None, "connection lost")
        return f"id {tag}"

    async def find(self, tag: str) -> str | None:
        return f"id {tag}" if (self.folder / f"{tag}.batch").exists() else None

    async def status(self, batch: str) -> BatchStatus:
        die_at(str(self.folder), "status")
        return BatchStatus(not (self.folder / "slow").exists(), 0, 0, 0)

    async def collect(self, batch: str) -> AsyncIterator[tuple[str, Reply | RowError]]:
        lines, whole = json.loads((self.folder / f"{batch.removeprefix('id ')}.batch").read_text())
        for number, (name, (text, first, n)) in enumerate(list(lines.items())[:whole]):
            if number == 300:
                await asyncio.sleep(0.1)  # what came before is on disk now
                die_at(str(self.folder), "collect")
            try:
                yield name, reply(Request(_messages(text), first=first, n=n))
            except RowError as error:
                yield name, error


def _messages(text: str):
    from pairwright.schemas.request import Message

    return (Message("user", (text,)),)


@asynccontextmanager
async def open_batches(model: Model, options: Options) -> AsyncIterator[EchoBatches]:
    yield EchoBatches(options.folder)


PART = SamplerPart(
    options=Options, open=open_model, remote=True, summary="echoes", source="tests", batches=open_batches
)
IN_PROCESS = SamplerPart(options=Options, open=open_model, remote=False, summary="echoes", source="tests")
