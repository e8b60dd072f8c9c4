"""Between a builder and its encoders: what is stored is not encoded, what is encoded is stored before it is used.

Pictures are decoded and shrunk in as many threads as there are cores, and encoded in one, batch by batch. A batch is always
filled up to its full size: a machine adds in another order for another size, and vectors must not depend on who else
asked at the same moment. Attacks go the same way.
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

import numpy as np

from pairwright.annotators import Encode, Encoding, OpenEncoder, Vector
from pairwright.annotators._encoding import EncoderSettings, encoder, encoder_key, encoder_name
from pairwright.encoding.batches import Batches
from pairwright.encoding.store import AttackedFile, Entry, Kind, VectorStore, key_of, open_vectors
from pairwright.responses.opening import Lazily
from pairwright.schemas.attack import Attack, AttackedImage
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.errors import ModelError, PairwrightError
from pairwright.schemas.image import Image, Pixels

T = TypeVar("T")

_SHOWN_BY = ("numpy", "opencv-python-headless", "pillow")
"""Distributions that decide what an encoder is shown of a picture: a store may be shared by runs with other versions."""

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
    attacked: int
    """Pictures attacked, in all goes of the run."""
    stored: int
    """Pictures, texts and attacks that were asked for again in this go, and taken from the store."""


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
            identity = "\n".join([encoder_key(chosen, place), *map(version, (*part.packages, *_SHOWN_BY))])
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


@dataclass(frozen=True, slots=True)
class _Aim:
    """An attack on a picture that was read."""

    key: bytes
    pixels: Pixels
    attack: Attack


class _Service:
    """One encoder: what it encoded, and what is under way."""

    def __init__(self, chosen: EncoderSettings, place: str, name: str, identity: str, shop: _Shop) -> None:
        self._name, self._identity, self._shop = name, identity, shop
        self._number = shop.vectors.number_of(identity, name)
        self._done = Counter(shop.vectors.counts(self._number))
        self._stored, self._size = 0, chosen.batch_size
        self._loaded = Lazily(partial(_loaded, chosen, place, shop.encoding))
        self._open: OpenEncoder | None = None
        self._images: Batches[_Task, Encoding] = Batches(self._encode_images, self._size, shop.encoding)
        self._texts: Batches[_Task, Encoding] = Batches(self._encode_texts, self._size, shop.encoding)
        self._attacks: dict[tuple[int, bool], Batches[_Aim, AttackedFile]] = {}
        self._read_ahead = asyncio.Semaphore(_READ_AHEAD * self._size)
        self._flights: dict[bytes, asyncio.Task[Any]] = {}

    async def image(self, image: Image) -> Vector:
        """Return the vector of a picture. Raises RowError where it cannot be decoded."""
        key = key_of(self._identity, "image", image.sha256)
        return (await self._get(key, self._shop.vectors.get, lambda: self._new_image(key, image))).vector

    async def text(self, text: str) -> Encoding:
        """Return the vector of a text."""
        key = key_of(self._identity, "text", text)
        return await self._get(key, self._shop.vectors.get, lambda: self._new_text(key, text))

    async def attacked(self, attack: Attack) -> AttackedImage:
        """Return the attacked copy of a picture. Raises RowError where it cannot be decoded."""
        key = key_of(self._identity, "attack", attack.key)
        file = await self._get(key, self._shop.vectors.attacked, lambda: self._new_attack(key, attack))
        return AttackedImage(read_image(file.data, license=attack.image.license), file.figures)

    def done(self) -> Encoded:
        """Return what was done so far."""
        done = self._done
        return Encoded(self._name, done["image"], done["text"], done["attack"], self._stored)

    async def close(self) -> None:
        """End what is under way."""
        for flight in self._flights.values():
            flight.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)
        await self._images.close()
        await self._texts.close()
        for attacks in self._attacks.values():
            await attacks.close()
        await self._loaded.close()

    async def _get(
        self, key: bytes, look: Callable[[bytes], T | None], begin: Callable[[], Awaitable[T]]
    ) -> T:
        """Return what is stored under a key, or under way; else begin it."""
        flight: asyncio.Task[T] | None = self._flights.get(key)
        if flight is None:
            stored = look(key)
            if stored is not None:
                self._stored += 1
                return stored
            flight = asyncio.create_task(_started(begin))
            self._flights[key] = flight
            flight.add_done_callback(partial(self._land, key))
        else:
            self._stored += 1
        return await asyncio.shield(flight)  # others may wait for it when the asker is gone

    def _land(self, key: bytes, flight: "asyncio.Task[Any]") -> None:
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

    async def _new_attack(self, key: bytes, attack: Attack) -> AttackedFile:
        self._open = await self._loaded.get()
        async with self._read_ahead:
            loop = asyncio.get_running_loop()
            pixels = await loop.run_in_executor(self._shop.reading, decode, attack.image)
            return await self._attacks_like(attack).do(_Aim(key, pixels, attack))

    def _attacks_like(self, attack: Attack) -> Batches[_Aim, AttackedFile]:
        """Return where attacks are done that take as many steps, with a target or without."""
        alike = (attack.budget.steps, attack.target is not None)
        if alike not in self._attacks:
            self._attacks[alike] = Batches(self._attack, self._size, self._shop.encoding)
        return self._attacks[alike]

    def _attack(self, batch: Sequence[_Aim]) -> Sequence[AttackedFile]:
        from pairwright.perturbations._pgd import attack

        aims = self._full(batch)
        targets = [one.attack.target for one in aims]
        target = None if targets[0] is None else np.array(targets, np.float32)
        found = self._tried(
            lambda model: attack(
                [one.pixels for one in aims],
                [one.attack.seed for one in aims],
                model.vision(),
                [one.attack.budget for one in aims],
                target=target,
            )
        )
        files = {
            aim.key: AttackedFile(encode(one.pixels, "png"), one.figures)
            for aim, one in zip(batch, found, strict=False)
        }
        stored = self._shop.vectors.put_attacked(self._number, files)
        self._done["attack"] += len(files)
        return stored

    def _encode_images(self, batch: Sequence[_Task]) -> Sequence[Encoding]:
        vectors = self._tried(lambda model: model.images(self._full([one.item for one in batch])))
        return self._put("image", batch, [Encoding(one) for one in vectors[: len(batch)]])

    def _encode_texts(self, batch: Sequence[_Task]) -> Sequence[Encoding]:
        found = self._tried(lambda model: model.texts(self._full([one.item for one in batch])))
        pairs = zip(found.vectors, found.cut, strict=True)
        return self._put("text", batch, [Encoding(vector, cut) for vector, cut in pairs][: len(batch)])

    def _full(self, items: Sequence[T]) -> list[T]:
        """Return what is to be done at once, filled up with its last one to the full size."""
        return [*items, *[items[-1]] * (self._size - len(items))]

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


async def _started(begin: Callable[[], Awaitable[T]]) -> T:
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
