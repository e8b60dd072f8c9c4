"""Runs that ask models: prompts with photographs, and a real HTTP server that answers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from start import running

from pairwright.recipe import Recipe, load_recipe

SCORES = {"first": "5", "second": "2"}
Prompts = Callable[..., Path]
RecipeFor = Callable[..., Recipe]


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """The HTTP double, one process for all tests."""
    with running("--models", "tiny,tiny-2,judge", "--keep", "0") as double:
        yield double


@pytest.fixture
def double(server: Any) -> Any:
    """The HTTP double without faults, rules and statistics of earlier tests."""
    server.reset()
    server.rules([])
    return server


@pytest.fixture
def prompts(tmp_path: Path, photographs: list[bytes]) -> Prompts:
    """Return a function that writes a JSONL source of prompts with pictures and no answers."""

    def write(rows: int, name: str = "prompts.jsonl", **more: Callable[[int], Any]) -> Path:
        (tmp_path / "images").mkdir(exist_ok=True)
        lines = []
        for number in range(rows):
            (tmp_path / "images" / f"{number}.jpg").write_bytes(photographs[number % len(photographs)])
            row = {
                "id": f"q{number}",
                "question": f"What is in picture {number}?",
                "image": f"images/{number}.jpg",
            }
            lines.append(json.dumps(row | {key: value(number) for key, value in more.items()}))
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.fixture
def rated(double: Any, tmp_path: Path) -> RecipeFor:
    """Return a function that gives a small recipe: two answers, rated one by one, every pair of unequal ones."""

    def load(source: Path, out: Path | str = "run", *overrides: str) -> Recipe:
        told = {
            "source.path": str(source),
            "output.path": str(tmp_path / out),
            "output.shard_rows": "4",
            "samplers.0.model": "tiny",
            "samplers.0.base_url": double.url,
            "samplers.0.max_tokens": "40",
            "judge.model": "judge",
            "judge.base_url": double.url,
        }
        path = tmp_path / "rated.yaml"
        path.write_text(RATED)
        return load_recipe(path, [f"{key}={value}" for key, value in told.items()] + list(overrides))

    return load


RATED = """
name: rated
builder: judged
parameters:
  samplers: [{n: 3, temperatures: [0.9]}]
  judge: {kind: pointwise, params: {aspects: [{name: helpfulness, description: whether it helps}]}}
  pairing: {rule: all_unequal}
"""
