"""The scripts of examples/cluster: that they run, and give `pairwright build` arguments that it takes."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from pairwright.commands import build

EXAMPLES = Path(__file__).parents[2] / "examples" / "cluster"

SAYS = """#!/bin/bash
printf '%s\\n' "$(basename "$0")" "$@"
"""


def parsed(words: list[str]) -> dict[str, Any]:
    """Return what `pairwright build` makes of a command line, without building."""
    assert words[:2] == ["pairwright", "build"]
    with build.command.make_context("build", words[2:]) as context:
        return {name: value for name, value in context.params.items() if value not in (None, ())}


def said(script: str, *arguments: str, cwd: Path, **surroundings: str) -> list[str]:
    """Run a script where `ray` and `pairwright` only say how they are called; return that."""
    tools = cwd / "tools"
    tools.mkdir()
    for name in ("ray", "pairwright"):
        (tools / name).write_text(SAYS)
        (tools / name).chmod(0o755)
    done = subprocess.run(
        ["bash", str(EXAMPLES / script), *arguments],
        cwd=cwd,
        env=os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"} | surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("task", ["0", "15"])
def test_slurm(task: str, tmp_path: Path) -> None:
    surroundings = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_MAX": "15", "SLURM_CPUS_PER_TASK": "16"}
    words = said("slurm.sh", "image_dpo", "my photos.parquet", "out", cwd=tmp_path, **surroundings)
    assert parsed(words) == {
        "recipe": "image_dpo",
        "source": "my photos.parquet",
        "out": "out",
        "shard": f"{task}/16",
        "workers": 16,
        "executor": "local",
    }


def test_slurm_asks_for_the_slices_that_it_counts() -> None:
    assert "#SBATCH --array=0-15\n" in (EXAMPLES / "slurm.sh").read_text()


def test_ray(tmp_path: Path) -> None:
    """Paths that are there are made absolute, since a job starts elsewhere; names stay names."""
    (tmp_path / "my photos.parquet").touch()
    words = said("ray.sh", "image_dpo", "my photos.parquet", "out", cwd=tmp_path)
    assert words[:6] == ["ray", "job", "submit", "--entrypoint-num-cpus", "1", "--"]
    assert parsed(words[6:]) == {
        "recipe": "image_dpo",
        "source": str(tmp_path / "my photos.parquet"),
        "out": str(tmp_path / "out"),
        "executor": "ray",
        "address": "auto",
    }


def test_kubernetes() -> None:
    job = yaml.safe_load((EXAMPLES / "kubernetes.yaml").read_text())
    [container] = job["spec"]["template"]["spec"]["containers"]
    [line] = container["args"]
    words = shlex.split(line.replace("$JOB_COMPLETION_INDEX", "3"))
    assert words[0] == "exec"
    assert container["command"] == ["/bin/sh", "-c"]
    assert parsed(words[1:])["shard"] == f"3/{job['spec']['completions']}"
    assert job["spec"]["completionMode"] == "Indexed", "or there is no JOB_COMPLETION_INDEX"


def test_what_build_does_not_take_would_be_seen() -> None:
    with pytest.raises(click.NoSuchOption):
        parsed(["pairwright", "build", "image_dpo", "--shards", "0/2"])
