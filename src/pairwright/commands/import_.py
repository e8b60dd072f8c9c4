"""``pairwright import``."""

import click


@click.command("import")
@click.argument("source", metavar="FILE_OR_ID")
@click.option(
    "--as",
    "layout",
    default="auto",
    show_default=True,
    metavar="LAYOUT",
    help="How the rows are written; `pairwright list layouts` shows them, auto recognises it.",
)
@click.option(
    "--out", required=True, metavar="DIR", help="Folder of the run. Called again on it, it goes on."
)
@click.option(
    "--into",
    metavar="RUN",
    help="The file is the result of tasks made of RUN: put what people said to RUN's own prompts.",
)
@click.option(
    "--images", metavar="DIR", help="Folder of the pictures, where rows have only their file names."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use only the first N rows.")
@click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="A parameter of the builder labelled (votes.rule=unanimous), or any key of a recipe; may be given again.",
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes; default: one per core.")
def command(
    source: str,
    layout: str,
    out: str,
    into: str | None,
    images: str | None,
    limit: int | None,
    overrides: tuple[str, ...],
    workers: int | None,
) -> None:
    """Import a set that others labelled: a file, a folder, or an id of the Hub.

    Everything that people and judges said is kept in DIR/candidates, and pairs are made of it by the builder labelled.

    \b
    pairwright import RLAIF-V.parquet --out rlaif
    pairwright import preferences.json --as llava_rlhf --images coco/train2017 --out people
    pairwright import labelled.json --into judged --out decided
    pairwright import data.jsonl --out mm --set votes.rule=unanimous --set source.license=mit
    """
    from pairwright.api import build
    from pairwright.commands._running import run_and_tell
    from pairwright.importing import import_recipe

    pictures = () if images is None else (f"source.image_root={images}",)
    recipe = import_recipe(source, layout=layout, into=into, overrides=(*pictures, *overrides))
    told = recipe.file.source.votes or recipe.file.source
    click.echo(f"layout: {told.layout}", err=True)
    run_and_tell(
        recipe.name,
        lambda watch: build(recipe, out=out, limit=limit, workers=workers, watch=watch),
        pairs_wanted=False,
    )
