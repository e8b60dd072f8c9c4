"""What ``pairwright show`` tells of a run's distance from a reference."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pairwright.commands._tables import plain, table_of
from pairwright.runs.distance_text import about, columns, gold_order_text, reference_text, rows

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pairwright.runs.distance import Distance


def distance_parts(distance: "Distance") -> "Iterator[RenderableType]":
    """Yield the measures, what they mean, and what judges say of gold answers."""
    table = table_of("how far from a reference", numbers=columns(distance))
    for name, cells in rows(distance):
        table.add_row(name, *cells)
    yield table
    told = plain(" ".join((reference_text(distance), *about(distance))))
    told.stylize("dim")
    yield told
    if distance.gold_order:
        judges = table_of("judge", numbers=())
        judges.add_column("gold answers beside written ones", overflow="fold")
        for order in distance.gold_order:
            judges.add_row(plain(order.scorer), plain(gold_order_text(order)))
        yield ""
        yield judges
