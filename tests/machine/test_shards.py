"""Rows of a source, cut into shards: each once and in order, whoever asks for which shards."""

from collections.abc import Iterator, Mapping

import pytest

from pairwright.executors.shards import ShardRows, held
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import FileMark, RawRow


class Numbers:
    """A source of numbered rows."""

    name, local = "numbers", True

    def __init__(self, total: int, *, jumps: bool) -> None:
        self.total, self.jumps = total, jumps

    def count(self) -> int | None:
        return self.total if self.jumps else None

    def marks(self) -> tuple[FileMark, ...]:
        return ()

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        """Yield rows out of a generator, which ends for good once somebody closes it."""
        for number in range(start, self.total):
            yield RawRow(f"n:{number}", {})

    def columns(self) -> Mapping[str, str]:
        return {}

    def parse(self, raw: RawRow) -> SourceRow:
        raise NotImplementedError


def numbers(rows: list[RawRow]) -> list[int]:
    return [int(raw.record_id.removeprefix("n:")) for raw in rows]


@pytest.mark.parametrize("jumps", [True, False])
@pytest.mark.parametrize("part", [(0, 1), (0, 3), (2, 3)])
@pytest.mark.parametrize(
    ("total", "ends"),
    [(21, [7, 14, 21]), (23, [7, 14, 23]), (24, [7, 14, 21, 24]), (2, [2]), (0, [])],
)
def test_held_shards_are_the_rows_in_order_and_a_rest_joins_the_last_one(
    total: int, ends: list[int], part: tuple[int, int], jumps: bool
) -> None:
    rows = ShardRows(Numbers(total, jumps=jumps), None)
    whole = [list(range(start, end)) for start, end in zip([0, *ends], ends, strict=False)] + [[]]
    for number in range(part[0], len(whole), part[1]):
        assert numbers(held(rows, number, 7)) == whole[number]


def test_rows_that_are_put_back_make_no_longer_way_to_the_next_ones() -> None:
    rows = ShardRows(Numbers(400, jumps=True), None)
    held(rows, 0, 4)
    opened = rows._rows
    for number in range(1, 100):
        assert numbers(held(rows, number, 4))[0] == 4 * number
    assert rows._rows is opened
