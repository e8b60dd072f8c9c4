"""Rounds of self-training in forming: which answers may pair, and which of two equal ones stays."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from pairwright.pairings._forming import Formed, PairingSettings, distinct, prepare, prepare_within
from pairwright.schemas.candidate import Candidate, Comparison

GOLD = Candidate("gold", score=9)
OLD = Candidate("old and good", score=5, round=1)
WORSE = Candidate("old and bad", score=1, round=1)
NEW = Candidate("new and good", score=4, round=2)
OTHER = Candidate("new and bad", score=2, round=2)


def formed(candidates: Sequence[Candidate], latest: int = 1, **settings: Any) -> Formed:
    return prepare(PairingSettings(rule="all_unequal", **settings), latest)(candidates, (), Random(0))


def texts(candidates: Sequence[Candidate], result: Formed) -> set[tuple[str, str]]:
    return {(candidates[pair.chosen].text, candidates[pair.rejected].text) for pair in result.pairs}


def test_all_rounds_pair_unless_the_latest_alone_is_wanted() -> None:
    everyone = [OLD, NEW, WORSE, OTHER]
    assert len(formed(everyone).pairs) == 6
    result = formed(everyone, rounds="latest")
    assert texts(everyone, result) == {(NEW.text, OTHER.text)}
    assert result.dropped == ()


def test_answers_that_no_model_wrote_pair_with_the_latest() -> None:
    everyone = [GOLD, OLD, NEW]
    assert texts(everyone, formed(everyone, rounds="latest")) == {(GOLD.text, NEW.text)}


@pytest.mark.parametrize(("latest", "pairs"), [(1, 1), (2, 1), (3, 0)])
def test_the_run_says_which_round_is_the_latest_where_a_prompt_has_no_answer_of_it(
    latest: int, pairs: int
) -> None:
    result = formed([OLD, NEW, OTHER], latest, rounds="latest")
    assert len(result.pairs) == pairs
    if not pairs:
        told = "0 answers, without 3 of earlier rounds (rounds: latest); a pair needs two different ones"
        assert [(one.reason, one.message) for one in result.dropped] == [("too_few_answers", told)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_equal_answers_the_later_round_stays_whatever_its_score(order: tuple[int, int]) -> None:
    both = [Candidate("A cat.", score=3, round=1), Candidate("a  cat.", round=2)]
    everyone = [*(both[number] for number in order), Candidate("A dog.", score=1, round=1)]
    kept, dropped = distinct(everyone, 1.0)
    assert everyone[kept[0]].round == 2
    assert [everyone[one.candidates[0]].round for one in dropped] == [1]


def test_of_equal_answers_the_sources_own_stays() -> None:
    everyone = [Candidate("A cat.", round=2, score=3), Candidate("A cat."), Candidate("A dog.", round=1)]
    assert distinct(everyone, 1.0)[0] == (1, 2)


def test_an_old_copy_of_a_new_answer_does_not_keep_it_from_pairing() -> None:
    everyone = [Candidate(NEW.text, score=5, round=1), NEW, OTHER]
    result = formed(everyone, rounds="latest")
    assert [(pair.chosen, pair.rejected) for pair in result.pairs] == [(1, 2)]


def test_verdicts_on_answers_that_are_left_out_do_not_count() -> None:
    everyone = [OLD, NEW, OTHER]
    said = [Comparison(0, 1, "first", "j"), Comparison(2, 1, "second", "j")]
    form = prepare(PairingSettings(rule="preferences", rounds="latest"))
    assert [(pair.chosen, pair.rejected) for pair in form(everyone, said, Random(0)).pairs] == [(1, 2)]


def test_families_pair_within_the_latest_round() -> None:
    settings = PairingSettings(rule="all_unequal", rounds="latest")
    everyone = [OLD, WORSE, NEW, OTHER]
    result = prepare_within(settings)(everyone, [(0, 1), (2, 3)], Random(0))
    assert texts(everyone, result) == {(NEW.text, OTHER.text)}
    result = prepare_within(settings, 3)(everyone, [(0, 1), (2, 3)], Random(0))
    assert "without 4 of earlier rounds" in result.dropped[-1].message
