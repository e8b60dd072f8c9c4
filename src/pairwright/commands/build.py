"""``pairwright build``."""

import click

from pairwright.commands._options import build_arguments, tell_before
from pairwright.commands._saying import say


@click.command("build")
@build_arguments
@click.option(
    "--shard",
    metavar="I/N",
    help="Build slice I of N alone (I from 0) into the same DIR; the last slice to finish makes one run of all.",
)
@click.option(
    "--executor",
    metavar="local|ray",
    default="local",
    show_default=True,
    help="Where shards are built: processes of this machine, or actors of a Ray cluster.",
)
@click.option(
    "--address",
    metavar="ADDRESS",
    help="Ray cluster, as ray.init takes it; default: RAY_ADDRESS, or one for the time of the run.",
)
@click.option(
    "--gpus-per-worker",
    type=click.FloatRange(min=0),
    metavar="N",
    help="With --executor ray: GPUs of a worker that has models or encoders; default: 1 where there are any.",
)
@click.option(
    "--work",
    metavar="DIR",
    help="Where --out is in an object store: folder on a local disk for what is under way; default: one in your cache folder.",
)
def command(
    recipe: str,
    source: str | None,
    out: str | None,
    limit: int | None,
    overrides: tuple[str, ...],
    workers: int | None,
    seed: int | None,
    shard: str | None,
    executor: str,
    address: str | None,
    gpus_per_worker: float | None,
    work: str | None,
) -> None:
    """Build a data set from RECIPE, a YAML file or the name of a packaged one.

    The same recipe, source and seed give the same rows, whatever the number of workers. A build that was stopped goes
    on when the same command is given again.

    \b
    pairwright build image_dpo --source photos.csv --out negatives
    pairwright build image_dpo --source photos.csv --out all --set per_row=all --limit 100
    pairwright build my_recipe.yaml --workers 4
    pairwright build image_dpo --source photos.csv --out negatives --shard 0/16
    pairwright build image_dpo --source photos.parquet --out s3://bucket/negatives
    pairwright build image_dpo --source photos.parquet --out negatives --executor ray --address auto
    pairwright build silkie --source prompts.jsonl --out judged --set judge.model=NAME --set judge.base_url=URL
    """
    from pairwright.api import build
    from pairwright.commands._running import run_and_tell
    from pairwright.recipe import load_recipe
    from pairwright.remote.work import in_work_folder

    ready = load_recipe(recipe, overrides).placed(source=source, out=out, seed=seed)
    if executor == "ray":
        from pairwright.executors.ray import check

        if told := check(ready):
            say(told)
    tell_before(in_work_folder(ready, work))
    run_and_tell(
        ready.name,
        lambda watch: build(
            ready,
            limit=limit,
            workers=workers,
            shard=shard,
            executor=executor,
            address=address,
            gpus_per_worker=gpus_per_worker,
            work=work,
            tell=say,
            watch=watch,
        ),
    )
