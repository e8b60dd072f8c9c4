"""clip_ranked: answers scored by encoders that are told what to say, paired, and left out where they cannot be scored."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from pairwright.annotators import Encode, Vector
from pairwright.builders import ROOM, Built, EncodingBuilder, Neighbours, Run
from pairwright.recipe import load_recipe
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow

FIRST = {"params": {"model": "ViT-B-32", "pretrained": "first"}}
SECOND = {"params": {"model": "ViT-B-32", "pretrained": "second"}}
TWO = {"encoders": [FIRST, SECOND]}


@pytest.fixture
def ranked(row: Callable[..., SourceRow], alone: Neighbours) -> Callable[..., Built]:
    """Return a way to rank answers by encoders."""

    def run(
        answers: list[str], *encoders: Encode, fields: Mapping[str, Any] = {}, **parameters: Any
    ) -> Built:
        part = ROOM.get("clip_ranked")
        assert isinstance(part, EncodingBuilder)
        settings = part.settings.model_validate({"encoders": [FIRST, SECOND][: len(encoders)], **parameters})
        construct = part.prepare(settings, Run("test", 0, "0"))
        encodes = dict(zip(part.encoders(settings), encoders, strict=True))
        source = row(**{"candidates": tuple(Candidate(text) for text in answers), **fields})

        async def built() -> Built:
            return await construct(source, alone, {}, encodes)

        return asyncio.run(built())

    return run


def told(built: Built) -> list[tuple[str, str | None, str]]:
    return [(one.reason, one.field, one.scope) for one in built.rejects]


def test_the_best_stands_over_the_worst(ranked: Any, scripted: Any) -> None:
    built = ranked(["a cat", "a dog", "a rug"], scripted({"a cat": 31.004, "a dog": 28.5, "a rug": 22.25}))
    (pair,) = built.pairs
    assert (pair.chosen, pair.rejected, pair.score_chosen, pair.score_rejected) == (
        "a cat",
        "a rug",
        31.0,
        22.25,
    )
    assert [(one.target, one.scorer, one.aspect, one.value) for one in pair.scores] == [
        ("chosen", "ViT-B-32/first", "image_text", 31.0),
        ("rejected", "ViT-B-32/first", "image_text", 22.25),
    ]
    provenance = json.loads(pair.provenance or "")
    assert provenance["judged_by"] == [{"name": "ViT-B-32/first", "kind": "clip", "per": "text"}]
    assert provenance["margin"] == 8.75
    assert [one.score for one in built.candidates[0].candidates] == [31.0, 28.5, 22.25]


def test_a_gap_below_two_is_no_contrast(ranked: Any, scripted: Any) -> None:
    built = ranked(["a cat", "a dog"], scripted({"a cat": 30.0, "a dog": 28.1}))
    assert not built.pairs
    assert told(built) == [("no_contrast", "pairing.margin", "row")]


def test_what_is_longer_than_the_encoder_reads_is_left_out(ranked: Any, scripted: Any) -> None:
    scores = {"a cat": 30.0, "a long story": 40.0, "a rug": 20.0}
    built = ranked(list(scores), scripted(scores, cut=("a long story",)))
    assert [(pair.chosen, pair.rejected) for pair in built.pairs] == [("a cat", "a rug")]
    (reject,) = built.rejects
    assert (reject.reason, reject.scope) == ("over_context", "candidate")
    assert reject.message == "answer 1: the text is longer than ViT-B-32/first reads"
    kept = built.candidates[0].candidates[1]
    assert (kept.score, kept.judgements[0].value) == (None, 40.0)
    assert kept.judgements[0].rationale == "cut: longer than the encoder reads"
    built = ranked(list(scores), scripted(scores, cut=("a long story",)), over_context="keep")
    assert [(pair.chosen, pair.rejected) for pair in built.pairs] == [("a long story", "a rug")]
    assert "cut: longer than the encoder reads" in [one.rationale for one in built.pairs[0].scores]


def test_low_scores_are_left_out_and_tell_why_there_is_no_pair(ranked: Any, scripted: Any) -> None:
    scores = {"a cat": 30.0, "a dog": 22.0, "a rug": 12.0}
    built = ranked(list(scores), scripted(scores), min_score=20)
    assert [(pair.chosen, pair.rejected) for pair in built.pairs] == [("a cat", "a dog")]
    assert told(built) == [("low_score", "min_score", "candidate")]
    built = ranked(list(scores), scripted(scores), min_score=25)
    assert told(built)[-1] == ("low_score", "min_score", "row")
    assert built.rejects[-1].message == "1 of 3 answers have a score that counts; 22 is below 25"


def test_sentences_are_scored_by_themselves(ranked: Any, scripted: Any) -> None:
    scores = {"A cat sits.": 30.0, "It is red.": 10.0, "A cat lies.": 28.0, "It is warm.": 21.0}
    answers = ["A cat sits. It is red. Ah.", "A cat lies. It is warm."]
    built = ranked(answers, encoder := scripted(scores), per="sentence")
    assert sorted(set(encoder.texts)) == sorted(scores)
    (pair,) = built.pairs
    assert (pair.chosen, pair.score_chosen, pair.score_rejected) == (answers[1], 24.5, 20.0)
    assert pair.scores[0].rationale == "sentences: 28, 21"
    built = ranked(answers, scripted(scores), per="sentence", sentences="min")
    assert (built.pairs[0].score_chosen, built.pairs[0].score_rejected) == (21.0, 10.0)


def test_encoders_must_agree(ranked: Any, scripted: Any) -> None:
    first = {"a cat": 40.0, "a dog": 30.0, "a rug": 10.0}
    second = {"a cat": 20.0, "a dog": 26.0, "a rug": 21.0}
    built = ranked(list(first), scripted(first), scripted(second), pairing={"per_prompt": None})
    assert [(pair.chosen, pair.rejected) for pair in built.pairs] == [("a dog", "a rug")]
    assert {one.reason for one in built.rejects} == {"encoders_disagree"}
    assert built.rejects[0].message == "answers 0 over 2: 1 of 2 encoders agree"
    (pair,) = built.pairs
    assert (pair.score_chosen, pair.score_rejected) == (28.0, 15.5)
    orders = [(one.scorer, one.value) for one in pair.scores if one.target == "pair"]
    assert orders == [("ViT-B-32/first", 1.0), ("ViT-B-32/second", 1.0)]
    # cat-dog, cat-rug: apart; dog-rug: alike.
    assert json.loads(pair.provenance or "")["agreement"] == {"agreed": 1, "compared": 3}
    built = ranked(list(first), scripted(first), scripted(second), agree=1)
    assert [(pair.chosen, pair.rejected) for pair in built.pairs] == [("a cat", "a rug")]
    orders = [(one.scorer, one.value) for one in built.pairs[0].scores if one.target == "pair"]
    assert orders == [("ViT-B-32/first", 1.0), ("ViT-B-32/second", -1.0)]


def test_where_no_pair_is_agreed_on_the_row_says_so(ranked: Any, scripted: Any) -> None:
    built = ranked(["a", "b"], scripted({"a": 40.0, "b": 30.0}), scripted({"a": 20.0, "b": 21.0}))
    assert told(built) == [("encoders_disagree", "pairing.margin", "row")]


def test_the_question_may_be_scored_with_the_answer(ranked: Any, scripted: Any) -> None:
    encoder = scripted({"What is here? Answer: two": 30.0})
    ranked(
        ["two", "three"],
        encoder,
        scored="{question} Answer: {answer}",
        fields={"prompt": question("What is here?")},
    )
    assert "What is here? Answer: two" in encoder.texts


def question(text: str) -> Prompt:
    return Prompt(f"<image>\n{text}", (picture(),))


def picture() -> Image:
    from pairwright.schemas.codec import encode, read_image

    return read_image(encode(np.zeros((8, 8, 3), np.uint8), "png"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"prompt": Prompt("What is it?")}, ("no_image", "image", "row")),
        ({"prompt": question("Is this a nice picture?")}, ("generic_question", "question", "row")),
    ],
)
def test_rows_that_cannot_be_scored_cost_nothing(
    ranked: Any, scripted: Any, fields: Any, reason: Any
) -> None:
    encoder = scripted({})
    built = ranked(["a", "b"], encoder, fields=fields, generic_questions=["nice picture"])
    assert told(built) == [reason]
    assert encoder.texts == []


def test_a_picture_that_cannot_be_decoded_is_a_reject(ranked: Any, scripted: Any) -> None:
    class Blind(scripted):  # type: ignore[misc]
        async def image(self, image: Image) -> Vector:
            raise RowError("image_truncated", "image", "cut short")

    built = ranked(["a", "b"], encoder := Blind({}))
    assert told(built) == [("image_truncated", "image", "row")]
    assert encoder.texts == []


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"agree": 3, **TWO}, "agree: 3 encoders are to agree, and there are 2"),
        ({"encoders": [FIRST, FIRST]}, r"encoders\.1: ViT-B-32/first stands at encoders\.0 already"),
        ({"encoders": [{"kind": "math"}]}, r"encoders\.0\.kind: math is no encoder"),
        ({"encoders": [{"kind": "clop"}]}, r"encoders\.0\.kind: no 'clop' among annotators"),
        ({"encoders": [{"params": {"modle": "x"}}]}, r"encoders\.0\.params: no 'modle'"),
        (
            {"pairing": {"rule": "preferences", "params": {}}},
            r"pairing\.rule: preferences goes by comparisons",
        ),
        ({"pairing": {"params": {"atleast": 2}}}, r"pairing\.params: no 'atleast'"),
    ],
)
def test_what_cannot_be_built_is_told_beforehand(parameters: dict[str, Any], message: str) -> None:
    part = ROOM.get("clip_ranked")
    with pytest.raises(ParameterError, match=message):
        part.prepare(part.settings.model_validate(parameters), Run("test", 0, "0"))


def test_an_encoder_is_no_judge() -> None:
    part = ROOM.get("judged")
    settings = part.settings.model_validate({"judge": {"kind": "clip", "model": "m"}})
    with pytest.raises(ParameterError, match="clip is an encoder"):
        part.prepare(settings, Run("test", 0, "0"))


def test_the_recipe_has_the_numbers_of_the_paper() -> None:
    recipe = load_recipe("clip_dpo")
    parameters: Any = recipe.parameters
    assert len(parameters.samplers) == len({one.ask for one in parameters.samplers}) == 5
    assert parameters.pairing.params == {"at_least": 2}
    assert (parameters.pairing.per_prompt, parameters.pairing.keep) == (1, "widest")
    assert parameters.over_context == "drop"
    assert parameters.encoders[0].params == {"model": "ViT-L-14-336-quickgelu", "pretrained": "openai"}


def test_device_and_batches_are_no_part_of_a_run() -> None:
    one = load_recipe("clip_dpo")
    other = load_recipe("clip_dpo", ["encoders.0.device=cuda:1", "encoders.0.batch_size=8"])
    assert one.identity() == other.identity()
    assert one.identity() != load_recipe("clip_dpo", ["encoders.0.params.precision=bf16"]).identity()


def test_the_recipe_asks_in_five_wordings_and_takes_the_best_over_the_worst(
    row: Any, model: Any, scripted: Any, alone: Any
) -> None:
    ends = {
        "one sentence.": "A cat on a rug.",
        "where they are.": "A dog on a rug.",
        "plain words.": "Some animal is there.",
    }
    asked: list[Any] = []

    def write(request: Any) -> list[str]:
        asked.append(request)
        text = str(request.messages[-1].parts[-1])
        return [next((answer for end, answer in ends.items() if text.endswith(end)), "A cat lies on a rug.")]

    recipe = load_recipe("clip_dpo", ["samplers.0.model=tiny"])
    scores = {
        "A cat on a rug.": 31.0,
        "A dog on a rug.": 27.0,
        "Some animal is there.": 17.0,
        "A cat lies on a rug.": 32.5,
    }
    asks = {f"samplers.{number}": model(write) for number in range(5)}

    async def built() -> Built:
        return await recipe.construct_encoding()(row(), alone, asks, {"encoders.0": scripted(scores)})

    made = asyncio.run(built())
    (pair,) = made.pairs
    assert (pair.chosen, pair.rejected) == ("A cat lies on a rug.", "A dog on a rug.")
    assert sorted(one.reason for one in made.rejects) == ["low_score", "over_cap", "repeated_answer"]
    assert len({str(one.messages[-1].parts[-1]) for one in asked}) == 5
    assert {(one.sampling.temperature, one.sampling.max_tokens, one.n) for one in asked} == {(0.7, 77, 1)}
