"""Forecasts of recipes whose later calls depend on earlier answers: every call is counted."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pairwright.cli import main

Prompts = Callable[..., Path]

ROWS = 3
ANSWER = "A white cup of coffee stands on a saucer. A spoon lies beside it."


@pytest.mark.parametrize(
    ("name", "calls", "more"),
    [
        ("sima", {"samplers.0": 2, "critic": 2}, ()),
        ("squba", {"samplers.0": 1, "second_opinion": 2}, ("second_opinion={kind: pairwise, model: j}",)),
        ("ha_dpo", {"samplers.0": 1, "correctors.0": 1, "style": 6}, ()),
        ("opa_dpo", {"samplers.0": 1, "correctors.0": 1}, ()),
        ("povid", {"correctors.0": 1}, ()),
        ("bpo", {"samplers.0": 1, "correctors.0": 1, "correctors.1": 1}, ()),
    ],
)
def test_every_call_is_counted(
    name: str,
    calls: Mapping[str, int],
    more: tuple[str, ...],
    prompts: Prompts,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = prompts(ROWS, answer=lambda number: ANSWER, evidence=lambda number: "1 cup")
    told = [*more, *(f"{place}.{key}" for place in calls for key in ("model=m", "base_url=http://a/v1"))]
    sets = [argument for line in told for argument in ("--set", line)]
    with pytest.raises(SystemExit, match="0"):
        main(["check", name, "--source", str(source), *sets])
    counted = re.findall(r"^model    (\S+) \(m, openai\): (\d+) calls", capsys.readouterr().out, re.MULTILINE)
    assert {place: int(count) for place, count in counted} == {
        place: ROWS * count for place, count in calls.items()
    }
