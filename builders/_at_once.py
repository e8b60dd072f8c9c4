"""Asking at the same time: one failure costs its own answers only, and no exception is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from pairwright.schemas.errors import RowError

T = TypeVar("T")


async def at_once(asked: Iterable[Callable[[], Awaitable[T]]]) -> list[T | RowError]:
    """Call and await all at the same time; return results in order, a RowError in the place of what failed with one.

    Any other exception ends the rest and is raised as it is. Where several failed in the same moment, the first is
    raised and the others stand in its cause.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_kept(one)) for one in asked]
    except BaseExceptionGroup as errors:
        first, *others = errors.exceptions
        raise first from (errors if others else first.__cause__)
    return [task.result() for task in tasks]


async def all_at_once(asked: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Do as :func:`at_once` where one failure fails all: the first RowError is raised, when all have come back."""
    results: list[T] = []
    for one in await at_once(asked):
        if isinstance(one, RowError):
            raise one
        results.append(one)
    return results


async def _kept(asked: Callable[[], Awaitable[T]]) -> T | RowError:
    try:
        return await asked()
    except RowError as error:
        return error
