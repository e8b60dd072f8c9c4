"""The paired builder: judged candidates in, pairs out, no model."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pairwright.builders import ROOM, Built, Run
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.source_row import SourceRow

Build = Callable[..., Built]
Rows = Callable[..., SourceRow]


def _said(built: Built) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in built.pairs]


def _reasons(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def _rated(text: str, scorer: str = "judge", score: float | None = None, **values: float | None) -> Candidate:
    judgements = tuple(
        Judgement("candidate", scorer, name, value, 1.0, 5.0) for name, value in values.items()
    )
    return Candidate(text, "w", score=score, judgements=judgements)


THREE = (
    _rated("A", help=5, faith=1, score=3.0),
    _rated("B", help=3, faith=5, score=4.0),
    _rated("C", help=1, faith=1),
)


def test_scores_of_the_source_make_pairs(build: Build, row: Rows) -> None:
    built = build("paired", {}, row(candidates=THREE, provenance='{"from": "r"}'), {})
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected, pair.score_chosen, pair.score_rejected) == ("B", "A", 4.0, 3.0)
    assert [(one.target, one.aspect, one.value) for one in pair.scores] == [
        ("chosen", "help", 3), ("chosen", "faith", 5), ("rejected", "help", 5), ("rejected", "faith", 1),
    ]  # fmt: skip
    assert json.loads(pair.provenance or "") == {
        "builder": "paired",
        "pairwright": "0",
        "recipe": "test",
        "seed": 0,
        "record_id": "t.jsonl:0",
        "rule": "best_worst",
        "margin": 1.0,
        "chosen": {},
        "rejected": {},
        "of_source": '{"from": "r"}',
    }
    assert built.candidates == (row(candidates=THREE, provenance='{"from": "r"}'),)
    assert [(one.scope, one.reason, one.message) for one in built.rejects] == [
        ("candidate", "no_score", "answer 2: it has no score")
    ]


@pytest.mark.parametrize(
    ("score", "wanted"),
    [
        ({}, [("B", "A"), ("B", "C"), ("A", "C")]),
        ({"weights": {"help": 1}}, [("A", "C"), ("A", "B"), ("B", "C")]),
        ({"aggregate": "min"}, [("B", "A"), ("B", "C")]),
        ({"scorer": "judge", "weights": {"faith": 1}}, [("B", "A"), ("B", "C")]),
    ],
)
def test_aspects_can_be_weighed_anew(
    build: Build, row: Rows, score: Any, wanted: list[tuple[str, str]]
) -> None:
    parameters = {"score": score, "pairing": {"rule": "all_unequal"}}
    candidates = (THREE[0], _rated("B", help=3, faith=4), THREE[2])
    assert sorted(_said(build("paired", parameters, row(candidates=candidates), {}))) == sorted(wanted)


def test_several_scorers_count_alike(build: Build, row: Rows) -> None:
    def by_two(text: str, one: float | None, other: float | None) -> Candidate:
        first, second = _rated(text, "ann", good=one), _rated(text, "bob", good=other)
        return replace(first, judgements=first.judgements + second.judgements)

    candidates = (by_two("A", 5, 3), by_two("B", 1, 2), by_two("C", 1, None))
    built = build("paired", {"score": {}, "pairing": {"rule": "all_unequal"}}, row(candidates=candidates), {})
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected, pair.score_chosen, pair.score_rejected) == ("A", "B", 4.0, 1.5)
    by_ann = {"score": {"scorer": "ann"}, "pairing": {"rule": "all_unequal"}}
    assert _said(build("paired", by_ann, row(candidates=candidates), {})) == [("A", "B"), ("A", "C")]


def test_a_panels_word_counts_once(build: Build, row: Rows) -> None:
    """Its members' own judgements stand beside it, and somebody else's count as before."""

    def said(text: str, panel: float, ann: float, bob: float, eve: float) -> Candidate:
        by = {"panel of ann, bob": panel, "ann": ann, "bob": bob, "eve": eve}
        judgements = tuple(Judgement("candidate", name, "good", value) for name, value in by.items())
        return Candidate(text, judgements=judgements)

    given = row(candidates=(said("A", 4, 5, 3, 2), said("B", 1, 1, 1, 3)))
    [pair] = build("paired", {"score": {}}, given, {}).pairs
    assert (pair.score_chosen, pair.score_rejected) == (3.0, 2.0)
    [pair] = build("paired", {"score": {"scorer": "ann"}}, given, {}).pairs
    assert (pair.score_chosen, pair.score_rejected) == (5.0, 1.0)


def test_ranks_of_the_source_make_pairs(build: Build, row: Rows) -> None:
    given = row(candidates=(Candidate("A", score=2), Candidate("B", score=1), Candidate("C")))
    built = build("paired", {"pairing": {"rule": "ranks"}}, given, {})
    assert _said(built) == [("B", "A")]
    assert _reasons(built) == [("candidate", "no_score")]


@pytest.mark.parametrize("score", [{"scorer": "eve"}, {"weights": {"truth": 1}}])
def test_judgements_that_a_row_lacks_reject_it(build: Build, row: Rows, score: Any) -> None:
    built = build("paired", {"score": score}, row(candidates=THREE), {})
    assert _reasons(built) == [("row", "no_score")]


def test_comparisons_of_the_source_make_pairs(build: Build, row: Rows) -> None:
    candidates = (Candidate("It holds </s>."), Candidate("A"), Candidate("B"), Candidate("A"))
    comparisons = (
        Comparison(1, 2, "second", "ann", 2.0, "B is right"),
        Comparison(2, 3, "first", "bob"),
        Comparison(0, 1, "first", "ann"),
    )
    given = row(candidates=candidates, comparisons=comparisons)
    built = build("paired", {"pairing": {"rule": "preferences"}}, given, {})
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected) == ("B", "A")
    assert [(one.target, one.scorer, one.value, one.rationale) for one in pair.scores] == [
        ("pair", "ann", 2.0, "B is right")
    ]
    assert _reasons(built) == [("candidate", "special_token"), ("candidate", "repeated_answer")]
    assert built.candidates
    assert [one.text for one in built.candidates[0].candidates] == ["A", "B", "A", "It holds </s>."]
    assert built.candidates[0].comparisons[0] == Comparison(0, 1, "second", "ann", 2.0, "B is right")


def test_a_verdict_against_the_pair_counts_below_zero(build: Build, row: Rows) -> None:
    votes = tuple(
        Comparison(0, 1, outcome, str(n)) for n, outcome in enumerate(["first", "first", "second", "tie"])
    )  # type: ignore[arg-type]
    given = row(candidates=(Candidate("A"), Candidate("B")), comparisons=votes)
    parameters = {"pairing": {"rule": "preferences", "params": {"agreement": 0.51}}}
    assert build("paired", parameters, given, {}).pairs == ()
    three = replace(given, comparisons=votes[:3])
    [pair] = build("paired", parameters, three, {}).pairs
    assert [one.value for one in pair.scores] == [1.0, 1.0, -1.0]


@pytest.mark.parametrize(
    ("candidates", "reason"),
    [
        ((), "too_few_answers"),
        ((Candidate("A"), Candidate("B")), "too_few_answers"),
        ((Candidate(" "),), "empty_answer"),
    ],
)
def test_rows_without_enough(build: Build, row: Rows, candidates: tuple[Candidate, ...], reason: str) -> None:
    assert _reasons(build("paired", {}, row(candidates=candidates), {}))[-1] == ("row", reason)


def test_what_another_builder_judged_can_be_paired_again(
    build: Build, row: Rows, model: Any, rating_judge: Any
) -> None:
    rated = {text: {"truth": value} for text, value in (("A.", 5), ("B.", 3), ("C.", 1))}
    judge = {
        "kind": "pointwise",
        "model": "judge",
        "params": {"aspects": [{"name": "truth", "description": "whether it is true"}]},
    }
    asks = {"samplers.0": model(["A.", "B.", "C."]), "judge": rating_judge(rated)}
    first = build("judged", {"samplers": [{"model": "w", "n": 3}], "judge": judge}, row(), asks)
    assert _said(first) == [("A.", "C.")]
    again = build(
        "paired", {"pairing": {"rule": "moderate_gap", "params": {"high": 2}}}, first.candidates[0], {}
    )
    assert sorted(_said(again)) == [("A.", "B."), ("B.", "C.")]
    sides = [json.loads(pair.provenance or "") for pair in (*first.pairs, *again.pairs)]
    assert {side["chosen"]["request"] for side in sides} == {sides[0]["rejected"]["request"]}
    assert again.candidates == first.candidates


def test_lengths_can_be_balanced() -> None:
    part = ROOM.get("paired")
    assert part.settle is not None
    assert part.settle(part.settings.model_validate({"pairing": {"balance_length": True}})) is not None
    assert part.settle(part.settings.model_validate({})) is None


def test_rules_that_do_not_exist_are_refused() -> None:
    part = ROOM.get("paired")
    with pytest.raises(ParameterError, match=r"pairing\.rule: no 'best'"):
        part.prepare(part.settings.model_validate({"pairing": {"rule": "best"}}), Run("test", 0, "0"))


EVE = "eve (second_opinion)"


def test_a_second_opinion_that_was_against_a_pair_keeps_it_out(row: Rows, build: Build) -> None:
    against = Comparison(0, 1, "first", EVE)
    built = build("paired", {}, row(candidates=THREE, comparisons=(against,)), {})
    assert not built.pairs
    assert _reasons(built)[-1] == ("row", "rejected_as_good")
    agreeing = Comparison(1, 0, "first", EVE)
    assert build("paired", {}, row(candidates=THREE, comparisons=(agreeing,)), {}).pairs
    assert build("paired", {}, row(candidates=THREE, comparisons=(Comparison(0, 2, "tie", EVE),)), {}).pairs


@pytest.mark.parametrize(("better", "worse", "pairs"), [(3.0, 2.0, 1), (2.0, 2.0, 0), (1.0, 2.0, 0)])
def test_a_second_opinion_in_numbers(
    row: Rows, build: Build, better: float, worse: float, pairs: int
) -> None:
    two = tuple(
        replace(one, judgements=(Judgement("candidate", EVE, "help", value),))
        for one, value in zip(
            (Candidate("A", score=2), Candidate("B", score=1)), (better, worse), strict=True
        )
    )
    assert len(build("paired", {}, row(candidates=two), {}).pairs) == pairs
