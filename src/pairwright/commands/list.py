"""``pairwright list``."""

from collections.abc import Callable
from typing import Any

import click
from rich.console import Console
from rich.table import Table


@click.command("list")
@click.argument(
    "what", required=False, type=click.Choice(["recipes", "builders", "perturbations", "measures", "reasons"])
)
def command(what: str | None) -> None:
    """List what there is: recipes, builders, perturbations, measures, reject reasons. Without WHAT, all names.

    \b
    pairwright list perturbations
    """
    tables: dict[str, Callable[[], Table]] = {
        "recipes": _recipes,
        "builders": _builders,
        "perturbations": _perturbations,
        "measures": _measures,
        "reasons": _reasons,
    }
    console = Console()
    if what:
        console.print(tables[what]())
        return
    for name, names in _names().items():
        console.print(f"[bold]{name}[/]: {', '.join(names)}", soft_wrap=True)
    console.print("\npairwright list WHAT tells more of each.")


def _names() -> dict[str, list[str]]:
    from pairwright.annotators.pixels import RANGES
    from pairwright.builders import ROOM as BUILDERS
    from pairwright.perturbations import ROOM as PERTURBATIONS
    from pairwright.recipe import packaged_names

    return {
        "recipes": packaged_names(),
        "builders": BUILDERS.names(),
        "perturbations": PERTURBATIONS.names(),
        "measures": list(RANGES),
    }


def _recipes() -> Table:
    from pairwright.recipe import load_recipe, packaged_names

    table = _table("recipe", "builder", "about")
    for name in packaged_names():
        file = load_recipe(name).file
        table.add_row(name, file.builder, file.about)
    return table


def _builders() -> Table:
    from pairwright.builders import ROOM

    table = _table("builder", "parameter", "default", "about")
    for name in ROOM.names():
        part = ROOM.get(name)
        table.add_row(name, "", "", f"{part.summary}\n{part.source}")
        for key, field in part.settings.model_fields.items():
            default = "required" if field.is_required() else str(field.default)
            table.add_row("", key, default, field.description or "")
        table.add_section()
    return table


def _perturbations() -> Table:
    from pairwright.perturbations import ROOM
    from pairwright.schemas.knobs import knobs

    table = _table("perturbation", "parameter", "default", "allowed", "about")
    for name in ROOM.names():
        part = ROOM.get(name)
        table.add_row(name, "", "", "", f"{part.summary}\n[dim]{part.source}[/]")
        for key, knob in knobs(part.params).items():
            if knob.unit == "seed":
                continue
            search = " (strength)" if knob.stronger else ""
            allowed = f"{knob.low:g} to {knob.high:g} {knob.unit}"
            table.add_row("", key, _value(knob.default), allowed, knob.about + search)
        table.add_section()
    return table


def _measures() -> Table:
    from dataclasses import fields

    from pairwright.annotators import pixels

    table = _table("measure", "from", "to")
    for field in fields(pixels.Measures):
        low, high = pixels.RANGES[field.name]
        table.add_row(field.name, _value(low), _value(high))
    return table


def _reasons() -> Table:
    from pairwright.schemas.reasons import EXPLANATIONS

    table = _table("reason", "meaning")
    for reason, meaning in EXPLANATIONS.items():
        table.add_row(reason, meaning)
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0, overflow="fold")
    return table


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value[0]:g} to {value[1]:g}" if isinstance(value, tuple) else f"{value:g}"
