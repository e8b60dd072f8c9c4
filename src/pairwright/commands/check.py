"""``pairwright check``."""

import click

from pairwright.commands._options import build_arguments
from pairwright.forecast import Forecast
from pairwright.runs.wording import bytes_text, counted


@click.command("check")
@build_arguments
def command(
    recipe: str,
    source: str | None,
    out: str | None,
    limit: int | None,
    overrides: tuple[str, ...],
    workers: int | None,  # so that a build command can be checked as it is
    seed: int | None,
) -> None:
    """Say what `build` with the same arguments would do; write nothing.

    \b
    pairwright check image_dpo --source photos.csv
    """
    from pairwright.forecast import check
    from pairwright.recipe import load_recipe

    ready = load_recipe(recipe, overrides).placed(source=source, out=out, seed=seed)
    _tell(check(ready, limit=limit))


def _tell(forecast: Forecast) -> None:
    file = forecast.recipe.file
    rows = (
        counted(forecast.rows, "row")
        if forecast.rows is not None
        else "rows not counted (that takes a full read)"
    )
    click.echo(
        f"recipe   {file.name}: builder {file.builder}, seed {file.seed}, into {forecast.recipe.folder()}"
    )
    click.echo(f"source   {forecast.source} ({file.source.path}): {rows}")
    columns = ", ".join(f"{field} from {column!r}" for field, column in forecast.columns.items())
    click.echo(f"columns  {columns or 'none recognised'}")
    if forecast.unused:
        click.echo(
            f"unused   {', '.join(map(repr, forecast.unused))}: kept as extra; --set source.columns.FIELD=COLUMN"
        )
    if len(forecast.unused) == 1 and ";" in forecast.unused[0]:
        click.echo(
            "         one column with semicolons in its name: the file must be separated by commas or tabs"
        )
    click.echo(
        f"images   {counted(forecast.images, 'image')} found in the first {counted(forecast.looked_at, 'row')}"
    )
    for reason, number in forecast.rejects.items():
        example = forecast.examples[reason]
        where = f"{example.field}: " if example.field else ""
        click.echo(f"reject   {number:,} {reason}, for example {example.record_id}: {where}{example.message}")
    pairs = ", ".join(f"{number:,} {kind}" for kind, number in forecast.pairs.items()) or "none"
    click.echo(f"pairs    {pairs} from {counted(forecast.built, 'row')} built in memory")
    if forecast.bytes_per_row is not None:
        whole = (
            f", about {bytes_text(round(forecast.bytes_per_row * forecast.rows))} in all"
            if forecast.rows
            else ""
        )
        click.echo(f"size     about {bytes_text(round(forecast.bytes_per_row))} per source row{whole}")
