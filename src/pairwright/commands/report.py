"""``pairwright report``."""

import click

from pairwright.commands._options import RUN_FOLDER, reference_options


@click.command("report")
@click.argument("folder", metavar="DIR", type=RUN_FOLDER)
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=40,
    show_default=True,
    metavar="N",
    help="Pairs shown at most.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False), metavar="FILE", help="Page to write; default: DIR/report.html."
)
@reference_options
def command(folder: str, samples: int, out: str | None, reference: str | None, embedder: str | None) -> None:
    """Write a page with pairs side by side, measures and rejects of the run in DIR, finished or not.

    The page is one HTML file that loads nothing from elsewhere. The same run gives the same page.

    \b
    pairwright report negatives
    pairwright report negatives --samples 100 --out /tmp/negatives.html
    pairwright report judged --reference captions.jsonl
    """
    from pairwright.report import write_report

    path = write_report(folder, samples, out=out, reference=reference, embedder=embedder)
    click.echo(f"wrote {path}")
