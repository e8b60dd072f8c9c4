"""Batches: what many rows ask for at the same time is done together."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")

_LINGER_S = 0.02
"""Seconds that a batch which is not full waits for more."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[In, Out]):
    """Something that is to be done, and who waits for it."""

    item: In
    done: "asyncio.Future[Out]"


class Batches(Generic[In, Out]):
    """Does things in batches, one batch after the other, in a thread."""

    def __init__(self, work: Callable[[Sequence[In]], Sequence[Out]], size: int, thread: Executor) -> None:
        """Start waiting for things to do.

        Args:
            work: does a batch; given between one and ``size`` things, returns as many results in their order.
            size: most things of a batch.
            thread: where ``work`` is called.
        """
        self._work, self._size, self._thread = work, size, thread
        self._waiting: asyncio.Queue[_Waiting[In, Out]] = asyncio.Queue()
        self._task = asyncio.create_task(self._serve())

    async def do(self, item: In) -> Out:
        """Have one thing done with others. Raises what the whole batch failed with."""
        done: asyncio.Future[Out] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(_Waiting(item, done))
        return await done

    async def close(self) -> None:
        """Begin nothing more; a batch under way is let finish, in its thread."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _serve(self) -> None:
        while True:
            batch = await self._gathered()
            work = asyncio.get_running_loop().run_in_executor(
                self._thread, self._work, [one.item for one in batch]
            )
            await asyncio.wait([work])
            failed = work.exception()
            for number, one in enumerate(batch):
                if one.done.done():
                    continue  # nobody waits for it any more
                if failed is None:
                    one.done.set_result(work.result()[number])
                else:
                    one.done.set_exception(failed)

    async def _gathered(self) -> list[_Waiting[In, Out]]:
        """Return the next batch: as much as waits, and what still comes in a moment."""
        batch = [await self._waiting.get()]
        until = asyncio.get_running_loop().time() + _LINGER_S
        while len(batch) < self._size:
            try:
                async with asyncio.timeout_at(until):
                    batch.append(await self._waiting.get())
            except TimeoutError:
                break
        return batch
