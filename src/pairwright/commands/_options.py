"""What `build` and `check` are called with: one list, so that either's command line is good for the other."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pairwright.commands._saying import say
from pairwright.remote import is_url

if TYPE_CHECKING:
    from pairwright.recipe import Recipe

_ARGUMENTS: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.argument("recipe"),
    click.option(
        "--source", metavar="PATH", help="File, folder or datasets id; replaces the recipe's source.path."
    ),
    click.option(
        "--out",
        metavar="DIR",
        help="Folder of the run, or its address in an object store (s3://…); default: the recipe's output.path, else "
        "RECIPE-out. Called again on it, the run continues.",
    ),
    click.option(
        "--limit", type=click.IntRange(min=1), metavar="N", help="Use only the first N source rows."
    ),
    click.option(
        "--set",
        "overrides",
        metavar="KEY=VALUE",
        multiple=True,
        help="Change one key of the recipe, value in YAML; may be given again.",
    ),
    click.option(
        "--workers", type=click.IntRange(min=1), metavar="N", help="Processes; default: one per core."
    ),
    click.option("--seed", type=int, metavar="N", help="Replaces the recipe's seed."),
)


class RunPath(click.Path):
    """A path of this machine; an address in an object store is refused with what to do."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path as it was given."""
        if is_url(value):
            self.fail(
                f"{value} is in an object store, and this verb works on folders: pairwright fetch {value} DIR copies the run "
                "into one",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


RUN_FOLDER = RunPath()
"""Type of arguments that name a run's folder."""


def build_arguments(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the arguments of a build, in the order in which ``--help`` shows them."""
    for argument in reversed(_ARGUMENTS):
        command = argument(command)
    return command


def reference_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a reference that answers are held against."""
    for option in (
        click.option(
            "--embedder",
            metavar="MODEL",
            help="A text encoder of transformers, to tell distances in meaning as well.",
        ),
        click.option(
            "--reference",
            metavar="SOURCE",
            help="Hold the answers against those of SOURCE (anything build reads), or against the rows' own (gold).",
        ),
    ):
        command = option(command)
    return command


def tell_before(recipe: "Recipe") -> None:
    """Say, before anything is done or paid, what whoever builds this should know."""
    from pairwright.responses.elsewhere import stored_elsewhere
    from pairwright.responses.unreached import unreached

    for place, function in recipe.runs_code().items():
        say(f"{place} runs your code: {function}")
    models = recipe.models()
    if models:
        _tell_blind(recipe)
        for sentence in (*stored_elsewhere(recipe.responses(), models), *unreached(models)):
            say(sentence)


def _tell_blind(recipe: "Recipe") -> None:
    from pairwright.sources.open import open_source

    columns = open_source(recipe.file.source).columns()
    if not {"images", "conversations", "prompt"} & columns.keys():  # messages may hold pictures
        say(
            "no column of pictures was recognised, so models are asked about the text alone; source.columns.images names the "
            "column"
        )
