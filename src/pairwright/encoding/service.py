"""Between a builder and its encoders: what is stored is not encoded, what is encoded is stored before it is used.

Pictures are decoded and shrunk in as many threads as there are cores, and encoded in one, batch by batch. A batch is always
filled up to its full size: a machine adds in another order for another size, and vectors must not depend on who else
asked at the same moment.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from pairwright.annotators import Encode, Encoding, OpenEncoder, Vector
from pairwright.annotators._encoding import EncoderSettings, encoder, encoder_key, encoder_name
from pairwright.encoding.batches import Batches
from pairwright.encoding.store import Entry, Kind, VectorStore, key_of, open_vectors
from pairwright.responses.opening import Lazily
from pairwright.schemas.errors import ModelError, PairwrightError
from pairwright.schemas.image import Image

T = TypeVar("T")

_READ_AHEAD = 2
"""Batches of pictures that are decoded and not yet encoded, at most."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What one encoder did for a run."""

    encoder: str
    """Name of the model."""
    images: int
    """Pictures encoded, in all goes of the run."""
    texts: int
    """Texts encoded, in all goes of the run."""
    stored: int
    """Pictures and texts that were asked for again in this go, and taken from the store."""


@dataclass(frozen=True, slots=True)
class Encoders:
    """The encoders of a run, ready to be used."""

    encodes: Mapping[str, Encode]
    """Ways to use them, by the builder's names."""
    _services: Sequence["_Service"]

    def done(self) -> tuple[Encoded, ...]:
        """Return what the encoders did so far; also after leaving."""
        return tuple(service.done() for service in self._services)


@asynccontextmanager
async def open_encoders(
    encoders: Mapping[str, EncoderSettings], *, store: Path, run: str
) -> AsyncIterator[Encoders]:
    """Make encoders ready to be used; each is loaded by the first picture or text that the store does not have.

    Args:
        encoders: by the builder's names. Equal ones are loaded once. With none, no file is touched.
        store: file of vectors, made where it is missing.
        run: name under which new vectors are counted; a run that is continued has the same.

    Raises:
        ParameterError: there is no such encoder, or a file of its model cannot be read.
        RunError: the file of vectors cannot be used.
    """
    if not encoders:
        yield Encoders({}, ())
        return
    with open_vectors(store, run) as vectors, _threads() as (reading, encoding):
        shop = _Shop(vectors, reading, encoding)
        services: dict[str, _Service] = {}
        encodes = {}
        for place, chosen in encoders.items():
            part, _ = encoder(chosen, place)
            identity = "\n".join([encoder_key(chosen, place), *map(version, part.packages)])
            if identity not in services:
                name = encoder_name(chosen, place)
                services[identity] = _Service(chosen, place, name, identity, shop)
            encodes[place] = services[identity]
        try:
            yield Encoders(encodes, tuple(services.values()))
        finally:
            for service in services.values():
                await service.close()


@contextmanager
def _threads() -> Iterator[tuple[Executor, Executor]]:
    """Yield the threads that decode, and the one that encodes and stores."""
    with (
        ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="read") as reading,
        ThreadPoolExecutor(1, thread_name_prefix="encode") as encoding,
    ):
        yield reading, encoding


@dataclass(frozen=True, slots=True)
class _Shop:
    """What all encoders of a run share."""

    vectors: VectorStore
    reading: Executor
    """Threads that decode."""
    encoding: Executor
    """The thread that encodes and stores."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A picture that was read, or a text, that is to be encoded."""

    key: bytes
    item: Any


class _Service:
    """One encoder: what it encoded, and what is under way."""

    def __init__(self, chosen: EncoderSettings, place: str, name: str, identity: str, shop: _Shop) -> None:
        self._name, self._identity, self._shop = name, identity, shop
        self._number = shop.vectors.number_of(identity, name)
        self._done = Counter(shop.vectors.encoded(self._number))
        self._stored, self._size = 0, chosen.batch_size
        self._loaded = Lazily(partial(_loaded, chosen, place, shop.encoding))
        self._open: OpenEncoder | None = None
        self._images: Batches[_Task, Encoding] = Batches(self._encode_images, self._size, shop.encoding)
        self._texts: Batches[_Task, Encoding] = Batches(self._encode_texts, self._size, shop.encoding)
        self._read_ahead = asyncio.Semaphore(_READ_AHEAD * self._size)
        self._flights: dict[bytes, asyncio.Task[Encoding]] = {}

    async def image(self, image: Image) -> Vector:
        """Return the vector of a picture. Raises RowError where it cannot be decoded."""
        key = key_of(self._identity, "image", image.sha256)
        return (await self._get(key, lambda: self._new_image(key, image))).vector

    async def text(self, text: str) -> Encoding:
        """Return the vector of a text."""
        key = key_of(self._identity, "text", text)
        return await self._get(key, lambda: self._new_text(key, text))

    def done(self) -> Encoded:
        """Return what was done so far."""
        return Encoded(self._name, self._done["image"], self._done["text"], self._stored)

    async def close(self) -> None:
        """End what is under way."""
        for flight in self._flights.values():
            flight.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)
        await self._images.close()
        await self._texts.close()
        await self._loaded.close()

    async def _get(self, key: bytes, begin: Callable[[], Awaitable[Encoding]]) -> Encoding:
        flight = self._flights.get(key)
        if flight is None:
            stored = self._shop.vectors.get(key)
            if stored is not None:
                self._stored += 1
                return stored
            flight = asyncio.create_task(_started(begin))
            self._flights[key] = flight
            flight.add_done_callback(partial(self._land, key))
        else:
            self._stored += 1
        return await asyncio.shield(flight)  # others may wait for it when the asker is gone

    def _land(self, key: bytes, flight: "asyncio.Task[Encoding]") -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # seen, also where the asker is gone

    async def _new_image(self, key: bytes, image: Image) -> Encoding:
        self._open = await self._loaded.get()
        async with self._read_ahead:
            loop = asyncio.get_running_loop()
            picture = await loop.run_in_executor(self._shop.reading, self._open.read, image)
            return await self._images.do(_Task(key, picture))

    async def _new_text(self, key: bytes, text: str) -> Encoding:
        self._open = await self._loaded.get()
        return await self._texts.do(_Task(key, text))

    def _encode_images(self, batch: Sequence[_Task]) -> Sequence[Encoding]:
        vectors = self._tried(lambda model: model.images(self._full(batch)))
        return self._put("image", batch, [Encoding(one) for one in vectors[: len(batch)]])

    def _encode_texts(self, batch: Sequence[_Task]) -> Sequence[Encoding]:
        found = self._tried(lambda model: model.texts(self._full(batch)))
        pairs = zip(found.vectors, found.cut, strict=True)
        return self._put("text", batch, [Encoding(vector, cut) for vector, cut in pairs][: len(batch)])

    def _full(self, batch: Sequence[_Task]) -> list[Any]:
        """Return what is to be encoded, filled up with its last one to the full size."""
        items = [one.item for one in batch]
        return items + [items[-1]] * (self._size - len(items))

    def _tried(self, encode: Callable[[OpenEncoder], T]) -> T:
        if self._open is None:
            raise AssertionError("nothing is encoded before the encoder is loaded")
        try:
            return encode(self._open)
        except PairwrightError:
            raise
        except RuntimeError as error:  # of torch: no memory left, a device that is gone
            raise ModelError(
                f"{self._name} cannot encode {self._size} at once: {error}; a smaller batch_size may help"
            ) from error

    def _put(self, kind: Kind, batch: Sequence[_Task], encoded: Sequence[Encoding]) -> Sequence[Encoding]:
        entries = [Entry(task.key, kind, one) for task, one in zip(batch, encoded, strict=True)]
        stored = self._shop.vectors.put(self._number, entries)
        self._done[kind] += len(entries)
        return stored


async def _started(begin: Callable[[], Awaitable[Encoding]]) -> Encoding:
    return await begin()


@asynccontextmanager
async def _loaded(chosen: EncoderSettings, place: str, thread: Executor) -> AsyncIterator[OpenEncoder]:
    """Load an encoder in the thread that will use it."""
    loop = asyncio.get_running_loop()
    part, settings = encoder(chosen, place)
    opening = part.open(settings, chosen.device)
    opened = await loop.run_in_executor(thread, opening.__enter__)
    try:
        yield opened
    finally:
        await loop.run_in_executor(thread, opening.__exit__, None, None, None)
