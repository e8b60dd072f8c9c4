"""``pairwright list``."""

from collections.abc import Callable, Iterator, Mapping

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pairwright.schemas.settings import Settings

WHAT = (
    "recipes",
    "builders",
    "samplers",
    "annotators",
    "correctors",
    "pairings",
    "guards",
    "perturbations",
    "layouts",
    "exporters",
    "measures",
    "reasons",
)


@click.command("list")
@click.argument("what", required=False, type=click.Choice(WHAT))
def command(what: str | None) -> None:
    """List what there is: recipes, builders, samplers, annotators (judges and verifiers), correctors, pairing
    rules, guards, perturbations, layouts of sets to import, exporters, measures, reject reasons. Without WHAT, all names.

    \b
    pairwright list perturbations
    """
    told: dict[str, Callable[[], Iterator[RenderableType]]] = {
        "recipes": _recipes,
        "builders": _builders,
        "samplers": _samplers,
        "annotators": _annotators,
        "correctors": _correctors,
        "pairings": _pairings,
        "guards": _guards,
        "perturbations": _perturbations,
        "exporters": _exporters,
        "layouts": _layouts,
        "measures": _measures,
        "reasons": _reasons,
    }
    console = Console(highlight=False)
    for line in told[what]() if what else _names():
        console.print(line, soft_wrap=isinstance(line, str))


def _names() -> Iterator[RenderableType]:
    from pairwright.annotators import ROOM as ANNOTATORS
    from pairwright.annotators.pixels import RANGES
    from pairwright.builders import ROOM as BUILDERS
    from pairwright.correctors import ROOM as CORRECTORS
    from pairwright.exporters import ROOM as EXPORTERS
    from pairwright.guards import ROOM as GUARDS
    from pairwright.layouts import ROOM as LAYOUTS
    from pairwright.pairings import ROOM as PAIRINGS
    from pairwright.perturbations import ROOM as PERTURBATIONS
    from pairwright.recipe import packaged_names
    from pairwright.runs.measured import OF_PAIRS
    from pairwright.runs.seen import SEEN
    from pairwright.samplers import ROOM as SAMPLERS

    everything = {
        "recipes": packaged_names(),
        "builders": BUILDERS.names(),
        "samplers": SAMPLERS.names(),
        "annotators": ANNOTATORS.names(),
        "correctors": CORRECTORS.names(),
        "pairings": PAIRINGS.names(),
        "guards": GUARDS.names(),
        "perturbations": PERTURBATIONS.names(),
        "exporters": EXPORTERS.names(),
        "layouts": LAYOUTS.names(),
        "measures": [*RANGES, *SEEN, *OF_PAIRS],
    }
    for kind, names in everything.items():
        yield f"[bold]{kind}[/]: {', '.join(names)}"
    yield "\npairwright list WHAT tells more of each, also of reject reasons."


def _recipes() -> Iterator[RenderableType]:
    from pairwright.recipe import packaged_about, packaged_names

    for name in packaged_names():
        yield from _entry(name, packaged_about(name), None)


def _builders() -> Iterator[RenderableType]:
    from pairwright.builders import ROOM

    for name in ROOM.names():
        part = ROOM.get(name)
        yield from _entry(name, part.summary, part.source)
        yield _settings(part.settings)


def _layouts() -> Iterator[RenderableType]:
    from pairwright.layouts import ROOM

    for name in ROOM.names():
        part = ROOM.get(name)
        yield from _entry(name, part.summary, part.source)


def _samplers() -> Iterator[RenderableType]:
    from pairwright.samplers import ROOM, CallSettings, Model

    for name in ROOM.names():
        part = ROOM.get(name)
        yield from _entry(name, part.summary, part.source)
        yield _settings(part.options)
    yield from _entry("every model", "What stands beside its name in a recipe.", None)
    yield _settings(Model)
    yield from _entry("calls", "How a model is called; changes no row.", None)
    yield _settings(CallSettings)


def _annotators() -> Iterator[RenderableType]:
    from pairwright.annotators import ROOM, Measurer
    from pairwright.annotators._encoding import EncoderSettings

    for name in ROOM.names():
        part = ROOM.get(name)
        kind = type(part).__name__.lower().removesuffix("part")
        yield from _entry(f"{name} ({kind})", part.summary, part.source)
        if not isinstance(part, Measurer):
            yield _settings(part.settings)
    yield from _entry("every encoder", "What stands beside its parameters in a recipe; changes no row.", None)
    yield _fields({name: EncoderSettings.model_fields[name] for name in ("device", "batch_size")})


def _correctors() -> Iterator[RenderableType]:
    from pairwright.correctors import ROOM

    for name in ROOM.names():
        part = ROOM.get(name)
        yield from _entry(f"{name} ({part.makes})", part.summary, part.source)
        yield _settings(part.settings)


def _pairings() -> Iterator[RenderableType]:
    from pairwright.pairings import ROOM
    from pairwright.pairings._forming import PairingSettings

    for name in ROOM.names():
        part = ROOM.get(name)
        yield from _entry(name, part.summary, part.source)
        yield _settings(part.settings)
    yield from _entry("every rule", "What holds for all of them.", None)
    yield _settings(PairingSettings)


def _guards() -> Iterator[RenderableType]:
    from pairwright.builders._guarding import GuardChoice
    from pairwright.builders._second_opinion import SecondOpinion
    from pairwright.guards import ROOM, SetGuard

    for name in ROOM.names():
        part = ROOM.get(name)
        looks = " (looks at all pairs of a shard)" if isinstance(part, SetGuard) else ""
        yield from _entry(name + looks, part.summary, part.source)
        yield _settings(part.settings)
    yield from _entry("every guard", "What stands in a recipe's list of guards.", None)
    yield _settings(GuardChoice)
    yield from _entry("second_opinion", "Beside the keys of a model, for a judge that asks one.", None)
    own = {name: SecondOpinion.model_fields[name] for name in ("kind", "params", "margin")}
    yield _fields(own)


def _perturbations() -> Iterator[RenderableType]:
    from pairwright.perturbations import ROOM, Adversary, Nearest
    from pairwright.schemas.knobs import knobs

    for name in ROOM.names():
        part = ROOM.get(name)
        needs = " (needs an encoder)" if isinstance(part, Adversary | Nearest) else ""
        yield from _entry(name + needs, part.summary, part.source)
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


def _exporters() -> Iterator[RenderableType]:
    from pairwright.exporters import ROOM, Exporter

    for name in ROOM.names():
        part = ROOM.get(name)
        yield from _entry(name.replace("_", "-"), part.summary, part.source)
        for reason, does in part.refusals.items() if isinstance(part, Exporter) else ():
            yield Padding(Text(f"refuses {reason}: {does}"), (0, 0, 0, 4))
        if part.settings.model_fields:
            yield _settings(part.settings)


def _measures() -> Iterator[RenderableType]:
    from pairwright.annotators.pixels import RANGES
    from pairwright.runs.contents import MEASURES
    from pairwright.runs.measured import OF_PAIRS
    from pairwright.runs.seen import SEEN, SEEN_RANGES

    for name, info in MEASURES.items():
        yield from _entry(name, f"{info.about}; {_bounds(*RANGES[name])}", None)
    for seen, info in SEEN.items():
        yield from _entry(f"{seen} (by encoders)", f"{info.about}; {_bounds(*SEEN_RANGES[seen])}", None)
    for of_pair, about in OF_PAIRS.items():
        yield from _entry(f"{of_pair} (of pairs)", about, None)


def _bounds(low: float | None, high: float | None) -> str:
    return f"from {low:g}" if high is None else f"{low:g} to {high:g}"


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


def _settings(settings: type[Settings]) -> RenderableType:
    return _fields(settings.model_fields)


def _fields(fields: Mapping[str, FieldInfo]) -> RenderableType:
    return _indented([(key, _default(field), _plain(field.description)) for key, field in fields.items()])


def _default(field: FieldInfo) -> str:
    """Return what a key is where a recipe leaves it out.

    >>> _default(FieldInfo(default=None)), _default(FieldInfo(default=("a", "b")))
    ('', 'default a, b')
    """
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, BaseModel):
        return "a block"
    if isinstance(value, tuple):
        return f"default {', '.join(_entry_of(one) for one in value)}"
    return f"default {value}"


def _entry_of(value: object) -> str:
    """Return an entry of a list: a block by its kind."""
    if isinstance(value, BaseModel):
        return str(getattr(value, "kind", "…"))
    return str(value)


def _plain(description: str | None) -> str:
    return (description or "").replace("``", "")


def _range(value: float | tuple[float, float] | tuple[int, int]) -> str:
    return f"{value[0]:g} to {value[1]:g}" if isinstance(value, tuple) else f"{value:g}"
