"""Answers that grow sentence by sentence: which go on, how sentences are ranked, and what pairs come of it."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from pairwright.builders import ROOM, Built, EncodingBuilder, Run
from pairwright.builders._sentence_ranks import mean_logprobs, ranks
from pairwright.recipe import load_recipe
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ModelError, ParameterError, RowError
from pairwright.schemas.image import digest
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Message, Request, Token, sampling_seed

Grow = Callable[..., Built]

FIRST = {"params": {"model": "ViT-B-32", "pretrained": "first"}}
SECOND = {"params": {"model": "ViT-B-32", "pretrained": "second"}}
SERVER = {"base_url": "http://127.0.0.1:8000/v1"}
WRITER = {"model": "w", "n": 3, "max_tokens": 70, **SERVER}
SMALL = {"best": 1, "worst": 1, "narrow_at": 3}
TREE = {
    "": [("A cat sits. More", -0.1), ("A dog sits. More", -0.5), ("A car stands. More", -0.9)],
    "A cat sits.": [(" It is red.", -0.2), (" It is blue.", -0.4), ("", -0.1)],
    "A car stands.": [(" It is new.", -0.3), (" It is old.", -0.6), (" It is new.", -0.3)],
}
SCORES = {
    "A cat sits.": 30.0,
    "A dog sits.": 25.0,
    "A car stands.": 20.0,
    "It is red.": 28.0,
    "It is blue.": 10.0,
    "It is new.": 15.0,
    "It is old.": 12.0,
}


def said(text: str, logprob: float, finish: str = "stop") -> Answer:
    """Return an answer all of whose words are as likely as each other."""
    tokens = tuple(Token(one, logprob) for one in re.findall(r"\s*\S+", text)) or (Token("</s>", logprob),)
    return Answer(text, finish, tokens)  # type: ignore[arg-type]


def given(request: Request) -> str:
    """Return the beginning that a request gives."""
    last = request.messages[-1]
    return str(last.parts[0]) if last.role == "assistant" else ""


@pytest.fixture
def grown(row: Any, alone: Any, model: Any) -> Grow:
    """Return a way to let a row's answers grow: by a table of what follows each beginning."""

    def run(
        table: Mapping[str, Sequence[Any]],
        *encoders: Any,
        fields: Mapping[str, Any] = {},
        number: int = 1,
        **parameters: Any,
    ) -> Built:
        def write(request: Request) -> list[Answer]:
            told = [one if isinstance(one, Answer) else said(*one) for one in table[given(request)]]
            return told[: request.n]

        part = ROOM.get("sentence_tree")
        assert isinstance(part, EncodingBuilder)
        plain = {"samplers": [WRITER], "tree": SMALL, "encoders": [FIRST, SECOND][: len(encoders)]}
        settings = part.settings.model_validate(plain | parameters)
        construct = part.prepare(settings, Run("test", 3, "0", round=number))
        run.asked = model(write)  # type: ignore[attr-defined]
        asks = dict.fromkeys(part.models(settings), run.asked)  # type: ignore[attr-defined]
        encodes = dict(zip(part.encoders(settings), encoders, strict=True))

        async def built() -> Built:
            return await construct(row(**fields), alone, asks, encodes)

        return asyncio.run(built())

    return run


def scores(built: Built) -> dict[str, float | None]:
    return {one.text: one.score for one in built.candidates[0].candidates}


def told(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def test_the_likeliest_and_the_unlikeliest_go_on_and_the_best_mean_rank_wins(
    grown: Any, scripted: Any, picture: Any
) -> None:
    built = grown(TREE, scripted(SCORES))
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected) == ("A cat sits.", "A car stands. It is old.")
    assert scores(built) == {
        "A cat sits.": pytest.approx(-1 / 3, abs=1e-6),
        "A cat sits. It is red.": pytest.approx(-(1 / 3 + 1 / 2) / 2, abs=1e-6),
        "A cat sits. It is blue.": pytest.approx(-(1 / 3 + 1) / 2, abs=1e-6),
        "A car stands. It is new.": -0.75,
        "A car stands. It is old.": -1.0,
    }
    first, *later = grown.asked.requests
    assert first.messages == (Message("user", (picture, "What is it?")),)
    assert (first.n, first.sampling.max_tokens, first.sampling.temperature) == (3, 70, 1.0)
    assert [given(one) for one in later] == ["A cat sits.", "A car stands."]
    assert later[0].messages[:-1] == first.messages
    assert all(one.sampling.logprobs == 0 and one.n == 3 for one in grown.asked.requests)
    part = f"samplers.0@1 {digest(b'A cat sits.')}"
    assert later[0].sampling.seed == sampling_seed(3, "t.jsonl:0", part)


def test_what_a_pair_is_made_of_stands_in_it(grown: Any, scripted: Any) -> None:
    built = grown(TREE, scripted(SCORES))
    [pair] = built.pairs
    assert [(one.target, one.scorer, one.aspect, one.value, one.rationale) for one in pair.scores] == [
        ("chosen", "ViT-B-32/first", "image_text", 30.0, "sentences: 30"),
        ("chosen", "w", "logprob", -0.1, "sentences: -0.1"),
        ("chosen", "sentence_tree", "rank", 0.333333, "sentences: 0.3333"),
        ("rejected", "ViT-B-32/first", "image_text", 16.0, "sentences: 20, 12"),
        ("rejected", "w", "logprob", -0.75, "sentences: -0.9, -0.6"),
        ("rejected", "sentence_tree", "rank", 1.0, "sentences: 1, 1"),
    ]
    provenance = json.loads(pair.provenance or "")
    assert provenance["margin"] == pytest.approx(2 / 3, abs=1e-6)
    assert (pair.score_chosen, pair.score_rejected) == (-0.333333, -1.0)
    assert provenance["judged_by"] == [
        {"name": "ViT-B-32/first", "kind": "clip", "per": "sentence"},
        {"name": "sentence_tree", "search": "tree", "logprob_weight": "0.1"},
    ]
    rejected = provenance["rejected"]
    assert (rejected["finish"], rejected["sample"], rejected["params"]["sentences"]) == ("stop", 1, 2)
    assert rejected["params"]["requests"][-1] == rejected["request"]
    assert len(set(rejected["params"]["requests"])) == 2
    kept = built.candidates[0].candidates
    assert [(one.finish, one.model, one.round) for one in kept] == [("stop", "w", 1)] * 5


@pytest.mark.parametrize(
    ("weight", "chosen", "expected"),
    [
        (0.1, "A rug.", {"A cat.": -0.95, "A rug.": -0.55}),
        (0.9, "A cat.", {"A cat.": -0.55, "A rug.": -0.95}),
    ],
)
def test_ranks_are_weighed(grown: Any, scripted: Any, weight: float, chosen: str, expected: Any) -> None:
    table = {"": [("A cat.", -0.1), ("A rug.", -0.7)]}
    encoder = scripted({"A cat.": 10.0, "A rug.": 20.0})
    built = grown(table, encoder, samplers=[WRITER | {"n": 2}], logprob_weight=weight)
    assert built.pairs[0].chosen == chosen
    assert scores(built) == pytest.approx(expected)


def test_a_sentence_has_the_tokens_up_to_its_end() -> None:
    told = [("A", -1.0), (" cat", -2.0), (". It", -3.0), (" is", -4.0), (" red.", -5.0), ("</s>", -99.0)]
    tokens = [Token(*one) for one in told]
    assert mean_logprobs(tokens, "A cat. It is red.", [6, 17]) == [-2.0, -4.5]
    hidden = [Token(text.strip(), value) for text, value in told]  # some tokenizers hide the blanks
    assert mean_logprobs(hidden, "A cat. It is red.", [6, 17]) == [-2.0, -4.5]
    assert mean_logprobs([], "A cat.", [6]) == [None]


@pytest.mark.parametrize("part", ["", "\ufffd", r"\xf0\x9f"])
def test_tokens_without_a_text_of_their_own_shift_no_sentence(part: str) -> None:
    text = "A cat 🐱🐈 sat. Red dog. A bat."
    first = ["A", " cat", f" {part}", part, part, part, part, part, " sat", "."]
    tokens = [Token(one, -1.0) for one in first]
    tokens += [Token(one, -2.0) for one in (" Red", " dog", ".")] + [
        Token(" A bat.", -3.0),
        Token("</s>", -9.0),
    ]
    ends = [text.index(". ") + 1, text.index(". A") + 1, len(text)]
    assert mean_logprobs(tokens, text, ends) == [-1.0, -2.0, -3.0]


def test_accents_that_are_tokens_shift_no_sentence() -> None:
    text = "Ca\u0301 bo\u0301 me\u0300. Red dog."
    tokens = [Token(one, -1.0) for one in ("Ca", "\u0301", " bo", "\u0301", " me", "\u0300", ".")]
    tokens += [Token(one, -2.0) for one in (" Red", " dog", ".")]
    assert mean_logprobs(tokens, text, [text.index(".") + 1, len(text)]) == [-1.0, -2.0]


def test_equal_values_share_their_mean_rank() -> None:
    assert ranks([5.0, 7.0, 5.0, 5.0]) == [0.75, 0.25, 0.75, 0.75]
    assert ranks([]) == []


def test_of_few_sentences_all_go_on_and_equal_ones_are_one(grown: Any, scripted: Any) -> None:
    table = {
        "": [("A cat sits. And", -0.1), ("A cat sits.", -0.1), ("A dog sits. And", -0.5)],
        "A cat sits.": [(" It purrs.", -0.2)] * 3,
        "A dog sits.": [(" It barks.", -0.3)] * 3,
    }
    built = grown(table, scripted({"A cat sits.": 30.0, "It purrs.": 20.0}))
    assert [given(one) for one in grown.asked.requests] == ["", "A cat sits.", "A dog sits."]
    # Two different sentences at the beginning; the first of them also ends an answer.
    assert scores(built) == pytest.approx(
        {"A cat sits.": -0.5, "A cat sits. It purrs.": -0.75, "A dog sits. It barks.": -1.0}
    )


def test_an_answer_that_is_long_enough_ends(grown: Any, scripted: Any) -> None:
    table = {
        "": [("A cat sits. And", -0.1), ("A dog lies. And", -0.5)],
        "A cat sits.": [(" It purrs. It", -0.2), (" It eats. It", -0.4)],
        "A dog lies.": [(" It barks. It", -0.2), (" It runs.", -0.4)],
    }
    parameters = {"samplers": [WRITER | {"n": 2}], "tree": SMALL | {"longest": 20}}
    built = grown(table, scripted({}), truncated="keep", **parameters)
    assert {one.text: one.finish for one in built.candidates[0].candidates} == {
        "A cat sits. It purrs.": "length",
        "A cat sits. It eats.": "length",
        "A dog lies. It barks.": "length",
        "A dog lies. It runs.": "stop",
    }
    assert len(grown.asked.requests) == 3
    built = grown(table, scripted({}), **parameters)
    assert [one.reason for one in built.rejects if one.scope == "candidate"] == ["answer_cut"] * 3


@pytest.mark.parametrize(
    ("lost", "reason", "message"),
    [
        (
            said(" It is", -0.1, "length"),
            "answer_cut",
            "reached max_tokens before the sentence ended: ' It is'",
        ),
        (
            said(" It is so, so, so", -0.1, "repetition"),
            "answer_cut",
            "stopped because it went round in circles",
        ),
        (said("ter than it looks.", -0.1), "cut_word", "not a continuation"),
        (Answer("", "filtered"), "call_refused", "stopped by the provider's content filter"),
    ],
)
def test_a_continuation_that_cannot_be_used_is_told_and_costs_itself(
    grown: Any, scripted: Any, lost: Answer, reason: str, message: str
) -> None:
    built = grown(TREE | {"A cat sits.": [*TREE["A cat sits."][:2], lost]}, scripted(SCORES))
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected) == ("A cat sits. It is red.", "A car stands. It is old.")
    [reject] = [one for one in built.rejects if one.reason == reason]
    assert (reject.scope, reject.field) == ("candidate", "samplers.0")
    assert reject.message.startswith(f"after 'A cat sits.': {message}")


def test_a_sentence_that_ends_where_the_tokens_do_is_whole(grown: Any, scripted: Any) -> None:
    table = TREE | {"": [said("A cat sits.", -0.1, "length"), *TREE[""][1:]]}
    assert grown(table, scripted(SCORES)).pairs[0].chosen == "A cat sits."


@pytest.mark.parametrize("failing", ["", "A car stands."])
def test_a_call_that_failed_makes_the_whole_row_wait(grown: Any, scripted: Any, failing: str) -> None:
    built = grown(TREE | {failing: [Answer("", "aborted")] * 3}, encoder := scripted(SCORES))
    assert built.pairs == ()
    assert told(built) == [("row", "call_failed")]
    assert encoder.texts == []


def test_a_beginning_that_is_refused_costs_what_would_follow(
    row: Any, alone: Any, model: Any, scripted: Any
) -> None:
    def write(request: Request) -> list[Answer]:
        if given(request) == "A cat sits.":
            raise RowError("call_refused", None, "too long")
        return [said(*one) for one in TREE[given(request)]]

    part = ROOM.get("sentence_tree")
    settings = part.settings.model_validate({"samplers": [WRITER], "tree": SMALL, "encoders": [FIRST]})
    construct = part.prepare(settings, Run("test", 3, "0"))

    async def built() -> Built:
        asks = {"samplers.0": model(write)}
        made: Built = await construct(row(), alone, asks, {"encoders.0": scripted(SCORES)})
        return made

    made = asyncio.run(built())
    assert made.pairs[0].chosen == "A car stands. It is new."
    assert ("candidate", "call_refused") in told(made)


@pytest.mark.parametrize("search", ["tree", "whole"])
def test_a_model_that_tells_no_log_probabilities_ends_the_run(grown: Any, scripted: Any, search: str) -> None:
    bare = {"": [Answer("A cat sits.", "stop"), Answer("A dog.", "stop"), Answer("A rug.", "stop")]}
    with pytest.raises(
        ModelError, match=r"samplers\.0: the model tells no log-prob.*set logprob_weight: 0 and"
    ):
        grown(bare, scripted({}), search=search)


def test_whole_answers_are_split_and_all_their_sentences_ranked(grown: Any, scripted: Any) -> None:
    table = {"": [("A cat sits. It is red.", -0.1), ("A car stands. It is old. Ah.", -0.5)]}
    parameters = {"search": "whole", "samplers": [WRITER | {"n": 2}]}
    built = grown(table, encoder := scripted(SCORES), **parameters)
    # Of four sentences, by picture: cat 30, red 28, car 20, old 12; by the model: 1.5, 1.5, 3.5, 3.5 of 4.
    assert scores(built) == pytest.approx(
        {
            "A cat sits. It is red.": -(0.9 * (1 + 2) / 4 + 0.1 * 3 / 4) / 2,
            "A car stands. It is old. Ah.": -(0.9 * (3 + 4) / 4 + 0.1 * 7 / 4) / 2,
        },
        abs=1e-6,
    )
    assert sorted(encoder.texts) == ["A car stands.", "A cat sits.", "It is old.", "It is red."]
    [request] = grown.asked.requests
    assert (request.n, request.sampling.logprobs) == (2, 0)
    bare = {"": [Answer("A cat sits. It is red.", "stop"), Answer("A car stands. It is old.", "stop")]}
    built = grown(bare, scripted(SCORES), logprob_weight=0, **parameters)
    assert grown.asked.requests[0].sampling.logprobs is None
    assert scores(built) == {"A cat sits. It is red.": -0.375, "A car stands. It is old.": -0.875}


def test_answers_of_the_source_are_ranked_where_nobody_needs_to_know_how_likely_they_are(
    grown: Any, scripted: Any
) -> None:
    own = {"candidates": (Candidate("A cat sits."), Candidate("A car stands."))}
    built = grown({}, scripted(SCORES), fields=own, samplers=[], search="whole", logprob_weight=0)
    assert [(pair.chosen, pair.rejected) for pair in built.pairs] == [("A cat sits.", "A car stands.")]
    built = grown(TREE, scripted(SCORES), fields=own)
    assert built.pairs[0].rejected == "A car stands. It is old."
    assert [one.reason for one in built.rejects if one.scope == "candidate"][:2] == ["no_score", "no_score"]
    assert built.candidates[0].candidates[1].score is None


def test_answers_of_earlier_rounds_stand_aside(grown: Any, scripted: Any) -> None:
    earlier = {"candidates": (Candidate("A cat sits. It is blue.", round=1, score=-0.1),)}
    built = grown(TREE, scripted(SCORES), fields=earlier, number=2)
    assert built.pairs[0].chosen == "A cat sits."
    assert [one.reason for one in built.rejects] == ["repeated_answer"]
    *ranked, aside = built.candidates[0].candidates
    assert len(ranked) == 5
    assert (aside.round, aside.score) == (1, None)


def test_short_sentences_do_not_count_and_the_answer_goes_on(grown: Any, scripted: Any) -> None:
    table = {
        "": [("Oh. A cat", -0.1), ("A dog sits.", -0.5)],
        "Oh.": [(" A cat sits.", -0.2), (" A rug.", -0.4)],
    }
    encoder = scripted(SCORES | {"A rug.": 5.0})
    built = grown(table, encoder, samplers=[WRITER | {"n": 2}])
    assert scores(built) == {"A dog sits.": -1.0, "Oh. A cat sits.": -0.5, "Oh. A rug.": -1.0}
    assert "Oh." not in encoder.texts


def test_sentences_that_are_longer_than_an_encoder_reads(grown: Any, scripted: Any) -> None:
    cut = ("It is old.",)
    built = grown(TREE, scripted(SCORES, cut=cut))
    assert built.pairs[0].rejected == "A car stands. It is new."
    assert ("candidate", "over_context") in told(built)
    assert scores(built)["A car stands. It is old."] is None
    built = grown(TREE, scripted(SCORES, cut=cut), over_context="keep")
    assert built.pairs[0].rejected == "A car stands. It is old."
    assert built.pairs[0].scores[3].rationale == "sentences: 20, 12; cut: longer than the encoder reads"


def test_of_several_encoders_the_mean_rank_counts(grown: Any, scripted: Any) -> None:
    table = {"": [("A cat.", -0.1), ("A dog.", -0.2), ("A rug.", -0.3)]}
    wide = scripted({"A cat.": 1.0, "A dog.": 2.0, "A rug.": 90.0})
    narrow = scripted({"A cat.": 20.3, "A dog.": 20.2, "A rug.": 20.1})
    built = grown(table, wide, narrow, logprob_weight=0)
    assert scores(built) == pytest.approx(dict.fromkeys(["A cat.", "A dog.", "A rug."], -2 / 3), abs=1e-6)
    assert told(built)[-1] == ("row", "tie")
    built = grown(table, wide, narrow)
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected) == ("A cat.", "A rug.")
    assert json.loads(pair.provenance or "")["agreement"] == {"agreed": 0, "compared": 3}


def test_a_row_without_a_picture_costs_nothing(grown: Any, scripted: Any) -> None:
    built = grown(TREE, scripted({}), fields={"prompt": Prompt("What is it?")})
    assert told(built) == [("row", "no_image")]
    assert grown.asked.requests == []


def test_where_one_answer_is_left_the_row_says_why(grown: Any, scripted: Any) -> None:
    table = {"": [("A cat sits.", -0.1), ("", -0.2), said("A dog", -0.3, "length")]}
    built = grown(table, scripted(SCORES))
    assert told(built) == [("candidate", "answer_cut"), ("candidate", "empty_answer"), ("row", "answer_cut")]


OPENAI = {"base_url": "https://api.openai.com/v1"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"samplers": []}, "samplers: answers grow, so somebody has to write"),
        ({"samplers": [WRITER | {"n": 1}]}, r"samplers\.0\.n: a tree branches"),
        ({"samplers": [WRITER | {"temperatures": [0]}]}, r"samplers\.0\.n: a tree branches"),
        ({"samplers": [WRITER | {"prefill": "I see"}]}, r"samplers\.0\.prefill: nobody tells how likely"),
        ({"samplers": [WRITER | OPENAI]}, r"samplers\.0\.base_url: api\.openai\.com cannot .* search: whole"),
        (
            {"samplers": [WRITER | {"options": {"leave_out": ["logprobs"]}}]},
            r"samplers\.0\.options\.leave_out: without logprobs .*; set search: whole and logprob_weight: 0",
        ),
        (
            {"samplers": [WRITER | {"options": {"leave_out": ["continue_final_message"]}}]},
            r"samplers\.0\.options\.leave_out: without continue_final_message .*, or set search: whole",
        ),
        (
            {"search": "whole", "samplers": [WRITER | {"options": {"leave_out": ["logprobs"]}}]},
            r"samplers\.0\.options\.leave_out: without logprobs .*; set logprob_weight: 0",
        ),
        ({"pairing": {"rule": "preferences"}}, r"pairing\.rule: preferences goes by comparisons"),
        ({"encoders": [FIRST, FIRST]}, r"encoders\.1: ViT-B-32/first stands at encoders\.0 already"),
    ],
)
def test_what_cannot_be_built_is_told_beforehand(parameters: dict[str, Any], message: str) -> None:
    part = ROOM.get("sentence_tree")
    plain = {"samplers": [WRITER], "encoders": [FIRST]}
    with pytest.raises(ParameterError, match=message):
        part.prepare(part.settings.model_validate(plain | parameters), Run("test", 0, "0"))


def test_whole_answers_of_openai_can_be_ranked() -> None:
    part = ROOM.get("sentence_tree")
    settings = part.settings.model_validate({"search": "whole", "samplers": [WRITER | OPENAI]})
    part.prepare(settings, Run("test", 0, "0"))


@pytest.mark.parametrize("tree", [{"best": 0, "worst": 0}, {"best": 3, "worst": 3}])
def test_something_must_go_on_and_not_more_than_there_is(tree: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be 1 together at least, and narrow_at at most"):
        ROOM.get("sentence_tree").settings.model_validate({"tree": tree})


def test_the_recipe_has_the_numbers_of_the_paper() -> None:
    parameters: Any = load_recipe("csr").parameters
    tree = parameters.tree
    assert (tree.best, tree.worst, tree.narrow_at, tree.longest) == (1, 2, 5, 1024)
    [writer] = parameters.samplers
    assert (writer.n, writer.max_tokens) == (5, 70)
    assert (parameters.search, parameters.logprob_weight) == ("tree", 0.1)
    assert parameters.encoders[0].params == {"model": "ViT-L-14-336-quickgelu", "pretrained": "openai"}
    assert (parameters.pairing.rule, parameters.truncated) == ("best_worst", "keep")


def test_the_recipe_lets_one_good_and_two_bad_sentences_of_a_level_go_on(
    row: Any, model: Any, scripted: Any, alone: Any
) -> None:
    words = ["cat", "dog", "rug", "car", "cup"]

    def write(request: Request) -> list[Answer]:
        more = "" if given(request) else " Then"
        return [said(f" The {word} is here.{more}", -0.1 * place) for place, word in enumerate(words, 1)]

    encoder = scripted({f"The {word} is here.": 30.0 - place for place, word in enumerate(reversed(words))})
    asked = model(write)

    async def built() -> Built:
        recipe = load_recipe("csr", ["samplers.0.model=tiny", "samplers.0.base_url=http://127.0.0.1:8000/v1"])
        return await recipe.construct_encoding()(row(), alone, {"samplers.0": asked}, {"encoders.0": encoder})

    made = asyncio.run(built())
    assert [given(one) for one in asked.requests] == [
        "",
        "The cat is here.",
        "The car is here.",
        "The cup is here.",
    ]
    [pair] = made.pairs
    assert len(made.candidates[0].candidates) == 15
    # Ranks of a fifth each: the cup is the best by picture (0.9 * 1/5) and the worst by the model (0.1 * 5/5).
    assert (pair.chosen, pair.score_chosen) == ("The cup is here. The cup is here.", pytest.approx(-0.28))
    assert (pair.rejected, pair.score_rejected) == ("The cat is here. The cat is here.", pytest.approx(-0.92))
