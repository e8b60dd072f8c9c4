"""The row's own answer where no pair can do without it: what cannot stand on a side costs nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from pairwright.builders import Built
from pairwright.schemas.source_row import SourceRow

WRITER = {"model": "w"}
SPOILER = {"kind": "inject", "model": "c"}


@pytest.mark.parametrize(
    ("chosen", "reason"), [(None, "no_answer"), (" \n", "empty_answer"), ("No.<|im_end|>", "special_token")]
)
@pytest.mark.parametrize(
    ("builder", "parameters"),
    [
        ("gold_vs_own", {"samplers": [WRITER]}),
        ("corrupted_input", {"gold": "chosen", "samplers": [WRITER | {"images": "none"}]}),
        ("no_image_continuation", {"gold": "chosen", "continuer": WRITER}),
        ("corrected", {"of": "chosen", "samplers": [WRITER | {"side": "rejected"}], "correctors": [SPOILER]}),
        ("refusal", {"samplers": [WRITER]}),
        ("verified", {"gold": "chosen", "samplers": [WRITER], "verifiers": [{"kind": "exact"}]}),
    ],
)
def test_a_gold_answer_that_can_stand_nowhere_costs_nothing(
    row: Callable[..., SourceRow],
    build: Callable[..., Built],
    model: Any,
    builder: str,
    parameters: Any,
    chosen: str | None,
    reason: str,
) -> None:
    asks = {name: model(["A dog."]) for name in ("samplers.0", "continuer", "correctors.0")}
    built = build(builder, parameters, row(chosen=chosen, ground_truth="A cup."), asks)
    assert [(one.scope, one.reason, one.field) for one in built.rejects] == [("row", reason, "chosen")]
    assert not any(one.requests for one in asks.values())
