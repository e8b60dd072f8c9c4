"""``pairwright list``."""

from collections.abc import Callable, Iterator

import click
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


@click.command("list")
@click.argument(
    "what", required=False, type=click.Choice(["recipes", "builders", "perturbations", "measures", "reasons"])
)
def command(what: str | None) -> None:
    """List what there is: recipes, builders, perturbations, measures, reject reasons. Without WHAT, all names.

    \b
    pairwright list perturbations
    """
    told: dict[str, Callable[[], Iterator[RenderableType]]] = {
        "recipes": _recipes,
        "builders": _builders,
        "perturbations": _perturbations,
        "measures": _measures,
        "reasons": _reasons,
    }
    console = Console(highlight=False)
    for line in told[what]() if what else _names():
        console.print(line, soft_wrap=isinstance(line, str))


def _names() -> Iterator[RenderableType]:
    from pairwright.annotators.pixels import RANGES
    from pairwright.builders import ROOM as BUILDERS
    from pairwright.perturbations import ROOM as PERTURBATIONS
    from pairwright.recipe import packaged_names

    everything = {
        "recipes": packaged_names(),
        "builders": BUILDERS.names(),
        "perturbations": PERTURBATIONS.names(),
        "measures": list(RANGES),
    }
    for kind, names in everything.items():
        yield f"[bold]{kind}[/]: {', '.join(names)}"
    yield "\npairwright list WHAT tells more of each, also of reject reasons."


def _recipes() -> Iterator[RenderableType]:
    from pairwright.recipe import load_recipe, packaged_names

    for name in packaged_names():
        yield from _entry(name, load_recipe(name).file.about, None)


def _builders() -> Iterator[RenderableType]:
    from pairwright.builders import ROOM

    for name in ROOM.names():
        part = ROOM.get(name)
        yield from _entry(name, part.summary, part.source)
        rows = [
            (
                key,
                "required" if field.is_required() else f"default {field.default}",
                _plain(field.description),
            )
            for key, field in part.settings.model_fields.items()
        ]
        yield _indented(rows)


def _perturbations() -> Iterator[RenderableType]:
    from pairwright.perturbations import ROOM
    from pairwright.schemas.knobs import knobs

    for name in ROOM.names():
        part = ROOM.get(name)
        yield from _entry(name, part.summary, part.source)
        rows = [
            (
                key,
                _range(knob.default),
                f"{knob.about}; {knob.low:g} to {knob.high:g} {knob.unit}"
                + ("; strength" if knob.stronger else ""),
            )
            for key, knob in knobs(part.params).items()
            if knob.unit != "seed"
        ]
        if rows:
            yield _indented(rows)


def _measures() -> Iterator[RenderableType]:
    from pairwright.annotators.pixels import RANGES
    from pairwright.runs.contents import MEASURES

    for name, info in MEASURES.items():
        low, high = RANGES[name]
        bounds = f"from {low:g}" if high is None else f"{low:g} to {high:g}"
        yield from _entry(name, f"{info.about}; {bounds}", None)


def _reasons() -> Iterator[RenderableType]:
    from pairwright.schemas.reasons import EXPLANATIONS

    for reason, meaning in EXPLANATIONS.items():
        yield from _entry(reason, meaning, None)


def _entry(name: str, about: str, source: str | None) -> Iterator[RenderableType]:
    yield Text(name, style="bold")
    yield Padding(Text(about), (0, 0, 0, 2))
    if source:
        yield Padding(Text(source, style="dim"), (0, 0, 0, 2))


def _indented(rows: list[tuple[str, str, str]]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="cyan")
    table.add_column(no_wrap=True)
    table.add_column()
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return Padding(table, (0, 0, 1, 4))


def _plain(description: str | None) -> str:
    return (description or "").replace("``", "")


def _range(value: float | tuple[float, float] | tuple[int, int]) -> str:
    return f"{value[0]:g} to {value[1]:g}" if isinstance(value, tuple) else f"{value:g}"
