"""Several judges, one verdict."""

import pytest

from pairwright.annotators import Failure, Verdict
from pairwright.annotators._votes import Agreement, agreement, panel_name, panel_of, voices
from pairwright.schemas.candidate import Comparison, Outcome
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.judgement import Judgement


def rates(*values: float | None, high: float = 5) -> Verdict:
    return Verdict(
        tuple((Judgement("candidate", "one", "truth", value, 1, high),) for value in values), prompt="p v1"
    )


def says(outcome: Outcome, strength: float = 1.0, *, pair: tuple[int, int] = (0, 1)) -> Verdict:
    return Verdict(comparisons=(Comparison(*pair, outcome, "one", strength),))


FAILED = Verdict(failures=(Failure("cannot_judge", "cut", (0, 1)),))


def test_ratings_are_means_of_those_who_gave_one() -> None:
    panel = panel_of([rates(5, 1, None), rates(4, None, None), rates(3, None, 2)], scorer="panel")
    assert [one.value for (one,) in panel.verdict.ratings] == [4.0, None, None]
    (mute,) = panel.verdict.failures
    assert (mute.reason, mute.candidates) == ("cannot_judge", (1, 2))
    assert {(one.scorer, one.low, one.high) for (one,) in panel.verdict.ratings} == {("panel", 1, 5)}
    assert panel.verdict.prompt == "p v1"


def test_a_judge_that_failed_is_counted_and_has_no_vote() -> None:
    assert [one.value for (one,) in panel_of([rates(4, 2), FAILED, FAILED], scorer="p").verdict.ratings] == [
        None,
        None,
    ]
    assert [
        one.value for (one,) in panel_of([rates(4, 2), rates(2, 2), FAILED], scorer="p").verdict.ratings
    ] == [3, 2]
    unanimous = panel_of([rates(4, 2), rates(2, 2), FAILED], scorer="p", rule="unanimous").verdict
    assert [one.value for (one,) in unanimous.ratings] == [None, None]


@pytest.mark.parametrize(
    ("outcomes", "majority", "unanimous"),
    [
        (["first", "first", "first"], "first", "first"),
        (["first", "first", "second"], "first", "cannot_judge"),
        (["first", "second"], "cannot_judge", "cannot_judge"),
        (["first", "tie", "second"], "cannot_judge", "cannot_judge"),
        (["tie", "tie", "cannot_judge"], "tie", "cannot_judge"),
        (["first", "cannot_judge"], "cannot_judge", "cannot_judge"),
        (["cannot_judge", "cannot_judge"], "cannot_judge", "cannot_judge"),
        (["second"], "second", "second"),
    ],
)
def test_comparisons_are_voted(outcomes: list[Outcome], majority: Outcome, unanimous: Outcome) -> None:
    verdicts = [says(outcome) for outcome in outcomes]
    (one,) = panel_of(verdicts, scorer="panel").verdict.comparisons
    (all_,) = panel_of(verdicts, scorer="panel", rule="unanimous").verdict.comparisons
    assert (one.outcome, all_.outcome, one.scorer) == (majority, unanimous, "panel")


def test_the_other_way_round_is_the_same_vote() -> None:
    verdicts = [says("first", 2.0), says("second", 1.0, pair=(1, 0)), says("tie")]
    (one,) = panel_of(verdicts, scorer="panel").verdict.comparisons
    assert (one.first, one.second, one.outcome, one.strength) == (0, 1, "first", 1.5)
    assert agreement(verdicts) == Agreement(1, 3)


def test_failures_where_nobody_gave_a_verdict() -> None:
    panel = panel_of([FAILED, FAILED], scorer="panel")
    assert (panel.verdict.ratings, panel.verdict.comparisons) == ((), ())
    assert [(one.candidates, "2 judges" in one.message) for one in panel.verdict.failures] == [((0, 1), True)]
    assert panel.agreement.share is None
    heard = panel_of([FAILED, says("first"), says("first")], scorer="panel").verdict
    assert heard.failures == ()
    assert [one.outcome for one in heard.comparisons] == ["first"]


def test_agreement_of_ratings_is_that_of_their_order() -> None:
    assert agreement([rates(5, 3, 1), rates(4, 3, 2)]) == Agreement(3, 3)
    assert agreement([rates(5, 3, 3), rates(4, 3, 2)]) == Agreement(2, 3)
    assert agreement([rates(5, None, 3), rates(4, 3, 2)]) == Agreement(1, 1)


@pytest.mark.parametrize("names", [["a", "b"], ["a", "a, b", "b"], ["m (judge)", "m (jury.0)"]])
def test_the_members_of_a_panel_have_no_voice_beside_it(names: list[str]) -> None:
    panel = panel_name(names)
    assert voices([*names, panel, "eve", panel]) == (panel, "eve")
    assert voices([*names, "eve"]) == (*names, "eve")


def test_scales_and_kinds_must_be_the_same() -> None:
    with pytest.raises(ParameterError, match="truth is rated on different scales"):
        panel_of([rates(1), rates(1, high=10)], scorer="panel")
    with pytest.raises(ParameterError, match="some rate and some compare"):
        panel_of([rates(1, 2), says("first")], scorer="panel")
