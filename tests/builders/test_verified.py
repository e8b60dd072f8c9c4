"""The verified builder, row by row."""

import json
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest

from pairwright.builders import ROOM, Built, Run
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Request
from pairwright.schemas.source_row import SourceRow

Build = Callable[..., Built]
Rows = Callable[..., SourceRow]

EXACT = {"kind": "exact", "params": {"extraction": {"answer_from": ["final_answer"]}}}
RIGHT, WRONG, OTHER, MUTE = (
    "A small cup. Final answer: cup",
    "It is deep. Final answer: bowl",
    "It barks. Final answer: dog",
    "I would say it is a cup",
)


def _base(n: int, **more: Any) -> dict[str, Any]:
    return {"samplers": [{"model": "w", "n": n}], "verifiers": [EXACT], **more}


def _said(built: Built) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in built.pairs]


def _reasons(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def test_right_answers_stand_over_wrong_ones(build: Build, row: Rows, model: Any) -> None:
    asks = {"samplers.0": model([WRONG, RIGHT, OTHER, MUTE])}
    built = build("verified", _base(4), row(ground_truth="cup"), asks, seed=2)
    assert _said(built) == [(RIGHT, WRONG), (RIGHT, OTHER)]
    assert _reasons(built) == [("candidate", "answer_unparsable")]
    pair = built.pairs[0]
    assert (pair.score_chosen, pair.score_rejected, pair.ground_truth) == (1.0, 0.0, "cup")
    assert [(one.target, one.scorer, one.aspect, one.value, one.low, one.high) for one in pair.scores] == [
        ("chosen", "exact", "correct", 1.0, 0.0, 1.0),
        ("rejected", "exact", "correct", 0.0, 0.0, 1.0),
    ]
    told = json.loads(pair.provenance or "")
    assert (told["builder"], told["rule"], told["margin"], told["seed"]) == ("verified", "product", 1.0, 2)
    assert (told["chosen"]["answer"], told["rejected"]["answer"]) == ("cup", "bowl")
    assert (told["chosen"]["sample"], told["rejected"]["sample"]) == (1, 0)
    assert told["judged_by"] == [{"name": "exact", "kind": "exact"}]
    assert built.candidates
    assert [(one.answer, one.score) for one in built.candidates[0].candidates] == [
        ("bowl", 0.0), ("cup", 1.0), ("dog", 0.0), (None, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([RIGHT, RIGHT + "."], "all_right"),
        ([WRONG, OTHER], "all_wrong"),
        ([WRONG, WRONG], "all_wrong"),
        ([MUTE, "No idea"], "answer_unparsable"),
        ([RIGHT, MUTE], "answer_unparsable"),
    ],
)
def test_prompts_without_contrast(
    build: Build, row: Rows, model: Any, answers: list[str], reason: str
) -> None:
    built = build("verified", _base(2), row(ground_truth="cup"), {"samplers.0": model(answers)})
    assert _reasons(built)[-1] == ("row", reason)
    assert built.candidates
    assert [one.text for one in built.candidates[0].candidates] == answers


def test_answers_without_a_final_answer_may_count_as_wrong(build: Build, row: Rows, model: Any) -> None:
    asks = {"samplers.0": model([RIGHT, MUTE])}
    built = build("verified", _base(2, unparsable="wrong"), row(ground_truth="cup"), asks)
    assert _said(built) == [(RIGHT, MUTE)]
    assert (built.pairs[0].score_rejected, built.pairs[0].tags) == (0.0, ("food",))


def test_answers_without_a_final_answer_may_make_pairs_of_their_own(
    build: Build, row: Rows, model: Any
) -> None:
    asks = {"samplers.0": model([RIGHT, WRONG, MUTE, RIGHT])}
    built = build("verified", _base(4, unparsable="pair"), row(ground_truth="cup"), asks)
    assert _said(built) == [(RIGHT, WRONG), (RIGHT, MUTE)]
    correctness, form = built.pairs
    assert (correctness.tags, form.tags) == (("food",), ("food", "format"))
    assert (form.score_chosen, form.score_rejected) == (1.0, None)
    assert "margin" not in json.loads(form.provenance or "")
    assert _reasons(built) == [("candidate", "repeated_answer")]


def test_pairs_about_form_save_a_row_that_is_all_right(build: Build, row: Rows, model: Any) -> None:
    asks = {"samplers.0": model([RIGHT, RIGHT + " ", MUTE])}
    built = build("verified", _base(3, unparsable="pair"), row(ground_truth="cup"), asks)
    assert _said(built) == [(RIGHT, MUTE)]
    all_wrong = build(
        "verified", _base(2, unparsable="pair"), row(ground_truth="cup"), {"samplers.0": model([WRONG, MUTE])}
    )
    assert all_wrong.pairs == ()


def test_the_cap_draws_pairs(build: Build, row: Rows, model: Any) -> None:
    answers = [f"Way {n}. Final answer: {'cup' if n % 2 else 'dog'}" for n in range(32)]
    built = build("verified", _base(32), row(ground_truth="cup"), {"samplers.0": model(answers)})
    assert len(built.pairs) == 15
    assert _reasons(built) == [("pair", "over_cap")]
    assert built.rejects[0].message == "241 of 256 pairs are over the cap of 15"
    again = build("verified", _base(32), row(ground_truth="cup"), {"samplers.0": model(answers)})
    assert again == built
    other = build("verified", _base(32), row(ground_truth="cup"), {"samplers.0": model(answers)}, seed=1)
    assert _said(other) != _said(built)


def test_the_default_rule_stays_when_its_cap_is_set(build: Build, row: Rows, model: Any) -> None:
    asks = {"samplers.0": model([RIGHT, WRONG, OTHER])}
    built = build("verified", _base(3, pairing={"per_prompt": 1}), row(ground_truth="cup"), asks)
    assert len(built.pairs) == 1
    assert json.loads(built.pairs[0].provenance or "")["rule"] == "product"


def test_contained_answers_can_be_skipped(build: Build, row: Rows, model: Any) -> None:
    asks = {"samplers.0": model([RIGHT, "Final answer: a cup of tea", OTHER])}
    parameters = _base(3, pairing={"skip_contained": True})
    built = build("verified", parameters, row(ground_truth="cup"), asks)
    assert _said(built) == [(RIGHT, OTHER)]
    assert _reasons(built) == [("pair", "contained_answer")]


def test_gold_stands_over_own_wrong_answers(build: Build, row: Rows, model: Any) -> None:
    given = row(
        ground_truth="cup",
        chosen="By the handle: a cup.",
        chosen_model="people",
        candidates=(Candidate(OTHER),),
    )
    asks = {"samplers.0": model([RIGHT, WRONG])}
    built = build("verified", _base(2, gold="chosen"), given, asks)
    assert _said(built) == [("By the handle: a cup.", OTHER), ("By the handle: a cup.", WRONG)]
    assert {(pair.chosen_model, pair.score_chosen) for pair in built.pairs} == {("people", 1.0)}
    assert built.candidates
    assert [one.side for one in built.candidates[0].candidates] == [
        "chosen",
        "rejected",
        "rejected",
        "rejected",
    ]


@pytest.mark.parametrize(
    ("chosen", "answers", "reason"),
    [
        ("It is a cup.", [RIGHT, RIGHT], "all_right"),
        ("It is a cup.", [MUTE, "No idea"], "answer_unparsable"),
        (WRONG, [WRONG, WRONG], "too_few_answers"),
        (None, [WRONG, WRONG], "no_answer"),
    ],
)
def test_gold_without_an_own_mistake(
    build: Build, row: Rows, model: Any, chosen: str | None, answers: list[str], reason: str
) -> None:
    given = row(ground_truth="cup", chosen=chosen)
    built = build("verified", _base(2, gold="chosen"), given, {"samplers.0": model(answers)})
    assert _reasons(built)[-1] == ("row", reason)


def test_a_row_without_a_right_answer_costs_no_call(build: Build, row: Rows, model: Any) -> None:
    asks = {"samplers.0": model([RIGHT, WRONG])}
    for parameters, reason in ((_base(2), "no_ground_truth"), (_base(2, reference="chosen"), "no_answer")):
        assert _reasons(build("verified", parameters, row(), asks)) == [("row", reason)]
    bare, own = (build("verified", _base(2), row(chosen=text), asks).rejects[0] for text in (None, "cup"))
    assert "reference: chosen" in own.message
    assert "chosen" not in bare.message
    assert asks["samplers.0"].requests == []
    built = build("verified", _base(2, reference="chosen"), row(chosen="cup"), asks)
    assert _said(built) == [(RIGHT, WRONG)]


def test_tags_name_the_verifier(build: Build, row: Rows, model: Any, picture: Any) -> None:
    verifiers = [
        {"kind": "multiple_choice", "tag": "choice"},
        {"kind": "relaxed", "tag": "chart", "params": {"extraction": {"answer_from": ["final_answer"]}}},
    ]
    parameters = {"samplers": [{"model": "w", "n": 2}], "verifiers": verifiers}
    prompt = Prompt("<image>\nWhich?\nA. red\nB. blue", (picture,))
    asks = {"samplers.0": model(["Answer: B", "Answer: A"])}
    built = build("verified", parameters, row(prompt=prompt, tags=("choice",), ground_truth="B"), asks)
    assert _said(built) == [("Answer: B", "Answer: A")]
    near = {"samplers.0": model(["Final answer: 97", "Final answer: 80"])}
    built = build("verified", parameters, row(tags=("big", "chart"), ground_truth="100"), near)
    assert _said(built) == [("Final answer: 97", "Final answer: 80")]
    built = build("verified", parameters, row(tags=("ocr",), ground_truth="B"), asks)
    assert [(one.reason, one.field) for one in built.rejects] == [("bad_value", "tags")]
    assert "for choice, chart" in built.rejects[0].message


@pytest.mark.parametrize(("right_at", "pairs"), [(0.5, 1), (0.7, 0)])
def test_where_right_begins(build: Build, row: Rows, model: Any, right_at: float, pairs: int) -> None:
    """Boxes that overlap the right one by 0.6 and by 0.1."""
    answers = ["<answer>[0, 0, 60, 100]</answer>", "<answer>[0, 0, 10, 100]</answer>"]
    parameters = {
        "samplers": [{"model": "w", "n": 2}],
        "verifiers": [{"kind": "iou"}],
        "right_at": right_at,
    }
    given = row(ground_truth="[0, 0, 100, 100]")
    built = build("verified", parameters, given, {"samplers.0": model(answers)})
    assert len(built.pairs) == pairs
    if not pairs:
        assert _reasons(built) == [("row", "all_wrong")]


def test_a_failed_writer(build: Build, row: Rows, model: Any) -> None:
    def fails(request: Request) -> list[str]:
        raise RowError("call_failed", None, "timed out")

    built = build("verified", _base(2), row(ground_truth="cup"), {"samplers.0": model(fails)})
    assert _reasons(built) == [("candidate", "call_failed"), ("row", "call_failed")]


def test_what_a_verifier_cannot_take_costs_one_answer(build: Build, row: Rows, model: Any) -> None:
    given = row(
        candidates=tuple(Candidate(f"Step {n}", score=score) for n, score in enumerate([1.0, 0.0, None]))
    )
    parameters = {"verifiers": [{"kind": "external"}], "reference": "none"}
    built = build("verified", parameters, given, {})
    assert _said(built) == [("Step 0", "Step 1")]
    assert _reasons(built) == [("candidate", "no_score")]


@pytest.mark.parametrize("builder", ["verified", "judged"])
def test_checking_leaves_the_loop_to_other_rows(
    build: Build, row: Rows, monkeypatch: pytest.MonkeyPatch, builder: str
) -> None:
    threads = []

    def score(question: str, answer: str, reference: str | None) -> float:
        threads.append(threading.current_thread())
        return float(len(answer))

    module = types.ModuleType("scoring_of_this_test")
    module.score = score  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    external = {"kind": "external", "params": {"function": f"{module.__name__}:score"}}
    asked: dict[str, Any] = {"judge": external} if builder == "judged" else {"verifiers": [external]}
    given = row(candidates=(Candidate("A"), Candidate("A cup")), ground_truth="cup")
    built = build(builder, asked | {"pairing": {"rule": "margin"}}, given, {})
    assert _said(built) == [("A cup", "A")]
    assert len(threads) == 2
    assert threading.main_thread() not in threads


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"verifiers": [{"kind": "exakt"}]}, "verifiers.0.kind: no 'exakt'"),
        ({"verifiers": [{"kind": "listwise"}]}, "verifiers.0.kind: listwise asks a model"),
        ({"verifiers": [EXACT, {"kind": "math", "params": {"tol": 1}}]}, "verifiers.1.params: no 'tol'"),
        ({"verifiers": [{"kind": "external"}], "gold": "chosen"}, "gold: external has no highest value"),
        ({"verifiers": [EXACT], "pairing": {"params": {"cat": 1}}}, "pairing.params: no 'cat'"),
    ],
)
def test_parameters_that_fit_nothing_are_refused(parameters: Any, message: str) -> None:
    part = ROOM.get("verified")
    with pytest.raises(ParameterError, match=message):
        part.prepare(part.settings.model_validate(parameters), Run("test", 0, "0"))


def test_a_function_that_fails_is_named_first(
    build: Build, row: Rows, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("failing_scorer")
    module.score = lambda question, answer, reference: 1 / 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    external = {"kind": "external", "params": {"function": "failing_scorer:score"}}
    built = build(
        "verified",
        _base(2, verifiers=[external], reference="none"),
        row(),
        {"samplers.0": model([RIGHT, WRONG])},
    )
    told = "failing_scorer:score raised ZeroDivisionError"
    assert [one.reason for one in built.rejects] == ["bad_value"] * 3
    assert [told in one.message for one in built.rejects] == [True] * 3
    assert built.rejects[0].message.startswith(f"answer 0: {told}")
