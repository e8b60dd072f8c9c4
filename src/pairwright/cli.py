"""The ``pairwright`` command. Each verb is a module of :mod:`pairwright.commands`, imported when it is called."""

import os
import sys
from importlib import import_module

import click

from pairwright import __version__
from pairwright.schemas.errors import PairwrightError

VERBS = {
    "build": "Build a data set from a recipe, or continue one.",
    "check": "Say what a build would do; change nothing.",
    "retry": "Try again what failed in a run and may succeed now.",
    "import": "Bring in a set that others labelled.",
    "pair": "Form pairs anew from the candidates of a run, by another rule.",
    "round": "Have a new model answer the prompts of a run, beside the answers they have.",
    "list": "List recipes, builders, samplers, annotators and all other parts.",
    "show": "Show what a run made: counts, measures, rejects.",
    "status": "Show how far a run is, slice by slice.",
    "fetch": "Copy a run from an object store into a folder.",
    "report": "Write a page with the pairs side by side.",
    "export": "Write the pairs of a run as a trainer reads them.",
    "push": "Publish a run on the Hugging Face Hub.",
    "validate": "Check Parquet files against the shared schema.",
}
"""Verbs in the order in which they are used; kept here so that ``--help`` imports none of them."""

_MODULES = {"import": "pairwright.commands.import_"}
"""Modules of verbs that Python has for its own."""


class Verbs(click.Group):
    """A group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb's module; None for an unknown verb, to which click answers with the nearest one."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(
            _MODULES.get(cmd_name, f"pairwright.commands.{cmd_name}")
        ).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pairwright")
def group() -> None:
    """Preference pairs for vision-language models.

    \b
    pairwright list recipes
    pairwright check image_dpo --source photos.csv
    pairwright build image_dpo --source photos.csv --out negatives
    pairwright report negatives
    pairwright check silkie --source prompts.jsonl --set judge.model=NAME --set judge.base_url=URL
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command line. Errors that pairwright raises on purpose are printed without a traceback, exit status 1."""
    try:
        group.main(args=argv, prog_name="pairwright", standalone_mode=True)
    except PairwrightError as error:
        click.echo(f"pairwright: {error}", err=True)
        _end(1)
    except SystemExit as ended:  # click's, with a status
        _end(ended.code)


def _end(status: int | str | None) -> None:
    """End the process; at once where Ray was used, whose threads now and then keep one from ending that has said and done all."""
    if "ray" in sys.modules and isinstance(status, int):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
