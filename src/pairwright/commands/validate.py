"""``pairwright validate``."""

import sys

import click

from pairwright.runs.wording import counted

_SHOWN = 50


@click.command("validate")
@click.argument("path", type=click.Path(exists=True))
def command(path: str) -> None:
    """Check a Parquet file, or all files of a folder, against the shared schema.

    It refuses what trainers would train on without a word: equal answers, empty ones, images that do not match their
    markers, a column that overwrites another. Exit status 1 when something is wrong.

    \b
    pairwright validate negatives
    pairwright validate somebody-elses.parquet
    """
    from pairwright.api import validate

    problems = validate(path)
    for problem in problems[:_SHOWN]:
        click.echo(str(problem))
    if len(problems) > _SHOWN:
        click.echo(f"… and {counted(len(problems) - _SHOWN, 'more problem')}")
    click.echo(
        f"{path}: {counted(len(problems), 'problem') if problems else 'every row keeps to the shared schema'}"
    )
    sys.exit(bool(problems))
