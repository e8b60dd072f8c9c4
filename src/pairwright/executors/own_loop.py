"""Running a coroutine from ordinary code, in a notebook too."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_to_end(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run what ``work`` returns in an event loop of its own and return its result.

    Where a loop is running in this thread already, as in every cell of a notebook, a thread is made for it.

    >>> async def answer() -> int:
    ...     return 42
    >>> run_to_end(answer)
    42
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    with ThreadPoolExecutor(1, thread_name_prefix="loop") as thread:
        return thread.submit(lambda: asyncio.run(work())).result()
