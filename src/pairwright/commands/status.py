"""``pairwright status``."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pairwright.remote import is_url

if TYPE_CHECKING:
    from rich.table import Table

    from pairwright.runs.standing import Standing


@click.command("status")
@click.argument("folder", metavar="DIR_OR_URL")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(folder: str, as_json: bool) -> None:
    """Show how far the run in DIR, or at an address in an object store, is, also while it is at work on this or other
    machines: shards, rows, those that wait for `pairwright retry`, rate, money, time left; slice by slice where it is built
    with --shard.

    \b
    pairwright status negatives
    watch pairwright status negatives
    pairwright status s3://bucket/negatives
    """
    from rich.console import Console

    found = _found(folder)
    if as_json:
        click.echo(json.dumps([asdict(one) | {"seconds_left": one.seconds_left} for one in found], indent=2))
        return
    console = Console(highlight=False)
    console.print(_table(found))
    if len(found) > 1:
        click.echo(_together(found))


def _found(place: str) -> "Sequence[Standing]":
    if is_url(place):
        from pairwright.remote.standing import standings_of

        return standings_of(place)
    from pairwright.runs.standing import standings

    return standings(Path(place))


def _table(found: "Sequence[Standing]") -> "Table":
    from pairwright.commands._tables import table_of
    from pairwright.runs.failing import waiting_rows

    table = table_of("slice", numbers=("shards", "rows", "pairs", "rejected", "rows/s", "USD", "left"))
    table.add_column("state")
    for one in found:
        counts, waiting = one.counts, waiting_rows(one.counts.rejects)
        table.add_row(
            "whole" if one.part is None else str(one.part),
            f"{one.shards:,}" + ("" if one.all_shards is None else f" of {one.all_shards:,}"),
            f"{counts.rows:,}",
            f"{sum(counts.pairs.values()):,}",
            f"{counts.rejected:,}" + (f", {waiting:,} wait" if waiting else ""),
            "" if one.rate is None else f"{one.rate:,.1f}",
            _money(one),
            "" if one.seconds_left is None else _duration(one.seconds_left),
            one.state,
        )
    return table


def _money(one: "Standing") -> str:
    known = [spent.usd for spent in one.ledger if spent.usd is not None]
    return f"{sum(known):,.2f}" if known else ""


def _together(found: "Sequence[Standing]") -> str:
    """Return the sums over slices; the slowest of those at work says how long it takes."""
    states = [one.state for one in found]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    rate = sum(one.rate for one in found if one.state == "running" and one.rate)
    left = max((one.seconds_left for one in found if one.seconds_left is not None), default=None)
    told = f"{len(found)} slices: {counted}; {sum(one.counts.rows for one in found):,} rows"
    told += f", {rate:,.1f} rows/s" if rate else ""
    return told + (f", {_duration(left)} left for those at work" if left is not None else "")


def _duration(seconds: float) -> str:
    """Return a duration in its two largest units.

    >>> _duration(42), _duration(3 * 3600 + 125), _duration(200_000)
    ('42 s', '3 h 2 min', '2 d 7 h')
    """
    whole = round(seconds)
    for name, size, smaller, step in (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // step} {smaller}"
    return f"{whole} s"
