"""The self-critic builder and its recipe, row by row."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pairwright.builders import ROOM, Built
from pairwright.recipe import load_recipe
from pairwright.schemas.errors import ParameterError, RecipeError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.request import Request
from pairwright.schemas.source_row import SourceRow

Build = Callable[..., Built]
Rows = Callable[..., SourceRow]

CUP, DOG, CAT = "A cup of coffee.", "A dog.", "A cat."
POLICY = {
    "model": "policy",
    "base_url": "http://127.0.0.1:8000/v1",
    "n": 2,
    "options": {"extra_body": {"k": 1}},
}
REFERENCE = "Coffee in a white cup."


def _said(built: Built) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in built.pairs]


def _reasons(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def _models(parameters: dict[str, Any]) -> dict[str, Any]:
    part = ROOM.get("self_critic")
    return dict(part.models(part.settings.model_validate(parameters)))  # type: ignore[union-attr]


def _prepared(parameters: dict[str, Any]) -> None:
    from pairwright.builders import Run

    part = ROOM.get("self_critic")
    part.prepare(part.settings.model_validate(parameters), Run("test", 0, "0"))


def test_the_critic_is_the_first_samplers_model() -> None:
    models = _models({"samplers": [POLICY, {"model": "other"}]})
    critic = models["critic"]
    assert set(models) == {"samplers.0", "samplers.1", "critic"}
    assert (critic.model, critic.base_url) == ("policy", POLICY["base_url"])
    assert critic.options == POLICY["options"]


def test_a_critic_of_another_name_is_that_one() -> None:
    critic = _models({"samplers": [POLICY], "critic": {"model": "elder"}})["critic"]
    assert (critic.model, critic.base_url, critic.options) == ("elder", None, {})


def test_a_model_compares_its_own_answers_in_both_orders(
    build: Build, row: Rows, model: Any, comparing_judge: Any, shown_answers: Any
) -> None:
    writer, critic = model([DOG, CUP]), comparing_judge([CUP, DOG])
    built = build("self_critic", {"samplers": [POLICY]}, row(), {"samplers.0": writer, "critic": critic})
    assert _said(built) == [(CUP, DOG)]
    assert [list(shown_answers(one).values()) for one in critic.requests] == [[DOG, CUP], [CUP, DOG]]
    [pair] = built.pairs
    [score] = pair.scores
    assert (score.target, score.scorer, score.aspect, score.value) == ("pair", "policy", "preference", 1.0)
    told = json.loads(pair.provenance or "")
    assert (told["builder"], told["rule"]) == ("self_critic", "preferences")
    assert told["judged_by"][0]["prompt"].startswith("pairwise v")


def test_a_liking_for_the_first_place_is_no_preference(build: Build, row: Rows, model: Any) -> None:
    first = model([json.dumps({"rationale": "it came first", "verdict": "A"})])
    built = build(
        "self_critic", {"samplers": [POLICY]}, row(), {"samplers.0": model([CUP, DOG]), "critic": first}
    )
    assert len(first.requests) == 2
    assert built.pairs == ()
    assert _reasons(built) == [("row", "cannot_judge")]


def test_a_critic_may_rate(build: Build, row: Rows, model: Any, rating_judge: Any) -> None:
    parameters = {
        "samplers": [POLICY],
        "critic": {
            "kind": "pointwise",
            "params": {"aspects": [{"name": "truth", "description": "whether it is true"}]},
        },
        "pairing": {"rule": "best_worst"},
    }
    critic = rating_judge({CUP: {"truth": 5}, DOG: {"truth": 1}})
    built = build("self_critic", parameters, row(), {"samplers.0": model([DOG, CUP]), "critic": critic})
    assert _said(built) == [(CUP, DOG)]
    assert (built.pairs[0].score_chosen, built.pairs[0].score_rejected) == (5.0, 1.0)


def test_a_critic_that_cannot_be_asked_is_named(build: Build, row: Rows, model: Any) -> None:
    def failing(request: Request) -> list[str]:
        raise RowError("call_failed", None, "no answer at nine tries")

    asks = {"samplers.0": model([CUP, DOG]), "critic": model(failing)}
    built = build("self_critic", {"samplers": [POLICY]}, row(), asks)
    assert _reasons(built) == [("row", "call_failed")]
    assert [one.text for one in built.candidates[0].candidates] == [CUP, DOG]


def test_what_one_verdict_lacks_is_told_of_the_critic(build: Build, row: Rows, model: Any) -> None:
    def compare(request: Request) -> list[str]:
        text = str(request.messages[-1].parts[-1])
        if CAT in text:
            return ["no verdict at all"]
        return [json.dumps({"rationale": "x", "verdict": "A" if text.index(CUP) < text.index(DOG) else "B"})]

    asks = {"samplers.0": model([CUP, DOG, CAT]), "critic": model(compare)}
    built = build("self_critic", {"samplers": [{**POLICY, "n": 3}]}, row(), asks)
    assert _said(built) == [(CUP, DOG)]
    assert {(one.scope, one.reason, one.field) for one in built.rejects} == {
        ("pair", "cannot_judge", "critic")
    }


def test_a_second_opinion_may_be_against_the_critic(
    build: Build, row: Rows, model: Any, comparing_judge: Any
) -> None:
    parameters = {"samplers": [POLICY], "second_opinion": {"kind": "pairwise", "model": "elder"}}
    asks = {
        "samplers.0": model([CUP, DOG]),
        "critic": comparing_judge([CUP, DOG]),
        "second_opinion": comparing_judge([DOG, CUP]),
    }
    built = build("self_critic", parameters, row(), asks)
    assert built.pairs == ()
    assert _reasons(built) == [("row", "rejected_as_good")]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"critic": {"kind": "exact"}}, r"critic\.kind: exact asks no model; take pairwise, "),
        ({"critic": {"base_url": "http://a/v1"}}, r"critic\.base_url: set critic\.model too"),
        ({"critic": {"kind": "pointwise"}}, r"pairing\.rule: preferences goes by comparisons, and critic"),
        ({"pairing": {"rule": "best_worst"}}, r"pairing\.rule: best_worst goes by scores, and critic\.kind"),
        ({"critic": {"params": {"order": "one"}}}, r"critic\.params: no 'order' .* 'orders'"),
        ({"guards": [{"kind": "nobody"}]}, r"guards\.0\.kind: no 'nobody'"),
    ],
)
def test_what_could_give_no_pair_is_told_before_anything_is_paid(
    parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        _prepared({"samplers": [POLICY]} | parameters)


def test_sima_compares_a_greedy_and_a_sampled_answer(
    row: Rows, model: Any, comparing_judge: Any, construct: Callable[..., Built]
) -> None:
    recipe = load_recipe("sima", ["samplers.0.model=policy", "samplers.0.base_url=http://127.0.0.1:8000/v1"])
    assert {place: one.model for place, one in recipe.models().items()} == {
        "samplers.0": "policy",
        "critic": "policy",
    }
    writer = model(lambda request: [CUP if request.sampling.temperature else DOG])
    critic = comparing_judge([CUP, DOG])
    built = construct(recipe, row(chosen=REFERENCE), {"samplers.0": writer, "critic": critic})
    assert _said(built) == [(CUP, DOG)]
    drawn = [one.sampling for one in writer.requests]
    assert [(one.temperature, one.top_p, one.max_tokens) for one in drawn] == [
        (0.0, 0.9, 1024),
        (0.8, 0.9, 1024),
    ]
    assert len(critic.requests) == 2
    for request in critic.requests:
        assert request.sampling.temperature == 0.0
        system, *_ = (str(part) for part in request.messages[0].parts)
        assert "Two worked examples" in system
        assert all(f"- {name}: " in system for name in ("objects", "relations", "attributes"))
        assert REFERENCE in str(request.messages[-1].parts[-1])
        assert any(isinstance(part, Image) for part in request.messages[-1].parts)


def test_sima_wants_a_reference(row: Rows, construct: Callable[..., Built]) -> None:
    built = construct(load_recipe("sima"), row(), {})
    assert [one.reason for one in built.rejects] == ["no_ground_truth"]


def test_sima_without_a_model_names_who_lacks_one() -> None:
    with pytest.raises(RecipeError, match=r"samplers\.0\.model"):
        load_recipe("sima").models()
