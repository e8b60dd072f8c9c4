"""``pairwright fetch``."""

import sys

import click

from pairwright.commands._options import RUN_FOLDER
from pairwright.commands._saying import say


@click.command("fetch")
@click.argument("url")
@click.argument("folder", metavar="DIR", type=RUN_FOLDER)
def command(url: str, folder: str) -> None:
    """Copy the run at URL from its object store into DIR, where every other verb works on it. Each file's SHA-256 is
    compared. A fetch that was stopped goes on when the same command is given again.

    \b
    pairwright fetch s3://bucket/negatives negatives
    """
    from pathlib import Path

    from pairwright.remote.fetching import fetch
    from pairwright.runs.wording import counted

    def watch(there: int, total: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{there:,} of {total:,} files", nl=there == total, err=True)

    done = fetch(url, Path(folder), watch)
    new = f"{done.new:,} fetched now, {done.bytes:,} bytes" if done.new else "all of them there already"
    click.echo(f"{done.folder} holds {url}: {counted(done.files, 'file')}, {new}; every hash is right.")
    if not done.finished:
        say("the run is not finished; these are its finished shards")
