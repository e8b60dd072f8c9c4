"""JSON that nests without end is refused at once, and brackets in texts are no nesting."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairwright.schemas.errors import SourceError
from pairwright.sources.open import open_source
from pairwright.sources.settings import SourceSettings
from pairwright.sources.shallow import DEEPEST, Shallow

JSON = st.recursive(
    st.none() | st.text('[]{}"\\ab') | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('[{"\\'), inner),
)


def depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(value=JSON, size=st.integers(1, 9))
def test_levels_are_those_of_the_value_however_it_is_cut(value, size):
    data = json.dumps(value).encode()
    for limit, fits in ((depth(value), True), (depth(value) - 1, False)):
        file = Shallow(io.BytesIO(data), "x.json", deepest=limit)
        read = []
        try:
            while piece := file.read(size):
                read.append(piece)
        except SourceError:
            assert not fits
        else:
            assert fits
            assert b"".join(read) == data


@pytest.mark.parametrize("layout", [None, "plain"])
@pytest.mark.parametrize("start", ["", '[{"question": ', '{"a": {"b": '])
def test_a_file_of_brackets_stops_the_run(tmp_path, start, layout):
    path = tmp_path / "rows.json"
    path.write_text(start + "[" * 2_000_000)
    with pytest.raises(SourceError):
        list(open_source(SourceSettings(path=str(path), layout=layout)).rows())


def test_brackets_in_texts_are_none(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"question": "[{" * 5 * DEEPEST, "chosen": 'a "[" \\'}]))
    assert len(list(open_source(SourceSettings(path=str(path))).rows())) == 1
