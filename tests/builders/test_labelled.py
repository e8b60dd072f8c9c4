"""People's labels to pairs: votes, ties, weights, rankings, ratings, corrections, ready pairs."""

from dataclasses import replace

import pytest

from pairwright.builders import ROOM, Run
from pairwright.builders._ballot import Votes, strengths
from pairwright.schemas.annotation import Annotation
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.judgement import Judgement

RED, BLUE, GREEN = Candidate("It is red."), Candidate("It is blue."), Candidate("It is green.")


def said(*words: str) -> tuple[Comparison, ...]:
    """Return what people said of the first two answers: ``ann:first``."""
    told = (word.split(":") for word in words)
    return tuple(Comparison(0, 1, outcome, who, 0.0 if outcome == "tie" else 1.0) for who, outcome in told)


SPLIT = said("ann:first", "bob:first", "eve:second")
CASES = {
    "majority": ({}, SPLIT, "It is red."),
    "unanimous": ({"rule": "unanimous"}, SPLIT, "no_agreement"),
    "weights turn it": ({"weights": {"eve": 3}}, SPLIT, "It is blue."),
    "weight 0 silences": ({"weights": {"ann": 0, "bob": 0}}, SPLIT, "It is blue."),
    "the adjudicator's word stands alone": ({"adjudicators": ("eve",)}, SPLIT, "It is blue."),
    "too few people": ({"least": 4}, SPLIT, "no_agreement"),
    "one against one": ({}, said("ann:first", "eve:second"), "no_agreement"),
    "a tie is a vote": ({}, said("ann:first", "bob:tie"), "no_agreement"),
    "plurality": ({"rule": "plurality"}, said("a:first", "b:first", "c:second", "d:tie"), "It is red."),
    "majority is more than plurality": ({}, said("a:first", "b:first", "c:second", "d:tie"), "no_agreement"),
    "ties are split": ({"ties": "split"}, said("a:first", "b:first", "c:second", "d:tie"), "It is red."),
    "ties are ignored": ({"ties": "ignore"}, said("ann:first", "bob:tie"), "It is red."),
    "most say that they are equal": ({}, said("ann:tie", "bob:tie", "eve:first"), "tie"),
    "who cannot judge has no vote": ({}, said("ann:first", "bob:cannot_judge"), "It is red."),
    "nobody could judge": ({}, said("ann:cannot_judge"), "cannot_judge"),
}


@pytest.mark.parametrize(("votes", "comparisons", "expected"), CASES.values(), ids=CASES.keys())
def test_votes_become_a_pair_or_a_reason(build, row, votes, comparisons, expected):
    given = row(
        candidates=(RED, BLUE), comparisons=comparisons, annotations=(Annotation("ann", (1, 0), 3.5),)
    )
    made = build("labelled", {"votes": votes}, given, {})
    assert [pair.chosen for pair in made.pairs] == ([expected] if expected.startswith("It is") else [])
    assert [one.reason for one in made.rejects] == ([] if made.pairs else [expected])
    [kept] = made.candidates
    assert kept.comparisons == comparisons
    assert kept.annotations == (Annotation("ann", (1, 0), 3.5),)


def test_every_vote_stands_in_the_scores_of_the_pair(build, row):
    [pair] = build("labelled", {}, row(candidates=(RED, BLUE), comparisons=SPLIT), {}).pairs
    assert [(one.scorer, one.value) for one in pair.scores] == [("ann", 1.0), ("bob", 1.0), ("eve", -1.0)]


def test_what_is_undecided_of_several_answers_is_told_beside_the_pairs(build, row):
    between = (
        *SPLIT,
        Comparison(0, 2, "first", "ann"),
        Comparison(2, 1, "first", "ann"),
        Comparison(1, 2, "first", "bob"),
    )
    made = build("labelled", {}, row(candidates=(RED, BLUE, GREEN), comparisons=between), {})
    assert [(pair.chosen, pair.rejected) for pair in made.pairs] == [
        ("It is red.", "It is blue."),
        ("It is red.", "It is green."),
    ]
    assert [(one.scope, one.reason, one.message) for one in made.rejects] == [
        ("pair", "no_agreement", "answers 1 and 2: first 1, second 1")
    ]


def rated(text: str, **values: float) -> Candidate:
    told = [
        Judgement("candidate", who.split("_")[0], who.split("_")[1], value) for who, value in values.items()
    ]
    return Candidate(text, judgements=tuple(told))


def test_ratings_are_each_persons_mean_and_then_the_mean_of_people(build, row):
    answers = (
        rated("It is red.", ann_help=4, ann_faith=2, bob_help=5),
        rated("It is blue.", ann_help=3, ann_faith=3, bob_help=1),
    )
    [pair] = build("labelled", {"pairing": {"rule": "best_worst"}}, row(candidates=answers), {}).pairs
    assert (pair.chosen, pair.score_chosen, pair.score_rejected) == ("It is red.", 4.0, 2.0)
    parameters = {"pairing": {"rule": "best_worst"}, "votes": {"weights": {"bob": 0}}}
    assert [one.reason for one in build("labelled", parameters, row(candidates=answers), {}).rejects] == [
        "tie"
    ]
    faith = {
        "pairing": {"rule": "best_worst"},
        "score": {"weights": {"faith": 1}},
        "votes": {"weights": {"bob": 0}},
    }
    [pair] = build("labelled", faith, row(candidates=answers), {}).pairs
    assert pair.chosen == "It is blue."


def test_an_answer_on_which_people_disagree_waits_for_somebody_to_decide(build, row):
    answers = (rated("It is red.", ann_help=5, bob_help=1), rated("It is blue.", ann_help=2, bob_help=2))
    made = build(
        "labelled", {"pairing": {"rule": "best_worst"}, "disagreement": 3}, row(candidates=answers), {}
    )
    assert not made.pairs
    assert [(one.scope, one.reason, one.message) for one in made.rejects] == [
        ("candidate", "no_agreement", "answer 0: people's scores lie 4 apart, more than 3"),
        ("row", "no_agreement", "people's scores lie 4 apart, more than 3"),
    ]


def test_ranks_with_ties(build, row):
    answers = (
        rated("It is red.", ann_rank=1),
        rated("It is blue.", ann_rank=2),
        rated("It is green.", ann_rank=1),
    )
    made = build("labelled", {"pairing": {"rule": "ranks"}}, row(candidates=answers), {})
    assert [(pair.chosen, pair.rejected) for pair in made.pairs] == [
        ("It is red.", "It is blue."),
        ("It is green.", "It is blue."),
    ]


def test_strengths_of_votes_put_answers_in_order_that_never_met(build, row):
    between = (Comparison(0, 1, "first", "ann"), Comparison(1, 2, "first", "bob"))
    parameters = {"scores_from": "votes", "pairing": {"rule": "best_worst"}}
    [pair] = build("labelled", parameters, row(candidates=(RED, BLUE, GREEN), comparisons=between), {}).pairs
    assert (pair.chosen, pair.rejected) == ("It is red.", "It is green.")
    assert pair.score_chosen == pytest.approx(1.0986, abs=1e-4)


def test_strengths_are_those_of_the_likelihood():
    """Two answers: with 3 wins against 1, and half a win for each beforehand, the odds are 3.5 to 1.5."""
    votes = said("a:first", "b:first", "c:first", "d:second")
    assert strengths(votes, 2, Votes()) == pytest.approx((0.42365, -0.42365), abs=1e-5)
    assert strengths((), 2, Votes()) == (None, None)


def test_scores_of_votes_want_a_rule_that_goes_by_scores():
    part = ROOM.get("labelled")
    with pytest.raises(ParameterError, match="goes by comparisons"):
        part.prepare(part.settings(scores_from="votes"), Run("t", 0, "0"))


def test_a_ready_pair_goes_through_with_what_was_said_of_it(build, row):
    scores = (Judgement("chosen", "ann", "helpfulness", 4.0),)
    given = row(
        chosen="It is red.", rejected="It is blue.", chosen_model="m1", score_chosen=4.0, scores=scores
    )
    made = build("labelled", {}, given, {})
    [pair] = made.pairs
    assert (pair.chosen, pair.rejected, pair.chosen_model, pair.score_chosen) == (
        "It is red.",
        "It is blue.",
        "m1",
        4.0,
    )
    assert pair.scores == scores
    assert made.candidates == ()


def test_a_correction_has_spans_on_both_sides(build, row):
    given = row(chosen="A black cat sits there.", rejected="A red cat sits there.")
    [pair] = build("labelled", {"corrections": True, "weight": 4}, given, {}).pairs
    assert [(one.start, one.end, one.weight) for one in pair.chosen_spans] == [(2, 7, 4.0)]
    assert [(one.start, one.end, one.weight) for one in pair.rejected_spans] == [(2, 5, 4.0)]


def test_guards_and_filters_hold_for_ready_pairs_too(build, row):
    given = row(chosen="It is red.", rejected="It is, as far as one can tell from here, a very dark blue.")
    made = build("labelled", {"pairing": {"length_ratio": 2}}, given, {})
    assert [one.reason for one in made.rejects] == ["length_ratio"]
    assert not made.pairs
    blurry = replace(given, rejected="The picture is too blurry to see anything.")
    made = build("labelled", {"guards": [{"kind": "damage_talk"}]}, blurry, {})
    assert [one.reason for one in made.rejects] == ["damage_talk"]


def test_rows_without_a_second_side_are_kept_and_counted(build, row):
    made = build("labelled", {}, row(chosen="It is red."), {})
    assert [one.reason for one in made.rejects] == ["too_few_answers"]
    assert [one.chosen for one in made.candidates] == ["It is red."]
