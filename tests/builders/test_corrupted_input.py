"""Rejected answers from spoilt pictures and misleading prompts."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from pairwright.builders import ROOM, Built, Run
from pairwright.recipe import load_recipe
from pairwright.schemas.errors import ParameterError, RowError, UnknownPartError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Request
from pairwright.schemas.source_row import SourceRow

Rows = Callable[..., SourceRow]
Build = Callable[..., Built]

SHRUNKEN = {"name": "downscale", "params": {"short_side": 20}}
CLEAN = {"model": "w", "side": "chosen"}
SPOILT = {"model": "w", "images": SHRUNKEN}
CUP, DOG = "A cup of coffee on a wooden table.", "A dog sleeps on a red sofa."


def _images(request: Request) -> list[Image]:
    return [part for message in request.messages for part in message.parts if isinstance(part, Image)]


def _refused(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def test_the_answer_to_the_spoilt_picture_is_rejected(
    row: Rows, build: Build, model: Any, picture: Image
) -> None:
    clean, spoilt = model([CUP]), model([DOG])
    built = build(
        "corrupted_input", {"samplers": [CLEAN, SPOILT]}, row(), {"samplers.0": clean, "samplers.1": spoilt}
    )
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected, pair.kind, pair.rejected_images) == (CUP, DOG, "text", None)
    assert pair.prompt.images == (picture,) == tuple(_images(clean.requests[0]))
    [seen] = _images(spoilt.requests[0])
    assert seen.sha256 != picture.sha256
    told = json.loads(pair.provenance or "")
    assert (told["builder"], told["rule"]) == ("corrupted_input", "sides")
    assert told["rejected"]["params"]["images"] == [
        {"perturbation": "downscale", "params": {"short_side": 20}}
    ]
    assert [one.side for one in built.candidates[0].candidates] == ["chosen", "rejected"]


def test_the_spoilt_picture_may_stay_beside_its_answer(
    row: Rows, build: Build, model: Any, picture: Image
) -> None:
    spoilt = model([DOG])
    asks = {"samplers.0": model([CUP]), "samplers.1": spoilt}
    built = build("corrupted_input", {"samplers": [CLEAN, SPOILT], "keep_image": True}, row(), asks)
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected, pair.kind) == (CUP, DOG, "both")
    assert pair.rejected_images == tuple(_images(spoilt.requests[0]))
    assert pair.prompt.images == (picture,)
    measures = {one.aspect: one.value for one in pair.scores if one.target == "rejected_images[0]"}
    assert 0 < measures["ssim"] < 1  # type: ignore[operator]
    assert 10 < measures["psnr"] < 40  # type: ignore[operator]


def test_only_pairs_whose_picture_was_changed_keep_one(row: Rows, build: Build, model: Any) -> None:
    astray = {"model": "w", "side": "rejected", "ask": "{question} Make things up."}
    asks = {"samplers.0": model([CUP]), "samplers.1": model([DOG]), "samplers.2": model(["A cat in a tree."])}
    settings = {"samplers": [CLEAN, SPOILT, astray], "keep_image": True}
    built = build("corrupted_input", settings, row(), asks)
    assert {(pair.rejected, pair.kind) for pair in built.pairs} == {
        (DOG, "both"),
        ("A cat in a tree.", "text"),
    }


def test_the_rows_own_answer_may_be_the_chosen_one(row: Rows, build: Build, model: Any) -> None:
    settings = {"gold": "chosen", "samplers": [SPOILT | {"temperatures": [0.2]}]}
    built = build(
        "corrupted_input", settings, row(chosen=CUP, chosen_model="people"), {"samplers.0": model([DOG])}
    )
    [pair] = built.pairs
    assert (pair.chosen, pair.chosen_model, pair.rejected, pair.rejected_model) == (CUP, "people", DOG, "w")
    asked = model([DOG])
    built = build("corrupted_input", settings, row(), {"samplers.0": asked})
    assert (_refused(built), asked.requests) == ([("row", "no_answer")], [])


def test_a_row_without_pictures_costs_nothing(row: Rows, build: Build, model: Any) -> None:
    asks = {"samplers.0": model([CUP]), "samplers.1": model([DOG])}
    bare = row(prompt=Prompt("What is it?"))
    built = build("corrupted_input", {"samplers": [CLEAN, SPOILT]}, bare, asks)
    assert _refused(built) == [("row", "no_image")]
    assert not any(one.requests for one in asks.values())


def test_a_question_of_pictures_alone_costs_nothing_where_they_are_taken_away(
    row: Rows, build: Build, model: Any, picture: Image
) -> None:
    asks = {"samplers.0": model([CUP]), "samplers.1": model([DOG])}
    blind = {"model": "w", "images": "none"}
    built = build(
        "corrupted_input", {"samplers": [CLEAN, blind]}, row(prompt=Prompt("<image>", (picture,))), asks
    )
    assert _refused(built) == [("row", "no_question")]
    assert not any(one.requests for one in asks.values())


@pytest.mark.parametrize(
    ("rejected", "reason"),
    [
        ("The image is blurry, so I cannot tell what it shows.", "damage_talk"),
        ("a cup of coffee on a wooden table", "near_equal"),
        ("A dog. " + "It sleeps on a sofa and dreams of the sea. " * 12, "repetition"),
    ],
)
def test_pairs_that_teach_nothing_are_caught(
    row: Rows, build: Build, model: Any, rejected: str, reason: str
) -> None:
    asks = {"samplers.0": model([CUP]), "samplers.1": model([rejected])}
    built = build("corrupted_input", {"samplers": [CLEAN, SPOILT]}, row(), asks)
    assert _refused(built) == [("row", reason)]
    assert len(built.candidates[0].candidates) == 2
    built = build("corrupted_input", {"samplers": [CLEAN, SPOILT], "guards": []}, row(), asks)
    assert len(built.pairs) == 1


def test_equal_answers_make_no_pair(row: Rows, build: Build, model: Any) -> None:
    asks = {"samplers.0": model([CUP]), "samplers.1": model([CUP])}
    built = build("corrupted_input", {"samplers": [CLEAN, SPOILT], "guards": []}, row(), asks)
    assert built.pairs == ()
    assert _refused(built) == [("candidate", "repeated_answer"), ("row", "too_few_answers")]


@pytest.mark.parametrize("reason", ["call_failed", "call_refused"])
def test_a_side_without_answers_is_told_by_what_failed(
    row: Rows, build: Build, model: Any, reason: Any
) -> None:
    def fails(request: Request) -> list[str]:
        raise RowError(reason, None, "not today")

    asks = {"samplers.0": model([CUP, "Coffee in a white cup."]), "samplers.1": model(fails)}
    built = build("corrupted_input", {"samplers": [CLEAN | {"n": 2}, SPOILT]}, row(), asks)
    assert _refused(built) == [("candidate", reason), ("row", reason)]
    asks["samplers.1"] = model([Answer("A dog that", "length")])
    built = build("corrupted_input", {"samplers": [CLEAN | {"n": 2}, SPOILT]}, row(), asks)
    assert _refused(built) == [("candidate", "answer_cut"), ("row", "answer_cut")]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "samplers: nobody writes the rejected side"),
        ({"samplers": [CLEAN]}, "samplers: nobody writes the rejected side"),
        ({"samplers": [SPOILT]}, "samplers: nobody writes the chosen side; .*gold: chosen"),
        ({"samplers": [{"model": "w"}, SPOILT]}, r"samplers\.0\.side: it sees the pictures as they are; say"),
        ({"samplers": [CLEAN, SPOILT | {"side": "chosen"}]}, r"samplers\.1\.side: it does not see"),
        (
            {"samplers": [CLEAN, SPOILT], "pick": 1},
            r"pick: a number draws from both sides.*\{chosen: 1, rejected: 1\}",
        ),
        (
            {"samplers": [CLEAN, {"side": "rejected"}], "keep_image": True},
            "keep_image: no sampler sees changed",
        ),
        ({"samplers": [CLEAN, SPOILT], "pick": {"any": 1}}, r"pick\.any: no sampler has side: any"),
        (
            {"samplers": [CLEAN, SPOILT], "pairing": {"rule": "margin"}},
            r"pairing\.rule: margin goes by scores",
        ),
        ({"samplers": [CLEAN, {"images": {"name": "blurr"}}]}, "blurr"),
        ({"samplers": [CLEAN, SPOILT], "guards": [{"kind": "damage"}]}, r"guards\.0\.kind: no 'damage'"),
    ],
)
def test_settings_that_could_give_no_pair_are_refused(parameters: Any, message: str) -> None:
    part = ROOM.get("corrupted_input")
    with pytest.raises((ParameterError, UnknownPartError), match=message):
        part.prepare(part.settings.model_validate(parameters), Run("test", 0, "0"))


def test_stic(row: Rows, build: Build, model: Any, picture: Image) -> None:
    recipe = load_recipe("stic", ["samplers.0.model=policy", "samplers.0.base_url=http://127.0.0.1:1/v1"])
    models = recipe.models()
    assert {one.model for one in models.values()} == {"policy"}
    parameters = recipe.parameters.model_dump(mode="json")
    wordings, ways, spoilt = Counter[str](), Counter[str](), []
    for number in range(160):
        asks = {f"samplers.{n}": model([CUP if n == 0 else DOG]) for n in range(4)}
        built = build("corrupted_input", parameters, row(record_id=f"t:{number}"), asks)
        [pair] = built.pairs
        assert (pair.chosen, pair.rejected, pair.kind) == (CUP, DOG, "text")
        assert pair.prompt.question == "<image>\nWhat is it?"
        [way] = [n for n in (1, 2, 3) if asks[f"samplers.{n}"].requests]
        careful, bad = asks["samplers.0"].requests[0], asks[f"samplers.{way}"].requests[0]
        for request in (careful, bad):
            assert (request.n, request.sampling.temperature, request.sampling.max_tokens) == (1, 0.2, 1024)
        assert "step by step" in str(careful.messages[-1].parts[-1])
        assert _images(careful) == [picture]
        asked = str(bad.messages[-1].parts[-1])
        ways[str(way)] += 1
        if way == 1:
            wordings[asked] += 1
            assert _images(bad) == [picture]
        else:
            assert asked == "What is it?"
            assert _images(bad) != [picture]
            spoilt += json.loads(pair.provenance or "")["rejected"]["params"]["images"]
    assert len(wordings) == 8
    assert 60 < ways["1"] < 100
    assert all(22 < ways[way] < 60 for way in "23")
    jittered = [one["params"] for one in spoilt if one["perturbation"] == "color_jitter"]
    assert {one["params"]["short_side"] for one in spoilt if one["perturbation"] == "downscale"} == {20}
    assert all(0.5 <= one["brightness"] <= 1.5 and abs(one["hue"]) <= 0.3 for one in jittered)


@pytest.mark.parametrize("step", [900, 500])  # BPO's picture, and POVID's
def test_gold_over_an_answer_from_a_noisy_picture(
    row: Rows, build: Build, model: Any, picture: Image, step: int
) -> None:
    noisy = {"name": "diffusion_noise", "params": {"step": step}}
    writer = {"model": "w", "temperatures": [0.2], "max_tokens": 1024, "images": noisy}
    asked = model([DOG])
    built = build(
        "corrupted_input", {"gold": "chosen", "samplers": [writer]}, row(chosen=CUP), {"samplers.0": asked}
    )
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected) == (CUP, DOG)
    [told] = json.loads(pair.provenance or "")["rejected"]["params"]["images"]
    assert (told["perturbation"], told["params"]["step"]) == ("diffusion_noise", step)
    assert _images(asked.requests[0]) != [picture]
