"""Rows in extra and back: every value that JSON or Arrow has, and what is not there."""

from base64 import b64encode
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairwright.schemas.codec import read_image
from pairwright.schemas.errors import RowError, SchemaError
from pairwright.sources.packing import packed, unpacked

LONG = "An answer that is long enough to be worth a hash, and a little longer."
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.just(LONG)
    | st.dates()
    | st.datetimes(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.sampled_from(["$text", "$bytes", "$as_it_is"]), inner)
    ),
    max_leaves=12,
)


def again(fields: dict, images=(), texts=(LONG,)) -> dict:
    extra = packed(fields, "plain", images, texts)
    stored = [{"bytes": image.data} for image in images]
    return unpacked({"extra": extra, "images": stored, "chosen_text": texts[0] if texts else None})


@given(st.dictionaries(st.text(), VALUES))
def test_any_row_comes_back_as_it_was(fields):
    fields = {name: value for name, value in fields.items() if not name.startswith("$")}
    assert again(fields) == fields


def test_pictures_stand_in_the_record_and_not_in_extra(photographs):
    image = read_image(photographs[0])
    fields = {
        "image": {"bytes": image.data, "path": "a.jpg"},
        "coded": b64encode(image.data).decode(),
        "other": photographs[1][:99],
    }
    assert len(packed(fields, "plain", [image], ())) < 500
    assert again(fields, [image]) == fields


@pytest.mark.parametrize(
    "value", [float("inf"), Decimal("1.50"), time(10, 30), date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC)]
)
def test_values_that_json_has_no_word_for(value):
    [found] = again({"a": value}).values()
    assert (found, type(found)) == (value, type(value))


def test_half_a_surrogate_pair_and_what_cannot_be_kept():
    assert again({"a": "\ud800"}) == {"a": "\ud800"}
    with pytest.raises(RowError, match="a value of type set"):
        packed({"a": {1}}, "plain", (), ())
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(RowError, match="too deep"):
        packed({"a": deep}, "plain", (), ())


def test_what_is_not_in_the_record_is_told():
    extra = packed({"a": LONG}, "plain", (), [LONG])
    with pytest.raises(SchemaError, match="turned back from the config candidates"):
        unpacked({"extra": extra, "chosen_text": "Another."})
    with pytest.raises(SchemaError, match="was not read by a layout"):
        unpacked({"extra": '{"a": 1}'})
