"""Odd rows are rejects in every layout: a column that is gone, null, or of another type never stops a run."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pairwright.layouts import ROOM
from pairwright.schemas.candidate_table import to_candidate_table
from pairwright.schemas.errors import RowError
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.validate_candidates import findings
from pairwright.schemas.validate_row import Pictures as Checked
from pairwright.sources import RawRow
from pairwright.sources.in_layout import LayoutSource
from pairwright.sources.pictures import Pictures
from pairwright.sources.rows import Reading, parse_row
from pairwright.sources.settings import SourceSettings

FOLDER = Path(__file__).parent / "rows"
JUNK = (
    None,
    3,
    2.5,
    True,
    "",
    "x",
    "[",
    [],
    [None],
    [3],
    ["x"],
    [[]],
    [{}],
    {},
    {"x": 1},
    {"x": [1]},
    b"\xff",
)


class OneRow:
    """A source of one row."""

    name, local = "t", True

    def __init__(self, fields: Mapping[str, Any], layout: str) -> None:
        pictures = Pictures(None, False, 10**6, 10**6, 1)
        self.fields = fields
        self.reading = Reading("t", SourceSettings(layout=layout), pictures, ROOM.get(layout))

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        yield RawRow("t:0", self.fields)

    def parse(self, raw: RawRow) -> SourceRow:
        return parse_row(raw, self.reading)


def spoilt(value: Any) -> Iterator[Any]:
    """Yield a value with one thing in it replaced by junk, or taken out, down to the third level."""
    yield from _spoilt(value, 3)


def _spoilt(value: Any, levels: int) -> Iterator[Any]:
    if levels and isinstance(value, dict):
        for name, member in value.items():
            yield {key: one for key, one in value.items() if key != name}
            yield from ({**value, name: one} for one in (*JUNK, *_spoilt(member, levels - 1)))
    elif levels and isinstance(value, list):
        for number, member in enumerate(value[:2]):
            before, after = value[:number], value[number + 1 :]
            yield [*before, *after]
            yield from ([*before, one, *after] for one in (*JUNK, *_spoilt(member, levels - 1)))


def rows_of(layout: str) -> Iterator[dict[str, Any]]:
    for case in yaml.safe_load((FOLDER / f"{layout}.yaml").read_text(encoding="utf-8")):
        yield from case["rows"] if isinstance(case["rows"], list) else case["rows"].values()


@pytest.mark.parametrize("layout", ROOM.names())
def test_an_odd_row_is_a_row_or_a_reject(layout):
    seen = {"rows": 0, "rejects": 0}
    for row in rows_of(layout):
        for odd in spoilt(row):
            ROOM.get(layout).recognise(odd)
            source = LayoutSource(OneRow(odd, layout), layout)
            for raw in source.rows():
                try:
                    [stored] = to_candidate_table([source.parse(raw)]).to_pylist()
                    seen["rows"] += 1
                except RowError:
                    seen["rejects"] += 1
                else:
                    assert list(findings(stored, Checked())) == []
    assert seen["rejects"]
