"""``pairwright round``."""

import click

from pairwright.commands._options import RUN_FOLDER, tell_before
from pairwright.commands._saying import say


@click.command("round")
@click.argument("folder", metavar="DIR", type=RUN_FOLDER)
@click.option(
    "--out",
    required=True,
    metavar="NEXT",
    help="Folder of the new run. Called again on it, the run continues.",
)
@click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="What is new: samplers.0.model=NAME, or any other key of the recipe; may be given again.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Use only the first N prompts of the run."
)
@click.option("--check", "only_check", is_flag=True, help="Say what it would do; write nothing.")
def command(folder: str, out: str, overrides: tuple[str, ...], limit: int | None, only_check: bool) -> None:
    """Build the next round of self-training on the run in DIR: a new checkpoint answers its prompts, and these answers
    join those that are there, with their judgements. DIR stays as it is.

    The response store is shared with DIR, so that what was asked before costs nothing.

    \b
    pairwright round judged --out judged-2 --set samplers.0.model=NAME-step2
    pairwright round judged --out judged-2 --set samplers.0.model=NAME-step2 --set pairing.rounds=latest
    """
    from pairwright.api import next_round, round_after
    from pairwright.commands._running import run_and_tell
    from pairwright.commands.check import tell_forecast
    from pairwright.forecast import check

    ready = round_after(folder, overrides).placed(source=None, out=out, seed=None)
    tell_before(ready)
    if not ready.responses().is_file():
        say(
            f"there is no response store at {ready.responses()}: what {folder} asked will be asked again; "
            "--set output.responses=FILE names it"
        )
    if only_check:
        tell_forecast(check(ready, limit=limit))
        return
    name = f"{ready.name}, round {ready.file.round}"
    run_and_tell(
        name, lambda watch: next_round(folder, out=out, overrides=overrides, limit=limit, watch=watch)
    )
