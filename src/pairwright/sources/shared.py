"""Rows of pairwright's own schema, read back: what was written comes out the same, bytes, markers and scores."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.span import Span
from pairwright.sources import RawRow, cells
from pairwright.sources.candidates import (
    judgements,
    own_annotations,
    own_candidates,
    own_comparisons,
    own_spans,
)
from pairwright.sources.columns import Columns
from pairwright.sources.pictures import Pictures, picture_values
from pairwright.sources.settings import SourceSettings
from pairwright.sources.sides import check_sides, checked_prompt, other_images
from pairwright.sources.turns import read_history


def shared_row(
    raw: RawRow, columns: Columns, pictures: Pictures, name: str, settings: SourceSettings
) -> SourceRow:
    """Return a row of the shared schema as a source row.

    Of pairs the flat columns are read; ``prompt``, ``chosen`` and ``rejected`` say the same as messages, and ``group_id`` and
    ``pair_kind`` are made anew for what a builder makes of the row, as is ``id`` where that is another pair.
    """
    row = raw.fields
    images = _with_meta(row, "images", pictures, raw.folder)
    others = _with_meta(row, "rejected_images", pictures, raw.folder)
    prompt = Prompt(
        question=cells.text(row["question"], "question"),
        images=images,
        system=_optional(row, "system"),
        history=read_history(row.get("history"), "history"),
    )
    prompt = checked_prompt(prompt, {})
    chosen, rejected = _answer(row, "chosen_text"), _answer(row, "rejected_text")
    negatives = other_images(images, others, "rejected_images")
    check_sides(chosen, rejected, negatives, "rejected_text")
    candidates = own_candidates(row.get("candidates"))
    return SourceRow(
        record_id=raw.record_id,
        source=settings.name or _optional(row, "source") or name,
        source_id=_optional(row, "source_id") or raw.record_id,
        prompt=prompt,
        pair_id=None if chosen is None else _optional(row, "id"),
        chosen=chosen,
        rejected=rejected,
        rejected_images=negatives,
        chosen_model=_optional(row, "chosen_model"),
        rejected_model=_optional(row, "rejected_model"),
        score_chosen=cells.number(row.get("score_chosen"), "score_chosen"),
        score_rejected=cells.number(row.get("score_rejected"), "score_rejected"),
        scores=judgements(row.get("scores"), "scores"),
        chosen_spans=_spans(row, "chosen"),
        rejected_spans=_spans(row, "rejected"),
        candidates=candidates,
        comparisons=own_comparisons(row.get("comparisons"), len(candidates)),
        annotations=own_annotations(row.get("annotations"), len(candidates)),
        ground_truth=_optional(row, "ground_truth"),
        evidence=_optional(row, "evidence"),
        license=_optional(row, "license") or settings.license,
        language=_optional(row, "language") or settings.language,
        tags=cells.tag_list(row.get("tags"), "tags"),
        provenance=cells.stored_json(row.get("provenance"), "provenance"),
        extra=_extra(row, columns.rest),
    )


def _optional(row: Mapping[str, Any], column: str) -> str | None:
    return cells.optional_text(row.get(column), column)


def _answer(row: Mapping[str, Any], column: str) -> str | None:
    value = row.get(column)
    return None if value is None and "candidates" in row else cells.answer(cells.text(value, column), column)


def _spans(row: Mapping[str, Any], side: str) -> tuple[Span, ...]:
    """Return the spans of an answer, which loses the line breaks around it; files from before there were any have none."""
    text = row.get(f"{side}_text") or ""
    spans = own_spans(row.get(f"{side}_spans"), f"{side}_spans", text)
    before, length = len(text) - len(text.lstrip("\n")), len(text.strip("\n"))
    moved = (
        replace(one, start=max(one.start - before, 0), end=min(one.end - before, length)) for one in spans
    )
    return tuple(one for one in moved if one.start < one.end)


def _with_meta(row: Mapping[str, Any], column: str, pictures: Pictures, folder: str) -> tuple[Image, ...]:
    """Return the images of a column with what the column beside it tells of each."""
    values = picture_values(row.get(column), column)
    metas: Any = cells.from_json(row.get(f"{column}_meta")) or [None] * len(values)
    if not isinstance(metas, (list, tuple)) or len(metas) != len(values):
        raise cells.bad_value(f"{column}_meta", f"a list of {len(values)}, one for each image", metas)
    made = []
    for (value, name), meta in zip(values, metas, strict=True):
        image = pictures.read(value, field=name, folder=folder)
        if not isinstance(meta, Mapping):
            made.append(image)
            continue
        if meta.get("sha256") not in (None, image.sha256):
            raise RowError("bad_value", f"{column}_meta", "the picture is not the one whose sha256 is stored")
        told = {key: _optional(meta, key) for key in ("source_uri", "license", "edit")}
        made.append(replace(image, **told))  # type: ignore[arg-type]  # three fields of type str | None
    return tuple(made)


def _extra(row: Mapping[str, Any], rest: Sequence[str]) -> str | None:
    stored = cells.stored_json(row.get("extra"), "extra")
    if not rest:
        return stored
    more = {name: row[name] for name in rest}
    known = json.loads(stored) if stored else {}
    return cells.columns_json({**known, **more} if isinstance(known, dict) else {**more, "extra": known})
