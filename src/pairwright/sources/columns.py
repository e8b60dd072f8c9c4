"""Which column of a source holds which field: recognised by name, or said by the recipe.

The rule: what the recipe says wins. Then the fields are gone through in the order of :data:`NAMES`, and each takes the
first of its names that the row has and no field took before it; upper and lower case are the same. What nobody took is
kept as ``extra``. The rule is applied to the names of every row, so rows of one file may differ in their columns.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pairwright.schemas.arrow import SCHEMA
from pairwright.schemas.candidate_table import CANDIDATES_SCHEMA
from pairwright.schemas.errors import SourceError
from pairwright.schemas.room import unknown
from pairwright.sources.settings import ColumnMap

NAMES: dict[str, tuple[str, ...]] = {
    "conversations": ("conversations", "conversation", "messages"),
    "rejected_conversations": ("rejected_conversations", "rejected_conversation", "rejected_messages"),
    "question": ("question", "instruction", "query", "problem"),
    "prompt": ("prompt",),
    "chosen": (
        "chosen_text",
        "chosen",
        "chosen_response",
        "good",
        "good_answer",
        "better_text",
        "answer",
        "response",
        "caption",
        "completion",
        "output",
    ),
    "rejected": (
        "rejected_text",
        "rejected",
        "reject",
        "rejected_response",
        "bad",
        "bad_answer",
        "worse_text",
    ),
    "images": (
        "images",
        "good_image",
        "better_image",
        "better_img",
        "image",
        "img",
        "picture",
        "pictures",
        "photo",
        "file_name",
        "file_names",
        "image_file_name",
        "image_file_names",
        "images_file_names",
        "image_path",
        "image_paths",
        "img_path",
        "image_file",
        "filename",
        "image_url",
    ),
    "rejected_images": (
        "rejected_images",
        "rejected_image",
        "bad_image",
        "worse_image",
        "worse_img",
        "mixed_up_image",
        "retrieved_image",
        "rejected_file_name",
        "rejected_image_file_name",
        "rejected_images_file_names",
        "rejected_image_path",
    ),
    "candidates": ("candidates",),
    "evidence": ("evidence",),
    "id": ("source_id", "id", "question_id", "sample_id", "uid", "idx", "index", "image_id"),
    "source": ("source", "ds_name", "dataset_name"),
    "system": ("system", "system_prompt"),
    "history": ("history",),
    "chosen_model": ("chosen_model",),
    "rejected_model": ("rejected_model",),
    "score_chosen": ("score_chosen", "chosen_score", "chosen_rating"),
    "score_rejected": ("score_rejected", "rejected_score", "rejected_rating"),
    "ground_truth": ("ground_truth", "answer_gt", "gt_answer", "gt", "solution", "answer"),
    "license": ("license", "licence"),
    "language": ("language", "lang"),
    "tags": ("tags",),
}
"""Names by which each field is known, best first."""

SHARED = frozenset(SCHEMA.names) | frozenset(CANDIDATES_SCHEMA.names)
"""Columns of pairwright's own schemas."""
_TELLS_SHARED = frozenset({"images", "question", "chosen_text", "rejected_text", "pair_kind", "images_meta"})
_TELLS_CANDIDATES = frozenset({"images", "question", "candidates", "comparisons", "images_meta"})


@dataclass(frozen=True, slots=True)
class Columns:
    """What was taken for what in rows with certain column names."""

    taken: Mapping[str, str]
    """Field to column."""
    rest: tuple[str, ...]
    """Columns no field took."""
    missing: tuple[tuple[str, str], ...]
    """(field, column) the recipe names and the row does not have."""
    shared: bool
    """Whether these are rows of pairwright's own schema, pairs or candidates."""


@lru_cache(maxsize=512)  # asked for every row
def said(columns: ColumnMap) -> tuple[tuple[str, str], ...]:
    """Return what the recipe says, as (field, column)."""
    return tuple((field, column) for field, column in columns.model_dump().items() if column is not None)


@lru_cache(maxsize=512)  # rows of one file nearly always have the same names
def recognise(names: tuple[str, ...], told: tuple[tuple[str, str], ...] = ()) -> Columns:
    """Return which of the columns ``names`` holds which field.

    Args:
        names: columns of a row.
        told: (field, column) pairs that the recipe says, see :func:`said`.

    >>> recognise(("idx", "Question", "chosen", "rejected", "image", "origin")).taken["question"]
    'Question'
    >>> dict(recognise(("file_name", "text")).taken)
    {'images': 'file_name', 'chosen': 'text'}
    """
    if not told and (set(names) >= _TELLS_SHARED or set(names) >= _TELLS_CANDIDATES):
        own = {name: name for name in names if name in SHARED}
        return Columns(own, tuple(name for name in names if name not in SHARED), (), shared=True)
    present = set(names)
    taken = {field: column for field, column in told if column in present}
    missing = tuple((field, column) for field, column in told if column not in present)
    free = {name.lower(): name for name in reversed(names) if name not in taken.values()}
    settled = {field for field, _ in told}
    for field, known in NAMES.items():
        found = next((name for name in known if name in free), None)
        if found is not None and field not in settled:
            taken[field] = free.pop(found)
    _take_text(taken, free, settled)
    used = set(taken.values())
    return Columns(taken, tuple(name for name in names if name not in used), missing, shared=False)


def check_said(columns: ColumnMap, names: Iterable[str], where: str) -> None:
    """Raise SourceError when the recipe names a column that the first rows of ``where`` do not have."""
    known = list(dict.fromkeys(names))
    for field, column in said(columns):
        if column not in known:
            told = unknown(f"the columns of {where}", column, known)
            raise SourceError(f"source.columns.{field}: {told}")


def _take_text(taken: dict[str, str], free: dict[str, str], settled: set[str]) -> None:
    """``text`` is a caption in picture folders and a question beside answers: it becomes what is still wanting."""
    if "text" not in free:
        return
    wanting = None
    if not {"chosen", "conversations"} & (taken.keys() | settled):
        wanting = "chosen"
    elif not {"question", "prompt", "conversations"} & (taken.keys() | settled):
        wanting = "question"
    if wanting:
        taken[wanting] = free.pop("text")
