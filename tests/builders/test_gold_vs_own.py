"""The builder that sets gold answers over own ones, and its recipe, row by row."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pairwright.builders import ROOM, Built, Run
from pairwright.recipe import load_recipe
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.request import Answer, Request
from pairwright.schemas.source_row import SourceRow

Build = Callable[..., Built]
Rows = Callable[..., SourceRow]

GOLD = "A white cup of coffee stands on a saucer, beside a spoon."
SOUP, DOG = "A bowl of soup on a tray.", "A dog sleeps under the table."
NEARLY = "a white cup of coffee stands on a saucer, beside a spoon"
OWN = {"model": "policy", "n": 2}
OPINION = {"kind": "pairwise", "model": "elder", "params": {"reference": "use"}}


def _said(built: Built) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in built.pairs]


def _reasons(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def test_the_gold_answer_stands_over_every_own_one(build: Build, row: Rows, model: Any) -> None:
    given = row(chosen=GOLD, chosen_model="people", candidates=(Candidate("A cat.", "older"),))
    built = build("gold_vs_own", {"samplers": [OWN]}, given, {"samplers.0": model([SOUP, DOG])})
    assert _said(built) == [(GOLD, "A cat."), (GOLD, SOUP), (GOLD, DOG)]
    assert built.rejects == ()
    pair = built.pairs[1]
    assert (pair.kind, pair.chosen_model, pair.rejected_model) == ("text", "people", "policy")
    assert (pair.score_chosen, pair.score_rejected, pair.scores) == (None, None, ())
    told = json.loads(pair.provenance or "")
    assert (told["builder"], told["rule"], told["chosen"]) == (
        "gold_vs_own",
        "sides",
        {"params": {"from": "chosen"}},
    )
    assert told["rejected"]["round"] == 1
    assert [one.side for one in built.candidates[0].candidates] == ["chosen", *["rejected"] * 3]


def test_an_own_answer_that_is_nearly_the_gold_one_makes_no_pair(build: Build, row: Rows, model: Any) -> None:
    asks = {"samplers.0": model([NEARLY, SOUP])}
    built = build("gold_vs_own", {"samplers": [OWN]}, row(chosen=GOLD), asks)
    assert _said(built) == [(GOLD, SOUP)]
    assert _reasons(built) == [("pair", "near_equal")]
    built = build("gold_vs_own", {"samplers": [OWN], "guards": []}, row(chosen=GOLD), asks)
    assert _said(built) == [(GOLD, NEARLY), (GOLD, SOUP)]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ([NEARLY, NEARLY], "near_equal"),
        ([GOLD, f" {GOLD} "], "too_few_answers"),
        ([Answer(SOUP, "length"), Answer(SOUP, "length")], "answer_cut"),
        (["", "It is <image>."], "empty_answer"),
    ],
)
def test_a_row_without_a_pair_says_why(
    build: Build, row: Rows, model: Any, written: list[Any], reason: str
) -> None:
    built = build("gold_vs_own", {"samplers": [OWN]}, row(chosen=GOLD), {"samplers.0": model(written)})
    assert built.pairs == ()
    assert [one.reason for one in built.rejects if one.scope == "row"] == [reason]


def test_a_better_own_answer_is_never_rejected(
    build: Build, row: Rows, model: Any, comparing_judge: Any
) -> None:
    elder = comparing_judge([SOUP, GOLD, DOG])
    parameters = {"samplers": [OWN], "second_opinion": OPINION}
    asks = {"samplers.0": model([SOUP, DOG]), "second_opinion": elder}
    built = build("gold_vs_own", parameters, row(chosen=GOLD, ground_truth="Coffee."), asks)
    assert _said(built) == [(GOLD, DOG)]
    assert _reasons(built) == [("pair", "rejected_as_good")]
    assert len(elder.requests) == 4  # both orders of two pairs
    assert all("Coffee." in str(one.messages[-1].parts[-1]) for one in elder.requests)


def test_a_row_without_a_gold_answer_costs_nothing(build: Build, row: Rows) -> None:
    built = build("gold_vs_own", {"samplers": [OWN]}, row(), {})
    assert _reasons(built) == [("row", "no_answer")]


def test_a_row_that_the_second_opinion_cannot_be_asked_about_costs_nothing(build: Build, row: Rows) -> None:
    opinion = OPINION | {"params": {"reference": "require"}}
    parameters = {"samplers": [OWN], "second_opinion": opinion}
    built = build("gold_vs_own", parameters, row(chosen=GOLD), {})
    assert _reasons(built) == [("row", "no_ground_truth")]


def test_a_call_that_fails_is_tried_again_with_its_row(build: Build, row: Rows, model: Any) -> None:
    def failing(request: Request) -> list[str]:
        raise RowError("call_failed", None, "no answer at nine tries")

    asks = {"samplers.0": model([SOUP]), "samplers.1": model(failing)}
    parameters = {"samplers": [{"model": "policy"}, {"model": "other"}]}
    built = build("gold_vs_own", parameters, row(chosen=GOLD), asks)
    assert _reasons(built) == [("candidate", "call_failed"), ("row", "call_failed")]
    assert [one.text for one in built.candidates[0].candidates] == [GOLD, SOUP]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"samplers": [OWN | {"side": "chosen"}]}, r"samplers\.0\.side: own answers stand under the gold"),
        ({"pairing": {"rule": "margin"}}, r"pairing\.rule: margin goes by scores"),
        ({"pairing": {"params": {"min_margin": 1}}}, r"pairing\.params\.min_margin: sides goes by scores"),
        ({"guards": [{"kind": "near_equal", "params": {"over": 1}}]}, r"guards\.0\.params: no 'over'"),
    ],
)
def test_what_could_give_no_pair_is_told_before_anything_is_paid(
    parameters: dict[str, Any], message: str
) -> None:
    part = ROOM.get("gold_vs_own")
    with pytest.raises(ParameterError, match=message):
        part.prepare(part.settings.model_validate({"samplers": [OWN]} | parameters), Run("t", 0, "0"))


def test_squba_sets_the_gold_answer_over_one_own_answer(
    row: Rows, model: Any, construct: Callable[..., Built]
) -> None:
    recipe = load_recipe("squba", ["samplers.0.model=policy"])
    writer = model([SOUP])
    built = construct(recipe, row(chosen=GOLD), {"samplers.0": writer})
    assert _said(built) == [(GOLD, SOUP)]
    [request] = writer.requests
    assert (request.n, request.sampling.temperature) == (1, 1.0)
    built = construct(recipe, row(chosen=GOLD), {"samplers.0": model([NEARLY])})
    assert _reasons(built) == [("row", "near_equal")]
