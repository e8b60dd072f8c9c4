"""``pairwright validate``."""

import sys

import click

from pairwright.commands._options import RunPath
from pairwright.runs.wording import counted

_SHOWN = 50


@click.command("validate")
@click.argument("path", type=RunPath(exists=True))
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    metavar="N",
    help="Refuse pictures with more pixels. Without it a run's own source.max_pixels, else 89,478,485.",
)
def command(path: str, max_pixels: int | None) -> None:
    """Check a Parquet file, or all files of a folder, against the shared schema.

    It refuses what trainers would train on without a word: equal answers, empty ones, images that do not match their
    markers, a column that overwrites another. Exit status 1 when something is wrong.

    \b
    pairwright validate negatives
    pairwright validate somebody-elses.parquet
    """
    from pairwright.api import validate
    from pairwright.schemas.validate_file import MOST_PROBLEMS

    problems = validate(path, max_pixels=max_pixels)
    least = "at least " if len(problems) >= MOST_PROBLEMS else ""
    for problem in problems[:_SHOWN]:
        click.echo(str(problem))
    if len(problems) > _SHOWN:
        click.echo(f"… and {least}{counted(len(problems) - _SHOWN, 'more problem')}")
    told = (
        f"{least}{counted(len(problems), 'problem')}" if problems else "every row keeps to the shared schema"
    )
    click.echo(f"{path}: {told}")
    sys.exit(bool(problems))
