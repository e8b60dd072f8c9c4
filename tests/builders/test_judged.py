"""The judged builder, row by row."""

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pairwright.builders import ROOM, Built, Run
from pairwright.pairings._forming import prepare as prepare_forming
from pairwright.samplers import model_id
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ModelError, ParameterError, RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.request import Answer, Request, request_key
from pairwright.schemas.source_row import SourceRow

Build = Callable[..., Built]
Rows = Callable[..., SourceRow]

CUP, BOWL, DOG, CAT = "A cup of coffee.", "A bowl of soup.", "A dog.", "A cat."
WRITER = {"model": "writer", "n": 4}
LISTWISE = {"kind": "listwise", "model": "judge"}
RATED = {
    CUP: {"helpfulness": 5, "ethics": 5, "visual_faithfulness": 5},
    BOWL: {"helpfulness": 4, "ethics": 5, "visual_faithfulness": 3},
    DOG: {"helpfulness": 1, "ethics": 5, "visual_faithfulness": 1},
    CAT: {"helpfulness": 1, "ethics": 4, "visual_faithfulness": 2},
}
POINT = {
    "kind": "pointwise",
    "model": "judge",
    "params": {"aspects": [{"name": "truth", "description": "whether it is true"}]},
}


def _truth(**values: int | None) -> dict[str, dict[str, int | None]]:
    texts = {"cup": CUP, "bowl": BOWL, "dog": DOG, "cat": CAT}
    return {texts[name]: {"truth": value} for name, value in values.items()}


def _said(built: Built) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in built.pairs]


def _reasons(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def test_answers_are_written_judged_and_paired_word_by_word(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    writer, judge = model([f" {CUP}\n", BOWL, DOG, CAT]), rating_judge(RATED)
    parameters = {"samplers": [WRITER], "judge": LISTWISE, "pairing": {"rule": "all_unequal"}}
    built = build("judged", parameters, row(), {"samplers.0": writer, "judge": judge})

    # means 5, 4, 7/3, 7/3: five of the six pairs differ, the widest first
    assert _said(built) == [(CUP, DOG), (CUP, CAT), (BOWL, DOG), (BOWL, CAT), (CUP, BOWL)]
    assert built.rejects == ()
    pair = built.pairs[0]
    assert (pair.kind, pair.rejected_images, pair.prompt) == ("text", None, row().prompt)
    assert (pair.score_chosen, pair.score_rejected) == (5.0, pytest.approx(7 / 3))
    assert (pair.chosen_model, pair.rejected_model) == ("writer", "writer")
    assert (pair.license, pair.language, pair.tags) == ("cc0-1.0", "en", ("food",))
    assert (pair.source, pair.source_id, pair.extra) == ("t", "7", '{"split": "train"}')
    assert {(one.target, one.aspect): one.value for one in pair.scores} == {
        **{("chosen", name): value for name, value in RATED[CUP].items()},
        **{("rejected", name): value for name, value in RATED[DOG].items()},
    }
    assert all((one.scorer, one.low, one.high) == ("judge", 1.0, 5.0) for one in pair.scores)
    assert pair.scores[0].rationale == "helpfulness of it"


def test_provenance_tells_where_each_side_came_from(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    writer = model([CUP, BOWL, DOG, CAT])
    parameters = {"samplers": [WRITER], "judge": LISTWISE, "pairing": {"rule": "best_worst"}}
    built = build("judged", parameters, row(), {"samplers.0": writer, "judge": rating_judge(RATED)}, seed=3)
    [pair] = built.pairs
    told = json.loads(pair.provenance or "")
    settings = ROOM.get("judged").settings.model_validate(parameters)
    key = request_key(model_id(settings.samplers[0]), writer.requests[0])
    seed = writer.requests[0].sampling.seed
    params = {
        "sampler": "samplers.0", "temperature": 1.0, "top_p": 1.0, "top_k": None, "max_tokens": 1024, "seed": seed,
    }  # fmt: skip
    [judged_by] = told.pop("judged_by")
    assert (judged_by["name"], judged_by["kind"]) == ("judge", "listwise")
    assert judged_by["prompt"].startswith("listwise v")
    number = 2 if pair.rejected == DOG else 3
    assert told == {
        "builder": "judged",
        "pairwright": "0",
        "recipe": "test",
        "seed": 3,
        "record_id": "t.jsonl:0",
        "rule": "best_worst",
        "margin": pytest.approx(8 / 3),
        "chosen": {"request": key, "sample": 0, "finish": "stop", "round": 1, "params": params},
        "rejected": {"request": key, "sample": number, "finish": "stop", "round": 1, "params": params},
    }


def test_the_candidates_are_kept_with_all_that_was_said(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    cut = Answer("A cup and then", "length")
    writer = model([cut, CUP, "It is <image>.", CUP])
    asks = {"samplers.0": writer, "judge": rating_judge(_truth(cup=5))}
    built = build("judged", {"samplers": [WRITER], "judge": POINT}, row(), asks)
    assert asks["judge"].requests == []  # one answer is left, so nothing can be compared
    assert built.pairs == ()
    assert built.candidates
    kept = [(one.text, one.score, one.finish) for one in built.candidates[0].candidates]
    assert kept == [
        (CUP, None, "stop"),
        (CUP, None, "stop"),
        ("A cup and then", None, "length"),
        ("It is <image>.", None, "stop"),
    ]
    assert sorted(_reasons(built)) == [
        ("candidate", "answer_cut"),
        ("candidate", "repeated_answer"),
        ("candidate", "special_token"),
        ("row", "answer_cut"),
    ]
    assert [one.message for one in built.rejects if one.reason == "special_token"] == [
        "answer 3: the text holds <image>"
    ]


def test_repeated_answers_are_judged_once(
    build: Build, row: Rows, model: Any, rating_judge: Any, shown_answers: Any
) -> None:
    writer, judge = model([CUP, "a cup of  coffee.", DOG, CUP]), rating_judge(RATED)
    parameters = {"samplers": [WRITER], "judge": LISTWISE}
    built = build("judged", parameters, row(), {"samplers.0": writer, "judge": judge})
    assert sorted(shown_answers(judge.requests[0]).values()) == [CUP, DOG]
    assert _said(built) == [(CUP, DOG)]
    assert _reasons(built) == [("candidate", "repeated_answer")] * 2
    assert built.candidates
    assert [one.score is None for one in built.candidates[0].candidates] == [False, False, True, True]


def test_truncated_answers_may_be_kept(build: Build, row: Rows, model: Any, rating_judge: Any) -> None:
    writer = model([CUP, Answer(DOG, "length")])
    parameters = {"samplers": [WRITER | {"n": 2}], "judge": POINT, "truncated": "keep"}
    built = build(
        "judged", parameters, row(), {"samplers.0": writer, "judge": rating_judge(_truth(cup=5, dog=1))}
    )
    assert _said(built) == [(CUP, DOG)]


def test_verdicts_of_a_pairwise_judge_make_pairs(
    build: Build, row: Rows, model: Any, comparing_judge: Any
) -> None:
    writer, judge = model([DOG, CUP, CAT]), comparing_judge([CUP, DOG])
    parameters = {
        "samplers": [{"model": "w", "n": 3}],
        "judge": {"kind": "pairwise", "model": "judge"},
        "pairing": {"rule": "preferences"},
    }
    built = build("judged", parameters, row(), {"samplers.0": writer, "judge": judge})
    assert _said(built) == [(CUP, DOG)]
    [score] = built.pairs[0].scores
    assert (score.target, score.scorer, score.aspect, score.value) == ("pair", "judge", "preference", 1.0)
    assert "first shown as" in (score.rationale or "")
    assert (built.pairs[0].score_chosen, built.pairs[0].score_rejected) == (None, None)
    assert built.candidates
    assert [one.outcome for one in built.candidates[0].comparisons] == ["second", "tie", "tie"]


@pytest.mark.parametrize(("kind", "rule"), [("pairwise", "best_worst"), ("listwise", "preferences")])
def test_a_rule_that_the_judge_cannot_serve_stops_the_run(
    build: Build, row: Rows, model: Any, rating_judge: Any, comparing_judge: Any, kind: str, rule: str
) -> None:
    judge = comparing_judge([CUP, DOG]) if kind == "pairwise" else rating_judge(RATED)
    parameters = {
        "samplers": [{"model": "w", "n": 2}],
        "judge": {"kind": kind, "model": "judge"},
        "pairing": {"rule": rule},
    }
    with pytest.raises(ParameterError, match=f"pairing.rule: {rule} goes by"):
        build("judged", parameters, row(), {"samplers.0": model([CUP, DOG]), "judge": judge})


def test_a_jury_gives_the_mean_of_its_ratings(build: Build, row: Rows, model: Any, rating_judge: Any) -> None:
    asks = {
        "samplers.0": model([CUP, DOG]),
        "judge": rating_judge(_truth(cup=5, dog=2)),
        "jury.0": rating_judge(_truth(cup=4, dog=1)),
    }
    parameters = {"samplers": [{"model": "w", "n": 2}], "judge": POINT, "jury": [POINT | {"model": "second"}]}
    built = build("judged", parameters, row(), asks)
    [pair] = built.pairs
    assert (pair.score_chosen, pair.score_rejected) == (4.5, 1.5)
    told = json.loads(pair.provenance or "")
    assert [one["name"] for one in told["judged_by"]] == ["judge", "second"]
    assert told["agreement"] == {"agreed": 1, "compared": 1}
    assert [(one.target, one.scorer, one.value) for one in pair.scores] == [
        ("chosen", "panel of judge, second", 4.5),
        ("chosen", "judge", 5.0),
        ("chosen", "second", 4.0),
        ("rejected", "panel of judge, second", 1.5),
        ("rejected", "judge", 2.0),
        ("rejected", "second", 1.0),
    ]
    assert built.candidates
    kept = built.candidates[0].candidates[0].judgements
    assert [(one.scorer, one.value, one.rationale) for one in kept] == [
        ("panel of judge, second", 4.5, None),
        ("judge", 5.0, "truth of it"),
        ("second", 4.0, "truth of it"),
    ]


def test_each_judge_of_a_jury_keeps_its_comparisons(
    build: Build, row: Rows, model: Any, comparing_judge: Any
) -> None:
    asks = {"samplers.0": model([CUP, DOG])}
    for place, order in (("judge", [CUP, DOG]), ("jury.0", [CUP, DOG]), ("jury.1", [DOG, CUP])):
        asks[place] = comparing_judge(order)
    judges = [{"kind": "pairwise", "model": name} for name in "abc"]
    parameters = {
        "samplers": [{"model": "w", "n": 2}],
        "judge": judges[0],
        "jury": judges[1:],
        "pairing": {"rule": "preferences"},
    }
    built = build("judged", parameters, row(), asks)
    assert _said(built) == [(CUP, DOG)]
    wanted = [("panel of a, b, c", 1.0), ("a", 1.0), ("b", 1.0), ("c", -1.0)]
    assert [(one.scorer, one.value) for one in built.pairs[0].scores] == wanted
    assert json.loads(built.pairs[0].provenance or "")["agreement"] == {"agreed": 1, "compared": 3}
    again = build("paired", {"pairing": {"rule": "preferences"}}, built.candidates[0], {})
    assert _said(again) == [(CUP, DOG)]  # by the panel; all four verdicts would not be unanimous
    by_c = {"pairing": {"rule": "preferences"}, "score": {"scorer": "c"}}
    assert _said(build("paired", by_c, built.candidates[0], {})) == [(DOG, CUP)]


def test_jurors_of_the_same_model_are_told_apart(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    judges = {name: rating_judge(_truth(cup=5, dog=1)) for name in ("judge", "jury.0")}
    parameters = {"samplers": [{"model": "w", "n": 2}], "judge": POINT, "jury": [POINT]}
    built = build("judged", parameters, row(), {"samplers.0": model([CUP, DOG]), **judges})
    names = [one["name"] for one in json.loads(built.pairs[0].provenance or "")["judged_by"]]
    assert names == ["judge (judge)", "judge (jury.0)"]


@pytest.mark.parametrize(
    ("score", "chosen", "values"),
    [
        ({}, CUP, (13 / 3, 11 / 3)),
        ({"weights": {"helpfulness": 1}}, DOG, (5.0, 4.0)),
        ({"aggregate": "sum", "weights": {"ethics": 2, "helpfulness": -1}}, CUP, (6.0, 5.0)),
        ({"aggregate": "min"}, CUP, (4.0, 1.0)),
        ({"aggregate": "first"}, DOG, (5.0, 4.0)),
    ],
)
def test_aspects_become_one_score(
    build: Build,
    row: Rows,
    model: Any,
    rating_judge: Any,
    score: Any,
    chosen: str,
    values: tuple[float, float],
) -> None:
    rated = {
        CUP: {"helpfulness": 4, "ethics": 5, "visual_faithfulness": 4},
        DOG: {"helpfulness": 5, "ethics": 5, "visual_faithfulness": 1},
    }
    parameters = {"samplers": [{"model": "w", "n": 2}], "judge": LISTWISE, "score": score}
    built = build(
        "judged", parameters, row(), {"samplers.0": model([CUP, DOG]), "judge": rating_judge(rated)}
    )
    [pair] = built.pairs
    assert pair.chosen == chosen
    assert (pair.score_chosen, pair.score_rejected) == pytest.approx(values)


def test_an_answer_that_lacks_an_aspect_has_no_score(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    rated = RATED | {BOWL: {"helpfulness": 5, "ethics": 5, "visual_faithfulness": None}}
    asks = {"samplers.0": model([CUP, BOWL, DOG]), "judge": rating_judge(rated)}
    parameters = {"samplers": [{"model": "w", "n": 3}], "judge": LISTWISE, "pairing": {"rule": "all_unequal"}}
    built = build("judged", parameters, row(), asks)
    assert _said(built) == [(CUP, DOG)]
    assert _reasons(built) == [("candidate", "cannot_judge")]
    few = {"samplers.0": model([CUP, BOWL]), "judge": rating_judge(rated)}
    built = build("judged", parameters | {"samplers": [{"model": "w", "n": 2}]}, row(), few)
    assert _reasons(built) == [("candidate", "cannot_judge"), ("row", "cannot_judge")]


def test_a_weight_for_nothing_stops_the_run(build: Build, row: Rows, model: Any, rating_judge: Any) -> None:
    asks = {"samplers.0": model([CUP, DOG]), "judge": rating_judge(RATED)}
    parameters = {
        "samplers": [{"model": "w", "n": 2}],
        "judge": LISTWISE,
        "score": {"weights": {"helpful": 1}},
    }
    with pytest.raises(
        ParameterError, match=r"no 'helpful' among aspects that are judged\. Did you mean 'helpfulness'"
    ):
        build("judged", parameters, row(), asks)


def test_the_rows_own_answer_and_the_sources_candidates_join(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    earlier = Judgement("candidate", "people", "liking", 2.0)
    given = row(chosen=CUP, chosen_model="gold", candidates=(Candidate(DOG, "old", judgements=(earlier,)),))
    judge = rating_judge(_truth(cup=5, dog=1))
    built = build("judged", {"judge": POINT, "chosen_as_candidate": True}, given, {"judge": judge})
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected, pair.chosen_model, pair.rejected_model) == (CUP, DOG, "gold", "old")
    assert json.loads(pair.provenance or "")["chosen"] == {"params": {"from": "chosen"}}
    assert [(one.target, one.scorer) for one in pair.scores] == [
        ("chosen", "judge"),
        ("rejected", "people"),
        ("rejected", "judge"),
    ]


def test_reference_and_evidence_reach_the_judge(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    params = POINT["params"] | {"look": "evidence", "reference": "require"}  # type: ignore[operator]
    parameters = {
        "samplers": [{"model": "w", "n": 2}],
        "judge": POINT | {"params": params},
        "reference": "chosen",
        "evidence": "ground_truth",
    }
    judge = rating_judge(_truth(cup=5, dog=1))
    given = row(chosen="It is espresso.", ground_truth="Steam rises.")
    build("judged", parameters, given, {"samplers.0": model([CUP, DOG]), "judge": judge})
    parts = judge.requests[0].messages[-1].parts
    assert all(isinstance(part, str) for part in parts)  # no picture
    assert "It is espresso." in str(parts)
    assert "Steam rises." in str(parts)


@pytest.mark.parametrize(
    ("parameters", "fields", "reason"),
    [
        ({"chosen_as_candidate": True}, {}, "no_answer"),
        ({"judge": POINT | {"params": {"look": "evidence"}}}, {}, "no_evidence"),
        ({"judge": POINT | {"params": {"reference": "require"}}}, {"chosen": CUP}, "no_ground_truth"),
        ({"samplers": []}, {}, "too_few_answers"),
    ],
)
def test_rows_that_lack_something_cost_no_call(
    build: Build, row: Rows, model: Any, rating_judge: Any, parameters: Any, fields: Any, reason: str
) -> None:
    asks = {"samplers.0": model([CUP, DOG]), "judge": rating_judge({})}
    base = {"samplers": [{"model": "w", "n": 2}], "judge": POINT}
    built = build("judged", base | parameters, row(**fields), asks)
    assert _reasons(built) == [("row", reason)]
    assert not asks["samplers.0"].requests
    assert not asks["judge"].requests


def test_a_writer_that_fails_costs_its_own_answers_only(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    def fails(request: Request) -> list[str]:
        raise RowError("call_failed", None, "timed out 8 times")

    asks = {
        "samplers.0": model(fails),
        "samplers.1": model([CUP, DOG]),
        "judge": rating_judge(_truth(cup=5, dog=1)),
    }
    parameters = {"samplers": [{"model": "a", "n": 2}, {"model": "b", "n": 2}], "judge": POINT}
    built = build("judged", parameters, row(), asks)
    assert _said(built) == [(CUP, DOG)]
    [reject] = built.rejects
    assert (reject.scope, reject.reason, reject.field) == ("candidate", "call_failed", "samplers.0")
    assert reject.message == "2 answers at temperature 1: timed out 8 times"


def test_too_few_answers_for_a_failed_call_may_succeed_later(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    def fails(request: Request) -> list[str]:
        raise RowError("call_failed", None, "timed out")

    asks = {"samplers.0": model(fails), "samplers.1": model([CUP]), "judge": rating_judge({})}
    built = build("judged", {"samplers": [{"model": "a"}, {"model": "b"}], "judge": POINT}, row(), asks)
    assert _reasons(built) == [("candidate", "call_failed"), ("row", "call_failed")]
    assert built.candidates
    assert [one.text for one in built.candidates[0].candidates] == [CUP]


def test_a_judge_that_fails_rejects_the_row_and_keeps_its_answers(
    build: Build, row: Rows, model: Any
) -> None:
    def fails(request: Request) -> list[str]:
        raise RowError("call_failed", None, "timed out")

    asks = {"samplers.0": model([CUP, DOG]), "judge": model(fails)}
    built = build("judged", {"samplers": [{"model": "w", "n": 2}], "judge": POINT}, row(), asks)
    assert _reasons(built) == [("row", "call_failed")]
    assert built.candidates
    assert [(one.text, one.score) for one in built.candidates[0].candidates] == [(CUP, None), (DOG, None)]


def test_a_model_that_cannot_be_used_stops_the_run_as_it_is(build: Build, row: Rows, model: Any) -> None:
    def dead(request: Request) -> list[str]:
        raise ModelError("wrong key")

    with pytest.raises(ModelError, match="wrong key"):
        build("judged", {"samplers": [WRITER], "judge": POINT}, row(), {"samplers.0": model(dead)})


def test_what_the_judge_cannot_say_is_counted(build: Build, row: Rows, model: Any, rating_judge: Any) -> None:
    rated = _truth(cup=5, bowl=None, dog=1)
    asks = {"samplers.0": model([CUP, BOWL, DOG]), "judge": rating_judge(rated)}
    built = build("judged", {"samplers": [{"model": "w", "n": 3}], "judge": POINT}, row(), asks)
    assert _said(built) == [(CUP, DOG)]
    [reject] = built.rejects
    assert (reject.scope, reject.reason, reject.message[:9]) == ("candidate", "cannot_judge", "answer 1:")


def test_a_judge_without_a_verdict_is_the_rows_reason(build: Build, row: Rows, model: Any) -> None:
    asks = {"samplers.0": model([CUP, DOG]), "judge": model(["I would rather not say."])}
    parameters = {"samplers": [{"model": "w", "n": 2}], "judge": LISTWISE}
    built = build("judged", parameters, row(), asks)
    assert _reasons(built) == [("row", "cannot_judge")]
    assert len(asks["judge"].requests) == 2  # asked again


@pytest.mark.parametrize("fault", ["no verdict", "refused", "one answer"])
def test_what_the_source_compared_stays_where_nobody_could_judge(
    build: Build, row: Rows, model: Any, fault: str
) -> None:
    def says(request: Request) -> list[str]:
        if fault == "refused":
            raise RowError("call_failed", None, "timed out")
        return ["I would rather not say."]

    earlier = Comparison(0, 1, "second", "ann", 2.0, "seen")
    texts = (CUP, CUP) if fault == "one answer" else (CUP, DOG)
    given = row(candidates=tuple(map(Candidate, texts)), comparisons=(earlier,))
    built = build("judged", {"judge": LISTWISE}, given, {"judge": model(says)})
    assert built.pairs == ()
    assert built.candidates
    assert built.candidates[0].comparisons == (earlier,)


def test_a_judge_takes_the_place_of_its_own_earlier_comparisons_only(
    build: Build, row: Rows, comparing_judge: Any
) -> None:
    ann, old = Comparison(0, 1, "second", "ann"), Comparison(0, 1, "second", "judge")
    given = row(candidates=(Candidate(CUP), Candidate(DOG)), comparisons=(old, ann))
    parameters = {"judge": {"kind": "pairwise", "model": "judge"}, "pairing": {"rule": "preferences"}}
    built = build("judged", parameters, given, {"judge": comparing_judge([CUP, DOG])})
    assert _said(built) == [(CUP, DOG)]
    assert built.candidates
    kept = [(one.scorer, one.outcome) for one in built.candidates[0].comparisons]
    assert kept == [("ann", "second"), ("judge", "first")]


def test_forming_leaves_the_loop_to_other_rows(
    build: Build, row: Rows, model: Any, rating_judge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def prepare(*given: Any) -> Any:
        form = prepare_forming(*given)

        def formed(*given: Any) -> Any:
            threads.append(threading.current_thread())
            return form(*given)

        return formed

    monkeypatch.setattr("pairwright.builders._judged_answers.prepare_forming", prepare)
    for said in ([CUP, DOG], [CUP, CUP]):
        asks = {"samplers.0": model(said), "judge": rating_judge(RATED)}
        build("judged", {"samplers": [{"model": "w", "n": 2}], "judge": LISTWISE}, row(), asks)
    assert len(threads) == 2
    assert threading.main_thread() not in threads


def test_equal_answers_are_a_tie(build: Build, row: Rows, model: Any, rating_judge: Any) -> None:
    asks = {"samplers.0": model([CUP, DOG]), "judge": rating_judge(_truth(cup=3, dog=3))}
    built = build("judged", {"samplers": [{"model": "w", "n": 2}], "judge": POINT}, row(), asks)
    assert _reasons(built) == [("row", "tie")]


def test_a_score_from_elsewhere_asks_no_model(build: Build, row: Rows) -> None:
    given = row(candidates=(Candidate("Go left.", score=0.0), Candidate("Go right.", score=2.0)))
    parameters = {"judge": {"kind": "external"}, "pairing": {"rule": "margin", "params": {"at_least": 2}}}
    part = ROOM.get("judged")
    assert part.models(part.settings.model_validate(parameters)) == {}  # type: ignore[union-attr]
    built = build("judged", parameters, given, {})
    [pair] = built.pairs
    assert (pair.chosen, pair.score_chosen, pair.score_rejected) == ("Go right.", 2.0, 0.0)
    assert [(one.scorer, one.aspect, one.value, one.low) for one in pair.scores] == [
        ("external", "correct", 2.0, None),
        ("external", "correct", 0.0, None),
    ]


def test_models_are_named_by_their_place() -> None:
    part = ROOM.get("judged")
    settings = part.settings.model_validate(
        {"samplers": [{"model": "a"}, {}], "judge": {"kind": "listwise"}, "jury": [{"kind": "pointwise"}]}
    )
    models = part.models(settings)  # type: ignore[union-attr]
    assert {name: one.model for name, one in models.items()} == {
        "samplers.0": "a",
        "samplers.1": "a",  # who is not named, is the first one
        "judge": None,
        "jury.0": None,
    }


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"judge": {"kind": "listwize"}}, "judge.kind: no 'listwize'.*listwise"),
        ({"judge": {"kind": "pixels"}}, "judge.kind: pixels compares pictures"),
        ({"judge": {"kind": "listwise", "params": {"scal": [1, 5]}}}, "judge.params: no 'scal'.*scale"),
        ({"judge": {"kind": "listwise", "params": {"scale": [5, 1]}}}, r"judge.params.scale: "),
        ({"judge": {"kind": "external", "model": "m"}}, "judge.model: external asks no model"),
        ({"judge": LISTWISE, "pairing": {"rule": "best"}}, "pairing.rule: no 'best'"),
        (
            {"judge": LISTWISE, "pairing": {"rule": "margin", "params": {"least": 1}}},
            "pairing.params: no 'least'",
        ),
        ({"judge": LISTWISE, "jury": [{"kind": "x"}]}, "jury.0.kind: no 'x'"),
    ],
)
def test_parameters_that_fit_nothing_are_refused(parameters: Any, message: str) -> None:
    part = ROOM.get("judged")
    with pytest.raises(ParameterError, match=message):
        part.prepare(part.settings.model_validate(parameters), Run("test", 0, "0"))


def test_the_same_seed_gives_the_same_row(build: Build, row: Rows, model: Any, rating_judge: Any) -> None:
    def once(seed: int) -> Built:
        asks = {"samplers.0": model([CUP, BOWL, DOG, CAT]), "judge": rating_judge(RATED)}
        parameters = {
            "samplers": [WRITER],
            "judge": LISTWISE,
            "pairing": {"rule": "all_unequal", "per_prompt": 2},
        }
        return build("judged", parameters, row(), asks, seed=seed)

    assert once(0) == once(0)
    assert [one.reason for one in once(0).rejects] == ["over_cap"]
    assert len({tuple(_said(once(seed))) for seed in range(12)}) > 1


def test_lengths_are_balanced_over_a_shard(build: Build, row: Rows, model: Any, rating_judge: Any) -> None:
    long = "It is a cup of coffee on a wooden table with a small spoon beside it."
    parameters = {"samplers": [{"model": "w", "n": 2}], "judge": POINT, "pairing": {"balance_length": True}}
    shard = []
    for number, (good, bad) in enumerate([(CUP, BOWL), (BOWL, CUP), (long, DOG)]):
        judge = rating_judge({good: {"truth": 5}, bad: {"truth": 1}})
        given = row(record_id=f"t.jsonl:{number}")
        shard.append(build("judged", parameters, given, {"samplers.0": model([good, bad]), "judge": judge}))
    part = ROOM.get("judged")
    assert part.settle is not None
    settle = part.settle(part.settings.model_validate(parameters))
    assert settle is not None
    shard = [replace(one, pairs=tuple(replace(pair, provenance=None) for pair in one.pairs)) for one in shard]
    settled = settle(shard)
    assert [len(one.pairs) for one in settled] == [1, 1, 0]
    assert [(one.scope, one.reason, one.record_id) for one in settled[2].rejects] == [
        ("pair", "length_balance", "t.jsonl:2"),
        ("row", "length_balance", "t.jsonl:2"),
    ]
    assert settled[2].candidates == shard[2].candidates
    assert part.settle(part.settings.model_validate({"judge": POINT})) is None


def test_a_cancelled_row_leaves_nothing_running(row: Rows) -> None:
    ended = []

    async def slow(request: Request) -> tuple[Answer, ...]:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ended.append(request.sampling.temperature)
            raise
        return ()

    part = ROOM.get("judged")
    settings = part.settings.model_validate(
        {"samplers": [{"model": "w", "temperatures": [0.5, 1.0]}], "judge": POINT}
    )
    construct: Any = part.prepare(settings, Run("test", 0, "0"))

    async def cancelled() -> int:
        task = asyncio.ensure_future(construct(row(), {"samplers.0": slow, "judge": slow}))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(asyncio.all_tasks())

    assert asyncio.run(cancelled()) == 1
    assert sorted(ended) == [0.5, 1.0]
