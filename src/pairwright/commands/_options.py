"""Options that several verbs share."""

import click

recipe_argument = click.argument("recipe")
source_option = click.option(
    "--source", metavar="PATH", help="File, folder or datasets id; replaces the recipe's source.path."
)
limit_option = click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Use only the first N source rows."
)
set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change one key of the recipe, value in YAML; may be given again.",
)
seed_option = click.option("--seed", type=int, metavar="N", help="Replaces the recipe's seed.")
out_option = click.option(
    "--out", metavar="DIR", help="Folder of the run. Called again on it, the run continues."
)
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Processes; default: one per core."
)
