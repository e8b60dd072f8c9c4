"""What ``pairwright show`` tells of measured pairs: the blind test, and what answers owe to their pictures."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pairwright.commands._tables import plain, table_of, two_lines
from pairwright.runs.measured_text import blind_right_text, cue_name, cue_text, owed_name, votes_text
from pairwright.runs.wording import score_text

if TYPE_CHECKING:
    from rich.table import Table

    from pairwright.runs.measured import MeasuredSummary


def measured_tables(measured: "MeasuredSummary") -> "Iterator[Table]":
    """Yield the tables that there are."""
    if measured.cues or measured.right:
        yield _blind(measured)
    if measured.owed:
        yield _owed(measured)


def _blind(measured: "MeasuredSummary") -> "Table":
    table = table_of("without the picture", numbers=())
    table.add_column("by", overflow="fold")
    table.add_column("finds the chosen answer of", overflow="fold")
    for cue in measured.cues:
        table.add_row(cue_name(cue), plain(cue.scorer), two_lines(cue_text(cue), votes_text(cue)))
    for right in measured.right:
        table.add_row("answers to the question", plain(right.scorer), blind_right_text(right))
    return table


def _owed(measured: "MeasuredSummary") -> "Table":
    table = table_of("less likely without the picture, nats", numbers=("n", "median", "p5", "p95"))
    for one in measured.owed:
        spread = one.spread
        numbers = (score_text(value) for value in (spread.median, spread.p5, spread.p95))
        table.add_row(two_lines(owed_name(one.target), one.scorer), f"{spread.n:,}", *numbers)
    return table
