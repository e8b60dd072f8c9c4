"""``pairwright retry``."""

import click

from pairwright.commands._saying import say


@click.command("retry")
@click.argument("folder", metavar="DIR_OR_URL")
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
@click.option(
    "--work",
    metavar="DIR",
    help="Of a run in an object store: folder on a local disk for what is under way; default: one in your cache folder.",
)
def command(folder: str, overrides: tuple[str, ...], refused: bool, work: str | None) -> None:
    """Try again the rows that failed for a reason that may be gone, of the run in DIR or in an object store: calls that failed, pictures that were missing.

    Answers that are stored are not asked for again. What comes is written beside what there is, and no finished file is touched.

    \b
    pairwright retry judged
    pairwright retry s3://bucket/judged
    """
    from pairwright.api import retry
    from pairwright.commands._running import run_and_tell

    run_and_tell(
        folder,
        lambda watch: retry(folder, overrides=overrides, refused=refused, work=work, watch=watch, tell=say),
    )
