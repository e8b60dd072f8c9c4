"""One export: look, write into a folder of another name, give it its own when it is whole."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from pairwright import __version__
from pairwright.exporters import (
    ROOM,
    AsTheyStand,
    Exporter,
    Layout,
    Lines,
    Page,
    PairRow,
    Split,
    Table,
    Tar,
    Tasks,
    TaskSettings,
    Written,
)
from pairwright.exporters._files import PICTURES, LineFiles, PictureFolder, TarFiles
from pairwright.exporters._parquet import ParquetFiles, TableFiles
from pairwright.exporters._plan import LEFT_OUT, Choices, Plan, plan
from pairwright.exporters._reading import WHOLE, RunFiles, pair_files, whole_rows
from pairwright.exporters._splits import Apart, wishes
from pairwright.exporters._tasks import gather, write_tasks
from pairwright.runs.disk import replace_whole, temporary, writing
from pairwright.runs.folder import locked
from pairwright.schemas.arrow import METADATA, SCHEMA
from pairwright.schemas.errors import ParameterError, RunError
from pairwright.schemas.settings import Settings, parsed

RECORD = "export.json"
"""File that says what an export is; it is there once the export is whole."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What :func:`export` did."""

    to: str
    folder: Path
    splits: tuple[Split, ...]
    """Empty where it made tasks."""
    tasks: int
    """Tasks for people that were made."""
    left_out: Mapping[str, int]
    """Pairs that were left out on request, by reason; of tasks also what is none."""
    repeats: int
    """Rows that were not written because an earlier one is like them."""
    spans_lost: int
    """Pairs of the run that have words with a weight of their own, where the layout has no column for them."""
    pages: tuple[Page, ...]
    """What loads it, the page to read first in front."""


def export(
    folder: str | Path,
    to: str,
    *,
    out: str | Path,
    splits: Sequence[str] = (),
    apart: Apart = "all",
    seed: int = 0,
    leave_out: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    unfinished: bool = False,
) -> Exported:
    """Write the pairs of a run for a trainer.

    Args:
        folder: folder of the run, or of files in its layout.
        to: an exporter, for example ``trl`` or ``ms-swift``.
        out: folder of the export; it must not exist, or be empty.
        splits: beside ``train``, as ``test=0.05`` (a share of the pairs) or ``test=200`` (pairs). No picture and no
            prompt stands in two of them.
        apart: ``pictures`` lets texts of prompts stand in several splits, where all pairs share a few.
        seed: of the draw of splits.
        leave_out: reasons of the exporter for which pairs may be left out; without them a pair that it cannot take
            is an error.
        options: settings of the exporter.
        unfinished: export what there is of a run that is not finished.

    Raises:
        RunError: the folder holds no pairs, or some that the trainer cannot take; ``out`` is not empty or cannot be
            written.
        UnknownPartError: no exporter of that name.
        ParameterError: a setting, split or reason that cannot be.
    """
    exporter = ROOM.get(to.replace("-", "_"))
    settings = parsed(exporter.settings, dict(options or {}), where="--set", owner=to)
    choices = Choices(wishes(splits), apart, seed, frozenset(leave_out), unfinished)
    place = Path(out).absolute()
    require_free(place)
    if isinstance(exporter, Tasks):
        return _export_tasks(Path(folder), to, exporter, settings, place, choices)
    return _export_pairs(Path(folder), to, exporter, settings, place, choices)


def _export_pairs(
    folder: Path, to: str, exporter: Exporter[Any], settings: Settings, place: Path, choices: Choices
) -> Exported:
    files = pair_files(folder, unfinished=choices.unfinished)
    made = plan(files, to, exporter, settings, choices)
    layout = exporter.layout(settings, made.extent)
    with begun(place) as draft:
        written, repeats = _write(draft, place, files, layout, made)
        pages = tuple(exporter.loading(settings, written))
        told = {
            "splits": [asdict(split) for split in written.splits],
            "apart": choices.apart,
            "left_out": dict(made.left_out),
            "repeats": repeats,
        }
        _write_pages(draft, (*pages, _record(to, settings, choices.seed, told)))
    kept = isinstance(layout, Lines | Tar) and "chosen_spans" in layout.columns
    spans_lost = 0 if kept else made.spans
    return Exported(to, place, written.splits, 0, made.left_out, repeats, spans_lost, pages)


def _export_tasks(
    folder: Path, to: str, part: Tasks[Any], settings: TaskSettings, place: Path, choices: Choices
) -> Exported:
    if choices.asked:
        raise ParameterError(f"--splits: {to} makes tasks for people, which have none")
    files, gathered, left_out = gather(folder, settings, choices)
    with begun(place) as draft:
        write_tasks(draft, part, files, settings, choices.seed)
        pages = tuple(part.loading(settings, gathered))
        told = {"run": folder.resolve().name, "tasks": gathered.tasks, "left_out": dict(left_out)}
        _write_pages(draft, (*pages, _record(to, settings, choices.seed, told)))
    return Exported(to, place, (), gathered.tasks, left_out, 0, 0, pages)


def _record(to: str, settings: Settings, seed: int, told: Mapping[str, Any]) -> Page:
    record = {
        "exporter": to.replace("-", "_"),
        "settings": settings.model_dump(mode="json"),
        "pairwright": __version__,
        "seed": seed,
        **told,
    }
    return Page(RECORD, json.dumps(record, indent=2) + "\n")


def _write_pages(folder: Path, pages: Sequence[Page]) -> None:
    for page in pages:
        replace_whole(folder / page.name, page.text.encode())


def require_free(place: Path) -> None:
    """Raise RunError where something is at the place of an export already."""
    if (place / RECORD).is_file():
        raise RunError(f"{place} holds an export already; choose another --out, or remove it")
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise RunError(f"{place} is there and not empty; choose another --out")


@contextmanager
def begun(place: Path) -> Iterator[Path]:
    """Yield a folder beside ``place`` that takes its name when the block succeeds and is removed when it fails.

    What a killed export left there is removed first; an export that is at work there is an error.
    """
    draft = temporary(place)
    with locked(draft), writing(place):
        for left in draft.iterdir():
            if left.name != ".lock":
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield draft
            (draft / ".lock").unlink()
            if (draft / PICTURES).exists():
                os.sync()  # thousands of pictures at once, instead of each by itself
            os.replace(draft, place)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise


def _write(draft: Path, place: Path, files: RunFiles, layout: Layout, made: Plan) -> tuple[Written, int]:
    if isinstance(layout, AsTheyStand):
        splits, repeats = _passed_through(draft, files, layout, made), 0
    else:
        splits, repeats = _converted(draft, files, layout, made)
    return Written(place, splits, made.extent), repeats


def _passed_through(draft: Path, files: RunFiles, layout: AsTheyStand, made: Plan) -> tuple[Split, ...]:
    schema = _schema(layout)
    at = 0
    with _letting_go([ParquetFiles(draft, name, schema) for name in made.names]) as sinks:
        for batch in files.batches(layout.columns):
            table = (
                pa.Table.from_batches([batch]).select(layout.columns).replace_schema_metadata(schema.metadata)
            )
            wanted = made.split_of[at : at + table.num_rows]
            at += table.num_rows
            for number in sorted(set(wanted) - {LEFT_OUT}):
                rows = [place for place, split in enumerate(wanted) if split == number]
                sinks[number].add(table if len(rows) == table.num_rows else table.take(pa.array(rows)))
        closed = [sink.close() for sink in sinks]
    return tuple(
        Split(name, sink.rows, sink.rows, found)
        for name, sink, found in zip(made.names, sinks, closed, strict=True)
    )


class _Sink(Protocol):
    def abort(self) -> None: ...


K = TypeVar("K", bound=_Sink)


@contextmanager
def _letting_go(sinks: Sequence[K]) -> Iterator[Sequence[K]]:
    """Yield the files of all splits; when the block fails, none stays open."""
    try:
        yield sinks
    except BaseException:
        for sink in sinks:
            sink.abort()
        raise


def _schema(layout: AsTheyStand) -> pa.Schema:
    schema = pa.schema([SCHEMA.field(name) for name in layout.columns])
    if not layout.image_features:
        return schema
    features = json.loads(METADATA["huggingface"])["info"]["features"]
    kept = {name: feature for name, feature in features.items() if name in layout.columns}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": kept}})}) if kept else schema


def _converted(
    draft: Path, files: RunFiles, layout: Table | Lines | Tar, made: Plan
) -> tuple[tuple[Split, ...], int]:
    pictures = PictureFolder(draft)
    pairs = [0] * len(made.names)
    further = () if isinstance(layout, Table) else layout.columns
    at = 0
    with _letting_go([_sink(draft, name, layout, pictures) for name in made.names]) as sinks:
        for batch in files.batches((*WHOLE, *further)):
            by_split: dict[int, list[PairRow]] = {}
            for row in whole_rows(batch, further):
                by_split.setdefault(made.split_of[at], []).append(row)
                at += 1
            by_split.pop(LEFT_OUT, None)
            for number, rows in by_split.items():
                sinks[number].add(rows)
                pairs[number] += len(rows)
        closed = [sink.close() for sink in sinks]
    splits = tuple(
        Split(name, count, sink.rows, found)
        for name, count, sink, found in zip(made.names, pairs, sinks, closed, strict=True)
    )
    return splits, sum(sink.repeats for sink in sinks)


def _sink(
    draft: Path, name: str, layout: Table | Lines | Tar, pictures: PictureFolder
) -> TableFiles | LineFiles | TarFiles:
    if isinstance(layout, Table):
        return TableFiles(draft, name, layout)
    return (
        TarFiles(draft, name, layout) if isinstance(layout, Tar) else LineFiles(draft, name, layout, pictures)
    )
