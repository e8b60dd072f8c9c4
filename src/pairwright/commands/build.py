"""``pairwright build``."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import cast

import click

from pairwright.api import Outcome
from pairwright.commands._options import build_arguments
from pairwright.schemas.reasons import EXPLANATIONS, Reason


@click.command("build")
@build_arguments
def command(
    recipe: str,
    source: str | None,
    out: str | None,
    limit: int | None,
    overrides: tuple[str, ...],
    workers: int | None,
    seed: int | None,
) -> None:
    """Build a data set from RECIPE, a YAML file or the name of a packaged one.

    The same recipe, source and seed give the same rows, whatever the number of workers. A build that was stopped goes
    on when the same command is given again.

    \b
    pairwright build image_dpo --source photos.csv --out negatives
    pairwright build image_dpo --source photos.csv --out all --set per_row=all --limit 100
    pairwright build my_recipe.yaml --workers 4
    """
    from pairwright.api import build
    from pairwright.commands._progress import shown_progress
    from pairwright.executors.shards import keep_freed_memory
    from pairwright.recipe import load_recipe

    ready = load_recipe(recipe, overrides).placed(source=source, out=out, seed=seed)
    signal.signal(signal.SIGTERM, _interrupt)
    keep_freed_memory()
    try:
        with shown_progress(ready.name) as watch:
            outcome = build(ready, limit=limit, workers=workers, watch=watch)
    except KeyboardInterrupt:
        click.echo(
            "pairwright: stopped. Finished shards are safe; the same command goes on from there.", err=True
        )
        sys.exit(130)
    _tell(outcome)


def _tell(outcome: Outcome) -> None:
    from pairwright.runs.wording import counted

    counts, folder = outcome.counts, outcome.folder
    if outcome.mended:
        what = counted(outcome.mended, "shard")
        click.echo(f"{what} had lost a file, or part of one, and was built again", err=True)
    pairs = ", ".join(f"{number:,} {kind}" for kind, number in counts.pairs.items()) or "none"
    done = f"nothing to do: {folder} is finished" if outcome.already_done else f"{folder} is finished"
    click.echo(
        f"{done}. {counted(counts.rows, 'source row')} = {counts.paired:,} with pairs + {counts.rejected:,} rejected."
    )
    click.echo(f"pairs: {pairs}")
    for scope, what in (("row", "rejected rows"), ("negative", "negatives that were refused")):
        reasons = counts.rejects.get(scope, {})
        if reasons:
            click.echo(f"{what}: " + ", ".join(f"{number:,} {reason}" for reason, number in reasons.items()))
    if not counts.pairs:
        click.echo(
            f"pairwright: no pair came out of {counted(counts.rows, 'source row')}; see the reasons:",
            err=True,
        )
        for reason in counts.rejects.get("row", {}):
            click.echo(f"  {reason}: {EXPLANATIONS[cast(Reason, reason)]}", err=True)
        sys.exit(1)
    if not outcome.already_done:
        shown = _quoted(folder)
        click.echo(f"next: pairwright show {shown} | pairwright report {shown}")


def _quoted(folder: Path) -> str:
    return f"'{folder}'" if " " in str(folder) else str(folder)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
