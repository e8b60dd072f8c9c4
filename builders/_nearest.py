"""The most similar pictures of other rows: vectors of a shard's pictures are made once, each row then looks at them.

Only the vectors are kept, two to four kilobytes for each different picture; what is taken is read again. The choice depends on
the shard alone, and within it on no order in which rows are built. A picture that several rows have, as in sets of questions, is
one picture: the first of these rows stands for it.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
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
    """Different pictures of other rows."""
    looked_at: int
    """Those that were decoded, to see whether they are near copies."""


@dataclass(frozen=True, slots=True)
class _Gallery:
    """The different pictures of a shard, in the order of their first rows."""

    record_ids: tuple[str, ...]
    """The first row that has each."""
    places: Mapping[str, int]
    """By SHA-256 of the picture."""
    of_row: Mapping[str, int]
    """Place of each row's picture, by record id."""
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
        places = gallery.places.get(image.sha256), gallery.of_row.get(record_id)
        own = {place for place in places if place is not None}
        others = len(gallery.record_ids) - len(own)
        if not others:
            return Looked((), 0, 0)

        def taken() -> Looked:
            order = part.order(vector, gallery.vectors, own, params)
            ordered = ((gallery.record_ids[at], score(vector, gallery.vectors[at])) for at in order)
            found, looked_at = _taken(image, ordered, neighbours, part, params, count)
            return Looked(tuple(found), others, looked_at)

        return await asyncio.to_thread(taken)

    async def _gallery(self, neighbours: Neighbours, encode: Encode) -> _Gallery:
        shelf = self._shelves.setdefault(neighbours, _Shelf())
        async with shelf.lock:
            if shelf.gallery is None:
                shelf.gallery = await _made(neighbours, encode)
            return shelf.gallery


async def _made(neighbours: Neighbours, encode: Encode) -> _Gallery:
    """Have all pictures of a shard encoded, some at a time; those that cannot be decoded are left out."""
    first: dict[str, str] = {}
    of_row: dict[str, str] = {}
    vectors: dict[str, Vector] = {}
    coming = neighbours.every()
    while some := await asyncio.to_thread(_next, coming):
        of_row |= {record_id: image.sha256 for record_id, image in some}
        new = {image.sha256: image for _, image in some if image.sha256 not in first}
        first |= {image.sha256: record_id for record_id, image in reversed(some) if image.sha256 in new}
        found = await at_once(partial(encode.image, image) for image in new.values())
        made = zip(new, found, strict=True)  # of a broken one its own rows are rejected
        vectors |= {sha256: vector for sha256, vector in made if not isinstance(vector, RowError)}
    places = {sha256: place for place, sha256 in enumerate(vectors)}
    return _Gallery(
        tuple(first[sha256] for sha256 in vectors),
        places,
        {record_id: places[sha256] for record_id, sha256 in of_row.items() if sha256 in places},
        np.stack([*vectors.values()]) if vectors else np.empty((0, 0), np.float32),
    )


def _next(coming: Iterator[tuple[str, Image]]) -> list[tuple[str, Image]]:
    return list(islice(coming, _AT_ONCE))


def _taken(
    image: Image,
    ordered: Iterable[tuple[str, float]],
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
