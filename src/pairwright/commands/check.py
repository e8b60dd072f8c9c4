"""``pairwright check``."""

import sys
from collections.abc import Mapping

import click

from pairwright.commands._options import build_arguments, tell_before
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
    from pairwright.remote.work import in_work_folder

    asked = load_recipe(recipe, overrides).placed(source=source, out=out, seed=seed)
    ready = in_work_folder(asked)
    tell_before(ready)
    tell_forecast(check(ready, limit=limit), into=asked.url())


def tell_forecast(forecast: Forecast, *, into: str | None = None) -> None:
    """Print what a build would do; ``into`` is the address that it would be put to, if it is not a folder."""
    file = forecast.recipe.file
    rows = (
        counted(forecast.rows, "row")
        if forecast.rows is not None
        else "rows not counted (that takes a full read)"
    )
    click.echo(
        f"recipe   {file.name}: builder {file.builder}, seed {file.seed}, into {into or forecast.recipe.folder()}"
    )
    place = f" ({file.source.path})" if file.source.path else ""
    click.echo(f"source   {forecast.source}{place}: {rows}")
    layout = forecast.recipe.file.source.layout
    click.echo(f"layout   {layout}" if layout else f"columns  {_columns_text(forecast.columns)}")
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
    if forecast.refusal:
        click.echo(f"folder   {forecast.refusal}")
    for reason, number in forecast.rejects.items():
        example = forecast.examples[reason]
        where = f"{example.field}: " if example.field else ""
        click.echo(f"reject   {number:,} {reason}, for example {example.record_id}: {where}{example.message}")
    asked = any(one.calls for one in forecast.estimates)
    if asked:
        _tell_spending(forecast)
    if forecast.encodings:
        _tell_encodings(forecast)
    if not asked and not forecast.encodings:
        _tell_pairs(forecast)


def _columns_text(columns: Mapping[str, str]) -> str:
    """Return which field comes from which column; a run's own columns go by the names that they have.

    >>> _columns_text({"question": "Q", "images": "image"}), _columns_text({})
    ("question from 'Q', images from 'image'", 'none recognised')
    """
    if {"record_id", "pair_kind"} & columns.keys() and all(
        field == column for field, column in columns.items()
    ):
        return "those of a run of pairwright"
    return ", ".join(f"{field} from {column!r}" for field, column in columns.items()) or "none recognised"


def _tell_pairs(forecast: Forecast) -> None:
    pairs = ", ".join(f"{number:,} {kind}" for kind, number in forecast.pairs.items()) or "none"
    click.echo(f"pairs    {pairs} from {counted(forecast.built, 'row')} built in memory")
    if forecast.bytes_per_row is not None:
        whole = (
            f", about {bytes_text(round(forecast.bytes_per_row * forecast.rows))} in all"
            if forecast.rows
            else ""
        )
        click.echo(f"size     about {bytes_text(round(forecast.bytes_per_row))} per source row{whole}")


def _tell_encodings(forecast: Forecast) -> None:
    """Say what encoders would encode: of all rows where their number is known, else of a thousand."""
    rows, known = forecast.rows or 1000, "" if forecast.rows else " of 1,000 rows"
    for one in forecast.encodings:
        images, texts = round(rows * one.images), round(rows * one.texts)
        attacks = f", {round(rows * one.attacks):,} attacks" if one.attacks else ""
        click.echo(
            f"encoder  {one.name} ({one.model}): {images:,} images and {texts:,} texts{attacks}{known}"
        )
        if not _may_be_loaded_on(one.device):
            click.echo(
                f"note     {one.name} is to be loaded on {one.device}, which this machine does not have"
            )


def _may_be_loaded_on(device: str) -> bool:
    """Tell whether this machine has a device, as far as torch knows it; encoders that could be loaded have imported it."""
    torch = sys.modules.get("torch")
    kind, _, number = device.partition(":")
    wanted = int(number) if number.isdecimal() else 0
    return kind != "cuda" or torch is None or wanted < torch.cuda.device_count()


def _tell_spending(forecast: Forecast) -> None:
    """Say what models would be asked: of all rows where their number is known, else of a thousand."""
    rows = forecast.rows or 1000
    known = "" if forecast.rows else " of 1,000 rows"
    whole = 0.0
    for one in forecast.estimates:
        calls, prompt, completion = (
            round(rows * each) for each in (one.calls, one.prompt_tokens, one.completion_tokens)
        )
        usd = one.usd(rows)
        whole += usd or 0.0
        money = "no prices given" if usd is None else f"at most {usd:,.2f} USD"
        click.echo(
            f"model    {one.name} ({one.model.model}, {one.model.sampler}): {calls:,} calls{known}, about {prompt:,} prompt"
            f" + at most {completion:,} answer tokens, {money}"
        )
    if any(one.model.prices for one in forecast.estimates):
        click.echo(f"money    at most {whole:,.2f} USD{known}")
    limits = forecast.recipe.file.budget.model_dump(exclude_none=True)
    told = (
        ", ".join(f"{value:,} {name}" for name, value in limits.items())
        or "none; --set budget.usd=5 sets one"
    )
    click.echo(f"budget   {told}")
    if forecast.recipe.responses().is_file():
        click.echo(f"stored   answers in {forecast.recipe.responses()} are not asked for again")
