"""``pairwright show``."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from pairwright.runs.summary import Summary


@click.command("show")
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the whole summary as JSON.")
def command(folder: str, as_json: bool) -> None:
    """Show what the run in DIR made, finished or not: counts, measures by perturbation, rejects.

    \b
    pairwright show negatives
    pairwright show negatives --json | jq .rejects
    """
    from rich.console import Console

    from pairwright.runs.summary import summarize

    summary = summarize(folder)
    if as_json:
        click.echo(json.dumps(asdict(summary), indent=2))
        return
    console = Console(highlight=False)
    for part in parts(summary):
        console.print(part)
    if summary.problems:
        sys.exit(1)


def parts(summary: "Summary") -> "Iterator[RenderableType]":
    """Yield what is printed, in order; texts from outside are never read as markup."""
    from rich.text import Text

    from pairwright.runs.wording import outcome

    state = "finished" if summary.finished else f"not finished, shards done: {summary.shards}"
    yield Text.assemble((summary.folder, "bold"), f"  {summary.run.recipe}, {state}")
    yield Text(outcome(summary))
    for problem in summary.problems:
        line = _plain(f"problem: {problem}")
        line.stylize("red")
        yield line
    yield ""
    yield _facts(summary)
    yield ""
    yield _configs(summary)
    if summary.perturbations:
        yield ""
        yield _perturbations(summary)
    if summary.rejects:
        yield ""
        yield _rejects(summary)


def _facts(summary: "Summary") -> "Table":
    from rich.table import Table

    from pairwright.runs.wording import shares_text, when_text

    run, sides = summary.run, summary.pictures.shorter
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    facts = {
        "source": shares_text(summary.sources, run.source),
        "licence": shares_text(summary.licenses),
        "pictures": f"{summary.pictures.n:,}, shorter side {sides.min} to {sides.max} px, median {sides.median}"
        if sides
        else "none",
        "made": f"{when_text(run)}, pairwright {run.pairwright}, seed {run.seed}",
    }
    for name, value in facts.items():
        table.add_row(name, _plain(value))
    return table


def _configs(summary: "Summary") -> "Table":
    from pairwright.runs.wording import bytes_text

    table = _table("config", numbers=("pairs", "files", "size"))
    for config in summary.configs:
        table.add_row(config.name, f"{config.rows:,}", f"{len(config.files):,}", bytes_text(config.bytes))
    if not summary.configs:
        table.add_row("none so far", "0", "0", "0 B")
    return table


def _perturbations(summary: "Summary") -> "Table":
    from pairwright.runs.contents import MEASURES
    from pairwright.runs.wording import measure_text, middle_text

    table = _table(
        "perturbation",
        numbers=("negatives", *(info.label for info in MEASURES.values())),
        title="median, p5–p95",
    )
    for one in summary.perturbations:
        cells = []
        for name in MEASURES:
            spread = one.measure(name)
            cells.append(
                _two_lines(measure_text(name, spread.median), middle_text(name, spread))
                if spread
                else _plain("")
            )
        table.add_row(_plain(one.name), f"{one.negatives:,}", *cells)
    return table


def _rejects(summary: "Summary") -> "Table":
    table = _table("reject", numbers=("count",))
    table.add_column("what it means, and the first one", overflow="fold")
    for reject in summary.rejects:
        told = reject.explanation
        if reject.examples:
            first = reject.examples[0]
            told += f"\n{first.record_id}" + (f": {first.message}" if first.message else "")
        meaning, _, example = told.partition("\n")
        name = reject.reason if reject.scope == "row" else f"{reject.reason} ({reject.scope})"
        table.add_row(_plain(name), f"{reject.count:,}", _two_lines(meaning, example))
    return table


def _table(first: str, *, numbers: tuple[str, ...], title: str | None = None) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        pad_edge=False,
        caption=title,
        caption_justify="right",
        header_style="dim",
    )
    table.add_column(first, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _plain(text: str) -> "Text":
    """Return a text from outside as a terminal may print it: no markup, no control codes."""
    from rich.text import Text

    return Text("".join(letter if letter.isprintable() else " " for letter in text))


def _two_lines(first: str, second: str) -> "Text":
    from rich.text import Text

    if not second:
        return _plain(first)
    below = _plain(second)
    below.stylize("dim")
    return Text.assemble(_plain(first), "\n", below)
