"""Opening what is slow or costly to open only when it is first needed, once, and closing it in the end."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

T = TypeVar("T")


class Lazily(Generic[T]):
    """Something that is opened when it is first asked for.

    A task of its own enters and leaves it, because much of what opens connections may only be left by the task that
    entered it, and the requests that ask for it come and go.
    """

    def __init__(self, open_it: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        """``open_it`` is called once at most."""
        self._open_it = open_it
        self._ready: asyncio.Future[T] | None = None
        self._no_longer_needed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def get(self) -> T:
        """Return it, opening it first where it is not. Raises what opening it raised, every time."""
        if self._ready is None:
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._hold(self._ready))
        elif self._ready.done():
            return self._ready.result()
        return await asyncio.shield(self._ready)

    def opened(self) -> T | None:
        """Return it if it is open."""
        return self._ready.result() if self._ready is not None and self._opened() else None

    async def close(self) -> None:
        """Close it, if it was opened. Raises what closing it raises."""
        self._no_longer_needed.set()
        if self._task is not None and self._ready is not None:
            if not self._ready.done():  # still opening: a model that loads for minutes is not waited for
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=not self._opened())

    def _opened(self) -> bool:
        ready = self._ready
        return ready is not None and ready.done() and not ready.cancelled() and ready.exception() is None

    async def _hold(self, ready: "asyncio.Future[T]") -> None:
        try:
            async with self._open_it() as it:
                ready.set_result(it)
                await self._no_longer_needed.wait()
        except BaseException as error:
            if ready.done():
                raise
            if isinstance(error, asyncio.CancelledError):
                ready.cancel()
                raise
            ready.set_exception(error)
