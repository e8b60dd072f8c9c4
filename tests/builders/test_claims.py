"""The claims builder and its recipe, row by row."""

import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pairwright.builders import ROOM, Built, Run
from pairwright.recipe import load_recipe
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.claim import Claim
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Request, Token
from pairwright.schemas.source_row import SourceRow

Build = Callable[..., Built]
Rows = Callable[..., SourceRow]

ANSWERS = {
    "A cup of coffee.": ("cup", "coffee"),
    "A cup of tea.": ("cup", "tea"),
    "A bowl of hot tea.": ("bowl", "tea", "hot"),
    "I like it.": (),
}
"""Each answer with the claims in it."""
CUP, TEA, BOWL, LIKE = ANSWERS
TRUE = {"cup", "coffee"}
POLICY = {"model": "policy", "n": 3}
PARAMETERS: dict[str, Any] = {
    "samplers": [POLICY],
    "splitter": {"model": "reader"},
    "labeler": {"model": "looker"},
    "pairing": {"per_prompt": None},
}


def _text(request: Request) -> str:
    return "\n".join(part for part in request.messages[-1].parts if isinstance(part, str))


def _fenced(name: str, request: Request) -> str:
    found = re.search(rf"=== begin {name} (\w+) ===\n(.*?)\n=== end", _text(request), re.DOTALL)
    assert found
    return found[2]


def _splitting(answers: Mapping[str, Sequence[str] | RowError | str]) -> Callable[[Request], list[str]]:
    """Return a splitter that knows the claims of some answers."""

    def write(request: Request) -> list[str]:
        told = answers[_fenced("answer A", request)]
        if isinstance(told, RowError):
            raise told
        claims = [{"claim": f"There is {one}.", "question": f"Is there {one}?"} for one in told]
        return [told] if isinstance(told, str) else [json.dumps({"claims": claims})]

    return write


def _looking(words: Mapping[str, str | RowError] | None = None) -> Callable[[Request], list[Answer]]:
    """Return a labeler that says yes, with 0.9, to what is true, but for what ``words`` says."""

    def write(request: Request) -> list[Answer]:
        thing = _fenced("question", request).removeprefix("Is there ").removesuffix("?")
        said = (words or {}).get(thing, "Yes" if thing in TRUE else "No")
        if isinstance(said, RowError):
            raise said
        other = {"Yes": "No", "No": "Yes"}.get(said, "A")
        shares = ((said, math.log(0.9)), (other, math.log(0.1)))
        return [Answer(said, "length", (Token(*shares[0], shares),))]

    return write


@pytest.fixture
def asks(model: Any) -> Callable[..., dict[str, Any]]:
    """Return a way to make writer, splitter and labeler."""

    def make(
        *answers: str,
        split: Mapping[str, Sequence[str] | RowError | str] = ANSWERS,
        words: Mapping[str, str | RowError] | None = None,
    ) -> dict[str, Any]:
        written = list(answers or (CUP, TEA, BOWL))
        return {
            "samplers.0": model(written),
            "splitter": model(_splitting(split)),
            "labeler": model(_looking(words)),
        }

    return make


def _said(built: Built) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in built.pairs]


def _reasons(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def test_answers_are_taken_apart_checked_and_paired_word_by_word(build: Build, row: Rows, asks: Any) -> None:
    models = asks()
    built = build("claims", PARAMETERS, row(), models)
    assert _said(built) == [(CUP, BOWL), (TEA, BOWL), (CUP, TEA)]
    assert built.rejects == ()
    pair = built.pairs[0]
    assert (pair.score_chosen, pair.score_rejected, pair.kind) == (0.0, -3.0, "text")
    assert [(one.target, one.scorer, one.aspect, one.value, one.low, one.high) for one in pair.scores] == [
        ("chosen", "looker", "claims_wrong_count", 0.0, None, 0.0),
        ("rejected", "looker", "claims_wrong_count", -3.0, None, 0.0),
    ]
    assert pair.scores[1].rationale == "0 of 3 claims right, 3 wrong, 0 unknown"
    told = json.loads(pair.provenance or "")
    assert (told["builder"], told["rule"], told["margin"]) == ("claims", "margin", 3.0)
    splitter, labeler = told["judged_by"]
    assert (splitter["name"], splitter["kind"]) == ("reader", "splitter")
    assert (labeler["name"], labeler["kind"]) == ("looker", "labeler")
    assert splitter["prompt"].startswith("claims_splitter v1 #")
    assert labeler["prompt"].startswith("claims_labeler v1 #")


def test_claims_stay_with_their_candidates(build: Build, row: Rows, asks: Any) -> None:
    built = build("claims", PARAMETERS, row(), asks())
    kept = built.candidates[0].candidates
    assert [one.score for one in kept] == [0.0, -1.0, -3.0]
    right, wrong = kept[1].claims
    assert (right.text, right.question, right.finding) == ("There is cup.", "Is there cup?", "right")
    assert (wrong.text, wrong.finding) == ("There is tea.", "wrong")
    assert (right.probability, wrong.probability) == (pytest.approx(0.9), pytest.approx(0.1))


def test_each_model_sees_what_is_meant_for_it(build: Build, row: Rows, asks: Any, picture: Image) -> None:
    models = asks()
    build("claims", PARAMETERS, row(), models)
    assert len(models["splitter"].requests) == 3
    assert all(picture not in one.messages[-1].parts for one in models["splitter"].requests)
    assert all(one.messages[-1].parts[1] == picture for one in models["labeler"].requests)
    assert {one.sampling.max_tokens for one in models["labeler"].requests} == {1}
    asked = models["labeler"].requests
    # Cup and tea stand in two answers each: the same request, which the store answers once.
    assert (len(asked), len({(_text(one), one.sampling.seed) for one in asked})) == (7, 5)


@pytest.mark.parametrize(
    ("aggregate", "scores"),
    [("wrong_count", (0.0, -1.0, -3.0)), ("mean", (0.8, 0.0, -0.8)), ("share", (1.0, 0.5, 0.0))],
)
def test_the_score_may_be_a_count_a_mean_or_a_share(
    build: Build, row: Rows, asks: Any, aggregate: str, scores: tuple[float, ...]
) -> None:
    pairing = {"params": {"at_least": 0.4}}
    built = build("claims", PARAMETERS | {"aggregate": aggregate, "pairing": pairing}, row(), asks())
    assert [one.score for one in built.candidates[0].candidates] == [pytest.approx(one) for one in scores]
    assert built.candidates[0].candidates[0].judgements[0].aspect == f"claims_{aggregate}"


@pytest.mark.parametrize(
    ("unknown", "scores"),
    [("left_out", (0.0, 0.0, -2.0)), ("right", (0.0, 0.0, -2.0)), ("wrong", (0.0, -1.0, -3.0))],
)
def test_what_the_labeler_cannot_tell_counts_as_the_recipe_says(
    build: Build, row: Rows, asks: Any, unknown: str, scores: tuple[float, ...]
) -> None:
    built = build("claims", PARAMETERS | {"unknown": unknown}, row(), asks(words={"tea": "Hm"}))
    kept = built.candidates[0].candidates
    assert [one.score for one in kept] == list(scores)
    assert [one.finding for one in kept[1].claims] == ["right", "unknown"]


def test_an_answer_without_claims_does_not_win(build: Build, row: Rows, asks: Any) -> None:
    built = build("claims", PARAMETERS, row(), asks(LIKE, TEA, BOWL))
    assert _said(built) == [(TEA, BOWL)]
    [reject] = built.rejects
    assert (reject.scope, reject.reason, reject.field) == ("candidate", "no_claims", "splitter")
    assert reject.message.startswith("answer 0: no statement in it")
    assert built.candidates[0].candidates[0].score is None


def test_a_row_of_which_too_few_answers_have_claims_is_a_reject(build: Build, row: Rows, asks: Any) -> None:
    built = build("claims", PARAMETERS | {"samplers": [POLICY | {"n": 2}]}, row(), asks(LIKE, TEA))
    assert _reasons(built) == [("candidate", "no_claims"), ("row", "no_claims")]
    assert "1 of 2 answers have a score" in built.rejects[-1].message


def test_an_answer_of_which_nothing_is_known_has_no_score(build: Build, row: Rows, asks: Any) -> None:
    models = asks(words={"cup": "Hm", "coffee": "I"})
    built = build("claims", PARAMETERS, row(), models)
    assert _said(built) == [(TEA, BOWL)]
    [reject] = built.rejects
    assert (reject.reason, reject.field) == ("cannot_judge", "labeler")
    assert "0 of 2 claims right, 0 wrong, 2 unknown" in reject.message


def test_calls_of_one_answer_that_give_nothing_leave_the_others(build: Build, row: Rows, asks: Any) -> None:
    split = ANSWERS | {"A cup.": ("cup",), TEA: "no JSON", BOWL: RowError("call_refused", None, "too long")}
    parameters = PARAMETERS | {"samplers": [POLICY | {"n": 4}], "pairing": {"rule": "all_unequal"}}
    models = asks(CUP, TEA, BOWL, "A cup.", split=split, words={"coffee": "No"})
    built = build("claims", parameters, row(), models)
    assert _said(built) == [("A cup.", CUP)]
    assert sorted(one.reason for one in built.rejects) == ["call_refused", "cannot_judge"]
    assert {one.scope for one in built.rejects} == {"candidate"}


def test_a_refused_question_leaves_its_claim_unknown(build: Build, row: Rows, asks: Any) -> None:
    built = build("claims", PARAMETERS, row(), asks(words={"tea": RowError("call_refused", None, "no")}))
    kept = built.candidates[0].candidates
    assert [one.score for one in kept] == [0.0, 0.0, -2.0]
    assert kept[1].claims[1].finding == "unknown"


@pytest.mark.parametrize("place", ["splitter", "labeler"])
@pytest.mark.parametrize("reason", ["call_failed", "call_refused"])
def test_a_model_that_cannot_be_asked_makes_the_row_a_reject(
    build: Build, row: Rows, asks: Any, place: str, reason: Any
) -> None:
    error = RowError(reason, None, "the server says so")
    failing = (
        {"split": {CUP: error, TEA: error, BOWL: error}}
        if place == "splitter"
        else {"words": dict.fromkeys(("cup", "coffee", "tea", "bowl", "hot"), error)}
    )
    built = build("claims", PARAMETERS, row(), asks(**failing))
    assert [(one.scope, one.reason, one.field) for one in built.rejects] == [("row", reason, place)]
    assert len(built.candidates[0].candidates) == 3  # what was written is kept


def test_one_failed_call_waits_for_a_retry_of_the_whole_row(build: Build, row: Rows, asks: Any) -> None:
    built = build("claims", PARAMETERS, row(), asks(words={"hot": RowError("call_failed", None, "down")}))
    assert _reasons(built) == [("row", "call_failed")]


def test_rows_without_what_the_labeler_goes_by_cost_nothing(build: Build, row: Rows, asks: Any) -> None:
    models = asks()
    built = build("claims", PARAMETERS, row(prompt=Prompt("What is it?")), models)
    assert _reasons(built) == [("row", "no_image")]
    reading = PARAMETERS | {"labeler": {"model": "reader", "params": {"look": "evidence"}}}
    assert _reasons(build("claims", reading, row(), models)) == [("row", "no_evidence")]
    assert not any(one.requests for one in models.values())
    built = build("claims", reading | {"evidence": "chosen"}, row(chosen="A cup of coffee."), models)
    assert len(built.pairs) == 3
    assert all("A cup of coffee." in _text(one) for one in models["labeler"].requests)


def test_claims_of_an_earlier_run_are_not_made_again(build: Build, row: Rows, asks: Any) -> None:
    first = build("claims", PARAMETERS, row(), asks())
    again = {"samplers": [], "splitter": {"model": "s"}, "labeler": {"model": "looker"}, "aggregate": "share"}
    pairing = {"params": {"at_least": 0.5}, "per_prompt": None}
    models = asks()
    built = build("claims", again | {"pairing": pairing}, first.candidates[0], models)
    assert [len(models[place].requests) for place in ("splitter", "labeler")] == [0, 0]
    assert [one.score for one in built.candidates[0].candidates] == [1.0, 0.5, 0.0]
    kept = built.candidates[0].candidates[0].judgements
    assert [(one.scorer, one.aspect) for one in kept] == [("looker", "claims_share")]
    models = asks(words={"tea": "Yes"})
    other = {"labeler": {"model": "other"}, "ask_again": True, "pairing": pairing}
    built = build("claims", again | other, first.candidates[0], models)
    assert [len(models[place].requests) for place in ("splitter", "labeler")] == [0, 7]
    assert [one.score for one in built.candidates[0].candidates] == [1.0, 1.0, pytest.approx(1 / 3)]


def test_claims_of_the_source_are_asked_about_where_nobody_knows(build: Build, row: Rows, asks: Any) -> None:
    own = Candidate(
        "My answer.",
        claims=(
            Claim("There is tea.", question="Is there tea?"),
            Claim("Hot.", "right"),
            Claim("Red.", "wrong"),
        ),
    )
    models = asks(CUP)
    built = build("claims", PARAMETERS | {"samplers": [POLICY | {"n": 1}]}, row(candidates=(own,)), models)
    assert _said(built) == [(CUP, "My answer.")]
    assert len(models["splitter"].requests) == 1
    mine = built.candidates[0].candidates[0]
    assert [one.finding for one in mine.claims] == ["wrong", "right", "wrong"]


def test_judgements_of_others_stay(build: Build, row: Rows, asks: Any) -> None:
    own = Candidate(TEA, judgements=(Judgement("candidate", "ann", "taste", 3.0),))
    built = build("claims", PARAMETERS | {"samplers": [POLICY | {"n": 1}]}, row(candidates=(own,)), asks(CUP))
    assert [one.scorer for one in built.candidates[0].candidates[0].judgements] == ["ann", "looker"]


def test_models_that_are_not_named_are_the_first_samplers() -> None:
    part = ROOM.get("claims")
    settings = part.settings.model_validate({"samplers": [POLICY | {"base_url": "http://a/v1"}]})
    models = part.models(settings)  # type: ignore[union-attr]
    assert set(models) == {"samplers.0", "splitter", "labeler"}
    assert {one.model for one in models.values()} == {"policy"}
    assert {one.base_url for one in models.values()} == {"http://a/v1"}
    assert set(part.marks(settings)) == {"splitter.params.prompt", "labeler.params.prompt"}  # type: ignore


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"pairing": {"rule": "preferences"}}, "pairing.rule: preferences goes by comparisons"),
        ({"pairing": {"rule": "ranks"}}, "pairing.rule: ranks goes by ranks"),
        ({"pairing": {"rule": "sides"}}, "every sampler writes for any"),
        ({"pairing": {"params": {"at_lest": 1}}}, "no 'at_lest'"),
        (
            {"splitter": {"params": {"prompt": "nowhere.md"}}},
            r"splitter\.params\.prompt: nowhere\.md cannot be read",
        ),
        ({"labeler": {"params": {"prompt": "claims_splitter"}}}, "is for the judge claims_splitter"),
        ({"labeler": {"base_url": "http://a/v1"}}, r"labeler\.base_url: set labeler\.model too"),
        ({"guards": [{"kind": "nobody"}]}, r"guards\.0\.kind: no 'nobody'"),
    ],
)
def test_what_could_give_no_pair_is_told_before(more: dict[str, Any], told: str) -> None:
    part = ROOM.get("claims")
    with pytest.raises(ParameterError, match=told):
        part.prepare(part.settings.model_validate(PARAMETERS | more), Run("test", 0, "0"))


def test_a_second_opinion_is_asked_about_each_pair(
    build: Build, row: Rows, asks: Any, comparing_judge: Any
) -> None:
    parameters = PARAMETERS | {"second_opinion": {"kind": "pairwise", "model": "judge"}}
    models = asks() | {"second_opinion": comparing_judge([BOWL, CUP, TEA])}
    built = build("claims", parameters, row(), models)
    assert _said(built) == [(CUP, TEA)]
    assert _reasons(built) == [("pair", "rejected_as_good")] * 2


def _rlaif_v(*more: str) -> Any:
    models = [f"{place}.model={place[:4]}" for place in ("samplers.0", "splitter", "labeler")]
    return load_recipe("rlaif_v", [*models, *more])


def test_rlaif_v_has_the_published_numbers(model: Any, row: Rows) -> None:
    recipe = _rlaif_v()
    texts = [f"Answer {n} has {n % 4} faults." for n in range(10)]
    split = {text: [f"fault {n}.{k}" for k in range(n % 4)] + ["cup"] for n, text in enumerate(texts)}
    models = {
        "samplers.0": model(texts),
        "splitter": model(_splitting(split)),
        "labeler": model(_looking()),
    }
    built = asyncio.run(recipe.construct_asking()(row(), models))
    [written] = models["samplers.0"].requests
    sampling = written.sampling
    assert (written.n, sampling.temperature, sampling.max_tokens) == (10, 0.7, 512)
    kept = {one.text: one.score for one in built.candidates[0].candidates}
    assert kept == {text: -float(n % 4) if n % 4 else 0.0 for n, text in enumerate(texts)}
    assert len(built.pairs) == 2
    assert all(kept[pair.chosen] >= kept[pair.rejected] + 1 for pair in built.pairs)
    assert {(one.sampling.max_tokens, one.sampling.logprobs) for one in models["labeler"].requests} == {
        (1, 20)
    }
    over = next(one for one in built.rejects if one.reason == "over_cap")
    assert "are over the cap of 2" in over.message
    settle = recipe.builder.settle(recipe.parameters)
    long = replace(built.pairs[0], chosen="a much longer answer " * 9, rejected="a short one")
    even = replace(built.pairs[0], chosen="as long as that", rejected="as long as this")
    settled = settle([replace(built, pairs=(one,), rejects=()) for one in (long, even)])
    assert [len(one.pairs) for one in settled] == [0, 1]
    assert "length_balance" in [one.reason for one in settled[0].rejects]


def test_answers_of_earlier_rounds_are_not_taken_apart_where_they_may_not_pair(row: Rows, asks: Any) -> None:
    part = ROOM.get("claims")
    earlier = tuple(Candidate(text, "old", round=1) for text in (TEA, BOWL))
    for rounds, asked in (("latest", 2), ("all", 4)):
        parameters = PARAMETERS | {
            "samplers": [POLICY | {"n": 2}],
            "pairing": {"rounds": rounds, "per_prompt": None},
        }
        models = asks(CUP, "A cup.", split=ANSWERS | {"A cup.": ("cup", "hot")})
        construct = part.prepare(part.settings.model_validate(parameters), Run("test", 0, "0", round=2))
        built = asyncio.run(construct(row(candidates=earlier), models))  # type: ignore[arg-type]
        assert len(models["splitter"].requests) == asked
        assert (CUP, "A cup.") in _said(built)
        assert ((CUP, BOWL) in _said(built)) == (rounds == "all")
