"""Bringing sets in that others labelled, and turning what came in back into their rows."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from pairwright.api import build
from pairwright.builders._ready import READY
from pairwright.building import Outcome
from pairwright.layouts import ROOM as LAYOUTS
from pairwright.layouts._recognising import AUTO
from pairwright.recipe import Recipe, changed_by, parse
from pairwright.schemas.candidate_table import FOLDER as CANDIDATES
from pairwright.schemas.candidate_table import files_in
from pairwright.schemas.pair import FOLDERS
from pairwright.sources.open import layout_of, votes_source
from pairwright.sources.packing import PART, told_in, unpacked
from pairwright.sources.settings import SourceSettings, VotesSettings
from pairwright.sources.votes import people_in, tasks_in

if TYPE_CHECKING:
    from pairwright.executors import Watch

BUILDER = "labelled"
"""The builder that makes pairs of what people said."""

_NEEDED = ("images", "rejected_images", "chosen_text", "rejected_text", "candidates", "provenance", "extra")
"""Columns by which a row is turned back."""


def import_recipe(
    path: str | Path, *, layout: str = AUTO, into: str | Path | None = None, overrides: Sequence[str] = ()
) -> Recipe:
    """Return the recipe that imports a set, with the parameters of the builder ``labelled`` that fit its layout.

    Args:
        path: file, folder, pattern or id of a set.
        layout: name of a layout, or ``auto``.
        into: folder of a run, where the set is the result of tasks that were made of its candidates: what people said is put to the run's own
            prompts, and where they voted their word stands over a judge's.
        overrides: ``key=value`` lines as for :func:`pairwright.recipe.load_recipe`.

    Raises:
        SourceError: the source cannot be read, or no layout is recognised.
        UnknownPartError: there is no such layout.
        RecipeError: an override that cannot be used.
    """
    if layout == AUTO:
        layout = layout_of(SourceSettings(path=str(path)))
    part = LAYOUTS.get(layout)
    plain: dict[str, Any] = {
        "name": f"import_{layout}",
        "about": f"Import of {Path(path).name}. {part.source}",
        "builder": BUILDER,
        "source": {"path": str(path), "layout": layout, "question": part.question},
        "parameters": dict(part.parameters),
    }
    if into is not None:
        votes = VotesSettings(path=str(path), layout=layout)
        people = people_in(tasks_in(votes_source(votes), layout))
        plain["source"] = {"path": str(into), "subset": CANDIDATES, "votes": votes.model_dump()}
        plain["parameters"] = {**plain["parameters"], "votes": {"adjudicators": list(people)}}
    for override in overrides:
        changed_by(plain, override, plain["name"])
    return parse(plain, plain["name"])


def import_set(
    path: str | Path,
    *,
    out: str | Path,
    layout: str = AUTO,
    into: str | Path | None = None,
    overrides: Sequence[str] = (),
    limit: int | None = None,
    workers: int | None = None,
    watch: "Watch | None" = None,
) -> Outcome:
    """Import a set into a run folder: everything that was said in config ``candidates``, and the pairs that come of it.

    Args:
        path, layout, into, overrides: as for :func:`import_recipe`.
        out: folder of the run. Called again on it, the import goes on.
        limit, workers, watch: as for :func:`pairwright.build`.

    Raises:
        As :func:`import_recipe` and :func:`pairwright.build` do.
    """
    recipe = import_recipe(path, layout=layout, into=into, overrides=overrides)
    return build(recipe, out=out, limit=limit, workers=workers, watch=watch)


def restore(folder: str | Path) -> Iterator[dict[str, Any]]:
    """Yield the rows that a run was imported from, as they were: the same columns and values, pictures byte for byte.

    Rows that were rejected before they became records are not among them; ``rejects/`` names each. They come in the
    order of the source within each config: rows with candidates first, then ready pairs of text, then those of pictures.

    Raises:
        SchemaError: a row was not read by a layout.
    """
    place = Path(folder)
    for config in dict.fromkeys((CANDIDATES, *FOLDERS.values())):
        before: Mapping[str, Any] | None = None
        for row in _rows(place, config):
            if config != CANDIDATES and json.loads(row["provenance"])["rule"] != READY:
                continue  # its prompt stands among the candidates
            whole = told_in(row)
            part = whole.pop(PART, None)
            if part is None or whole != before:  # parts of a row follow each other
                yield unpacked(row)
            before = None if part is None else whole


def _rows(folder: Path, config: str) -> Iterator[dict[str, Any]]:
    paths = files_in(folder) if config == CANDIDATES else sorted((folder / config).glob("*.parquet"))
    for path in paths:
        file = pq.ParquetFile(path)
        columns = [column for column in _NEEDED if column in file.schema_arrow.names]
        for batch in file.iter_batches(16, columns=columns):
            yield from batch.to_pylist()
