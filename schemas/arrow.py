"""The shared schema as Arrow: one definition from which every Parquet file is written.

The types are exact on purpose. ``datasets`` turns a column into pictures only when it is
``list<struct<bytes: binary, path: string>>`` in this order, and it reads the ``huggingface`` key in this spelling in
every release from 2.21 to 5.2.
"""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair
from pairwright.schemas.prompt import MARKER
from pairwright.schemas.span import Span

SCHEMA_VERSION = "1"
"""Raised by one whenever a column changes its meaning or type, or goes away."""

IMAGES = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
"""Type of a column of images."""
_PART = pa.struct([("type", pa.string()), ("text", pa.string())])
_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(_PART))]))
META = pa.list_(
    pa.struct(
        [
            ("sha256", pa.string()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("format", pa.string()),
            ("source_uri", pa.string()),
            ("license", pa.string()),
            ("edit", pa.string()),
        ]
    )
)
"""Type of the column beside it: what is known of each image."""
SCORES = pa.list_(
    pa.struct(
        [
            ("target", pa.string()),
            ("scorer", pa.string()),
            ("aspect", pa.string()),
            ("value", pa.float64()),
            ("min", pa.float64()),
            ("max", pa.float64()),
            ("rationale", pa.string()),
        ]
    )
)
"""Type of a column of judgements."""
SPANS = pa.list_(
    pa.struct(
        [
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("weight", pa.float64()),
            ("label", pa.string()),
        ]
    )
)
"""Type of a column of spans."""
_FEATURES = {"info": {"features": {name: [{"_type": "Image"}] for name in ("images", "rejected_images")}}}

METADATA = {"huggingface": json.dumps(_FEATURES), "pairwright_schema": SCHEMA_VERSION}
"""Key-value metadata of every file."""

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("images", IMAGES),
        ("prompt", _MESSAGES),
        ("chosen", _MESSAGES),
        ("rejected", _MESSAGES),
        ("rejected_images", IMAGES),
        ("question", pa.string()),
        ("chosen_text", pa.string()),
        ("rejected_text", pa.string()),
        ("system", pa.string()),
        ("history", pa.list_(pa.list_(pa.string()))),
        ("pair_kind", pa.string()),
        ("score_chosen", pa.float64()),
        ("score_rejected", pa.float64()),
        ("scores", SCORES),
        ("ground_truth", pa.string()),
        ("chosen_model", pa.string()),
        ("rejected_model", pa.string()),
        ("chosen_spans", SPANS),
        ("rejected_spans", SPANS),
        ("images_meta", META),
        ("rejected_images_meta", META),
        ("source", pa.string()),
        ("source_id", pa.string()),
        ("group_id", pa.string()),
        ("license", pa.string()),
        ("language", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("provenance", pa.string()),
        ("extra", pa.string()),
    ],
    metadata=METADATA,
)
"""Columns of the shared schema, in order; docs/schema.md says what each means."""

REQUIRED = frozenset(
    [
        "id",
        "images",
        "prompt",
        "chosen",
        "rejected",
        "question",
        "chosen_text",
        "rejected_text",
        "pair_kind",
        "scores",
        "images_meta",
        "source",
        "group_id",
        "tags",
    ]
)
"""Columns that are never null."""


def to_table(pairs: Sequence[Pair]) -> pa.Table:
    """Return pairs as a table of the shared schema."""
    return pa.Table.from_pylist([to_row(pair) for pair in pairs], schema=SCHEMA)


def to_row(pair: Pair) -> dict[str, Any]:
    """Return one pair as a row of plain Python values, in the schema's names."""
    prompt, negatives = pair.prompt, pair.rejected_images
    return {
        "id": pair.id,
        "images": stored_images(prompt.images),
        "prompt": messages(prompt.system, prompt.history, prompt.question),
        "chosen": answer_messages(pair.chosen),
        "rejected": answer_messages(pair.rejected),
        "rejected_images": None if negatives is None else stored_images(negatives),
        "question": prompt.question,
        "chosen_text": pair.chosen,
        "rejected_text": pair.rejected,
        "system": prompt.system,
        "history": [list(turn) for turn in prompt.history] or None,
        "pair_kind": pair.kind,
        "score_chosen": pair.score_chosen,
        "score_rejected": pair.score_rejected,
        "scores": score_rows(pair.scores),
        "ground_truth": pair.ground_truth,
        "chosen_model": pair.chosen_model,
        "rejected_model": pair.rejected_model,
        "chosen_spans": span_rows(pair.chosen_spans) or None,
        "rejected_spans": span_rows(pair.rejected_spans) or None,
        "images_meta": meta_rows(prompt.images),
        "rejected_images_meta": None if negatives is None else meta_rows(negatives),
        "source": pair.source,
        "source_id": pair.source_id,
        "group_id": pair.group_id,
        "license": pair.license,
        "language": pair.language,
        "tags": list(pair.tags),
        "provenance": pair.provenance,
        "extra": pair.extra,
    }


def messages(system: str | None, history: Sequence[Sequence[str]], question: str) -> list[dict[str, Any]]:
    """Return a prompt as messages whose parts are text or an image's place.

    >>> messages(None, [], "<image>\\nWhat is it?")[0]["content"]
    [{'type': 'image', 'text': None}, {'type': 'text', 'text': 'What is it?'}]
    """
    made = [_message("system", system)] if system else []
    for user, assistant in history:
        made += [_message("user", user), _message("assistant", assistant)]
    return [*made, _message("user", question)]


def answer_messages(text: str) -> list[dict[str, Any]]:
    """Return an answer as messages.

    >>> answer_messages("A cat.")
    [{'role': 'assistant', 'content': [{'type': 'text', 'text': 'A cat.'}]}]
    """
    return [_message("assistant", text)]


def _message(role: str, text: str) -> dict[str, Any]:
    parts: list[dict[str, str | None]] = []
    for number, segment in enumerate(text.split(MARKER)):
        if number:
            parts.append({"type": "image", "text": None})
        if segment.strip("\n"):
            parts.append({"type": "text", "text": segment.strip("\n")})
    return {"role": role, "content": parts}


def stored_images(images: Sequence[Image]) -> list[dict[str, Any]]:
    """Return images as the values of an image column."""
    return [{"bytes": image.data, "path": image.path} for image in images]


def meta_rows(images: Sequence[Image]) -> list[dict[str, Any]]:
    """Return what is known of images as the values of the column beside theirs."""
    return [
        {
            "sha256": image.sha256,
            "width": image.header.width,
            "height": image.header.height,
            "format": image.header.format,
            "source_uri": image.source_uri,
            "license": image.license,
            "edit": image.edit,
        }
        for image in images
    ]


def score_rows(scores: Sequence[Judgement]) -> list[dict[str, Any]]:
    """Return judgements as the values of a column of scores."""
    return [
        {
            "target": score.target,
            "scorer": score.scorer,
            "aspect": score.aspect,
            "value": score.value,
            "min": score.low,
            "max": score.high,
            "rationale": score.rationale,
        }
        for score in scores
    ]


def span_rows(spans: Sequence[Span]) -> list[dict[str, Any]]:
    """Return spans as the values of a column of spans."""
    return [{name: getattr(span, name) for name in Span.__slots__} for span in spans]
