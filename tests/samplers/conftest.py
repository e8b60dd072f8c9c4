"""The HTTP double, started once for all tests of samplers, and requests to ask it."""

import asyncio
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import PIL.Image
import pytest
from start import running

from pairwright.samplers import CallSettings, Model
from pairwright.schemas.image import Header, Image, digest
from pairwright.schemas.request import Message, Request, Sampling


@pytest.fixture(scope="session")
def running_double() -> Iterator[Any]:
    with running("--keep", "64") as double:
        yield double


@pytest.fixture
def double(running_double: Any) -> Any:
    """The server as if just started."""
    running_double.reset()
    return running_double


@pytest.fixture
def model(double: Any) -> Model:
    return Model(model="tiny", base_url=double.url, calls=CallSettings(concurrency=8))


@pytest.fixture(scope="session")
def picture() -> Any:
    """Makes a small picture of a format, other bytes for another seed."""

    def make(format: str = "JPEG", seed: int = 0) -> Image:
        pixels = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        file = io.BytesIO()
        PIL.Image.fromarray(pixels).save(file, format)
        data = file.getvalue()
        return Image(data, digest(data), Header(format, "RGB", 32, 24))

    return make


@pytest.fixture(scope="session")
def ask() -> Any:
    """Makes a request with a user's turn of the given parts."""

    def make(
        *parts: str | Image, n: int = 1, first: int = 0, schema: str | None = None, **drawn: Any
    ) -> Request:
        return Request((Message("user", parts),), Sampling(**{"seed": 1024, **drawn}), n, first, schema)

    return make


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while everything sleeps, and then at once."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        waits = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None = None) -> Any:
            if timeout is None:
                raise RuntimeError("everything waits for something that never comes")
            self._now += timeout
            return waits(0)

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now


@pytest.fixture
def virtual() -> Any:
    """Runs a coroutine in virtual time."""

    def run(main: Any) -> Any:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(main)

    return run
