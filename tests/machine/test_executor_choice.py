"""Which executor builds what, and what is told before anything is opened; none of it needs Ray."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import pairwright
from pairwright.commands import build
from pairwright.executors import ray, ray_cluster
from pairwright.executors.local import WorkerError
from pairwright.recipe import load_recipe
from pairwright.schemas.errors import MissingExtraError, ParameterError, RunError

Table = Callable[..., Path]

JUDGED = [
    *("samplers=[{model: small, base_url: 'http://127.0.0.1:1/v1'}]", "judge.model=big"),
    "judge.base_url=http://127.0.0.1:1/v1",
]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"executor": "rai"}, "executor: no 'rai' among executors. Did you mean 'ray'\\?"),
        ({"address": "auto"}, "address: auto is of use with executor ray alone"),
        ({"executor": "ray", "shard": "0/2"}, "give executor ray or a slice, not both"),
        ({"gpus_per_worker": 1.0}, "gpus_per_worker: 1 is of use with executor ray alone"),
        ({"executor": "ray", "gpus_per_worker": -1.0}, "gpus_per_worker: expected 0 or more, got -1"),
    ],
)
def test_what_does_not_fit_is_told(given: dict[str, object], told: str, table: Table, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=told):
        pairwright.build("image_dpo", source=table(2), out=tmp_path / "out", **given)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_command_line_tells_it_too(table: Table, tmp_path: Path) -> None:
    given = ["image_dpo", "--source", str(table(2)), "--out", str(tmp_path / "out"), "--executor", "rai"]
    result = CliRunner().invoke(build.command, given)
    assert isinstance(result.exception, ParameterError)
    assert "Did you mean 'ray'?" in str(result.exception)


def test_a_missing_package_is_told(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(MissingExtraError, match=r'executor ray needs .*: pip install "pairwright\[ray\]"'):
        pairwright.build("image_dpo", source=table(2), out=tmp_path / "out", executor="ray")
    assert not (tmp_path / "out").exists()


def test_servers_are_asked_from_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "asked from this process" in str(ray.check(load_recipe("silkie", JUDGED)))


@pytest.mark.parametrize(
    ("recipe", "sets", "told"),
    [
        ("silkie", [*JUDGED, "samplers=[{sampler: vllm, model: small}]"], ["samplers.0"]),
        ("clip_dpo", ["samplers=[{model: small, base_url: 'http://127.0.0.1:1/v1'}]"], ["encoders.0"]),
        ("image_dpo", [], []),
    ],
)
def test_what_lives_in_the_process_that_builds(recipe: str, sets: list[str], told: list[str]) -> None:
    assert ray.inside(load_recipe(recipe, sets)) == told


def test_a_node_that_does_not_see_the_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write to .*out .*every node must see the run's folder"):
        ray._own_place(tmp_path / "out" / ".staged" / "gone")


def test_an_address_where_nobody_listens_is_told() -> None:
    with pytest.raises(WorkerError, match=r"no Ray cluster at 127\.0\.0\.1:1: .*refused"):
        ray_cluster._check_reachable("127.0.0.1:1")
