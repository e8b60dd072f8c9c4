"""Engines that die, or never live: noticed within seconds, and no process is left behind."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pairwright.samplers import Model, opened
from pairwright.schemas.errors import ModelError


def descendants() -> dict[int, str]:
    """Return the processes below this one by id, with what they call themselves."""
    parents, names = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state = (folder / "stat").read_text().rpartition(")")[2].split()
                names[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
                parents[int(folder.name)] = int(state[1]) if state[0] != "Z" else 0
            except OSError:  # ended meanwhile
                continue
    below, last = {os.getpid()}, 0
    while last != len(below):
        last = len(below)
        below |= {one for one, parent in parents.items() if parent in below}
    ours = below - {os.getpid()}
    return {
        one: names[one] for one in ours if "resource_tracker" not in names[one]
    }  # Python's own, lives as we do


@pytest.mark.parametrize("part", ["EngineCore", "Worker"])
def test_a_killed_process_is_noticed(run: Any, model: Model, ask: Any, part: str) -> None:
    async def killed() -> tuple[list[Any], float, Any]:
        async with opened(model) as sampler:
            await sampler.sample(ask(0))
            ours = {one: name for one, name in descendants().items() if one not in before}
            (victim,) = (one for one, name in ours.items() if part in name)
            asked = [asyncio.create_task(sampler.sample(ask(number, max_tokens=400))) for number in range(4)]
            await asyncio.sleep(0.1)
            os.kill(victim, signal.SIGKILL)
            begun = time.monotonic()
            later = [asyncio.create_task(sampler.sample(ask(number))) for number in range(2)]
            outcomes = await asyncio.wait_for(
                asyncio.gather(*asked, *later, return_exceptions=True), timeout=60
            )
            seconds = time.monotonic() - begun
            with pytest.raises(ModelError):
                await sampler.sample(ask(9))
            return outcomes, seconds, ours

    before = descendants()
    outcomes, seconds, ours = run(killed())
    assert any(isinstance(one, ModelError) for one in outcomes)
    assert all(not isinstance(one, BaseException) or isinstance(one, ModelError) for one in outcomes)
    assert seconds < 20
    deadline = time.monotonic() + 10
    while (left := ours.keys() & descendants().keys()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not {ours[one] for one in left}


def test_an_engine_that_fails_in_its_own_process_says_why(run: Any, model: Model) -> None:
    async def start() -> None:
        options = {**model.options, "engine": {"kv_cache_memory_bytes": 4096}}
        async with opened(model.model_copy(update={"options": options})):
            pytest.fail("started")

    before = descendants()
    with pytest.raises(ModelError, match="memory for the cache blocks"):
        run(start())
    assert descendants().keys() <= before.keys()
