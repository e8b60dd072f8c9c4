"""The config ``candidates`` as Arrow: one row per prompt, with every answer and all that was said of it.

It keeps what pairs were formed from, so that another rule needs no new call.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pairwright.schemas.arrow import (
    IMAGES,
    META,
    SCHEMA_VERSION,
    SCORES,
    SPANS,
    meta_rows,
    score_rows,
    span_rows,
    stored_images,
)
from pairwright.schemas.claim import Claim
from pairwright.schemas.pair import group_id
from pairwright.schemas.source_row import SourceRow

FOLDER = "candidates"
"""Folder of a run in which they stand."""

FAILED = "failed"
"""Folder of a run in which those of failed rows stand, until the rows are tried again."""

FOLDERS = (FOLDER, FAILED)
"""All folders of a run with files of them."""


def files_in(folder: Path) -> list[Path]:
    """Return all files of them in a run folder, those of failed rows last."""
    return [path for name in FOLDERS for path in sorted((folder / name).glob("*.parquet"))]


_CLAIMS = pa.list_(
    pa.struct(
        [
            ("text", pa.string()),
            ("finding", pa.string()),
            ("question", pa.string()),
            ("probability", pa.float64()),
            ("topic", pa.int32()),
        ]
    )
)
_CANDIDATES = pa.list_(
    pa.struct(
        [
            ("text", pa.string()),
            ("model", pa.string()),
            ("side", pa.string()),
            ("finish", pa.string()),
            ("request", pa.string()),
            ("sample", pa.int32()),
            ("params", pa.string()),
            ("answer", pa.string()),
            ("score", pa.float64()),
            ("judgements", SCORES),
            ("round", pa.int32()),
            ("claims", _CLAIMS),
            ("spans", SPANS),
        ]
    )
)
_COMPARISONS = pa.list_(
    pa.struct(
        [
            ("first", pa.int32()),
            ("second", pa.int32()),
            ("outcome", pa.string()),
            ("scorer", pa.string()),
            ("strength", pa.float64()),
            ("rationale", pa.string()),
        ]
    )
)
_ANNOTATIONS = pa.list_(
    pa.struct(
        [
            ("annotator", pa.string()),
            ("shown", pa.list_(pa.int32())),
            ("seconds", pa.float64()),
            ("at", pa.string()),
            ("note", pa.string()),
        ]
    )
)
_FEATURES = {"info": {"features": {"images": [{"_type": "Image"}]}}}

CANDIDATES_SCHEMA = pa.schema(
    [
        ("record_id", pa.string()),
        ("images", IMAGES),
        ("question", pa.string()),
        ("system", pa.string()),
        ("history", pa.list_(pa.list_(pa.string()))),
        ("candidates", _CANDIDATES),
        ("comparisons", _COMPARISONS),
        ("annotations", _ANNOTATIONS),
        ("chosen_text", pa.string()),
        ("rejected_text", pa.string()),
        ("ground_truth", pa.string()),
        ("evidence", pa.string()),
        ("images_meta", META),
        ("source", pa.string()),
        ("source_id", pa.string()),
        ("group_id", pa.string()),
        ("license", pa.string()),
        ("language", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("provenance", pa.string()),
        ("extra", pa.string()),
    ],
    metadata={"huggingface": json.dumps(_FEATURES), "pairwright_candidates": SCHEMA_VERSION},
)
"""Columns in order; docs/schema.md says what each means."""


def to_candidate_table(rows: Sequence[SourceRow]) -> pa.Table:
    """Return rows with their candidates as a table."""
    return pa.Table.from_pylist([_to_row(row) for row in rows], schema=CANDIDATES_SCHEMA)


def _to_row(row: SourceRow) -> dict[str, Any]:
    prompt = row.prompt
    return {
        "record_id": row.record_id,
        "images": stored_images(prompt.images),
        "question": prompt.question,
        "system": prompt.system,
        "history": [list(turn) for turn in prompt.history] or None,
        "candidates": [
            {
                "text": one.text,
                "model": one.model,
                "side": one.side,
                "finish": one.finish,
                "request": one.request,
                "sample": one.sample,
                "params": one.params,
                "answer": one.answer,
                "score": one.score,
                "judgements": score_rows(one.judgements),
                "round": one.round,
                "claims": [{name: getattr(claim, name) for name in Claim.__slots__} for claim in one.claims],
                "spans": span_rows(one.spans),
            }
            for one in row.candidates
        ],
        "comparisons": [
            {name: getattr(one, name) for name in type(one).__slots__} for one in row.comparisons
        ],
        "annotations": [{name: getattr(one, name) for name in type(one).__slots__} for one in row.annotations]
        or None,
        "chosen_text": row.chosen,
        "rejected_text": row.rejected,
        "ground_truth": row.ground_truth,
        "evidence": row.evidence,
        "images_meta": meta_rows(prompt.images),
        "source": row.source,
        "source_id": row.source_id,
        "group_id": group_id(prompt),
        "license": row.license,
        "language": row.language,
        "tags": list(row.tags),
        "provenance": row.provenance,
        "extra": row.extra,
    }
