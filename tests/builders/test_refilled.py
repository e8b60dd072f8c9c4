"""refilled: an answer over itself as it would read beside the most similar picture, and that picture as the rejected one."""

import asyncio
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import skimage.data

from pairwright.builders import ROOM, Built, EncodingBuilder, Run
from pairwright.recipe import load_recipe
from pairwright.schemas.arrow import to_table
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Request
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.validate import check_table

ANSWER = "A cup of coffee stands beside a spoon."
CAT, ROCKET = "A cup of milk stands beside a cat.", "A cup of fuel stands beside a rocket."
QUOTED = ("coffee", "spoon")
FILLS = {"cat": ("milk", "cat"), "rocket": ("fuel", "rocket"), "same": QUOTED}
FIRST = {"params": {"model": "ViT-B-32", "pretrained": "first"}}
SECOND = {"params": {"model": "ViT-B-32", "pretrained": "second"}}
OWN = {"samplers": [{"model": "policy"}]}
GOLD = {
    "of": "chosen",
    "masker": {"model": "reader"},
    "refiller": {"model": "looker"},
}


class Beside:
    """The pictures of other rows."""

    def __init__(self, images: Mapping[str, Image]) -> None:
        self.own = images

    def images(self, record_id: str, rng: Random) -> Iterator[tuple[str, Image]]:
        raise AssertionError("nothing is drawn")

    def every(self) -> Iterator[tuple[str, Image]]:
        return iter(self.own.items())

    def image_of(self, record_id: str) -> Image | None:
        return self.own.get(record_id)


@pytest.fixture(scope="module")
def others() -> dict[str, Image]:
    made = {"cat": skimage.data.chelsea(), "rocket": skimage.data.rocket(), "coins": skimage.data.coins()}
    return {name: read_image(encode(_colour(pixels), "jpeg")) for name, pixels in made.items()}


def _colour(pixels: Any) -> Any:
    import numpy as np

    return np.ascontiguousarray(pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1))


def blanking(request: Request) -> list[str]:
    return [json.dumps({"blanks": [{"kind": "object", "quoted": one} for one in QUOTED]})]


def filling(others: Mapping[str, Image], fills: Mapping[str, Sequence[str]] = FILLS) -> Any:
    """Return what fills blanks in by the picture that it sees."""

    def write(request: Request) -> list[str]:
        (seen,) = [part for part in request.messages[-1].parts if isinstance(part, Image)]
        (name,) = [name for name, image in others.items() if image.sha256 == seen.sha256]
        return [json.dumps({"fills": {str(n): one for n, one in enumerate(fills[name], 1)}})]

    return write


@pytest.fixture
def refilled(
    row: Callable[..., SourceRow], model: Any, scripted: Any, others: dict[str, Image], picture: Image
) -> Callable[..., Built]:
    """Return a way to run a row: cat, rocket and coins are that far from its picture, in this order."""

    def run(
        *encoders: Any,
        asks: Mapping[str, Any] = {},
        fields: Mapping[str, Any] = {},
        beside: Mapping[str, Image] | None = None,
        counting: bool = False,
        **parameters: Any,
    ) -> Built:
        part = ROOM.get("refilled")
        assert isinstance(part, EncodingBuilder)
        settings = part.settings.model_validate({"encoders": [FIRST, SECOND][: len(encoders)], **parameters})
        construct = part.prepare(settings, Run("test", 0, "0", counting=counting))
        encodes = dict(zip(part.encoders(settings), encoders, strict=True))
        for one in encoders:
            one.turned |= dict(zip((image.sha256 for image in others.values()), (30, 45, 80), strict=True))
        models = {
            "samplers.0": model([ANSWER]),
            "masker": model(blanking),
            "refiller": model(filling(others)),
        }
        source = row(**fields)
        neighbours = Beside({source.record_id: picture, **(others if beside is None else beside)})

        async def built() -> Built:
            return await construct(source, neighbours, {**models, **asks}, encodes)

        made = asyncio.run(built())
        assert check_table(to_table(made.pairs)) == [] if made.pairs else True
        assert len([one for one in made.rejects if one.scope == "row"]) == (0 if made.pairs else 1)
        return made

    return run


def told(built: Built) -> list[tuple[str, str | None, str]]:
    return [(one.reason, one.field, one.scope) for one in built.rejects]


def marked(text: str, spans: Any) -> list[str]:
    return [text[one.start : one.end] for one in spans]


def test_the_answer_stands_over_what_the_most_similar_picture_makes_of_it(
    refilled: Any, scripted: Any, others: Any
) -> None:
    built = refilled(scripted({ANSWER: 90.0}), **OWN)
    text, image = built.pairs
    assert (text.kind, text.chosen, text.rejected, text.rejected_images) == ("text", ANSWER, CAT, None)
    assert marked(ANSWER, text.chosen_spans) == list(QUOTED)
    assert marked(CAT, text.rejected_spans) == ["milk", "cat"]
    assert (text.chosen_model, text.rejected_model) == ("policy", "policy")
    likeness = round(100 * math.cos(math.acos(0.9) - math.acos(0.1)), 2)
    assert [(one.target, one.aspect, one.value) for one in text.scores] == [
        ("rejected", "text_text", likeness)
    ]
    assert (image.kind, image.chosen, image.rejected) == ("image", ANSWER, ANSWER)
    (rival,) = image.rejected_images
    assert rival.data == others["cat"].data
    assert rival.edit == "similar_image from cat"
    assert (image.chosen_spans, image.rejected_spans) == ((), ())
    assert built.rejects == ()


def test_what_is_measured_of_the_similar_picture(refilled: Any, scripted: Any) -> None:
    _, image = refilled(scripted({ANSWER: 90.0}), **OWN).pairs
    measured = {(one.scorer, one.aspect): one.value for one in image.scores}
    assert {one.target for one in image.scores} == {"rejected_images[0]"}
    assert {aspect for scorer, aspect in measured if scorer == "pixels"} == {
        "changed", "psnr", "ssim", "entropy_ratio",
    }  # fmt: skip
    angle = math.radians(30)
    assert measured["ViT-B-32/first", "image_image"] == round(100 * math.cos(angle), 2)
    drop = 90 - round(100 * math.cos(math.acos(0.9) - angle), 2)
    assert measured["ViT-B-32/first", "image_text_drop"] == pytest.approx(drop)
    provenance = json.loads(image.provenance)
    assert provenance["negatives"] == [{"perturbation": "similar_image", "other": "cat", "similarity": 86.6}]
    assert "rejected" not in provenance


def test_a_completion_that_says_the_same_is_left_for_the_next_picture(
    refilled: Any, scripted: Any, model: Any, others: Any
) -> None:
    fills = {**FILLS, "cat": QUOTED}
    looker = model(filling(others, fills))
    built = refilled(scripted({ANSWER: 90.0}), asks={"refiller": looker}, **OWN)
    assert [(pair.kind, pair.rejected) for pair in built.pairs] == [("text", ROCKET), ("image", ANSWER)]
    assert told(built) == [("near_equal", "max_similarity", "candidate")]
    assert built.rejects[0].message == (
        "filling answer 0 in from the picture of cat: it says the same (ViT-B-32/first 100; 95 or more)"
    )
    assert len(looker.requests) == 2
    (kept,) = built.candidates
    assert [one.text for one in kept.candidates] == [ANSWER, ANSWER, ROCKET]
    params = json.loads(kept.candidates[2].params)
    assert params["picture"]["record_id"] == "rocket"
    assert params["picture"]["rank"] == 2
    assert json.loads(built.pairs[0].provenance)["rejected"]["params"]["kind"] == "refill"


def test_where_every_completion_says_the_same_there_is_no_pair(
    refilled: Any, scripted: Any, model: Any, others: Any
) -> None:
    looker = model(filling(others, dict.fromkeys(others, QUOTED)))
    built = refilled(scripted({}), asks={"refiller": looker}, pictures={"count": 2}, **OWN)
    assert not built.pairs
    assert told(built)[-1] == ("near_equal", "max_similarity", "row")
    assert len(looker.requests) == 2


def test_every_encoder_must_find_the_texts_different(refilled: Any, scripted: Any) -> None:
    second = scripted({ANSWER: 30.0, CAT: 31.0, ROCKET: 90.0})
    built = refilled(scripted({ANSWER: 90.0}), second, kinds=["text"], **OWN)
    assert [pair.rejected for pair in built.pairs] == [ROCKET]
    assert "ViT-B-32/second 99.99" in built.rejects[0].message
    assert [one.scorer for one in built.pairs[0].scores] == ["ViT-B-32/first", "ViT-B-32/second"]


@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [
        (["text"], [("text", CAT, False)]),
        (["image"], [("image", ANSWER, True)]),
        (["both"], [("both", CAT, True)]),
        (["both", "text"], [("both", CAT, True), ("text", CAT, False)]),
    ],
)
def test_kinds_of_pairs(refilled: Any, scripted: Any, kinds: list[str], wanted: list[Any]) -> None:
    built = refilled(scripted({ANSWER: 90.0}), kinds=kinds, **OWN)
    assert [(one.kind, one.rejected, one.rejected_images is not None) for one in built.pairs] == wanted
    assert len({one.id for one in built.pairs}) == len(wanted)


def test_the_gold_answer_may_be_the_chosen_one(refilled: Any, scripted: Any, model: Any) -> None:
    silent = model([])
    built = refilled(scripted({ANSWER: 90.0}), asks={"samplers.0": silent}, fields={"chosen": ANSWER}, **GOLD)
    assert [(pair.chosen, pair.rejected) for pair in built.pairs] == [(ANSWER, CAT), (ANSWER, ANSWER)]
    assert built.pairs[0].rejected_model == "looker"
    assert silent.requests == []


def test_long_answers_are_compared_sentence_by_sentence(refilled: Any, scripted: Any) -> None:
    long = f"{ANSWER} It is late."
    built = refilled(encoder := scripted({ANSWER: 90.0}), fields={"chosen": long}, **GOLD)
    assert set(encoder.texts) == {"It is late.", ANSWER, CAT}
    halfway = (math.acos(0.1) - math.acos(0.9)) / 2
    assert built.pairs[0].scores[0].value == round(100 * math.cos(halfway), 2)
    built = refilled(
        encoder := scripted({long: 90.0}, cut=(long,)), fields={"chosen": long}, per="text", **GOLD
    )
    assert set(encoder.texts) == {long, f"{CAT} It is late."}
    assert built.pairs[0].scores[0].rationale == "cut: longer than the encoder reads"


def test_a_second_picture_of_the_row_stays(
    refilled: Any, scripted: Any, picture: Image, others: Any, model: Any
) -> None:
    seen: list[Any] = []

    def write(request: Request) -> list[str]:
        seen.append([part for part in request.messages[-1].parts if isinstance(part, Image)])
        return [json.dumps({"fills": {"1": "milk", "2": "cat"}})]

    coins = others["coins"]
    prompt = Prompt("<image><image>\nWhat is it?", (picture, coins))
    beside = {name: image for name, image in others.items() if name != "coins"}
    built = refilled(
        scripted({ANSWER: 90.0}), asks={"refiller": model(write)}, fields={"prompt": prompt}, beside=beside, **OWN
    )  # fmt: skip
    assert seen[0] == [others["cat"], coins]
    assert [one.sha256 for one in built.pairs[1].rejected_images] == [others["cat"].sha256, coins.sha256]


@pytest.mark.parametrize(
    ("fields", "beside", "reason"),
    [
        ({"prompt": Prompt("What is it?")}, None, ("no_image", "images", "row")),
        ({}, {}, ("no_other_image", "pictures", "row")),
        ({"chosen": None}, None, ("no_answer", "chosen", "row")),
    ],
)
def test_rows_that_lack_something_cost_nothing(
    refilled: Any, scripted: Any, model: Any, fields: Any, beside: Any, reason: Any
) -> None:
    reader = model(blanking)
    fields = {"chosen": ANSWER, **fields}
    built = refilled(scripted({}), asks={"masker": reader}, fields=fields, beside=beside, **GOLD)
    assert told(built) == [reason]
    assert reader.requests == []
    if reason[0] == "no_other_image":
        assert built.rejects[0].message == "the shard has no other picture"


def test_a_failed_call_is_a_failed_row_and_a_refused_one_costs_its_picture(
    refilled: Any, scripted: Any, model: Any, others: Any
) -> None:
    def at_the_cat(reason: Any) -> Any:
        answer = filling(others)

        def write(request: Request) -> list[str]:
            if others["cat"] in request.messages[-1].parts:
                raise RowError(reason, None, "so it says")
            said: list[str] = answer(request)
            return said

        return model(write)

    encoder = scripted({ANSWER: 90.0})
    built = refilled(encoder, asks={"refiller": at_the_cat("call_failed")}, **OWN)
    assert told(built) == [("call_failed", "refiller", "row")]
    built = refilled(encoder, asks={"refiller": at_the_cat("call_refused")}, kinds=["text"], **OWN)
    assert [pair.rejected for pair in built.pairs] == [ROCKET]
    assert told(built) == [("call_refused", "refiller", "candidate")]
    assert built.rejects[0].message == "filling answer 0 in from the picture of cat: so it says"


def test_an_answer_of_which_nothing_can_be_blanked_is_a_reject(
    refilled: Any, scripted: Any, model: Any
) -> None:
    reader = model(lambda request: ['{"blanks": []}'])
    built = refilled(scripted({}), asks={"masker": reader}, **OWN)
    assert told(built) == [("bad_rewrite", "masker", "candidate"), ("bad_rewrite", "masker", "row")]
    assert built.rejects[1].message == "blanking answer 0: the model names nothing that could be blanked"


def test_a_pair_that_a_guard_catches_takes_its_image_pair_along(refilled: Any, scripted: Any) -> None:
    watched = [{"kind": "damage_talk", "params": {"also": ["milk"]}}]
    built = refilled(scripted({ANSWER: 90.0}), guards=watched, **OWN)
    assert built.pairs == ()
    assert told(built) == [("damage_talk", "guards.0", "row")]


def test_a_forecast_counts_all_pictures_and_whoever_has_to_agree(
    refilled: Any, scripted: Any, model: Any, others: Any
) -> None:
    looker = model(filling(others, {**FILLS, "coins": ("gold", "coin")}))
    judge = model(['{"rationale": "so", "verdict": "tie"}'])
    refilled(
        scripted({}),
        asks={"refiller": looker, "second_opinion": judge},
        counting=True,
        second_opinion={"kind": "pairwise", "model": "judge"},
        guards=[],
        **OWN,
    )
    assert len(looker.requests) == 3
    assert judge.requests


def test_what_an_earlier_run_filled_in_is_not_filled_in_again(refilled: Any, scripted: Any) -> None:
    made = Candidate(CAT, side="rejected", params='{"corrector": "refiller"}')
    built = refilled(
        scripted({ANSWER: 90.0}), fields={"candidates": (Candidate(ANSWER), made)}, kinds=["text"], **OWN
    )
    assert [(pair.chosen, pair.rejected) for pair in built.pairs] == [(ANSWER, CAT)]


def test_an_image_pair_goes_with_its_text_pair_where_a_shard_is_settled(
    refilled: Any, scripted: Any, model: Any, others: Any
) -> None:
    longer = {**FILLS, "cat": ("milk and honey", "cat that sleeps")}
    rows = [
        refilled(
            scripted({ANSWER: 90.0}),
            asks={"refiller": model(filling(others, fills))},
            fields={"record_id": f"t.jsonl:{number}"},
            **OWN,
        )
        for number, fills in enumerate((FILLS, longer, longer))
    ]
    part = ROOM.get("refilled")
    settings = part.settings.model_validate({**OWN, "pairing": {"balance_length": True}})
    assert part.settle is not None
    settle = part.settle(settings)
    assert settle is not None
    left = settle(rows)
    assert [[pair.kind for pair in one.pairs] for one in left] == [["text", "image"], [], []]
    assert told(left[1]) == [("length_balance", "pairing", "pair"), ("length_balance", "pairing", "row")]
    assert part.settle(part.settings.model_validate(OWN)) is None
    pictures = [replace(one, pairs=one.pairs[1:]) for one in rows]
    assert settle(pictures) == pictures  # two texts that are the same say nothing of length


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"samplers": [{"model": "m", "side": "rejected"}]}, r"samplers\.0\.side: .*chosen side"),
        ({**GOLD, **OWN}, r"samplers: with of: chosen the gold answer"),
        ({"pictures": {"name": "gaussian_blur"}}, r"pictures\.name: gaussian_blur takes no similar picture"),
        ({"pictures": {"name": "similar"}}, r"pictures\.name: no 'similar' among perturbations"),
        (
            {"pictures": {"count": 11}},
            r"pictures\.count: 11 pictures are wanted, and similar_image looks at 10",
        ),
        ({"pictures": {"params": {"max": 3}}}, r"pictures\.params: no 'max'"),
        ({"encoders": [FIRST, FIRST]}, r"encoders\.1: ViT-B-32/first stands at encoders\.0 already"),
        ({"masker": {"params": {"prompt": "tips"}}}, r"masker\.params\.prompt|corrector tips, not mask"),
        ({"pairing": {"rule": "margin"}}, r"pairing\.rule: margin goes by scores"),
    ],
)
def test_what_cannot_be_built_is_told_beforehand(parameters: dict[str, Any], message: str) -> None:
    part = ROOM.get("refilled")
    with pytest.raises(ParameterError, match=message):
        part.prepare(part.settings.model_validate({"encoders": [FIRST], **parameters}), Run("test", 0, "0"))


def test_the_recipe_has_the_numbers_of_the_paper() -> None:
    recipe = load_recipe("re_align", ["samplers.0.model=vlm", "masker.model=reader"])
    parameters: Any = recipe.parameters
    assert parameters.max_similarity == 95
    assert parameters.kinds == ("text", "image")
    assert (parameters.of, parameters.pictures.name) == ("own", "similar_image")
    models = {place: model.model for place, model in recipe.models().items()}
    assert models == {"samplers.0": "vlm", "masker": "reader", "refiller": "vlm"}
    assert recipe.uses_neighbours()
    other = load_recipe("re_align", ["samplers.0.model=vlm", "masker.model=reader", "masker.params.words=3"])
    assert recipe.identity() != other.identity()
