"""The end of a run, for what waits before anything of it is sent: that is never sent, and nobody pays for it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Ending:
    """Whether a run is ending, and the tasks that are to be broken off when it does."""

    def __init__(self) -> None:
        """The run goes on."""
        self._waiting: set[asyncio.Task[object]] = set()
        self._begun = False

    def begin(self) -> None:
        """Break off whatever waits in :meth:`breaks_off`, now and from now on."""
        self._begun = True
        for task in self._waiting:
            task.cancel()

    def check(self) -> None:
        """Raise CancelledError if the run is ending: what comes next would be sent."""
        if self._begun:
            raise asyncio.CancelledError("the run ends, and this was not sent")

    @contextmanager
    def breaks_off(self) -> Iterator[None]:
        """Wait for something before anything is sent.

        Raises:
            CancelledError: the run is ending.
        """
        self.check()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be broken off")
        self._waiting.add(task)
        try:
            yield
        finally:
            self._waiting.discard(task)
