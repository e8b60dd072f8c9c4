"""What a run would do, from the first rows of its source. Writes nothing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from pairwright.builders import Builder, Built
from pairwright.encoding.of_recipe import check_encoders_of
from pairwright.estimate import EncodingEstimate, Estimate, estimate
from pairwright.executors.shards import Pool, or_reject
from pairwright.recipe import Recipe, load_recipe
from pairwright.responses.asking import check_reachable
from pairwright.runs import folder as run_folder
from pairwright.runs import manifest
from pairwright.runs.run_file import identity_of
from pairwright.schemas.errors import RunError
from pairwright.schemas.reject import Reject
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import Source
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
    unused: tuple[str, ...]
    """Columns of the first row that were taken for nothing; none where a layout reads them, which keeps all."""
    looked_at: int
    """Rows that were parsed."""
    images: int
    """Images that were found in them."""
    rejects: Mapping[str, int]
    """Rejects by reason: of all rows for what cannot be read, of the first ones for what cannot be built. Where models are
    asked or something encoded, those that are sure without."""
    examples: Mapping[str, Reject]
    """The first reject of each reason."""
    built: int
    """Rows that were built in memory, without a model or an encoder."""
    pairs: Mapping[str, int]
    """Pairs these gave, by kind."""
    bytes_per_row: float | None
    """Estimated size on disk per source row, in bytes; None when no row could be built."""
    estimates: tuple[Estimate, ...]
    """What each model would be asked; then nothing is said of pairs and size."""
    encodings: tuple[EncodingEstimate, ...]
    """What each encoder would encode; then neither."""
    refusal: str | None
    """Why ``build`` would refuse the run's folder as it is; None where it would not."""


def check(
    recipe: str | Path | Recipe,
    *,
    source: str | Path | None = None,
    limit: int | None = None,
    seed: int | None = None,
) -> Forecast:
    """Read a recipe and the first rows of its source; say what :func:`pairwright.build` would do.

    Raises:
        RecipeError, SourceError, ParameterError: as ``build`` would.
    """
    ready = (recipe if isinstance(recipe, Recipe) else load_recipe(recipe)).placed(
        source=source, out=None, seed=seed
    )
    check_reachable(ready.models())
    check_encoders_of(ready)
    opened = open_source(ready.file.source)
    total, columns = opened.count(), opened.columns()
    head = list(islice(opened.rows(), min(ROWS_LOOKED_AT, limit or ROWS_LOOKED_AT)))
    if total is None and len(head) < ROWS_LOOKED_AT:
        total = len(head)
    parsed = [or_reject(raw, opened.parse, raw) for raw in head]
    some = list(zip(head[:_ROWS_BUILT], parsed, strict=False))
    estimates: tuple[Estimate, ...] = ()
    encodings: tuple[EncodingEstimate, ...] = ()
    neighbours = Pool(opened, head[:_ROWS_BUILT])
    if not isinstance(ready.builder, Builder):
        built, estimates, encodings = estimate(ready, some, neighbours)
        if encodings or any(one.calls for one in estimates):  # then pairs are not sure, and rejects are
            built = [row for row in built if not row.pairs]
    else:
        construct = ready.construct()
        built = [
            row if isinstance(row, Built) else or_reject(raw, construct, row, neighbours) for raw, row in some
        ]
    unread = [row for row in parsed[_ROWS_BUILT:] if isinstance(row, Built)]
    rejects = [reject for one in (*built, *unread) for reject in one.rejects]
    pairs = [pair for one in built for pair in one.pairs]
    return Forecast(
        recipe=ready,
        source=opened.name,
        rows=total if total is None or limit is None else min(total, limit),
        columns=columns,
        unused=tuple(
            name
            for name in (head[0].fields if head and ready.file.source.layout is None else ())
            if name not in columns.values() and name not in columns
        ),
        looked_at=len(head),
        images=sum(len(row.prompt.images) for row in parsed if isinstance(row, SourceRow)),
        rejects=dict(Counter(reject.reason for reject in rejects)),
        examples={reject.reason: reject for reject in reversed(rejects)},
        built=len(built),
        pairs=dict(Counter(pair.kind for pair in pairs)),
        bytes_per_row=_bytes(built) / len(built) if pairs else None,
        estimates=estimates,
        encodings=encodings,
        refusal=_refusal(ready, opened, limit),
    )


def _refusal(recipe: Recipe, source: Source, limit: int | None) -> str | None:
    """Return why the run's folder would be refused: it holds another run, or something else."""
    folder = recipe.folder()
    try:
        run_folder.refuse_strangers(folder)
        whole = not run_folder.damaged(folder, manifest.read(folder))
        run_folder.earlier(folder, recipe, identity_of(recipe, source, limit), whole=whole)
    except RunError as error:
        return str(error)
    return None


def _bytes(built: list[Built]) -> float:
    """Return the bytes of distinct pictures per config, plus two kilobytes of text for each pair."""
    sizes = {
        (pair.kind == "text", image.sha256): len(image.data)
        for one in built
        for pair in one.pairs
        for image in (*pair.prompt.images, *(pair.rejected_images or ()))
    }
    return float(np.sum(list(sizes.values()))) + 2000.0 * sum(len(one.pairs) for one in built)
