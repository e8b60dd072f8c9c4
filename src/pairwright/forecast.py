"""What a run would do, from the first rows of its source. Writes nothing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from pairwright.builders import Built, Construct
from pairwright.executors.shards import Pool
from pairwright.recipe import Recipe, load_recipe
from pairwright.schemas.errors import RowError
from pairwright.schemas.reject import Reject
from pairwright.sources import RawRow, Source
from pairwright.sources.open import open_source

ROWS_LOOKED_AT = 200
"""Rows that are parsed, their images' headers included."""

_ROWS_BUILT = 24
"""Rows that are really built, in memory, to estimate the size."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What :func:`check` found out."""

    recipe: Recipe
    source: str
    rows: int | None
    """Rows that the run would read; None where the source cannot tell without reading all of it."""
    columns: Mapping[str, str]
    """Which column was taken for which field."""
    looked_at: int
    """Rows that were parsed."""
    images: int
    """Images that were found in them."""
    rejects: Mapping[str, int]
    """Rejects among them, by reason."""
    examples: Mapping[str, Reject]
    """The first reject of each reason."""
    built: int
    """Rows that were built in memory."""
    pairs: Mapping[str, int]
    """Pairs these gave, by kind."""
    bytes_per_row: float | None
    """Estimated size on disk per source row, in bytes; None when no row could be built."""


def check(
    recipe: str | Path | Recipe,
    *,
    source: str | Path | None = None,
    limit: int | None = None,
    seed: int | None = None,
) -> Forecast:
    """Read a recipe and the first rows of its source; say what :func:`pairwright.build` would do.

    Raises:
        RecipeError, SourceError: as ``build`` would.
    """
    ready = (recipe if isinstance(recipe, Recipe) else load_recipe(recipe)).placed(
        source=source, out=None, seed=seed
    )
    opened = open_source(ready.file.source)
    total = opened.count()
    head = list(islice(opened.rows(), min(ROWS_LOOKED_AT, limit or ROWS_LOOKED_AT)))
    if total is None and len(head) < ROWS_LOOKED_AT:
        total = len(head)
    rejects, examples, images = _looked_at(opened, head)
    built = list(_built(opened, head[:_ROWS_BUILT], ready.construct()))
    for reject in (reject for one in built for reject in one.rejects):
        if reject.reason not in rejects:  # those of parsing are counted already
            examples[reject.reason] = reject
            rejects[reject.reason] += sum(r.reason == reject.reason for one in built for r in one.rejects)
    pairs = [pair for one in built for pair in one.pairs]
    return Forecast(
        recipe=ready,
        source=opened.name,
        rows=total if total is None or limit is None else min(total, limit),
        columns=opened.columns(),
        looked_at=len(head),
        images=images,
        rejects=dict(rejects),
        examples=examples,
        built=len(built),
        pairs=dict(Counter(pair.kind for pair in pairs)),
        bytes_per_row=_bytes(built) / len(built) if pairs else None,
    )


def _looked_at(source: Source, head: list[RawRow]) -> tuple[Counter[str], dict[str, Reject], int]:
    rejects: Counter[str] = Counter()
    examples: dict[str, Reject] = {}
    images = 0
    for raw in head:
        try:
            if raw.problem:
                raise raw.problem
            images += len(source.parse(raw).prompt.images)
        except RowError as error:
            rejects[error.reason] += 1
            reject = Reject(raw.record_id, error.reason, field=error.field, message=error.message)
            examples.setdefault(error.reason, reject)
    return rejects, examples, images


def _built(source: Source, head: list[RawRow], construct: Construct) -> Iterator[Built]:
    neighbours = Pool(source, head)
    for raw in head:
        try:
            if raw.problem:
                raise raw.problem
            yield construct(source.parse(raw), neighbours)
        except RowError:
            yield Built()


def _bytes(built: list[Built]) -> float:
    """Return the bytes of distinct pictures per config, plus two kilobytes of text for each pair."""
    sizes = {
        (pair.kind == "text", image.sha256): len(image.data)
        for one in built
        for pair in one.pairs
        for image in (*pair.prompt.images, *(pair.rejected_images or ()))
    }
    return float(np.sum(list(sizes.values()))) + 2000.0 * sum(len(one.pairs) for one in built)
