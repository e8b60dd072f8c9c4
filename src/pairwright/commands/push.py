"""``pairwright push``."""

import sys
from typing import TYPE_CHECKING

import click

from pairwright.commands._options import RUN_FOLDER
from pairwright.commands._saying import say

if TYPE_CHECKING:
    from pairwright.publishing.push import Pushed


@click.command("push")
@click.argument("folder", metavar="DIR", type=RUN_FOLDER)
@click.argument("repo", metavar="OWNER/NAME")
@click.option("--private", is_flag=True, help="Create it so that only its owners see it.")
@click.option("--revision", metavar="BRANCH", help="Branch; created from the main one if need be.")
@click.option(
    "--license",
    "licence",
    metavar="ID",
    help="Licence of the whole set (cc-by-4.0), in place of the strictest of its rows'.",
)
@click.option("--license-link", "link", metavar="URL", help="Text of a licence that the Hub does not know.")
@click.option(
    "--preview",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Write card, pictures and run file there, to look at; upload nothing.",
)
def command(
    folder: str,
    repo: str,
    private: bool,
    revision: str | None,
    licence: str | None,
    link: str | None,
    preview: str | None,
) -> None:
    """Publish the finished run in DIR as a data set on the Hugging Face Hub, or as its next version.

    It is validated first. What the Hub has already is not uploaded again, and where nothing has changed there is no
    commit. The login is that of `hf auth login`, or the variable HF_TOKEN.

    \b
    pairwright push judged me/judged --preview look
    pairwright push judged me/judged --private
    pairwright push judged me/judged --license cc-by-nc-4.0
    """
    from pairwright.publishing import push as publishing

    click.echo(f"checking {folder}: rows, pictures, hashes, licences, keys", err=True)
    if preview is not None:
        notes = publishing.preview(folder, repo, preview, license=licence, license_link=link)
        _note(notes)
        click.echo(f"wrote {preview}/README.md and what goes with it; nothing was uploaded")
        return
    try:
        pushed = publishing.push(
            folder, repo, private=private, revision=revision, license=licence, license_link=link
        )
    except KeyboardInterrupt:
        say(
            "stopped. What was uploaded stays with the Hub, and nothing of it is visible; the same command goes on from there."
        )
        sys.exit(130)
    _tell(pushed)


def _tell(pushed: "Pushed") -> None:
    from pairwright.runs.wording import bytes_text, counted

    _note(pushed.notes)
    if not pushed.committed:
        click.echo(f"nothing has changed since version {pushed.version}: no commit was made")
        click.echo(pushed.url)
        return
    gone = f", {counted(pushed.deleted, 'file')} deleted" if pushed.deleted else ""
    files = f"{counted(pushed.added, 'file')} new or changed ({bytes_text(pushed.uploaded)}){gone}"
    click.echo(f"version {pushed.version} is published: {files}")
    for line in pushed.said:
        click.echo(f"  {line}")
    click.echo(pushed.url)


def _note(notes: tuple[str, ...]) -> None:
    for note in notes:
        click.echo(f"note: {note}", err=True)
