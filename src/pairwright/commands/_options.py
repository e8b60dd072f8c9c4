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


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun.

    >>> plural(1, "row"), plural(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(bytes_: float) -> str:
    """Return a number of bytes for people.

    >>> size(999), size(1_234_567)
    ('999 B', '1.2 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if bytes_ < 1000:
            return f"{bytes_:.3g} {unit}" if unit != "B" else f"{bytes_:.0f} B"
        bytes_ /= 1000
    return f"{bytes_:.3g} TB"
