"""Rows of pairwright's own schema that somebody changed: what the files cannot hold is a reject, not a stop."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from pairwright.layouts import ROOM
from pairwright.schemas.candidate_table import to_candidate_table
from pairwright.schemas.errors import RowError
from pairwright.sources import RawRow
from pairwright.sources.pictures import Pictures
from pairwright.sources.rows import Reading, parse_row
from pairwright.sources.settings import SourceSettings

ROW: dict[str, Any] = {
    "images": [],
    "images_meta": [],
    "question": "What?",
    "candidates": [
        {"text": "A cat.", "side": "any", "sample": 0, "round": 1, "claims": [{"text": "a", "finding": "right", "topic": 1}]},
        {"text": "A dog.", "side": "any"},
    ],
    "comparisons": [{"first": 0, "second": 1, "outcome": "first", "scorer": "j", "strength": 1.0}],
    "annotations": [{"annotator": "p", "shown": [0, 1]}],
}  # fmt: skip
READING = Reading("t", SourceSettings(), Pictures(None, False, 10**6, 10**6, 1))


def table(row: dict[str, Any]) -> Any:
    return to_candidate_table([parse_row(RawRow("t:0", row), READING)])


def test_the_row_itself_is_sound():
    assert table(ROW).num_rows == 1


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        (("candidates", 0, "sample"), 2**31, "candidates[0].sample"),
        (("candidates", 0, "sample"), 1e300, "candidates[0].sample"),
        (("candidates", 0, "round"), -(2**31) - 1, "candidates[0].round"),
        (("candidates", 0, "claims", 0, "topic"), 2**40, "candidates[0].claims.topic"),
        (("comparisons", 0, "first"), True, "comparisons[0].first"),
        (("annotations", 0, "shown"), 5, "annotations[0].shown"),
        (("annotations", 0, "shown"), "ab", "annotations[0].shown"),
        (("annotations", 0, "shown"), [False], "annotations[0].shown"),
        (("images_meta",), 5, "images_meta"),
        (("images_meta",), {"a": 1}, "images_meta"),
    ],
)
def test_values_that_do_not_fit_are_rejects(place, value, field):
    row = copy.deepcopy(ROW)
    at = row
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    with pytest.raises(RowError) as caught:
        table(row)
    assert (caught.value.reason, caught.value.field) == ("bad_value", field)


@pytest.mark.parametrize("one", [{"text": "a", "\ud800": 3}, {"text": "a", "model": "\ud800"}])
def test_half_characters_in_listed_candidates_are_rejects(one):
    with pytest.raises(RowError, match="half a surrogate pair"):
        table({"question": "What?", "candidates": [one]})


def test_half_characters_in_what_a_layout_reads_are_rejects():
    said = {"completed_by": "\ud800", "result": [{"from_name": "preference", "value": {"selected": "left"}}]}
    row = {"id": 1, "data": {"question": "What?", "answer_1": "A.", "answer_2": "B."}, "annotations": [said]}
    reading = replace(
        READING, settings=SourceSettings(layout="label_studio"), layout=ROOM.get("label_studio")
    )
    with pytest.raises(RowError, match="half a surrogate pair"):
        parse_row(RawRow("t:0", row), reading)
