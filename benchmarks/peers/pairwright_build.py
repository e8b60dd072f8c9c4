"""pairwright itself, through its command line: ``pairwright build``."""

import json

import pyarrow.parquet as pq
import yaml

from pairwright.cli import main
from peers import BLOCK, RADIUS, Job, Timed, Work

_CHOICES = {
    "blur": {"name": "gaussian_blur", "params": {"radius": list(RADIUS)}},
    "pixelate": {"name": "pixelate", "params": {"block": BLOCK}},
}


def prepare(job: Job) -> Timed:
    """Write the recipe and return the timed function."""
    recipe = job.out / "recipe.yaml"
    parameters = {"perturbations": [_CHOICES[job.operation]]}
    recipe.write_text(
        yaml.safe_dump({"name": "bench", "builder": "visual_negative", "parameters": parameters}),
        encoding="utf-8",
    )
    run = job.out / "run"
    source, workers = str(job.source), str(job.workers)
    arguments = ["build", str(recipe), "--source", source, "--out", str(run), "--workers", workers]

    def build() -> Work:
        try:
            main(arguments)
        except SystemExit as done:  # the command line ends the process, as it should
            if done.code:
                raise RuntimeError(
                    f"pairwright {' '.join(arguments)} ended with status {done.code}"
                ) from done
        told = json.loads((run / "run.json").read_text(encoding="utf-8"))
        return Work(_negatives(job), told["work_s"])

    return build


def _negatives(job: Job) -> int:
    """Return the number of rows in the run's Parquet files of pairs."""
    files = (pq.ParquetFile(path) for path in (job.out / "run").rglob("*.parquet"))
    return sum(file.metadata.num_rows for file in files if "rejected_images" in file.schema_arrow.names)
