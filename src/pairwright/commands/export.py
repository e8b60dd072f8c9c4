"""``pairwright export``."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from pairwright.commands._options import RUN_FOLDER

if TYPE_CHECKING:
    from pairwright.exporters._export import Exported
    from pairwright.exporters._splits import Apart


@click.command("export")
@click.argument("folder", metavar="DIR", type=RUN_FOLDER)
@click.option(
    "--to", required=True, metavar="NAME", help="A trainer; `pairwright list exporters` shows them all."
)
@click.option("--out", required=True, metavar="FOLDER", help="Folder of the export; a new or empty one.")
@click.option(
    "--splits",
    multiple=True,
    metavar="NAME=SHARE",
    help="Splits beside train, as test=0.05 or test=200; may be given again.",
)
@click.option("--seed", type=int, default=0, metavar="N", help="Of the draw of splits; 0 if not given.")
@click.option(
    "--apart",
    type=click.Choice(["all", "pictures"]),
    default="all",
    help="What no two splits share: pictures and prompts' texts (all), or pictures, for sets of a few questions.",
)
@click.option(
    "--leave-out",
    multiple=True,
    metavar="REASON",
    help="Leave out the pairs that the trainer cannot take for this reason; may be given again.",
)
@click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="A setting of the exporter; may be given again.",
)
@click.option("--unfinished", is_flag=True, help="Export what there is of a run that is not finished.")
def command(
    folder: str,
    to: str,
    out: str,
    splits: tuple[str, ...],
    seed: int,
    apart: "Apart",
    leave_out: tuple[str, ...],
    overrides: tuple[str, ...],
    unfinished: bool,
) -> None:
    """Write the pairs of DIR as a trainer reads them, and print what loads them.

    What the trainer cannot take, such as rejected images, is an error that says so, unless it is left out on request.

    \b
    pairwright export judged --to trl --out judged-trl --splits test=0.05
    pairwright export negatives --to ms-swift --out negatives-swift
    """
    from pairwright.exporters._export import export

    done = export(
        folder,
        to,
        out=out,
        splits=splits,
        seed=seed,
        apart=apart,
        leave_out=leave_out,
        options=_options(overrides),
        unfinished=unfinished,
    )
    _tell(done, out)


def _options(overrides: Iterable[str]) -> Mapping[str, Any]:
    import yaml

    from pairwright.schemas.errors import ParameterError
    from pairwright.strict_yaml import read_yaml

    found = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise ParameterError(f"--set {override!r}: expected key=value")
        try:
            found[key.strip()] = read_yaml(text)
        except yaml.YAMLError as error:
            raise ParameterError(f"--set {key}: {text!r} is not valid YAML ({error})") from error
    return found


def _tell(done: "Exported", out: str) -> None:
    from pairwright.runs.wording import counted

    if done.tasks:
        click.echo(counted(done.tasks, "task"))
    for split in done.splits:
        rows = "" if split.rows == split.pairs else f" in {counted(split.rows, 'row')}"
        click.echo(f"{split.name}: {counted(split.pairs, 'pair')}{rows}, {counted(len(split.files), 'file')}")
    for reason, count in done.left_out.items():
        click.echo(f"left out for {reason}: {count:,}")
    if done.repeats:
        click.echo(f"not written again: {counted(done.repeats, 'row')} like earlier ones")
    if done.spans_lost:
        told = f"{counted(done.spans_lost, 'pair')} of the run have words with weights (spans)"
        click.echo(f"{told}, for which {done.to} has no column: all words count alike; jsonl keeps them")
    first, *further = done.pages
    beside = f", beside {', '.join(page.name for page in further)}" if further else ""
    click.echo(f"{out}/{first.name} loads it{beside}:\n\n{first.text.rstrip()}")
