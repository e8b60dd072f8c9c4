"""``pairwright pair``."""

import click

from pairwright.commands._options import RUN_FOLDER


@click.command("pair")
@click.argument("folder", metavar="DIR", type=RUN_FOLDER)
@click.option(
    "--rule", required=True, metavar="RULE", help="A pairing rule; `pairwright list pairings` shows them."
)
@click.option("--out", required=True, metavar="DIR", help="Folder of the new run.")
@click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="A parameter of the rule (at_least=0.5), of pairing (per_prompt=2), or any key of a recipe; may be given again.",
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes; default: one per core.")
def command(folder: str, rule: str, out: str, overrides: tuple[str, ...], workers: int | None) -> None:
    """Form pairs anew from the candidates and judgements that DIR has kept. No model is asked.

    \b
    pairwright pair judged --rule best_worst --out widest
    pairwright pair judged --rule margin --set at_least=1 --set per_prompt=2 --out margin-1
    """
    from pairwright.api import pair
    from pairwright.commands._running import run_and_tell

    run_and_tell(
        folder, lambda watch: pair(folder, rule, out=out, overrides=overrides, workers=workers, watch=watch)
    )
