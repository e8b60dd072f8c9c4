"""``pairwright show``."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pairwright.commands._options import RUN_FOLDER, reference_options
from pairwright.commands._tables import plain, table_of, two_lines

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from pairwright.runs.distance import Distance
    from pairwright.runs.summary import Summary


@click.command("show")
@click.argument("folder", metavar="DIR", type=RUN_FOLDER)
@reference_options
@click.option("--json", "as_json", is_flag=True, help="Print the whole summary as JSON.")
def command(folder: str, reference: str | None, embedder: str | None, as_json: bool) -> None:
    """Show what the run in DIR made, finished or not: counts, measures by perturbation, answers and
    their scores, how far they are from a reference, what models took, rejects.

    \b
    pairwright show negatives
    pairwright show negatives --json | jq .rejects
    pairwright show judged --reference captions.jsonl
    """
    from rich.console import Console

    from pairwright.runs.distance import distance_of
    from pairwright.runs.summary import summarize

    summary = summarize(folder)
    distance = distance_of(folder, reference, embedder=embedder)
    if as_json:
        told = asdict(summary) | {"distance": asdict(distance) if distance else None}
        click.echo(json.dumps(told, indent=2))
        return
    console = Console(highlight=False)
    for part in parts(summary, distance):
        console.print(part)
    if summary.problems:
        sys.exit(1)


def parts(summary: "Summary", distance: "Distance | None" = None) -> "Iterator[RenderableType]":
    """Yield what is printed, in order; texts from outside are never read as markup."""
    from rich.text import Text

    from pairwright.runs.know_before import warnings
    from pairwright.runs.wording import outcome

    state = "finished" if summary.finished else f"not finished, shards done: {summary.shards}"
    yield Text.assemble((summary.folder, "bold"), f"  {summary.run.recipe}, {state}")
    yield Text(outcome(summary))
    yield from _coloured("problem", summary.problems, "red")
    yield from _coloured("warning", warnings(summary), "yellow")
    yield ""
    yield _facts(summary)
    yield ""
    yield _configs(summary)
    for part in _tables(summary):
        yield ""
        yield part
    if distance:
        from pairwright.commands._show_distance import distance_parts

        yield ""
        yield from distance_parts(distance)


def _coloured(what: str, lines: "Sequence[str]", colour: str) -> "Iterator[Text]":
    for told in lines:
        line = plain(f"{what}: {told}")
        line.stylize(colour)
        yield line


def _tables(summary: "Summary") -> "Iterator[Table]":
    from pairwright.commands import _show_answers as answers

    if summary.perturbations:
        yield _perturbations(summary)
    if any(one.seen for one in summary.perturbations):
        yield _seen(summary)
    if summary.text_pairs and answers.names_models(summary.text_pairs):
        yield answers.model_pairs(summary.text_pairs)
    if summary.measured:
        from pairwright.commands._show_measured import measured_tables

        yield from measured_tables(summary.measured)
    if summary.candidates:
        yield answers.models(summary.candidates)
    if summary.rounds:
        yield answers.rounds(summary.rounds)
    if (said := summary.candidates) and (said.rated or said.compared or said.agreeing):
        yield answers.said(summary, said)
    if summary.candidates and summary.candidates.agreement:
        from pairwright.commands._show_agreement import agreement

        yield agreement(summary.candidates.agreement)
    if summary.run.ledger:
        yield answers.ledger(summary.run.ledger)
    if summary.rejects:
        yield _rejects(summary)


def _facts(summary: "Summary") -> "Table":
    from rich.table import Table

    from pairwright.runs.wording import (
        encoded_text,
        judge_text,
        lengths_text,
        margin_text,
        on_policy_text,
        shares_text,
        style_text,
        when_text,
    )

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
    if summary.text_pairs:
        pairs = summary.text_pairs
        told = {
            "judged by": "; ".join(judge_text(judge) for judge in pairs.judges),
            "paired by": ", ".join(rule for rule, _ in pairs.rules),
            "tags": ", ".join(f"{tag} {count:,}" for tag, count in pairs.tags),
            "margin": margin_text(pairs.margin) if pairs.margin else "",
            "words": lengths_text(pairs),
        }
        facts |= {name: value for name, value in told.items() if value}
    if summary.style:
        facts["style alone"] = style_text(summary.style)
    if summary.rounds:
        facts["on-policy"] = on_policy_text(summary.rounds)
    if summary.run.encoded:
        facts["encoders"] = encoded_text(summary.run.encoded)
    for name, value in facts.items():
        table.add_row(name, plain(value))
    return table


def _configs(summary: "Summary") -> "Table":
    from pairwright.runs.wording import bytes_text

    table = table_of("config", numbers=("rows", "files", "size"))
    for config in summary.configs:
        table.add_row(config.name, f"{config.rows:,}", f"{len(config.files):,}", bytes_text(config.bytes))
    if not summary.configs:
        table.add_row("none so far", "0", "0", "0 B")
    return table


def _perturbations(summary: "Summary") -> "Table":
    from pairwright.runs.contents import MEASURES
    from pairwright.runs.wording import measure_text, middle_text

    table = table_of(
        "perturbation",
        numbers=("negatives", *(info.label for info in MEASURES.values())),
        title="median, p5–p95",
    )
    for one in summary.perturbations:
        cells = []
        for name in MEASURES:
            spread = one.measure(name)
            cells.append(
                two_lines(measure_text(name, spread.median), middle_text(name, spread))
                if spread
                else plain("")
            )
        table.add_row(plain(one.name), f"{one.negatives:,}", *cells)
    return table


def _seen(summary: "Summary") -> "Table":
    """Return what encoders say of the negatives: one row for each perturbation and encoder."""
    from pairwright.runs.seen import SEEN, seen_middle, seen_text

    said = {(one.name, by.scorer, by.name): by for one in summary.perturbations for by in one.seen}
    names = [name for name in SEEN if any(key[2] == name for key in said)]
    table = table_of(
        "perturbation, encoder", numbers=tuple(SEEN[name].label for name in names), title="median, p5–p95"
    )
    for perturbation, scorer in dict.fromkeys((key[0], key[1]) for key in said):
        found = [said.get((perturbation, scorer, name)) for name in names]
        cells = (
            two_lines(seen_text(one.name, one.spread.median), seen_middle(one)) if one else plain("")
            for one in found
        )
        table.add_row(two_lines(perturbation, scorer), *cells)
    return table


def _rejects(summary: "Summary") -> "Table":
    table = table_of("reject", numbers=("count",))
    table.add_column("what it means, and the first one", overflow="fold")
    for reject in summary.rejects:
        told = reject.explanation
        if reject.examples:
            first = reject.examples[0]
            told += f"\n{first.record_id}" + (f": {first.message}" if first.message else "")
        meaning, _, example = told.partition("\n")
        name = reject.reason if reject.scope == "row" else f"{reject.reason} ({reject.scope})"
        table.add_row(plain(name), f"{reject.count:,}", two_lines(meaning, example))
    return table
