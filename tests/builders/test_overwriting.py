"""Overwriting: an answer rewritten twice, by the right claims of all answers and by the wrong ones; and the recipe tpo."""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import pairwright
from pairwright.builders import ROOM, Built, Run
from pairwright.recipe import load_recipe
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.claim import Claim
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.request import Answer, Request, Token
from pairwright.schemas.source_row import SourceRow

Build = Callable[..., Built]
Rows = Callable[..., SourceRow]
Said = str | Answer | RowError

SPOONS = "A red cup stands on a wooden table with two spoons."
GLASS = "A blue cup stands on a glass table with three spoons."
PLATE = "A red cup stands on a glass table beside a black plate."
SPLIT = {
    SPOONS: ("The cup is red.", "The table is wooden.", "There are two spoons."),
    GLASS: ("The cup is blue.", "The table is of glass.", "There are three spoons."),
    PLATE: ("The cup is red.", "The table is of glass.", "The plate is black."),
}
"""Each answer with its claims."""
SHARES = {
    "The cup is red.": 0.9,
    "The cup is blue.": 0.2,
    "The table is wooden.": 0.1,
    "The table is of glass.": 0.8,
    "There are two spoons.": 0.3,
    "There are three spoons.": 0.7,
    "The plate is black.": 0.4,
}
"""Probability of each claim; above a half it is right."""
DISTINCT = [
    "The cup is red.",
    "The table is wooden.",
    "There are two spoons.",
    "The cup is blue.",
    "The table is of glass.",
    "There are three spoons.",
    "The plate is black.",
]
TOPICS = '{"topics": [[1, 4], [2, 5], [3, 6]]}'
BEST = ["The cup is red.", "The table is of glass.", "There are three spoons."]
WORST = ["The cup is blue.", "The table is wooden.", "There are two spoons."]
PARAMETERS: dict[str, Any] = {
    "samplers": [{"model": "policy", "n": 3}],
    "splitter": {"model": "reader"},
    "labeler": {"model": "looker"},
    "aggregate": "mean",
    "overwrite": {"rewriter": {"model": "writer"}},
    "pairing": {"rule": "best_worst", "per_prompt": 1, "balance_length": False},
}


def _text(request: Request) -> str:
    return "\n".join(part for part in request.messages[-1].parts if isinstance(part, str))


def _fenced(name: str, request: Request) -> str:
    found = re.search(rf"=== begin {name} (\w+) ===\n(.*?)\n=== end {name} \1", _text(request), re.DOTALL)
    assert found
    return found[2]


def _task(request: Request) -> str:
    """Return what the last line asks for."""
    return _text(request).splitlines()[-1]


def _of(requests: list[Request], task: str) -> list[Request]:
    return [one for one in requests if _task(one).startswith(task)]


def _given(said: Said) -> list[Any]:
    if isinstance(said, RowError):
        raise said
    return [said]


def _reader(topics: Said, questions: Mapping[str, str] | RowError) -> Callable[[Request], list[Any]]:
    """Return a model that splits, groups, and asks openly: by claim, nothing of those that it does not know."""

    def write(request: Request) -> list[Any]:
        shown = _fenced("answer A", request)
        if _task(request) == "Take the answer apart.":
            claims = [{"claim": one, "question": f"True? {one}"} for one in SPLIT[shown]]
            return [json.dumps({"claims": claims})]
        if _task(request) == "Put the claims into topics.":
            return _given(topics)
        assert _task(request) == "Write the open questions."
        if isinstance(questions, RowError):
            raise questions
        told = [line.partition(". ")[2] for line in shown.splitlines()]
        by_number = {str(number): questions.get(claim, "") for number, claim in enumerate(told, 1)}
        return [json.dumps({"questions": by_number})]

    return write


def _looker(shares: Mapping[str, float | RowError]) -> Callable[[Request], list[Answer]]:
    """Return a labeler that knows how likely each claim is."""

    def write(request: Request) -> list[Answer]:
        question = _fenced("question", request)
        claim = question.removeprefix("True? ").removeprefix(
            "Is this statement true of what the pictures show: "
        )
        share = shares[claim]
        if isinstance(share, RowError):
            raise share
        tokens = (("Yes", math.log(share)), ("No", math.log(1 - share)))
        return [Answer("Yes" if share > 0.5 else "No", "length", (Token(*tokens[share <= 0.5], tokens),))]

    return write


def _to_say(request: Request) -> list[str]:
    return re.findall(r"^   To say: (.*)$", _fenced("notes", request), re.MULTILINE)


def _writer(
    rewrite: Callable[[Request], Said], replies: Mapping[str, Said]
) -> Callable[[Request], list[Any]]:
    """Return a model that rewrites by tips, and answers open questions."""

    def write(request: Request) -> list[Any]:
        if _task(request) == "Write the answer again by the tips.":
            return _given(rewrite(request))
        return _given(replies[_fenced("question", request)])

    return write


def _obedient(request: Request) -> str:
    return json.dumps({"text": " ".join(_to_say(request))})


@pytest.fixture
def asks(model: Any) -> Callable[..., dict[str, Any]]:
    """Return a way to make all models."""

    def make(
        topics: Said = TOPICS,
        questions: Mapping[str, str] | RowError | None = None,
        shares: Mapping[str, float | RowError] | None = None,
        rewrite: Callable[[Request], Said] = _obedient,
        replies: Mapping[str, Said] | None = None,
    ) -> dict[str, Any]:
        return {
            "samplers.0": model([SPOONS, GLASS, PLATE]),
            "splitter": model(_reader(topics, questions or {})),
            "labeler": model(_looker(SHARES | dict(shares or {}))),
            "overwrite.rewriter": model(_writer(rewrite, replies or {})),
        }

    return make


def _with(**block: Any) -> dict[str, Any]:
    return PARAMETERS | {"overwrite": PARAMETERS["overwrite"] | block}


def _told(built: Built) -> list[tuple[str, str, str | None]]:
    return [(one.scope, one.reason, one.field) for one in built.rejects]


def test_an_answer_is_overwritten_topic_by_topic_word_by_word(build: Build, row: Rows, asks: Any) -> None:
    built = build("claims", PARAMETERS, row(), asks())
    [pair] = built.pairs
    assert pair.chosen == "The cup is red. The table is of glass. There are three spoons."
    assert pair.rejected == "The cup is blue. The table is wooden. There are two spoons."
    assert built.rejects == ()
    assert (pair.kind, pair.score_chosen, pair.score_rejected) == ("text", None, None)
    assert (pair.chosen_model, pair.rejected_model) == ("writer", "writer")
    assert pair.tags == ("food", "overwritten")
    assert [pair.chosen[one.start : one.end] for one in pair.chosen_spans] == ["red", "of glass", "three"]
    assert [pair.rejected[one.start : one.end] for one in pair.rejected_spans] == ["blue", "wooden", "two"]
    told = json.loads(pair.provenance or "")
    assert (told["builder"], told["rule"], "margin" in told) == ("claims", "overwrite", False)
    kinds = [(one["name"], one["kind"]) for one in told["judged_by"]]
    assert kinds == [("reader", "splitter"), ("looker", "labeler"), ("reader", "overwrite.grouping")]
    chosen = told["chosen"]["params"]
    assert (chosen["corrector"], chosen["of"], chosen["original"]) == ("overwrite.rewriter", 1, GLASS)
    assert chosen["prompt"].startswith("tips v1 #")
    rejected = told["rejected"]["params"]["tips"]
    assert rejected[1] == {
        "topic": 2,
        "said": ["The table is of glass."],
        "to_say": "The table is wooden.",
        "probability": pytest.approx(0.1),
        "from": "answers",
    }
    assert [one["to_say"] for one in chosen["tips"]] == BEST
    assert [one["to_say"] for one in rejected] == WORST


def test_claims_keep_their_topics_and_all_answers_their_numbers(build: Build, row: Rows, asks: Any) -> None:
    own = Candidate(" ", model="silent")
    built = build("claims", PARAMETERS, row(candidates=(own,)), asks())
    kept = built.candidates[0].candidates
    assert [one.text for one in kept[:4]] == [SPOONS, GLASS, PLATE, ""]
    assert [(one.side, one.score, one.round) for one in kept[4:]] == [
        ("chosen", None, 1),
        ("rejected", None, 1),
    ]
    topics = [[claim.topic for claim in one.claims] for one in kept]
    assert topics == [[1, 2, 3], [1, 2, 3], [1, 2, 4], [], [], []]
    assert [one.message for one in built.rejects] == ["answer 3: no text"]


def test_each_model_is_shown_what_it_goes_by(build: Build, row: Rows, asks: Any, picture: Image) -> None:
    models = asks()
    build("claims", PARAMETERS, row(), models)
    [grouping] = _of(models["splitter"].requests, "Put")
    assert _fenced("answer A", grouping).splitlines() == [f"{n}. {one}" for n, one in enumerate(DISTINCT, 1)]
    assert picture not in grouping.messages[-1].parts
    numbers = json.loads(grouping.schema or "")["properties"]["topics"]["items"]["items"]
    assert numbers == {"type": "integer", "enum": [1, 2, 3, 4, 5, 6, 7]}
    better, worse = models["overwrite.rewriter"].requests
    assert _fenced("answer", better) == GLASS
    assert _fenced("notes", better).splitlines() == [
        "1. Now: The cup is blue.",
        "   To say: The cup is red.",
        "2. Now: The table is of glass.",
        "   To say: The table is of glass.",
        "3. Now: There are three spoons.",
        "   To say: There are three spoons.",
    ]
    assert _to_say(worse) == WORST
    assert better.sampling.seed != worse.sampling.seed
    assert picture not in better.messages[-1].parts
    models = asks()
    build("claims", _with(rewriter={"model": "w", "params": {"look": "pictures"}}), row(), models)
    assert all(picture in one.messages[-1].parts for one in models["overwrite.rewriter"].requests)


@pytest.mark.parametrize(
    ("shares", "original"),
    [
        (
            {},
            2,
        ),  # both of two have one wrong claim, and means of (-0.6 + 0.6 + 0.4) / 3 and (0.8 + 0.6 - 0.2) / 3
        ({"The cup is blue.": 0.4, "The plate is black.": 0.01}, 1),
        ({"The cup is blue.": 0.51, "The cup is red.": 0.49}, 1),  # none is wrong
    ],
)
def test_the_answer_that_needs_the_fewest_repairs_is_rewritten(
    build: Build, row: Rows, asks: Any, shares: dict[str, float], original: int
) -> None:
    models = asks(topics='{"topics": [[1, 4], [2, 5], [3, 6, 7]]}', shares=shares)
    [pair] = build("claims", PARAMETERS, row(), models).pairs
    assert json.loads(pair.provenance or "")["rejected"]["params"]["of"] == original


def test_an_answer_must_speak_of_enough_topics(build: Build, row: Rows, asks: Any) -> None:
    [pair] = build("claims", _with(topics=2), row(), asks(shares={"The cup is blue.": 0.4})).pairs
    assert json.loads(pair.provenance or "")["rejected"]["params"]["of"] == 2
    assert (pair.chosen, pair.rejected) == (
        " ".join(BEST[:2]),
        " ".join(WORST[:2]),
    )  # it says nothing of spoons
    built = build("claims", PARAMETERS, row(), asks(topics='{"topics": [[1, 4], [2, 5], [6, 7]]}'))
    assert built.pairs[0].tags[-1] == "overwritten"
    built = build("claims", PARAMETERS, row(), asks(topics='{"topics": [[1, 2], [5, 7], [3, 6]]}'))
    assert _told(built) == [("pair", "few_topics", "overwrite.topics")]
    assert "3 topics have both a right and a wrong claim" in built.rejects[0].message


def test_of_several_claims_the_surest_stand_for_their_topic(build: Build, row: Rows, asks: Any) -> None:
    both = '{"topics": [[1, 4, 7], [2, 5], [3, 6]]}'
    plate = asks(topics=both, shares={"The plate is black.": 0.95})
    assert (
        build("claims", PARAMETERS, row(), plate).pairs[0].chosen.startswith("The plate is black. The table")
    )
    plate = asks(topics=both, shares={"The plate is black.": 0.05})
    assert (
        build("claims", PARAMETERS, row(), plate)
        .pairs[0]
        .rejected.startswith("The plate is black. The table")
    )


def test_a_claim_found_right_here_and_wrong_there_stands_for_nothing(
    build: Build, row: Rows, asks: Any
) -> None:
    known = Candidate(
        "I see it.", claims=(Claim("the cup is RED", "wrong"), Claim("The cup is blue.", "right", topic=9))
    )
    built = build(
        "claims", _with(topics=2), row(candidates=(known,)), asks(topics=RowError("call_refused", None, "x"))
    )
    assert ("pair", "call_refused", "overwrite.grouping") in _told(built)
    # Numbered anew: the source's answer stands first. Its claims contradict the others' findings.
    topics = '{"topics": [[1, 2], [3, 5], [4, 6]]}'
    [pair] = build("claims", _with(topics=2), row(candidates=(known,)), asks(topics=topics)).pairs
    assert (pair.chosen, pair.rejected) == (" ".join(BEST[1:]), " ".join(WORST[1:]))


@pytest.mark.parametrize(("side", "of"), [("any", 0), ("chosen", 2)])
def test_an_answer_for_one_side_is_not_rewritten(
    build: Build, row: Rows, asks: Any, side: Any, of: int
) -> None:
    claims = tuple(Claim(text, "right", probability=1.0) for text in BEST)
    before = row(candidates=(Candidate("As it was before.", side=side, claims=claims),))
    [pair] = build("claims", PARAMETERS, before, asks(topics='{"topics": [[1, 6], [2, 4], [3, 5]]}')).pairs
    assert json.loads(pair.provenance or "")["chosen"]["params"]["of"] == of


def test_an_answer_of_an_earlier_round_is_not_rewritten(build: Build, row: Rows, asks: Any) -> None:
    claims = tuple(Claim(text, "right", probability=1.0) for text in BEST)
    before = row(candidates=(Candidate("As it was before.", round=0, claims=claims),))
    parameters = PARAMETERS | {"pairing": PARAMETERS["pairing"] | {"rounds": "latest"}}
    [pair] = build("claims", parameters, before, asks()).pairs
    assert json.loads(pair.provenance or "")["chosen"]["params"]["original"] == GLASS


QUESTIONS = {
    "The cup is red.": "What colour is the cup?",
    "The table is wooden.": "What is the table made of?",
    "There are two spoons.": "How many spoons are there?",
    "The table is of glass.": "What is the table made of?",
}
REPLIES: dict[str, Said] = {
    "What colour is the cup?": "The cup\n is green. ",
    "What is the table made of?": "The table is of stone.",
    "How many spoons are there?": "there are TWO spoons",
}


def test_alternatives_are_claims_of_the_topics_they_came_from(
    build: Build, row: Rows, asks: Any, picture: Image
) -> None:
    shares = {"The cup is green.": 0.95, "The table is of stone.": 0.02}
    models = asks(questions=QUESTIONS, shares=shares, replies=REPLIES)
    built = build("claims", _with(alternatives=True), row(), models)
    [pair] = built.pairs
    assert pair.chosen == "The cup is green. The table is of glass. There are three spoons."
    assert pair.rejected == "The cup is blue. The table is of stone. There are two spoons."
    assert built.rejects == ()
    told = json.loads(pair.provenance or "")
    assert [one["from"] for one in told["chosen"]["params"]["tips"]] == ["alternative", "answers", "answers"]
    kinds = [one["kind"] for one in told["judged_by"]]
    assert kinds == ["splitter", "labeler", "overwrite.grouping", "overwrite.questions", "overwrite.answers"]
    [posing] = _of(models["splitter"].requests, "Write the open")
    assert _fenced("answer A", posing).splitlines()[6] == "7. The plate is black."
    assert set(json.loads(posing.schema or "")["properties"]["questions"]["required"]) == set("1234567")
    asked = _of(models["overwrite.rewriter"].requests, "Answer")
    assert [_fenced("question", one) for one in asked] == list(REPLIES)  # one of equal questions
    assert all(picture in one.messages[-1].parts for one in asked)
    assert not any(answer in _text(one) for one in asked for answer in SPLIT)
    assert {(one.sampling.temperature, one.sampling.max_tokens) for one in asked} == {(0.7, 128)}
    checked = [_fenced("question", one) for one in models["labeler"].requests if "statement" in _text(one)]
    said = ["The cup is green.", "The table is of stone."]  # what an answer says already is not checked again
    assert checked == [f"Is this statement true of what the pictures show: {one}" for one in said]


def test_alternatives_may_be_all_that_is_right(build: Build, row: Rows, asks: Any) -> None:
    wrong = dict.fromkeys(SHARES, 0.1)
    replies = REPLIES | {"How many spoons are there?": "There are ten spoons."}
    right = dict.fromkeys(("The cup is green.", "The table is of stone.", "There are ten spoons."), 0.9)
    models = asks(questions=QUESTIONS, shares=wrong | right, replies=replies)
    [pair] = build("claims", _with(alternatives=True), row(), models).pairs
    assert pair.chosen == "The cup is green. The table is of stone. There are ten spoons."
    assert build("claims", PARAMETERS, row(), asks(shares=wrong)).pairs == ()


def test_what_is_lost_of_the_alternatives_is_told(build: Build, row: Rows, asks: Any) -> None:
    replies = {
        "What colour is the cup?": Answer("The cup is", "length"),
        "What is the table made of?": RowError("call_refused", None, "too long"),
        "How many spoons are there?": "There are<|im_end|> spoons.",
    }
    built = build("claims", _with(alternatives=True), row(), asks(questions=QUESTIONS, replies=replies))
    assert [pair.chosen for pair in built.pairs] == [" ".join(BEST)]
    assert _told(built) == [
        ("pair", reason, "overwrite.answers") for reason in ("answer_cut", "call_refused", "special_token")
    ]
    assert built.rejects[0].message == "1 of 3 answers to open questions: the answer reached max_tokens"
    refused = {"The cup is green.": RowError("call_refused", None, "no")}
    models = asks(
        questions=QUESTIONS,
        shares=refused,
        replies={**REPLIES, "What is the table made of?": "The cup is green."},
    )
    built = build("claims", _with(alternatives=True), row(), models)
    assert _told(built) == [("pair", "call_refused", None)]
    assert built.pairs[0].tags[-1] == "overwritten"


def test_open_questions_are_asked_for_in_batches(build: Build, row: Rows, asks: Any) -> None:
    models = asks(
        questions=QUESTIONS, shares={"The cup is green.": 0.6, "The table is of stone.": 0.6}, replies=REPLIES
    )
    build("claims", _with(alternatives=True, questions={"batch": 3}), row(), models)
    posing = _of(models["splitter"].requests, "Write the open")
    assert [len(_fenced("answer A", one).splitlines()) for one in posing] == [3, 3, 1]
    refusing = asks(questions=RowError("call_refused", None, "too long"))
    built = build("claims", _with(alternatives=True, questions={"batch": 4}), row(), refusing)
    assert [one.message for one in built.rejects] == ["2 of 2 calls for open questions: too long"]
    assert built.pairs[0].tags[-1] == "overwritten"


def _punctuated(request: Request) -> str:
    return json.dumps(
        {"text": "A cup, on a table." if "To say: The cup is red" in _text(request) else "a cup on a table"}
    )


def _text_json(text: str) -> Callable[[Request], str]:
    return lambda request: json.dumps({"text": text})


@pytest.mark.parametrize(
    ("block", "given", "reason", "place", "message"),
    [
        ({"topics": 5}, {}, "few_topics", "topics", "3 right and 4 wrong claims; 5 topics"),
        ({}, {"topics": '{"topics": [[1, 4], [2, 5]]}'}, "few_topics", "topics", "2 topics have both"),
        ({}, {"topics": '{"topics": [[1, 4], [4, 5]]}'}, "cannot_judge", "grouping", "claim 4 stands in two topics"),
        ({}, {"topics": '{"topics": [[1, 8]]}'}, "cannot_judge", "grouping", "'8' is no number of a claim, 1 to 7"),
        ({}, {"topics": '{"topics": [[true]]}'}, "cannot_judge", "grouping", "'true' is no number"),
        ({}, {"topics": '{"topics": [1]}'}, "cannot_judge", "grouping", "expected lists of numbers, found '1'"),
        ({}, {"topics": RowError("call_refused", None, "too long")}, "call_refused", "grouping", "too long"),
        ({}, {"rewrite": _text_json("word " * 40)}, "bad_rewrite", "rewriter", "has 40 words"),
        ({}, {"rewrite": _text_json("Cup.")}, "bad_rewrite", "rewriter", "has 2 words where the original has 12"),
        ({}, {"rewrite": _text_json("=== end answer 0 === A cup on a table.")}, "bad_rewrite", "rewriter", "holds a fence"),
        ({}, {"rewrite": _text_json("A cup on a table.</s>")}, "bad_rewrite", "rewriter", "'</s>'"),
        ({}, {"rewrite": lambda request: "A cup."}, "bad_rewrite", "rewriter", "not JSON"),
        ({}, {"rewrite": _text_json("A cup on a table.")}, "equal_answers", "rewriter", "both rewrites of answer 1"),
        ({}, {"rewrite": _punctuated}, "equal_answers", "rewriter", "both rewrites of answer 1 say the same"),
    ],
)  # fmt: skip
def test_where_nothing_can_be_overwritten_whole_answers_are_paired(
    build: Build, row: Rows, asks: Any, block: Any, given: Any, reason: str, place: str, message: str
) -> None:
    built = build("claims", _with(**block), row(), asks(**given))
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected) == (PLATE, SPOONS)
    assert pair.tags == ("food", "whole_answers")
    told = json.loads(pair.provenance or "")
    assert (told["rule"], len(told["judged_by"])) == ("best_worst", 2)
    assert told["margin"] == pytest.approx((0.8 + 0.6 - 0.2) / 3 - (0.8 - 0.8 - 0.4) / 3)
    assert _told(built) == [("pair", reason, f"overwrite.{place}")]
    assert message in built.rejects[0].message
    assert built.rejects[0].message.endswith("; whole answers are paired")


def test_the_recipes_limits_on_length_hold_for_both_texts(build: Build, row: Rows, asks: Any) -> None:
    def longer(request: Request) -> str:
        text = " ".join(_to_say(request))
        return json.dumps({"text": text + " It is so." if "red" in text else text})

    pairing = PARAMETERS["pairing"] | {"length_ratio": 1.15}
    built = build("claims", PARAMETERS | {"pairing": pairing}, row(), asks(rewrite=longer))
    assert _told(built) == [("pair", "length_ratio", "overwrite.rewriter")]
    assert [pair.tags[-1] for pair in built.pairs] == ["whole_answers"]


FAILED = RowError("call_failed", None, "the server is down")


@pytest.mark.parametrize(
    "given",
    [
        {"topics": FAILED},
        {"questions": FAILED},
        {"replies": REPLIES | {"How many spoons are there?": FAILED}},
        {"shares": {"The cup is green.": FAILED}},
        {
            "rewrite": lambda request: (
                FAILED if "To say: The cup is red" in _text(request) else _obedient(request)
            )
        },
    ],
)
def test_a_failed_call_of_any_stage_makes_the_whole_row_wait(
    build: Build, row: Rows, asks: Any, given: Any
) -> None:
    known = {"questions": QUESTIONS, "replies": REPLIES}
    known["shares"] = {"The table is of stone.": 0.1, "The cup is green.": 0.1}
    models = asks(**known | given)
    built = build("claims", _with(alternatives=True), row(), models)
    assert (built.pairs, _told(built)[-1][:2]) == ((), ("row", "call_failed"))
    assert built.rejects[-1].message.endswith("the server is down")


def test_a_guard_looks_at_both_texts(build: Build, row: Rows, asks: Any, comparing_judge: Any) -> None:
    opinion = {"second_opinion": {"kind": "pairwise", "model": "judge"}}
    judge = {"second_opinion": comparing_judge([" ".join(WORST), " ".join(BEST)])}
    built = build("claims", PARAMETERS | opinion, row(), asks() | judge)
    assert [one[:2] for one in _told(built)] == [("row", "rejected_as_good")]


def test_models_and_files_are_told() -> None:
    part = ROOM.get("claims")
    block = {"samplers": [{"model": "policy", "n": 3}], "overwrite": {}}
    settings = part.settings.model_validate(block)
    models = part.models(settings)  # type: ignore[union-attr]
    assert list(models) == ["samplers.0", "splitter", "labeler", "overwrite.rewriter"]
    assert {one.model for one in models.values()} == {"policy"}
    marks = part.marks(settings)  # type: ignore[union-attr, misc]
    assert [key for key in marks if key.startswith("overwrite")] == [
        "overwrite.rewriter.params.prompt",
        "overwrite.grouping.prompt",
        "overwrite.questions.prompt",
        "overwrite.answers.prompt",
    ]


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"grouping": {"prompt": "nowhere.md"}}, r"overwrite\.grouping\.prompt: nowhere\.md cannot be read"),
        (
            {"questions": {"prompt": "claims_topics"}},
            r"overwrite\.questions\.claims_topics\.md: .*judge claims_topics",
        ),
        ({"answers": {"prompt": "questioner"}}, r"overwrite\.answers\.questioner\.md: .*judge questioner"),
        (
            {"rewriter": {"model": "w", "params": {"prompt": "minimal"}}},
            r"overwrite\.rewriter\.params\.minimal\.md: ",
        ),
        (
            {"rewriter": {"base_url": "http://a/v1"}},
            r"overwrite\.rewriter\.base_url: set overwrite\.rewriter\.model",
        ),
    ],
)
def test_what_cannot_be_used_is_told_before(block: dict[str, Any], told: str) -> None:
    part = ROOM.get("claims")
    with pytest.raises(ParameterError, match=told):
        part.prepare(part.settings.model_validate(PARAMETERS | {"overwrite": block}), Run("test", 0, "0"))


def _tpo(*more: str) -> Any:
    places = ("samplers.0", "splitter", "labeler", "overwrite.rewriter")
    models = (
        f"{place}.{told}"
        for place in places
        for told in (f"model=m{place[-3:]}", "base_url=http://127.0.0.1:9/v1")
    )
    return load_recipe("tpo", [*models, *more])


def test_tpo_has_the_published_numbers(model: Any, asks: Any, row: Rows, construct: Any) -> None:
    texts = [*SPLIT, *(f"I see {n} cups." for n in range(7))]
    shares = {"The cup is green.": 0.95, "The table is of stone.": 0.02}
    models = asks(questions=QUESTIONS, shares=shares, replies=REPLIES)
    models["samplers.0"] = model(texts)
    reader = models["splitter"].write

    def write(request: Request) -> list[Any]:
        if _task(request).startswith("Take") and _fenced("answer A", request) not in SPLIT:
            return ['{"claims": []}']
        return list(reader(request))

    models["splitter"] = model(write)
    built = construct(_tpo(), row(), models)
    [request] = models["samplers.0"].requests
    assert (request.n, request.sampling.temperature) == (10, 0.7)
    assert [(one.sampling.max_tokens, one.sampling.logprobs) for one in models["labeler"].requests[:1]] == [
        (1, 20)
    ]
    [pair] = built.pairs
    assert pair.chosen == "The cup is green. The table is of glass. There are three spoons."
    assert pair.rejected == "The cup is blue. The table is of stone. There are two spoons."
    kept = built.candidates[0].candidates
    mean = (0.9 + 0.1 + 0.3) * 2 / 3 - 1
    assert next(one.score for one in kept if one.text == SPOONS) == pytest.approx(mean)
    built = construct(_tpo("overwrite.topics=4"), row(), models)
    assert [(pair.chosen, pair.rejected, pair.tags[-1]) for pair in built.pairs] == [
        (PLATE, SPOONS, "whole_answers")
    ]


def test_a_forecast_counts_all_calls(tmp_path: Any, picture: Image) -> None:
    (tmp_path / "a.jpg").write_bytes(picture.data)
    line = json.dumps({"id": "a", "question": "What is it?", "image": "a.jpg"})
    (tmp_path / "rows.jsonl").write_text(line + "\n")
    recipe = _tpo(f"source.path={tmp_path / 'rows.jsonl'}")
    calls = {one.name: one.calls for one in pairwright.check(recipe).estimates}
    assert calls["samplers.0"] == 1
    assert calls["splitter"] > 10 + 1
    assert calls["overwrite.rewriter"] > 2
    alone = {one.name: one.calls for one in pairwright.check(_tpo(
        f"source.path={tmp_path / 'rows.jsonl'}", "overwrite.alternatives=false"
    )).estimates}  # fmt: skip
    assert (alone["splitter"], alone["overwrite.rewriter"]) == (11, 2)
