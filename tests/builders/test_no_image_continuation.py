"""Answers over their own first part, continued without the picture."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pairwright.builders import ROOM, Built, Run
from pairwright.recipe import load_recipe
from pairwright.recipe_of_run import stored_recipe
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError, UnknownPartError
from pairwright.schemas.image import Image, digest
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Message, Request, sampling_seed
from pairwright.schemas.source_row import SourceRow

Rows = Callable[..., SourceRow]
Build = Callable[..., Built]

BUILDER = "no_image_continuation"
WRITER = {"model": "w"}
CUP = "A white cup of hot coffee stands on a wooden table."
BLIND = " of tea is held by a smiling woman."
TWO = "A white cup stands on a table. It is full of coffee."
MASKED = {"name": "block_mask", "params": {"share": 0.9, "block": 40}}


def _refused(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def _given(request: Request) -> str:
    """Return the beginning that a request gives."""
    last = request.messages[-1]
    return str(last.parts[0]) if last.role == "assistant" else ""


def _images(request: Request) -> list[Image]:
    return [part for message in request.messages for part in message.parts if isinstance(part, Image)]


def _asks(model: Any, writes: Any, goes_on: Any) -> dict[str, Any]:
    return {"samplers.0": model(writes), "continuer": model(goes_on)}


def _gold(model: Any, goes_on: Any) -> dict[str, Any]:
    return {"continuer": model(goes_on)}


def test_half_of_the_words_are_given_and_the_rest_is_written_blindly(
    row: Rows, build: Build, model: Any, picture: Image
) -> None:
    asks = _asks(model, [CUP], [BLIND])
    settings = {"samplers": [WRITER], "continuer": {"temperature": 0.7, "top_k": 5, "max_tokens": 64}}
    built = build(BUILDER, settings, row(), asks, 3)
    [pair] = built.pairs
    assert pair.chosen == CUP
    assert pair.rejected == "A white cup of hot of tea is held by a smiling woman."
    assert (pair.kind, pair.chosen_model, pair.rejected_model) == ("text", "w", "w")
    [seeing], [blind] = asks["samplers.0"].requests, asks["continuer"].requests
    assert _images(seeing) == [picture]
    assert blind.messages == (
        Message("user", ("What is it?",)),
        Message("assistant", ("A white cup of hot",)),
    )
    sampling = blind.sampling
    assert (blind.n, sampling.temperature, sampling.top_k, sampling.max_tokens) == (1, 0.7, 5, 64)
    assert sampling.seed == sampling_seed(3, "t.jsonl:0", f"continuer {digest(CUP.encode())}.0")
    told = json.loads(pair.provenance or "")["rejected"]
    assert told["params"]["prefix"] == "A white cup of hot"
    assert told["params"]["images"] == "none"
    assert told["finish"] == "stop"
    assert [(one.side, one.round) for one in built.candidates[0].candidates] == [
        ("chosen", 1),
        ("rejected", 1),
    ]


def test_a_server_may_repeat_the_beginning(row: Rows, build: Build, model: Any) -> None:
    asks = _asks(model, [CUP], ["A white cup of hot" + BLIND])
    [pair] = build(BUILDER, {"samplers": [WRITER]}, row(), asks).pairs
    assert pair.rejected == "A white cup of hot of tea is held by a smiling woman."


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        ("ter than it looks.", "cut_word"),
        ("The picture shows a cup.", "cut_word"),
        ("A white cup of milk.", "cut_word"),
        ("", "cut_word"),
        (".", "cut_word"),
        (" coffee stands on a wooden table", "near_equal"),
        (" water, though the image is too blurry to say.", "damage_talk"),
        (Answer(" water, and", "length"), "answer_cut"),
        (Answer(" water, and", "filtered"), "call_refused"),
        (Answer(" water, and", "aborted"), "call_failed"),
        (" water <image> here", "special_token"),
    ],
)
def test_what_is_no_contrast_is_told(row: Rows, build: Build, model: Any, added: Any, reason: str) -> None:
    built = build(BUILDER, {"samplers": [WRITER]}, row(), _asks(model, [CUP], [added]))
    assert built.pairs == ()
    assert _refused(built)[-1] == ("row", reason)


def test_each_answer_stands_over_its_own_continuation(row: Rows, build: Build, model: Any) -> None:
    dog = "One brown dog sleeps on a red sofa."

    def goes_on(request: Request) -> list[str]:
        return {"A white cup of hot": [BLIND], "One brown dog sleeps": [" in a green boat."]}[_given(request)]

    asks = _asks(model, [CUP, dog, CUP], goes_on)
    built = build(BUILDER, {"samplers": [WRITER | {"n": 3}]}, row(), asks)
    assert [(pair.chosen, pair.rejected) for pair in built.pairs] == [
        (CUP, "A white cup of hot of tea is held by a smiling woman."),
        (dog, "One brown dog sleeps in a green boat."),
    ]
    assert len(asks["continuer"].requests) == 2  # the repeated answer is not continued


def test_one_continuation_that_cannot_be_used_costs_its_own_pair(row: Rows, build: Build, model: Any) -> None:
    def goes_on(request: Request) -> list[str]:
        if _given(request) == "A white cup of hot":
            return [BLIND]
        raise RowError("call_refused", None, "no")

    asks = _asks(model, [CUP, "One brown dog sleeps on a red sofa.", "Coffee!"], goes_on)
    built = build(BUILDER, {"samplers": [WRITER | {"n": 3}]}, row(), asks)
    assert [pair.chosen for pair in built.pairs] == [CUP]
    assert _refused(built) == [("candidate", "call_refused"), ("candidate", "short_answer")]
    assert "answer 2: fewer than two words to cut between: 'Coffee!'" in built.rejects[1].message


def test_a_failed_call_is_the_rows_reject(row: Rows, build: Build, model: Any) -> None:
    def goes_on(request: Request) -> list[str]:
        if _given(request) == "A white cup of hot":
            return [BLIND]
        raise RowError("call_failed", None, "no")

    asks = _asks(model, [CUP, "One brown dog sleeps on a red sofa."], goes_on)
    built = build(BUILDER, {"samplers": [WRITER | {"n": 2}]}, row(), asks)
    assert built.pairs == ()
    assert _refused(built)[-1] == ("row", "call_failed")
    assert len(built.candidates[0].candidates) == 3


def test_nothing_is_continued_before_all_answers_are_there(row: Rows, build: Build, model: Any) -> None:
    def fails(request: Request) -> list[str]:
        raise RowError("call_failed", None, "overloaded")

    settings = {"samplers": [WRITER, {"model": "other"}], "continuer": {"model": "blind"}}
    asks = {"samplers.0": model(fails), "samplers.1": model([CUP]), "continuer": model([BLIND])}
    built = build(BUILDER, settings, row(), asks)
    assert _refused(built) == [("candidate", "call_failed"), ("row", "call_failed")]
    assert asks["continuer"].requests == []
    assert [one.text for one in built.candidates[0].candidates] == [CUP]


def test_an_answer_is_continued_alike_whatever_stands_beside_it(row: Rows, build: Build, model: Any) -> None:
    dog = "One brown dog sleeps on a red sofa."
    asked = []
    for answers in ([CUP], [dog, CUP]):
        asks = _asks(model, answers, [BLIND])
        build(BUILDER, {"samplers": [WRITER | {"n": len(answers)}]}, row(), asks)
        asked.append([one for one in asks["continuer"].requests if _given(one) == "A white cup of hot"])
    assert asked[0] == asked[1]


def test_short_answers_are_told(row: Rows, build: Build, model: Any) -> None:
    asks = _asks(model, ["Coffee."], [BLIND])
    built = build(BUILDER, {"samplers": [WRITER]}, row(), asks)
    assert _refused(built) == [("candidate", "short_answer"), ("row", "short_answer")]
    assert asks["continuer"].requests == []


@pytest.mark.parametrize(
    ("fields", "settings", "reason"),
    [
        ({"prompt": Prompt("What is it?")}, {"samplers": [WRITER]}, "no_image"),
        ({}, {"gold": "chosen", "continuer": WRITER}, "no_answer"),
    ],
)
def test_rows_that_lack_something_cost_nothing(
    row: Rows, build: Build, model: Any, fields: Any, settings: Any, reason: str
) -> None:
    asks = _asks(model, [CUP], [BLIND])
    built = build(BUILDER, settings, row(**fields), asks)
    assert _refused(built) == [("row", reason)]
    assert not any(one.requests for one in asks.values())


def test_a_prompt_of_pictures_alone_cannot_be_shown_without(
    row: Rows, build: Build, model: Any, picture: Image
) -> None:
    given, asks = row(prompt=Prompt("<image>", (picture,))), _asks(model, [CUP], [BLIND])
    assert _refused(build(BUILDER, {"samplers": [WRITER]}, given, asks)) == [("row", "no_question")]
    assert asks["samplers.0"].requests == []
    built = build(BUILDER, {"samplers": [WRITER], "images": MASKED}, given, asks)
    assert len(built.pairs) == 1


def test_answers_of_the_source_are_continued_too(row: Rows, build: Build, model: Any) -> None:
    given = row(candidates=(Candidate(CUP, "people"), Candidate("A tree grows here.", side="rejected")))
    asks = _gold(model, [BLIND])
    built = build(BUILDER, {"continuer": WRITER}, given, asks)
    [pair] = built.pairs
    assert (pair.chosen, pair.chosen_model) == (CUP, "people")
    built = build(BUILDER, {"continuer": WRITER}, row(), asks)
    assert _refused(built) == [("row", "too_few_answers")]


def test_every_sentence_of_the_gold_answer_is_finished_anew(
    row: Rows, build: Build, model: Any, picture: Image
) -> None:
    asks = _gold(model, [" dog or so. And then more."])
    settings = {"gold": "chosen", "unit": "sentence", "images": MASKED, "continuer": WRITER}
    built = build(BUILDER, settings, row(chosen=TWO), asks)
    [pair] = built.pairs
    first, second = asks["continuer"].requests
    for request in (first, second):
        [seen] = _images(request)
        assert seen.sha256 != picture.sha256
    begun, true = _given(first), "A white cup stands on a table. "
    assert true.startswith(begun + " ")
    assert _given(second).startswith(true + "It")  # the true sentence, not the one that was just made
    assert pair.chosen == TWO
    assert pair.rejected == f"{begun} dog or so. {_given(second).removeprefix(true)} dog or so."
    told = json.loads(pair.provenance or "")["rejected"]["params"]
    assert told["prefix"] == begun
    assert [one["perturbation"] for one in told["images"]] == ["block_mask"]
    assert len(told["requests"]) == 2
    assert first.sampling.seed != second.sampling.seed


def test_a_sentence_that_cannot_be_finished_stays(row: Rows, build: Build, model: Any) -> None:
    def goes_on(request: Request) -> list[str]:
        return ["The image shows a dog."] if "It" in _given(request) else [" dog or so."]

    three = f"{TWO}\n\nFine."
    settings = {"gold": "chosen", "unit": "sentence", "continuer": WRITER}
    built = build(BUILDER, settings, row(chosen=three), _gold(model, goes_on))
    [pair] = built.pairs
    assert pair.rejected.endswith(" dog or so. It is full of coffee.\n\nFine.")
    assert json.loads(pair.provenance or "")["rejected"]["params"]["unfinished"] == [1, 2]
    built = build(BUILDER, settings, row(chosen=three), _gold(model, ["The image shows a dog."]))
    assert _refused(built) == [("candidate", "cut_word"), ("row", "cut_word")]
    assert "none of 2 sentences could be finished; not a continuation" in built.rejects[0].message


def _retells(request: Request) -> list[str]:
    """Answer what the gold answer says, from wherever it was cut."""
    given = _given(request)
    whole = TWO if given.startswith("A white cup stands on a table. ") else TWO.partition(". ")[0] + "."
    return [whole.removeprefix(given)]


def test_too_similar_ones_are_drawn_again(row: Rows, build: Build, model: Any) -> None:
    tries: list[str] = []

    def goes_on(request: Request) -> list[str]:
        tries.append(_given(request))
        return _retells(request) if len(tries) <= 4 else [" dog or so."]

    settings = {"gold": "chosen", "unit": "sentence", "tries": 5, "continuer": WRITER}
    built = build(BUILDER, settings, row(chosen=TWO), _gold(model, goes_on))
    [pair] = built.pairs
    assert len(tries) == 6  # two sentences, three times
    assert pair.rejected.count(" dog or so.") == 2
    assert len({tuple(tries[n : n + 2]) for n in (0, 2, 4)}) > 1  # the cuts are drawn anew


def test_after_the_last_try_nothing_is_given(row: Rows, build: Build, model: Any) -> None:
    def goes_on(request: Request) -> list[str]:
        return _retells(request) if _given(request) else ["A dog sleeps on a red sofa."]

    settings = {"gold": "chosen", "unit": "sentence", "tries": 5, "continuer": WRITER}
    asks = _gold(model, goes_on)
    built = build(BUILDER, settings | {"unguided": True}, row(chosen=TWO), asks)
    [pair] = built.pairs
    assert pair.rejected == "A dog sleeps on a red sofa."
    assert len(asks["continuer"].requests) == 11
    told = json.loads(pair.provenance or "")["rejected"]["params"]
    assert told["unguided"] is True
    assert "prefix" not in told
    built = build(BUILDER, settings, row(chosen=TWO), _gold(model, goes_on))
    assert _refused(built)[-1][0] == "row"
    assert built.pairs == ()


def test_the_whole_answer_may_be_drawn_again(row: Rows, build: Build, model: Any) -> None:
    said = iter([" coffee stands on a wooden table.", BLIND])
    asks = _asks(model, [CUP], lambda request: [next(said)])
    built = build(BUILDER, {"samplers": [WRITER], "tries": 2}, row(), asks)
    [pair] = built.pairs
    assert pair.rejected.endswith(BLIND)
    first, second = asks["continuer"].requests
    assert first.messages == second.messages
    assert first.sampling.seed != second.sampling.seed


def test_yes_becomes_no(row: Rows, build: Build, model: Any) -> None:
    settings = {"gold": "chosen", "flip_yes_no": 1.0, "unit": "sentence", "continuer": WRITER}
    asks = _gold(model, [", there is none. I looked."])
    [pair] = build(BUILDER, settings, row(chosen="Yes, there is a cup."), asks).pairs
    assert pair.rejected == "No, there is none."
    assert [_given(request) for request in asks["continuer"].requests] == ["No"]
    asks = _gold(model, [])
    [pair] = build(BUILDER, settings, row(chosen="no."), asks).pairs
    assert (pair.chosen, pair.rejected, pair.rejected_model) == ("no.", "yes.", None)
    assert asks["continuer"].requests == []


def test_half_of_the_short_answers_are_turned(row: Rows, build: Build, model: Any) -> None:
    settings = {"gold": "chosen", "flip_yes_no": 0.5, "unit": "sentence", "continuer": WRITER}
    built = [
        build(BUILDER, settings, row(chosen="Yes.", record_id=f"t:{n}"), _gold(model, [])) for n in range(100)
    ]
    assert 35 < sum(len(one.pairs) for one in built) < 65
    assert {one.rejects[0].reason for one in built if not one.pairs} == {"short_answer"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"gold": "chosen", "samplers": [WRITER]}, "samplers: with gold: chosen nobody writes"),
        ({"samplers": [WRITER | {"side": "rejected"}]}, r"samplers\.0\.side: these answers stand over"),
        ({"samplers": [WRITER | {"images": "none"}]}, r"samplers\.0\.images: chosen answers are written"),
        ({"samplers": [WRITER], "unit": "sentence", "keep": 0.3}, "keep: each sentence is cut at a drawn"),
        (
            {"samplers": [WRITER], "tries": 2, "continuer": {"temperature": 0}},
            "tries: at continuer.temperature",
        ),
        (
            {"samplers": [WRITER], "continuer": {"base_url": "http://h/v1"}},
            r"continuer\.base_url: set continuer",
        ),
        ({"samplers": [WRITER], "pairing": {"rule": "margin"}}, r"pairing\.rule: margin goes by scores"),
        ({"samplers": [WRITER], "images": {"name": "other_image"}}, r"continuer\.images: other_image takes"),
        ({"samplers": [WRITER], "images": {"name": "mask"}}, "no 'mask'"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(parameters: Any, message: str) -> None:
    part = ROOM.get(BUILDER)
    with pytest.raises((ParameterError, UnknownPartError), match=message):
        part.prepare(part.settings.model_validate(parameters), Run("test", 0, "0"))


def test_mmpr_dropout(row: Rows, build: Build, model: Any, picture: Image) -> None:
    recipe = load_recipe(
        "mmpr_dropout", ["samplers.0.model=policy", "samplers.0.base_url=http://127.0.0.1:1/v1"]
    )
    assert {name: one.model for name, one in recipe.models().items()} == {
        "samplers.0": "policy",
        "continuer": "policy",
    }
    # `pairwright retry` reads the recipe that a run has kept, in which every key is told.
    assert stored_recipe(recipe.resolved()).models() == recipe.models()
    asks = _asks(model, [CUP], [BLIND])
    [pair] = build(BUILDER, recipe.parameters.model_dump(mode="json"), row(), asks).pairs
    assert (pair.chosen, pair.rejected) == (CUP, "A white cup of hot of tea is held by a smiling woman.")
    [seeing], [blind] = asks["samplers.0"].requests, asks["continuer"].requests
    assert [(one.n, one.sampling.temperature) for one in (seeing, blind)] == [(1, 0.7), (1, 0.7)]
    assert (_images(seeing), _images(blind)) == ([picture], [])


def test_bdhs(row: Rows, build: Build, model: Any) -> None:
    load_recipe("bdhs")  # as it is, without any model
    recipe = load_recipe("bdhs", ["continuer.model=policy", "continuer.base_url=http://127.0.0.1:1/v1"])
    assert {name: one.model for name, one in recipe.models().items()} == {"continuer": "policy"}
    parameters = recipe.parameters.model_dump(mode="json")
    asks = _gold(model, [" dog or so."])
    built = build(BUILDER, parameters, row(chosen=TWO, chosen_model="people"), asks)
    [pair] = built.pairs
    assert (pair.chosen, pair.chosen_model, pair.rejected_model) == (TWO, "people", "policy")
    first, second = asks["continuer"].requests
    assert pair.rejected == f"{_given(first)} dog or so. {_given(second)[31:]} dog or so."
    [told] = json.loads(pair.provenance or "")["rejected"]["params"]["images"]
    assert (told["perturbation"], told["params"]["share"], told["params"]["block"]) == (
        "block_mask",
        0.99,
        28,
    )
    asks = _gold(model, lambda request: _retells(request) if _given(request) else ["A dog sleeps."])
    [pair] = build(BUILDER, parameters, row(chosen=TWO), asks).pairs
    assert (pair.rejected, len(asks["continuer"].requests)) == ("A dog sleeps.", 5 * 2 + 1)
