"""The page about perturbations knows every part, tells its true ranges, and its examples run."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairwright.perturbations import ROOM, Perturbation
from pairwright.schemas.knobs import Setting, knobs, plan

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "perturbations.md").read_text(encoding="utf-8")
ROWS = {match[1]: match[0] for match in re.finditer(r"^\| `(\w+)` .*$", PAGE, re.MULTILINE)}
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def shown(setting: Setting) -> str:
    """Return a default as the table writes it."""
    if isinstance(setting, tuple):
        return f"[{setting[0]:.3g}, {setting[1]:.3g}]"
    return f"{setting:g}"


def test_the_table_names_every_part_and_no_other() -> None:
    assert sorted(ROWS) == ROOM.names()


@pytest.mark.parametrize("name", ROOM.names())
def test_the_table_tells_ranges_and_defaults(name: str) -> None:
    for key, knob in knobs(ROOM.get(name).params).items():
        assert f"`{key}`" in ROWS[name]
        if key == "noise_seed":
            continue
        told = next(
            cell for cell in re.split(r"<br>|\|", ROWS[name])[1:] if f"`{key}`" in cell and ":" in cell
        )
        assert f"{knob.low:g} to {knob.high:,g}" in told
        assert f", {shown(knob.default)}" in told
        assert ("log" in told) == (knob.scale == "log")
        assert ("↑" in told, "↓" in told) == (knob.stronger == "up", knob.stronger == "down")


def test_the_examples_run() -> None:
    *uses, added = EXAMPLES
    names: dict[str, Any] = {}
    for example in uses:
        exec(example, names)
    assert names["blurred"].shape == names["pixels"].shape
    assert 30 <= names["params"].sigma <= 60
    assert names["position"] == 2
    new: dict[str, Any] = {"__name__": "invert"}
    exec(added, new)
    assert isinstance(new["PART"], Perturbation)
    params = plan("invert", new["Params"], {}).draw(np.random.default_rng(0))
    assert (new["PART"].apply(np.zeros((2, 3, 3), np.uint8), params) == 255).all()
