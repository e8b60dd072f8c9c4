"""Validation of tables against the shared schema: columns, types, and every row.

Trainers accept many wrong layouts without a word, or fail on them in the middle of a run; these checks refuse them
before. ``docs/schema.md`` lists the rules. Those of one row are in ``validate_row``, those of files and folders in
``validate_file``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from pairwright.schemas.arrow import SCHEMA
from pairwright.schemas.codec import DEFAULT_MAX_PIXELS
from pairwright.schemas.validate_row import KINDS, Pictures, Row, findings

FORBIDDEN_COLUMNS = {
    "image": "TRL overwrites images with it",
    "label": "TRL takes the row for an unpaired one",
    "completion": "TRL takes the row for an unpaired one",
    "messages": "trainers take the row for a supervised one",
    "tools": "TRL hands it to the chat template",
    "chat_template_kwargs": "TRL hands it to the chat template",
    "margin": "reward trainers crash where it is null; it is score_chosen - score_rejected",
}
"""Columns whose mere presence changes or breaks a training, and how."""

OPTIONAL_COLUMNS = {"videos": pa.list_(pa.string()), "audios": pa.list_(pa.string())}
"""Columns that a whole data set may have beside the schema's; never null where they are."""

_SLICE = 8
"""Rows turned into Python values at a time: bounds memory whatever the pictures' size."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where.

    >>> print(Problem(3, "a1", "question", "is empty", "data/train.parquet"))
    data/train.parquet: row 3 (id a1): question: is empty
    """

    row: int | None
    """Row in the table or file, from 0; None for what concerns the whole."""
    id: str | None
    column: str
    """Column at fault; empty for the file itself."""
    message: str
    """What is there, what was expected and what to do."""
    file: str | None = None
    """File, relative to the folder that was validated."""

    def __str__(self) -> str:
        """Return one line for a person."""
        row = None if self.row is None else f"row {self.row}" + (f" (id {self.id})" if self.id else "")
        return ": ".join(part for part in (self.file, row, self.column, self.message) if part)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a validation is asked for."""

    decode_images: bool = True
    """Decode every picture whole; without it only headers are read."""
    kinds: tuple[str, ...] = KINDS
    """Pair kinds that may occur."""
    max_pixels: int = DEFAULT_MAX_PIXELS
    """Pictures with more pixels are refused before they are decoded."""


def check_table(
    table: pa.Table,
    *,
    decode_images: bool = True,
    kinds: tuple[str, ...] = KINDS,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> list[Problem]:
    """Return everything that is wrong with a table of pairs; nothing for a good one.

    Rows are looked at only when every column is there in its type.

    Args:
        table: rows of the shared schema, columns in any order.
        decode_images: decode every picture whole; without it only headers are read.
        kinds: pair kinds that may occur.
        max_pixels: pictures with more pixels are refused before they are decoded.

    >>> [problem.column for problem in check_table(SCHEMA.empty_table().drop_columns(["tags"]))]
    ['tags']
    """
    problems = list(column_problems(table.schema))
    if rows_readable(problems):
        rules = Rules(decode_images, kinds, max_pixels)
        problems += row_problems(table.to_batches(), rules, {})
    return problems


def column_problems(schema: pa.Schema) -> Iterator[Problem]:
    """Yield missing, forbidden and unknown columns, and columns of another type."""
    types = {field.name: field.type for field in SCHEMA} | OPTIONAL_COLUMNS
    for name in SCHEMA.names:
        if name not in schema.names:
            yield Problem(None, None, name, f"is missing; expected a column of type {types[name]}")
    for name in schema.names:
        if name in FORBIDDEN_COLUMNS:
            yield Problem(
                None, None, name, f"must not be a column: {FORBIDDEN_COLUMNS[name]}; move it to extra"
            )
        elif name not in types:
            yield Problem(None, None, name, "is not a column of the shared schema; put it into extra as JSON")
        elif schema.names.count(name) > 1:
            yield Problem(None, None, name, "is there more than once")
        elif (found := schema.field(name).type) != types[name]:
            hint = " (trainers then get no pictures)" if name in ("images", "rejected_images") else ""
            yield Problem(None, None, name, f"has type {found}; expected exactly {types[name]}{hint}")


def rows_readable(problems: Iterable[Problem]) -> bool:
    """Tell whether rows can be checked: every column of the schema is there in its type."""
    return not any(problem.column in SCHEMA.names for problem in problems)


def row_problems(
    batches: Iterable[pa.RecordBatch], rules: Rules, seen: dict[str, str], file: str | None = None
) -> Iterator[Problem]:
    """Yield what is wrong with rows, holding few of them at a time.

    Args:
        batches: rows of the shared schema.
        rules: what to look at.
        seen: where each id was met first; filled here, so that one dict may serve several files.
        file: name to put into problems.
    """
    pictures = Pictures(decode_pixels=rules.decode_images, max_pixels=rules.max_pixels)
    for number, row in enumerate(_rows(batches)):
        key = row["id"]
        found = list(findings(row, pictures))
        found += [(name, "is null; expected []") for name in OPTIONAL_COLUMNS if row.get(name, ()) is None]
        if row["pair_kind"] in KINDS and row["pair_kind"] not in rules.kinds:
            allowed = " or ".join(rules.kinds)
            found.append(("pair_kind", f"is {row['pair_kind']} where only {allowed} may be; move the row"))
        place = f"row {number}" + (f" of {file}" if file else "")
        if key is not None and seen.setdefault(key, place) != place:
            found.append(("id", f"is also the id of {seen[key]}; ids are unique"))
        for column, message in found:
            yield Problem(number, key, column, message, file)


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[Row]:
    for batch in batches:
        for start in range(0, batch.num_rows, _SLICE):
            yield from batch.slice(start, _SLICE).to_pylist()
