"""Guards and the second opinion at the end of a builder, row by row."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pairwright.annotators._votes import voices
from pairwright.builders import ROOM, Built, Run
from pairwright.builders._guarding import Guarded, given_prefix
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.source_row import SourceRow

Build = Callable[..., Built]
Rows = Callable[..., SourceRow]

CUP, SOUP, BLUR, SAME = (
    "A cup of coffee.",
    "A bowl of soup.",
    "The image is too blurry to tell.",
    "a cup of coffee",
)
TRUTH = {"aspects": [{"name": "truth", "description": "whether it is true"}]}
POINT = {"kind": "pointwise", "model": "judge", "params": TRUTH}
GUARDS = [{"kind": "damage_talk"}, {"kind": "near_equal"}]


def _rated(**values: int | None) -> dict[str, dict[str, int | None]]:
    texts = {"cup": CUP, "soup": SOUP, "blur": BLUR, "same": SAME}
    return {texts[name]: {"truth": value} for name, value in values.items()}


def _judged(**more: Any) -> dict[str, Any]:
    sampler = {"model": "writer", "n": more.pop("n", 2)}
    return {"samplers": [sampler], "judge": POINT, "pairing": {"rule": "all_unequal"}, **more}


def _said(built: Built) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in built.pairs]


def _rejects(built: Built) -> list[tuple[str, str, str | None]]:
    return [(one.scope, one.reason, one.field) for one in built.rejects]


def test_a_guard_drops_its_pair_and_no_other(build: Build, row: Rows, model: Any, rating_judge: Any) -> None:
    asks = {"samplers.0": model([CUP, SOUP, BLUR]), "judge": rating_judge(_rated(cup=5, soup=3, blur=1))}
    built = build("judged", _judged(n=3, guards=GUARDS), row(), asks)
    assert _said(built) == [(CUP, SOUP)]
    assert _rejects(built) == [("pair", "damage_talk", "guards.0")] * 2
    assert [one.message for one in built.rejects] == [
        'answers 0 over 2: the rejected answer says "image is too blurry"',
        'answers 1 over 2: the rejected answer says "image is too blurry"',
    ]
    assert built.candidates[0].candidates[2].text == BLUR


def test_the_row_that_loses_its_last_pair_is_the_reject(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    asks = {"samplers.0": model([CUP, BLUR]), "judge": rating_judge(_rated(cup=5, blur=1))}
    built = build("judged", _judged(guards=GUARDS), row(), asks)
    assert built.pairs == ()
    assert _rejects(built) == [("row", "damage_talk", "guards.0")]
    assert built.rejects[0].message == 'answers 0 over 1: the rejected answer says "image is too blurry"'


def test_of_several_pairs_that_are_all_caught_none_goes_untold(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    asks = {"samplers.0": model([CUP, SAME, BLUR]), "judge": rating_judge(_rated(cup=5, same=3, blur=1))}
    built = build("judged", _judged(n=3, guards=GUARDS), row(), asks)
    assert built.pairs == ()
    assert _rejects(built) == [
        ("pair", "damage_talk", "guards.0"),
        ("pair", "damage_talk", "guards.0"),
        ("row", "near_equal", "guards.1"),
    ]
    assert [one.message.partition(":")[0] for one in built.rejects] == [
        "answers 0 over 2",
        "answers 1 over 2",
        "answers 0 over 1",
    ]


def test_the_pair_of_no_guard_stays(build: Build, row: Rows, model: Any, rating_judge: Any) -> None:
    asks = {"samplers.0": model([CUP, BLUR]), "judge": rating_judge(_rated(cup=5, blur=1))}
    assert _said(build("judged", _judged(), row(), asks)) == [(CUP, BLUR)]
    with_guard = _judged(guards=[{"kind": "near_equal"}])
    assert _said(build("judged", with_guard, row(), asks)) == [(CUP, BLUR)]


@pytest.mark.parametrize("builder", ["judged", "verified"])
@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"guards": [{"kind": "near_equals"}]}, r"guards\.0\.kind: no 'near_equals'.*near_equal"),
        (
            {"guards": [{"kind": "style"}, {"kind": "near_equal", "params": {"abov": 1}}]},
            r"guards\.1\.params: no 'abov'.*above",
        ),
        (
            {"guards": [{"kind": "near_equal", "params": {"above": 2}}]},
            r"guards\.0\.params\.above: .*less than 1",
        ),
        ({"guards": [{"kind": "style", "params": {"at_most": 0}}]}, r"guards\.0\.params\.at_most"),
        ({"second_opinion": {"kind": "pairwize"}}, r"second_opinion\.kind: no 'pairwize'"),
        ({"second_opinion": {"kind": "pixels"}}, r"second_opinion\.kind: pixels compares pictures"),
        ({"second_opinion": {"kind": "math", "model": "m"}}, r"second_opinion\.model: math asks no model"),
        (
            {"second_opinion": {"kind": "pairwise", "params": {"order": 1}}},
            r"second_opinion\.params: no 'order'",
        ),
        ({"second_opinion": {"kind": "pairwise", "margin": 1}}, r"second_opinion\.margin: pairwise compares"),
    ],
)
def test_what_cannot_guard_is_an_error_before_anything(
    builder: str, more: dict[str, Any], message: str
) -> None:
    part = ROOM.get(builder)
    judging: dict[str, Any] = {"judge": POINT} if builder == "judged" else {"verifiers": [{"kind": "exact"}]}
    settings = part.settings.model_validate({"samplers": [{"model": "w"}], **judging, **more})
    with pytest.raises(ParameterError, match=message):
        part.prepare(settings, Run("test", 0, "0"))


@pytest.mark.parametrize("margin", [-1, float("nan"), float("inf"), "wide"])
def test_margins_that_mean_nothing_are_refused(margin: Any) -> None:
    with pytest.raises(ValueError, match="margin"):
        Guarded.model_validate({"second_opinion": {**POINT, "margin": margin}})


# --- second opinion: a judge that compares


PAIRWISE = {"kind": "pairwise", "model": "second"}


def _with_second(build: Build, row: Rows, model: Any, rating_judge: Any, second: Any, **more: Any) -> Built:
    asks = {
        "samplers.0": model([CUP, SOUP]),
        "judge": rating_judge(_rated(cup=5, soup=2)),
        "second_opinion": second,
    }
    return build("judged", _judged(**{"second_opinion": PAIRWISE} | more), row(), asks)


def test_a_second_opinion_that_agrees_stands_beside_the_first(
    build: Build, row: Rows, model: Any, rating_judge: Any, comparing_judge: Any, shown_answers: Any
) -> None:
    second = comparing_judge([CUP, SOUP])
    built = _with_second(build, row, model, rating_judge, second)
    assert _said(built) == [(CUP, SOUP)]
    assert built.rejects == ()
    assert [set(shown_answers(one).values()) for one in second.requests] == [{CUP, SOUP}] * 2
    [pair] = built.pairs
    assert (pair.score_chosen, pair.score_rejected) == (5.0, 2.0)
    assert [(one.target, one.scorer, one.aspect, one.value) for one in pair.scores] == [
        ("chosen", "judge", "truth", 5.0),
        ("rejected", "judge", "truth", 2.0),
        ("pair", "second (second_opinion)", "preference", 1.0),
    ]
    told = json.loads(pair.provenance or "")["judged_by"]
    assert [(one["name"], one["kind"]) for one in told] == [
        ("judge", "pointwise"),
        ("second (second_opinion)", "pairwise"),
    ]
    [kept] = built.candidates
    [compared] = kept.comparisons
    assert (compared.first, compared.second, compared.outcome) == (0, 1, "first")
    assert compared.scorer == "second (second_opinion)"


def test_numbers_of_a_second_opinion_are_those_of_the_row(
    build: Build, row: Rows, model: Any, rating_judge: Any, comparing_judge: Any
) -> None:
    asks = {
        "samplers.0": model([BLUR, SOUP, CUP]),
        "judge": rating_judge(_rated(cup=5, soup=3, blur=1)),
        "second_opinion": comparing_judge([CUP, BLUR, SOUP]),
    }
    built = build("judged", _judged(n=3, second_opinion=PAIRWISE), row(), asks)
    assert _said(built) == [(CUP, BLUR), (CUP, SOUP)]
    assert _rejects(built) == [("pair", "rejected_as_good", "second_opinion")]
    assert "answers 1 over 0: " in built.rejects[0].message
    found = {(one.first, one.second): one.outcome for one in built.candidates[0].comparisons}
    assert found == {(2, 0): "first", (2, 1): "first", (1, 0): "second"}
    preference = [one.value for pair in built.pairs for one in pair.scores if one.target == "pair"]
    assert preference == [1.0, 1.0]


def _first_shown(request: Any) -> list[str]:
    return [json.dumps({"rationale": "the first", "verdict": "A"})]


def _unreadable(request: Any) -> list[str]:
    return ["I would rather not say."]


@pytest.mark.parametrize(
    ("order", "reason", "message"),
    [
        ([SOUP, CUP], "rejected_as_good", "finds the rejected answer better"),
        ([], "rejected_as_good", "finds both answers equally good"),
        (_first_shown, "cannot_judge", ""),
        (_unreadable, "cannot_judge", ""),
    ],
)
def test_a_second_opinion_that_does_not_agree_costs_the_pair(
    build: Build,
    row: Rows,
    model: Any,
    rating_judge: Any,
    comparing_judge: Any,
    order: Any,
    reason: str,
    message: str,
) -> None:
    second = model(order) if callable(order) else comparing_judge(order)
    built = _with_second(build, row, model, rating_judge, second)
    assert built.pairs == ()
    assert _rejects(built) == [("row", reason, "second_opinion")]
    assert message in built.rejects[0].message
    assert built.candidates[0].candidates[0].score == 5.0  # what the judge said is kept


def _failing(reason: Any, text: str = "") -> Callable[[Any], list[str]]:
    def write(request: Any) -> list[str]:
        shown = "".join(part for part in request.messages[-1].parts if isinstance(part, str))
        if text in shown:
            raise RowError(reason, None, "no answer came")
        return [json.dumps({"truth": {"rationale": "seen", "rating": 4 if CUP in shown else 2}})]

    return write


def test_a_failed_call_makes_the_row_call_failed(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    built = _with_second(build, row, model, rating_judge, model(_failing("call_failed")))
    assert built.pairs == ()
    assert [(one.scope, one.reason) for one in built.rejects] == [("row", "call_failed")]
    assert [one.text for one in built.candidates[0].candidates] == [CUP, SOUP]


def test_a_failed_call_hides_nothing_that_a_guard_caught(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    asks = {
        "samplers.0": model([CUP, SOUP, BLUR]),
        "judge": rating_judge(_rated(cup=5, soup=3, blur=1)),
        "second_opinion": model(_failing("call_failed")),
    }
    built = build("judged", _judged(n=3, guards=GUARDS, second_opinion=PAIRWISE), row(), asks)
    assert [(one.scope, one.reason) for one in built.rejects] == [
        ("pair", "damage_talk"),
        ("pair", "damage_talk"),
        ("row", "call_failed"),
    ]


def test_what_the_server_refuses_costs_its_pair_only(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    asks = {
        "samplers.0": model([CUP, SOUP, BLUR]),
        "judge": rating_judge(_rated(cup=5, soup=3, blur=1)),
        "second_opinion": model(_failing("call_refused", BLUR)),
    }
    second = POINT | {"model": "second"}
    built = build("judged", _judged(n=3, second_opinion=second), row(), asks)
    assert _said(built) == [(CUP, SOUP)]
    assert _rejects(built) == [("pair", "call_refused", "second_opinion")] * 2


def test_a_pair_that_a_guard_catches_costs_no_second_opinion(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    second = model(_unreadable)
    asks = {
        "samplers.0": model([CUP, BLUR]),
        "judge": rating_judge(_rated(cup=5, blur=1)),
        "second_opinion": second,
    }
    built = build("judged", _judged(guards=GUARDS, second_opinion=PAIRWISE), row(), asks)
    assert _rejects(built) == [("row", "damage_talk", "guards.0")]
    assert second.requests == []


# --- second opinion: a judge that rates


@pytest.mark.parametrize(
    ("better", "worse", "margin", "reason"),
    [
        (5, 2, 0, None),
        (3, 2, 0, None),
        (3, 2, 1, None),
        (3, 2, 1.5, "rejected_as_good"),
        (2, 2, 0, "rejected_as_good"),
        (1, 2, 0, "rejected_as_good"),
        (None, 2, 0, "cannot_judge"),
        (5, None, 0, "cannot_judge"),
    ],
)
def test_a_judge_that_rates_must_find_the_chosen_better_by_the_margin(
    build: Build,
    row: Rows,
    model: Any,
    rating_judge: Any,
    better: int | None,
    worse: int | None,
    margin: float,
    reason: str | None,
) -> None:
    second = rating_judge(_rated(cup=better, soup=worse))
    opinion = POINT | {"model": "second", "margin": margin}
    built = _with_second(build, row, model, rating_judge, second, second_opinion=opinion)
    assert _said(built) == ([(CUP, SOUP)] if reason is None else [])
    assert [one.reason for one in built.rejects] == ([reason] if reason else [])
    said = [
        (one.scorer, one.value)
        for candidate in built.candidates[0].candidates
        for one in candidate.judgements
        if one.value is not None
    ]
    rated = [("second (second_opinion)", float(one)) for one in (better, worse) if one is not None]
    assert sorted(said) == sorted([("judge", 5.0), ("judge", 2.0), *rated])
    if reason == "rejected_as_good" and better == 3:
        assert "gives 3 to the chosen and 2 to the rejected answer, where 1.5 more is needed" in (
            built.rejects[0].message
        )


def test_scores_that_pairs_are_formed_by_are_the_judge_s_alone(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    opinion = POINT | {"model": "judge"}  # the same model asked again: another voice, and no vote
    second = rating_judge(_rated(cup=3, soup=2))
    built = _with_second(build, row, model, rating_judge, second, second_opinion=opinion)
    [pair] = built.pairs
    assert (pair.score_chosen, pair.score_rejected) == (5.0, 2.0)
    scorers = [one.scorer for one in built.candidates[0].candidates[0].judgements]
    assert scorers == ["judge", "judge (second_opinion)"]
    assert voices(scorers) == ("judge",)
    again = build("paired", {"pairing": {"rule": "best_worst"}}, built.candidates[0], {})
    assert [(one.chosen, one.score_chosen) for one in again.pairs] == [(CUP, 5.0)]


# --- second opinion: a verifier


RIGHT, WRONG = r"So it is \boxed{7}.", r"So it is \boxed{8}."


@pytest.mark.parametrize(
    ("truth", "reason"), [("7", None), ("8", "rejected_as_good"), ("9", "rejected_as_good")]
)
def test_a_verifier_may_give_the_second_opinion(
    build: Build, row: Rows, model: Any, rating_judge: Any, truth: str, reason: str | None
) -> None:
    pytest.importorskip("math_verify")
    asks = {
        "samplers.0": model([RIGHT, WRONG]),
        "judge": rating_judge({RIGHT: {"truth": 5}, WRONG: {"truth": 1}}),
    }
    built = build("judged", _judged(second_opinion={"kind": "math"}), row(ground_truth=truth), asks)
    assert _said(built) == ([(RIGHT, WRONG)] if reason is None else [])
    assert [one.reason for one in built.rejects] == ([reason] if reason else [])
    values = {
        one.text: {said.scorer: said.value for said in one.judgements}
        for one in built.candidates[0].candidates
    }
    assert values[RIGHT]["math (second_opinion)"] == float(truth == "7")
    assert values[WRONG]["math (second_opinion)"] == float(truth == "8")


def test_a_verifier_without_a_right_answer_says_so(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    asks = {"samplers.0": model([CUP, SOUP]), "judge": rating_judge(_rated(cup=5, soup=1))}
    built = build("judged", _judged(second_opinion={"kind": "exact"}), row(), asks)
    assert [(one.scope, one.reason) for one in built.rejects] == [("row", "no_ground_truth")]
    assert asks["samplers.0"].requests == []  # told before anything is paid for


def test_a_row_without_what_the_second_opinion_reads_costs_nothing(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    asks = {"samplers.0": model([CUP, SOUP]), "judge": rating_judge(_rated(cup=5, soup=1))}
    opinion = {"kind": "pairwise", "model": "second", "params": {"look": "evidence"}}
    built = build("judged", _judged(second_opinion=opinion), row(), asks)
    assert [(one.scope, one.reason) for one in built.rejects] == [("row", "no_evidence")]
    assert asks["samplers.0"].requests == []


# --- verified


def test_verified_pairs_are_guarded_in_every_group(build: Build, row: Rows, model: Any) -> None:
    right, wrong, mute = "Answer: cup", "Answer: soup", "The image is too blurry to tell."
    parameters = {
        "samplers": [{"model": "writer", "n": 3}],
        "verifiers": [{"kind": "exact"}],
        "unparsable": "pair",
    }
    asks = {"samplers.0": model([right, wrong, mute])}
    assert _said(build("verified", parameters, row(ground_truth="cup"), asks)) == [
        (right, wrong),
        (right, mute),
    ]
    built = build("verified", parameters | {"guards": GUARDS}, row(ground_truth="cup"), asks)
    assert _said(built) == [(right, wrong)]
    assert _rejects(built) == [("pair", "damage_talk", "guards.0")]
    asks = {"samplers.0": model([right, mute, right])}
    built = build("verified", parameters | {"guards": GUARDS}, row(ground_truth="cup"), asks)
    assert [one for one in _rejects(built) if one[0] == "row"] == [("row", "damage_talk", "guards.0")]


def test_verified_pairs_may_need_a_judge_too(
    build: Build, row: Rows, model: Any, comparing_judge: Any
) -> None:
    right, good, wrong = "Answer: cup", "I count, and so on. Answer: cup", "Answer: soup"
    parameters = {
        "samplers": [{"model": "writer", "n": 3}],
        "verifiers": [{"kind": "exact"}],
        "second_opinion": PAIRWISE,
    }
    asks = {
        "samplers.0": model([right, good, wrong]),
        "second_opinion": comparing_judge([good, wrong, right]),
    }
    built = build("verified", parameters, row(ground_truth="cup"), asks)
    assert _said(built) == [(good, wrong)]
    assert _rejects(built) == [("pair", "rejected_as_good", "second_opinion")]


# --- what a builder tells of its guards


def test_models_marks_and_code_of_a_second_opinion_are_told(tmp_path: Any) -> None:
    for builder, judging in (("judged", {"judge": POINT}), ("verified", {"verifiers": [{"kind": "exact"}]})):
        part: Any = ROOM.get(builder)

        def of(opinion: Mapping[str, Any], part: Any = part, judging: Any = judging) -> Any:
            parameters = {"samplers": [{"model": "w"}], **judging, "second_opinion": opinion}
            return part.settings.model_validate(parameters)

        compared = of(PAIRWISE)
        assert part.models(compared)["second_opinion"].model == "second"
        assert "second_opinion.params.prompt" in part.marks(compared)
        code = of({"kind": "external", "params": {"function": "mine:score"}})
        assert "second_opinion" not in part.models(code)
        assert part.runs_code(code)["second_opinion"] == "mine:score"


# --- over a shard


def _shard(build: Build, row: Rows, model: Any, rating_judge: Any, parameters: Any, ends: str) -> list[Built]:
    def one(number: int) -> Built:
        good, bad = f"It is cup {number} of coffee{ends}", f"It is bowl {number} of soup."
        rated = {good: {"truth": 5}, bad: {"truth": 1}}
        asks = {"samplers.0": model([good, bad]), "judge": rating_judge(rated)}
        prompt = replace(row().prompt, question=f"<image>\nQuestion {number}?")
        return build("judged", parameters, row(prompt=prompt), asks)

    return [one(number) for number in range(50)]


@pytest.mark.parametrize("balance", [False, True])
def test_a_guard_of_sets_settles_a_shard(
    build: Build, row: Rows, model: Any, rating_judge: Any, balance: bool
) -> None:
    parameters = _judged(guards=[{"kind": "style"}])
    parameters["pairing"] = {**parameters["pairing"], "balance_length": balance}
    part: Any = ROOM.get("judged")
    settle = part.settle(part.settings.model_validate(parameters))
    leaking = _shard(build, row, model, rating_judge, parameters, "!")
    settled = settle(leaking)
    assert [one.candidates for one in settled] == [one.candidates for one in leaking]
    assert all(one.pairs == () for one in settled)
    for one in settled:
        assert [(reject.scope, reject.reason, reject.field) for reject in one.rejects] == [
            ("pair", "style_drift", "guards.0"),
            ("row", "style_drift", "guards.0"),
        ]
    few = settle(leaking[:20])
    assert [one.pairs for one in few] == [one.pairs for one in leaking[:20]]


def test_lengths_are_balanced_after_the_guards(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    part: Any = ROOM.get("judged")
    parameters = _judged(
        guards=[{"kind": "near_equal"}], pairing={"rule": "all_unequal", "balance_length": True}
    )
    assert part.settle(part.settings.model_validate(_judged(guards=GUARDS))) is None
    settle = part.settle(part.settings.model_validate(parameters))
    long = replace(_with_second_less(build, row, model, rating_judge))
    short = replace(long, pairs=tuple(replace(one, chosen="A cup.", id="s") for one in long.pairs))
    grown = replace(long, pairs=tuple(replace(one, chosen=CUP * 20, id="g") for one in long.pairs))
    settled = settle([long, short, grown])
    assert [len(one.pairs) for one in settled] == [1, 1, 0]
    assert [(one.scope, one.reason) for one in settled[2].rejects] == [
        ("pair", "length_balance"),
        ("row", "length_balance"),
    ]


def _with_second_less(build: Build, row: Rows, model: Any, rating_judge: Any) -> Built:
    asks = {"samplers.0": model([CUP, SOUP]), "judge": rating_judge(_rated(cup=5, soup=2))}
    return build("judged", _judged(), row(), asks)


# --- prefixes


@pytest.mark.parametrize(
    ("params", "prefix"),
    [
        (None, ""),
        ('{"prefix": "A cup"}', "A cup"),
        ('{"prefix": 3}', ""),
        ('{"prefix": null}', ""),
        ('["prefix"]', ""),
        ("prefix", ""),
        ("[" * 100_000, ""),
    ],
)
def test_the_beginning_that_a_writer_was_given(params: str | None, prefix: str) -> None:
    assert given_prefix(Candidate("A cup of tea.", params=params)) == prefix


def test_guards_see_the_beginning_that_was_given(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    written = (
        Candidate(CUP),
        Candidate("A cupboard.", params='{"prefix": "A cup"}'),
        Candidate("A cup, and milk.", params='{"prefix": "A cup"}'),
    )
    rated = {CUP: {"truth": 5}, "A cupboard.": {"truth": 1}, "A cup, and milk.": {"truth": 2}}
    parameters = {"judge": POINT, "pairing": {"rule": "all_unequal"}, "guards": [{"kind": "cut_word"}]}
    built = build("judged", parameters, row(candidates=written), {"judge": rating_judge(rated)})
    assert _said(built) == [(CUP, "A cup, and milk.")]
    assert _rejects(built) == [("pair", "cut_word", "guards.0")] * 2
