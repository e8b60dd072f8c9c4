"""Rows with something odd in any place: each is a row that can be written, or a reject with a reason; in every layout."""

import copy
import datetime
import decimal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pairwright.layouts import ROOM
from pairwright.schemas.candidate_table import to_candidate_table
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.errors import RowError
from pairwright.schemas.reasons import Reason
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import RawRow
from pairwright.sources.grouped import GroupedSource
from pairwright.sources.in_layout import LayoutSource
from pairwright.sources.pictures import Pictures
from pairwright.sources.rows import Reading, parse_row
from pairwright.sources.settings import SourceSettings

FUZZ = settings.get_profile("fuzz")
ROWS = Path(__file__).parents[1] / "machine" / "layouts" / "rows"
PICTURE = encode(np.full((12, 16, 3), 90, np.uint8), "png")

DEEP: Any = []
for _ in range(120):
    DEEP = [DEEP]

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 2**31, 2**63, -(2**63) - 1, 10**400]),
    st.floats() | st.sampled_from([1e300, -1e300, 3.0e9]),
    st.text(st.characters(), max_size=8),
    st.sampled_from(
        ["", " ", "\0", "\ud800", "a\udfff", "<image>", "<image>" * 50, "<image 2>", "<video>", "1e999", "nan", "9" * 5000]
    ),
    st.sampled_from(["[", "[]", "{}", "[1, [2", '{"a": 1}', "[" * 5000 + "]" * 5000, '{"question": 1, "chosen": 2}']),
    st.binary(max_size=8),
    st.sampled_from([PICTURE, PICTURE[:40], {"bytes": PICTURE, "path": None}, {"bytes": None, "path": "x.png"}, DEEP]),
    st.sampled_from(
        [datetime.datetime.max, datetime.date.min, datetime.time(1), datetime.timedelta(1), decimal.Decimal("NaN")]
    ),
)  # fmt: skip
VALUES = st.recursive(
    ODD,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "from", "value", "text", "type", "bytes", "path", "score"]), inner, max_size=3)
        | st.dictionaries(st.text(st.characters(), max_size=4) | st.integers(), inner, max_size=2)
    ),
    max_leaves=6,
)  # fmt: skip

IMAGE = read_image(PICTURE)
META = {"sha256": IMAGE.sha256, "source_uri": None, "license": None, "edit": None}
JUDGED = {
    "target": "pair",
    "scorer": "j",
    "aspect": "a",
    "value": 1.0,
    "min": 0.0,
    "max": 2.0,
    "rationale": None,
}
PLAIN = {
    "question": "<image>\nWhat?",
    "chosen": "A cat.",
    "rejected": "A dog.",
    "image": {"bytes": PICTURE, "path": None},
    "id": 3,
    "history": [["Hello", "Hi"]],
    "tags": ["ocr"],
    "candidates": [{"text": "A cow.", "model": "m", "score": 2}],
    "score_chosen": 2.0,
    "ground_truth": {"a": 1},
    "more": [1, {"x": None}],
}
TALK = {
    "conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A cat."}],
    "rejected_conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A dog."}],
    "images": [PICTURE],
}
MESSAGES = {
    "prompt": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]}],
    "chosen": [{"role": "assistant", "content": "A cat."}],
    "rejected": [{"role": "assistant", "content": [{"type": "text", "text": "A dog."}]}],
    "images": [PICTURE],
}
SHARED = {
    "images": [{"bytes": PICTURE, "path": "a.png"}],
    "images_meta": [META],
    "rejected_images": None,
    "rejected_images_meta": None,
    "question": "<image>\nWhat?",
    "history": [["Hello", "Hi"]],
    "source": "s",
    "source_id": "1",
    "tags": ["a"],
    "extra": "{}",
}
PAIR = SHARED | {
    "id": "x",
    "pair_kind": "text",
    "chosen_text": "A cat.",
    "rejected_text": "A dog.",
    "scores": [JUDGED],
    "chosen_spans": [{"start": 0, "end": 1, "weight": 1.0, "label": None}],
    "rejected_spans": [],
    "provenance": "{}",
}
CANDIDATES = SHARED | {
    "candidates": [
        {
            "text": "A cat.",
            "model": "m",
            "side": "any",
            "sample": 0,
            "round": 1,
            "score": 1.0,
            "judgements": [JUDGED],
            "claims": [{"text": "a", "finding": "right", "question": None, "probability": 0.5, "topic": 1}],
            "spans": [{"start": 0, "end": 1, "weight": 1.0, "label": None}],
            "params": "{}",
        },
        {"text": "A dog.", "side": "any"},
    ],
    "comparisons": [
        {"first": 0, "second": 1, "outcome": "first", "scorer": "j", "strength": 1.0, "rationale": None}
    ],
    "annotations": [{"annotator": "p", "shown": [0, 1], "seconds": 2.0, "at": None, "note": None}],
}
KINDS = {"plain": PLAIN, "talk": TALK, "messages": MESSAGES, "pair": PAIR, "candidates": CANDIDATES}


def reading(layout: str | None = None) -> Reading:
    pictures = Pictures(None, False, 10**6, 10**6, 1)
    return Reading("t", SourceSettings(layout=layout), pictures, None if layout is None else ROOM.get(layout))


class Rows:
    """A source of some rows."""

    name, local = "t", True

    def __init__(self, rows: list[Mapping[str, Any]], layout: str | None = None) -> None:
        self._rows, self._reading = rows, reading(layout)

    def rows(self, start: int = 0):
        for number, fields in enumerate(self._rows):
            yield RawRow(f"t:{number}", fields)

    def parse(self, raw: RawRow) -> SourceRow:
        return parse_row(raw, self._reading)

    def columns(self) -> Mapping[str, str]:
        return dict(self._reading.columns(tuple(self._rows[0])).taken)


def used(source: Any) -> None:
    """Read all rows as a run does, and write those that are no rejects."""
    for raw in source.rows():
        reason, row = None, None
        try:
            row = source.parse(raw)
        except RowError as error:
            reason = error.reason
        if row is None:
            assert reason in get_args(Reason)
        else:
            to_candidate_table([row])


def places(tree: Any, levels: int = 5) -> list[tuple[Any, Any]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, inner in items if levels for place in ((tree, key), *places(inner, levels - 1))]


@st.composite
def mutated(draw: st.DrawFn, row: Any) -> Any:
    row = copy.deepcopy(row)
    for _ in range(draw(st.integers(1, 3))):
        at, key = draw(st.sampled_from(places(row) or [(row, "x")]))
        match draw(st.sampled_from(["replace", "replace", "replace", "drop", "twice", "add"])):
            case "replace":
                at[key] = copy.deepcopy(draw(VALUES | ODD))
            case "drop":
                del at[key]
            case "twice":
                at[key] = [at[key], at[key]]
            case "add" if isinstance(at, dict):
                at[draw(st.text(max_size=4) | st.just("\ud800"))] = copy.deepcopy(draw(VALUES))
            case _:
                pass
    return row


@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_that_are_changed_are_sound(kind):
    [raw] = (source := Rows([KINDS[kind]])).rows()
    assert to_candidate_table([source.parse(raw)]).num_rows == 1


@FUZZ
@given(row=st.sampled_from(sorted(KINDS)).flatmap(lambda kind: mutated(KINDS[kind])))
def test_rows(row):
    used(Rows([row]))


@FUZZ
@given(
    rows=st.lists(
        mutated({"state": "s", "question": "Q?", "answer": "A", "score": 1}), min_size=1, max_size=4
    )
)
def test_groups(rows):
    rows[0].update(state="s", answer="A")
    used(GroupedSource(Rows(rows), "state", None))


def known_rows(layout: str) -> list[Any]:
    cases = yaml.safe_load((ROWS / f"{layout}.yaml").read_text(encoding="utf-8"))
    return [
        row
        for case in cases
        for row in (case["rows"] if isinstance(case["rows"], list) else case["rows"].values())
    ]


def with_pictures(value: Any) -> Any:
    """Put a picture in place of ``{picture: 3}`` and its kin."""
    match value:
        case {"picture": int()}:
            return {"bytes": PICTURE, "path": "3.png"}
        case {"bytes": int()}:
            return PICTURE
        case dict():
            return {name: with_pictures(member) for name, member in value.items()}
        case list():
            return [with_pictures(member) for member in value]
    return value


@pytest.mark.parametrize("layout", ROOM.names())
@settings(FUZZ, max_examples=max(FUZZ.max_examples // 4, 10))
@given(data=st.data())
def test_layouts(layout, data):
    rows = [with_pictures(row) for row in known_rows(layout)]
    row = data.draw(st.sampled_from(rows).flatmap(mutated))
    ROOM.get(layout).recognise(row)
    used(LayoutSource(Rows([row], layout), layout))
