"""``pairwright retry``."""

import click


@click.command("retry")
@click.argument("folder", metavar="DIR")
@click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change a key that does not decide which rows come out, such as judge.base_url or judge.calls.timeout_s.",
)
@click.option(
    "--refused",
    is_flag=True,
    help="Also ask again what the models refused, for example after a server was set up wrongly.",
)
def command(folder: str, overrides: tuple[str, ...], refused: bool) -> None:
    """Try again the rows of DIR that failed for a reason that may be gone: calls that failed, pictures that were missing.

    Answers that are stored are not asked for again. What comes is written beside what there is, and no finished file is touched.

    \b
    pairwright retry judged
    """
    from pairwright.api import retry
    from pairwright.commands._running import run_and_tell

    run_and_tell(folder, lambda watch: retry(folder, overrides=overrides, refused=refused, watch=watch))
