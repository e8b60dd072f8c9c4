"""The rules of the config ``candidates``: columns, and every prompt with its answers and what was said of them."""

import math
from collections.abc import Iterable, Iterator
from typing import get_args

import pyarrow as pa

from pairwright.schemas.candidate import Outcome, Side
from pairwright.schemas.candidate_table import CANDIDATES_SCHEMA
from pairwright.schemas.claim import Finding as Found
from pairwright.schemas.prompt import MARKER
from pairwright.schemas.request import Finish
from pairwright.schemas.validate import Problem, Rules
from pairwright.schemas.validate_row import (
    Finding,
    Pictures,
    Row,
    image_findings,
    json_findings,
    judgement_findings,
    span_findings,
)

CANDIDATES_REQUIRED = frozenset(
    [
        "record_id",
        "images",
        "question",
        "candidates",
        "comparisons",
        "images_meta",
        "source",
        "group_id",
        "tags",
    ]
)
"""Columns that are never null."""

_NEVER_EMPTY = ("record_id", "question", "source", "group_id")
_LATER = frozenset({"annotations"})
"""Columns that files from before there were any do not have."""
_SLICE = 8
"""Rows turned into Python values at a time: bounds memory whatever the pictures' size."""


def column_problems(schema: pa.Schema) -> Iterator[Problem]:
    """Yield missing and unknown columns, and columns of another type.

    >>> [problem.column for problem in column_problems(CANDIDATES_SCHEMA.remove(0))]
    ['record_id']
    """
    types = {field.name: field.type for field in CANDIDATES_SCHEMA}
    for name, kind in types.items():
        if name not in schema.names:
            if name in _LATER:
                continue
            yield Problem(None, None, name, f"is missing; expected a column of type {kind}")
    for name in schema.names:
        if name not in types:
            yield Problem(
                None, None, name, "is not a column of the config candidates; put it into extra as JSON"
            )
        elif schema.names.count(name) > 1:
            yield Problem(None, None, name, "is there more than once")
        elif (found := schema.field(name).type) != types[name]:
            yield Problem(None, None, name, f"has type {found}; expected exactly {types[name]}")


def candidates_readable(problems: Iterable[Problem]) -> bool:
    """Tell whether rows can be checked: every column is there in its type."""
    return not any(problem.column in CANDIDATES_SCHEMA.names for problem in problems)


def candidate_problems(
    batches: Iterable[pa.RecordBatch], rules: Rules, seen: dict[str, str], file: str | None = None
) -> Iterator[Problem]:
    """Yield what is wrong with rows, holding few of them at a time.

    Args:
        batches: rows of the config ``candidates``.
        rules: what to look at.
        seen: where each record id was met first; filled here, so that one dict may serve several files.
        file: name to put into problems.
    """
    pictures = Pictures(decode_pixels=rules.decode_images, max_pixels=rules.max_pixels)
    for number, row in enumerate(_rows(batches)):
        key = row["record_id"]
        place = f"row {number}" + (f" of {file}" if file else "")
        found = list(findings(row, pictures))
        if key is not None and seen.setdefault(key, place) != place:
            found.append(
                ("record_id", f"is also the record id of {seen[key]}; there is one row for each prompt")
            )
        for column, message in found:
            yield Problem(number, key, column, message, file)


def findings(row: Row, pictures: Pictures) -> Iterator[Finding]:
    """Yield everything that is wrong with a row. Needs every column of the config, in its type."""
    nulls = sorted(column for column in CANDIDATES_REQUIRED if row[column] is None)
    if nulls:  # the other rules lean on these columns
        yield from ((column, "is null; every row needs a value, a list may be []") for column in nulls)
        return
    for column in _NEVER_EMPTY:
        if not row[column].strip():
            yield column, "is empty; every row needs a value"
    yield from _markers(row)
    yield from image_findings(row, "images", "images_meta", pictures)
    for number, candidate in enumerate(row["candidates"]):
        yield from _candidate(f"candidates[{number}]", candidate)
    for number, comparison in enumerate(row["comparisons"]):
        yield from _comparison(f"comparisons[{number}]", comparison, len(row["candidates"]))
    for number, annotation in enumerate(row.get("annotations") or ()):
        yield from _annotation(f"annotations[{number}]", annotation, len(row["candidates"]))
    yield from json_findings(row)


def _markers(row: Row) -> Iterator[Finding]:
    users = [turn[0] for turn in row["history"] or () if turn]
    markers = sum((text or "").count(MARKER) for text in [*users, row["question"]])
    if markers != len(row["images"]):
        told = f"question and history have {markers} {MARKER} markers for {len(row['images'])} images"
        yield "question", f"{told}; expected one where each image goes"


def _candidate(place: str, candidate: Row | None) -> Iterator[Finding]:
    if candidate is None or candidate["text"] is None:
        yield "candidates", f'{place} has no text; leave it out, or write "" for an empty answer'
        return
    if candidate["side"] not in get_args(Side):
        yield (
            "candidates",
            f"{place}.side is {candidate['side']!r}; expected one of {', '.join(get_args(Side))}",
        )
    if candidate["finish"] is not None and candidate["finish"] not in get_args(Finish):
        known = ", ".join(get_args(Finish))
        yield "candidates", f"{place}.finish is {candidate['finish']!r}; expected null or one of {known}"
    if candidate["score"] is not None and not math.isfinite(candidate["score"]):
        yield "candidates", f"{place}.score is {candidate['score']}; expected a finite number, or null"
    judgements = candidate["judgements"]
    if judgements is None:
        yield "candidates", f"{place}.judgements is null; expected []"
        return
    yield from judgement_findings("candidates", f"{place}.judgements", judgements)
    if candidate["round"] is not None and candidate["round"] < 1:
        yield "candidates", f"{place}.round is {candidate['round']}; expected null, or a number from 1"
    for number, claim in enumerate(candidate["claims"] or ()):
        yield from _claim(f"{place}.claims[{number}]", claim)
    yield from span_findings("candidates", f"{place}.spans", candidate["spans"] or (), candidate["text"])


def _claim(place: str, claim: Row | None) -> Iterator[Finding]:
    if claim is None or claim["text"] is None or not claim["text"].strip():
        yield "candidates", f"{place} has no text; leave it out"
        return
    if claim["finding"] not in get_args(Found):
        yield (
            "candidates",
            f"{place}.finding is {claim['finding']!r}; expected one of {', '.join(get_args(Found))}",
        )
    probability = claim["probability"]
    if probability is not None and not 0 <= probability <= 1:
        yield "candidates", f"{place}.probability is {probability}; expected null, or a number from 0 to 1"


def _comparison(place: str, comparison: Row | None, count: int) -> Iterator[Finding]:
    if comparison is None or comparison["scorer"] is None:
        yield "comparisons", f"{place} has no scorer; expected the name of who compared"
        return
    first, second = comparison["first"], comparison["second"]
    for name, number in (("first", first), ("second", second)):
        if number is None or not 0 <= number < count:
            yield "comparisons", f"{place}.{name} is {number}; the row has candidates 0 to {count - 1}"
    if first is not None and first == second:
        yield "comparisons", f"{place} compares candidate {first} with itself; leave it out"
    if comparison["outcome"] not in get_args(Outcome):
        known = ", ".join(get_args(Outcome))
        yield "comparisons", f"{place}.outcome is {comparison['outcome']!r}; expected one of {known}"
    strength = comparison["strength"]
    if strength is None or not 0 <= strength < math.inf:
        yield "comparisons", f"{place}.strength is {strength}; expected a finite number of at least 0"


def _annotation(place: str, annotation: Row | None, count: int) -> Iterator[Finding]:
    if annotation is None or not (annotation["annotator"] or "").strip():
        yield "annotations", f"{place} has no annotator; expected the id of who looked at the answers"
        return
    shown = annotation["shown"] or []
    if any(number is None or not 0 <= number < count for number in shown) or len({*shown}) < len(shown):
        told = f"is {shown}; expected different numbers of candidates, 0 to {count - 1}"
        yield "annotations", f"{place}.shown {told}"
    seconds = annotation["seconds"]
    if seconds is not None and not 0 <= seconds < math.inf:
        yield "annotations", f"{place}.seconds is {seconds}; expected a finite number of at least 0, or null"


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[Row]:
    for batch in batches:
        for start in range(0, batch.num_rows, _SLICE):
            yield from batch.slice(start, _SLICE).to_pylist()
