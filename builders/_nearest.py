"""The most similar pictures of other rows: vectors of a shard's pictures are made once, each row then looks at them.

Only the vectors are kept, two to four kilobytes a picture; what is taken is read again. The choice depends on the shard
alone, and within it on no order in which rows are built.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from pairwright.annotators import Encode, Vector
from pairwright.annotators._similarity import score
from pairwright.builders import Neighbours
from pairwright.builders._at_once import at_once
from pairwright.builders._negative import View
from pairwright.perturbations import Nearest, Vectors
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image, Pixels

_AT_ONCE = 64
"""Pictures of a shard in memory while their vectors are made."""


@dataclass(frozen=True, slots=True)
class Similar:
    """A picture of another row."""

    record_id: str
    """Of the row that it came from."""
    image: Image
    similarity: float
    """100 × cosine of the two pictures."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the other pictures of a shard gave."""

    found: tuple[Similar, ...]
    """The most similar first."""
    others: int
    """Pictures of other rows, the same file left out."""
    looked_at: int
    """Those that were decoded, to see whether they are near copies."""


@dataclass(frozen=True, slots=True)
class _Gallery:
    """The pictures of a shard."""

    record_ids: tuple[str, ...]
    hashes: tuple[str, ...]
    vectors: Vectors


@dataclass(slots=True)
class _Shelf:
    """A place for a shard's gallery: whoever comes first makes it, the others wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    gallery: _Gallery | None = None


class Galleries:
    """The pictures of the shards that are under way, as one encoder sees them. A builder keeps one for all its rows.

    A gallery is forgotten with the neighbours that it was made of.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._shelves: WeakKeyDictionary[Neighbours, _Shelf] = WeakKeyDictionary()

    async def look(
        self,
        image: Image,
        part: Nearest[Any],
        params: Any,
        *,
        record_id: str,
        neighbours: Neighbours,
        encode: Encode,
        count: int = 1,
    ) -> Looked:
        """Return the most similar pictures of other rows that are no near copies, as the part decides.

        Args:
            image: the picture to which they are to be similar.
            part: ``similar_image``, or another part of its kind.
            params: the part's parameters, drawn.
            record_id: the row's own, which is left out.
            neighbours: the rows of the shard.
            encode: always the same encoder.
            count: how many are wanted at most.

        Raises:
            RowError: the picture itself cannot be decoded.
        """
        vector = await encode.image(image)
        gallery = await self._gallery(neighbours, encode)
        rows = [
            row
            for row in range(len(gallery.record_ids))
            if gallery.record_ids[row] != record_id and gallery.hashes[row] != image.sha256
        ]
        if not rows:
            return Looked((), 0, 0)
        places = part.order(vector, gallery.vectors[rows], params)
        ordered = [
            (gallery.record_ids[row], score(vector, gallery.vectors[row]))
            for row in (rows[at] for at in places)
        ]
        found, looked_at = await asyncio.to_thread(_taken, image, ordered, neighbours, part, params, count)
        return Looked(tuple(found), len(rows), looked_at)

    async def _gallery(self, neighbours: Neighbours, encode: Encode) -> _Gallery:
        shelf = self._shelves.setdefault(neighbours, _Shelf())
        async with shelf.lock:
            if shelf.gallery is None:
                shelf.gallery = await _made(neighbours, encode)
            return shelf.gallery


async def _made(neighbours: Neighbours, encode: Encode) -> _Gallery:
    """Have all pictures of a shard encoded, some at a time; those that cannot be decoded are left out."""
    record_ids: list[str] = []
    hashes: list[str] = []
    vectors: list[Vector] = []
    coming = neighbours.every()
    while some := await asyncio.to_thread(_next, coming):
        found = await at_once(partial(encode.image, image) for _, image in some)
        for (record_id, image), vector in zip(some, found, strict=True):
            if not isinstance(vector, RowError):  # its own row is rejected for it
                record_ids.append(record_id)
                hashes.append(image.sha256)
                vectors.append(vector)
    stacked = np.stack(vectors) if vectors else np.empty((0, 0), np.float32)
    return _Gallery(tuple(record_ids), tuple(hashes), stacked)


def _next(coming: Iterator[tuple[str, Image]]) -> list[tuple[str, Image]]:
    return list(islice(coming, _AT_ONCE))


def _taken(
    image: Image,
    ordered: Sequence[tuple[str, float]],
    neighbours: Neighbours,
    part: Nearest[Any],
    params: Any,
    count: int,
) -> tuple[list[Similar], int]:
    """Return the first pictures that are no near copies, and how many were looked at."""
    original, found, looked_at = View(image).to_measure(), list[Similar](), 0
    for record_id, similarity in ordered:
        if len(found) == count:
            break
        looked_at += 1
        other = neighbours.image_of(record_id)
        if other is not None and not _copies(original, other, part, params):
            found.append(Similar(record_id, other, similarity))
    return found, looked_at


def _copies(original: Pixels, other: Image, part: Nearest[Any], params: Any) -> bool:
    """Tell whether another picture copies this one, or cannot be told from a copy because it is broken."""
    try:
        return part.near_copy(original, View(other).to_measure(), params)
    except RowError:
        return True
