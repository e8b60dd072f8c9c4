"""Negatives measured by encoders: what they say, what is let through, and the weakest strength that does."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data

from pairwright.annotators import Encoding, Vector
from pairwright.builders import ROOM, Built, Neighbours, Run
from pairwright.builders._nearest import Galleries
from pairwright.perturbations import similar_image
from pairwright.recipe import load_recipe
from pairwright.schemas.arrow import to_table
from pairwright.schemas.attack import Attack, AttackedImage, Figures
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.errors import ParameterError, UnknownPartError
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.validate import check_table

BLUR = {"name": "gaussian_blur", "params": {"radius": 20}}
TWO = [{"params": {"model": "ViT-B-32", "pretrained": "openai"}}, {"params": {"model": "ViT-L-14"}}]
FIRST, SECOND = "ViT-B-32/openai", "ViT-L-14/"


def picture(name: str, encoding: str = "jpeg") -> Image:
    return read_image(encode(getattr(skimage.data, name)(), encoding), license="cc0-1.0")  # type: ignore[arg-type]


ASTRONAUT, COFFEE, CAT = (picture(name) for name in ("astronaut", "coffee", "chelsea"))


class Shard:
    """The rows of a shard, each with one picture; counts how often they are gone through."""

    def __init__(self, **images: Image) -> None:
        self.kept, self.passes = images, 0

    def images(self, record_id: str, rng: Random) -> Iterator[tuple[str, Image]]:
        return ((name, image) for name, image in self.kept.items() if name != record_id)

    def every(self) -> Iterator[tuple[str, Image]]:
        self.passes += 1
        yield from self.kept.items()

    def image_of(self, record_id: str) -> Image | None:
        return self.kept.get(record_id)


class Sharp:
    """An encoder to which pictures are as sharp as they are: a text fits a picture the better the sharper it is."""

    def __init__(self) -> None:
        self.images: list[str] = []

    async def image(self, image: Image) -> Vector:
        self.images.append(image.sha256)
        grey = cv2.cvtColor(decode(image), cv2.COLOR_RGB2GRAY)
        angle = 1 / (1 + float(np.abs(np.diff(grey.astype(np.float64), axis=1)).mean()))
        return np.array([np.cos(angle), np.sin(angle)], np.float32)

    async def text(self, text: str) -> Encoding:
        return Encoding(np.array([1, 0], np.float32))

    async def attacked(self, attack: Attack) -> AttackedImage:
        """Return a picture that is the smoother the further the attack may go."""
        pixels = cv2.blur(decode(attack.image), (attack.budget.radius, 1))
        image = read_image(encode(pixels, "png"))  # type: ignore[arg-type]
        cosine = 1.0 - attack.budget.radius / 64
        return AttackedImage(image, Figures(float(attack.budget.radius), 0.0, 0.0, cosine))


def row(image: Image = ASTRONAUT, **fields: Any) -> SourceRow:
    plain = {"record_id": "one", "source": "t", "source_id": "7", "chosen": "A woman."}
    return SourceRow(prompt=Prompt("<image>\nWhat is it?", (image,)), **(plain | fields))


def build(encodes: Mapping[str, Any], given: SourceRow, neighbours: Neighbours, **parameters: Any) -> Built:
    part = ROOM.get("measured_negative")
    settings = part.settings.model_validate({"encoders": TWO[: len(encodes)], **parameters})
    construct = part.prepare(settings, Run("test", 0, "0"))
    built: Built = asyncio.run(construct(given, neighbours, {}, encodes))
    if built.pairs:
        assert check_table(to_table(built.pairs)) == []
    assert len([one for one in built.rejects if one.scope == "row"]) == (0 if built.pairs else 1)
    return built


def said(pair: Pair, scorer: str, target: str = "rejected_images[0]") -> dict[str, float | None]:
    return {one.aspect: one.value for one in pair.scores if (one.target, one.scorer) == (target, scorer)}


@pytest.fixture
def sharp() -> Sharp:
    return Sharp()


def test_every_negative_is_measured_in_pixels_and_by_each_encoder(scripted: Any, alone: Neighbours) -> None:
    one, two = scripted({"A woman.": 60.0}), scripted({"A woman.": 80.0})
    blurred = build({"encoders.0": one}, row(), alone, perturbations=[BLUR]).pairs[0].rejected_images
    assert blurred
    one.turned[blurred[0].sha256], two.turned[blurred[0].sha256] = 90.0, -90.0
    [pair] = build({"encoders.0": one, "encoders.1": two}, row(), alone, perturbations=[BLUR]).pairs
    assert pair.kind == "image"
    assert set(said(pair, "pixels")) == {"changed", "psnr", "ssim", "entropy_ratio"}
    # cosine 0.6 to the text at 0 degrees; at 90 degrees the sine of the same angle, 0.8; at -90 degrees its opposite
    assert said(pair, FIRST) == {"image_image": 0.0, "image_text_drop": -20.0}
    assert said(pair, SECOND) == {"image_image": 0.0, "image_text_drop": 140.0}
    assert said(pair, "encoders") == {"drop_agreement": 1.0}
    [drop] = [x for x in pair.scores if (x.scorer, x.aspect) == (SECOND, "image_text_drop")]
    assert drop.rationale == "80 with its picture, -60 with the negative"
    assert json.loads(pair.provenance or "")["encoders"] == [FIRST, SECOND]


def test_one_encoder_agrees_with_nobody(sharp: Sharp, alone: Neighbours) -> None:
    [pair] = build({"encoders.0": sharp}, row(), alone, perturbations=[BLUR]).pairs
    assert said(pair, "encoders") == {}
    assert said(pair, FIRST)["image_text_drop"] > 0  # type: ignore[operator]


def test_question_and_answer_are_scored_where_the_recipe_says_so_and_a_cut_text_says_so(
    scripted: Any, alone: Neighbours
) -> None:
    encoder = scripted({}, cut=("What is it? A woman.",))
    parameters = {"perturbations": [BLUR], "scored": "{question} {answer}"}
    [pair] = build({"encoders.0": encoder}, row(), alone, **parameters).pairs
    assert set(encoder.texts) == {"What is it? A woman."}
    [drop] = [x for x in pair.scores if x.aspect == "image_text_drop"]
    assert drop.rationale == "10 with its picture, 10 with the negative; cut: longer than the encoder reads"


@pytest.mark.parametrize(
    ("accept", "kept"),
    [
        ({"image_text_drop": {"min": 30}}, True),  # of the two the mean counts: 60
        ({"image_text_drop": {"min": 61}}, False),
        ({"image_image": {"max": 10}}, True),
        ({"image_image": {"min": 10}}, False),
        ({"drop_agreement": {"min": 1}}, True),
        ({"drop_agreement": {"min": 2}}, False),
        ({"ssim": {"max": 0.9}, "image_image": {"min": -5}}, True),
        ({"ssim": {"min": 0.9}}, False),
    ],
)
def test_bounds_hold_for_all_measures(
    scripted: Any, alone: Neighbours, accept: dict[str, Any], kept: bool
) -> None:
    one, two = scripted({"A woman.": 60.0}), scripted({"A woman.": 80.0})
    blurred = build({"encoders.0": one}, row(), alone, perturbations=[BLUR]).pairs[0].rejected_images
    assert blurred
    one.turned[blurred[0].sha256], two.turned[blurred[0].sha256] = 90.0, -90.0
    encodes = {"encoders.0": one, "encoders.1": two}
    built = build(encodes, row(), alone, perturbations=[BLUR], accept=accept)
    assert len(built.pairs) == kept
    if not kept:
        [reject] = built.rejects
        assert (reject.reason, reject.field) == ("outside_band", "gaussian_blur")
        assert next(name for name in accept) in reject.message


def test_the_weakest_strength_is_searched_on_the_bytes_that_are_stored(
    sharp: Sharp, alone: Neighbours
) -> None:
    blur = {"name": "gaussian_blur", "until": {"image_text_drop": {"min": 2}}}
    [pair] = build({"encoders.0": sharp}, row(), alone, perturbations=[blur]).pairs
    assert pair.rejected_images
    assert (
        sharp.images.count(pair.rejected_images[0].sha256) > 1
    )  # tried, and measured again when it was settled
    tried = set(sharp.images) - {ASTRONAUT.sha256}
    assert 3 <= len(tried) <= 12
    drop = said(pair, FIRST)["image_text_drop"]
    assert drop is not None
    assert drop >= 2
    [negative] = json.loads(pair.provenance or "")["negatives"]
    radius = negative["params"]["radius"]
    weaker = {"name": "gaussian_blur", "params": {"radius": radius * 0.985}}
    [other] = build({"encoders.0": Sharp()}, row(), alone, perturbations=[weaker]).pairs
    assert said(other, FIRST)["image_text_drop"] < 2  # type: ignore[operator]
    same = {"name": "gaussian_blur", "params": {"radius": radius}}
    [again] = build({"encoders.0": Sharp()}, row(), alone, perturbations=[same]).pairs
    assert again.rejected_images == pair.rejected_images


def test_a_measure_that_cannot_be_reached_is_a_reject(sharp: Sharp, alone: Neighbours) -> None:
    blur = {"name": "gaussian_blur", "until": {"image_text_drop": {"min": 99}}}
    built = build({"encoders.0": sharp}, row(), alone, perturbations=[blur])
    [reject] = built.rejects
    assert (reject.reason, reject.scope) == ("target_not_reached", "row")
    assert "radius from 0.1 to 1000 px brings image_text_drop to at least 99" in reject.message
    assert len(set(sharp.images)) == 2  # the picture, and its strongest blur


def test_strength_by_pixels_is_searched_without_the_encoder(sharp: Sharp, alone: Neighbours) -> None:
    blur = {"name": "gaussian_blur", "until": {"ssim": {"max": 0.5}}}
    [pair] = build({"encoders.0": sharp}, row(), alone, perturbations=[blur]).pairs
    assert 0.45 < said(pair, "pixels")["ssim"] <= 0.5  # type: ignore[operator]
    assert len(sharp.images) == 2
    plain = ROOM.get("visual_negative")
    construct = plain.prepare(plain.settings.model_validate({"perturbations": [blur]}), Run("test", 0, "0"))
    assert construct(row(), alone).pairs[0].rejected_images == pair.rejected_images


def test_attacks_are_made_measured_and_told(scripted: Any, alone: Neighbours) -> None:
    encoder = scripted({"A woman.": 60.0})
    attack = {"name": "pgd", "params": {"radius": 4}}
    [pair] = build({"encoders.0": encoder}, row(), alone, perturbations=[attack]).pairs
    assert pair.rejected_images
    assert pair.rejected_images[0].header.format == "PNG"
    assert said(pair, FIRST) == {"squared_distance": 2.0, "image_image": 0.0, "image_text_drop": -20.0}
    [told] = json.loads(pair.provenance or "")["negatives"]
    assert told["params"]["radius"] == 4
    assert told["reached"]["encoder"] == FIRST


def test_an_attack_is_searched_for_its_radius(sharp: Sharp, alone: Neighbours) -> None:
    def attacked(radius: int | None) -> Pair:
        how: dict[str, Any] = {"until": {"image_text_drop": {"min": 1}}} if radius is None else {}
        how |= {} if radius is None else {"params": {"radius": radius}}
        attack = {"name": "pgd", "max_cosine": 0.99, **how}
        [pair] = build({"encoders.0": sharp}, row(), alone, perturbations=[attack]).pairs
        return pair

    pair = attacked(None)
    radius = json.loads(pair.provenance or "")["negatives"][0]["params"]["radius"]
    assert 1 < radius < 64
    assert said(pair, FIRST)["image_text_drop"] >= 1  # type: ignore[operator]
    assert said(attacked(radius - 1), FIRST)["image_text_drop"] < 1  # type: ignore[operator]
    bands = {"accept": {"psnr": {"min": 60}}, "perturbations": [{"name": "pgd", "max_cosine": 1}]}
    assert build({"encoders.0": sharp}, row(), alone, **bands).rejects[0].reason == "outside_band"


def test_the_most_similar_picture_is_taken_and_no_copy(scripted: Any) -> None:
    encoder = scripted({"A woman.": 60.0})
    flipped = read_image(encode(np.ascontiguousarray(decode(ASTRONAUT)[:, ::-1]), "png"))
    shard = Shard(one=ASTRONAUT, copy=ASTRONAUT, flipped=flipped, far=CAT, near=COFFEE)
    encoder.turned = {flipped.sha256: 20.0, COFFEE.sha256: 40.0, CAT.sha256: 60.0}
    [pair] = build({"encoders.0": encoder}, row(), shard, perturbations=[{"name": "similar_image"}]).pairs
    assert pair.rejected_images
    [image] = pair.rejected_images
    assert (image.sha256, image.edit) == (COFFEE.sha256, "similar_image from near")
    assert said(pair, FIRST)["image_image"] == pytest.approx(76.6)
    [told] = json.loads(pair.provenance or "")["negatives"]
    assert told["other"] == "near"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"max_similarity": 40}, "of 2 other pictures 0 are as similar as wanted"),
        ({"min_similarity": 80}, "of 2 other pictures 0 are as similar as wanted"),
        ({"min_distance": 64}, "of 2 other pictures 2 are as similar as wanted, each of them a near copy"),
    ],
)
def test_no_picture_that_is_similar_enough_is_a_reject(
    scripted: Any, params: dict[str, Any], message: str
) -> None:
    encoder = scripted({})
    encoder.turned = {COFFEE.sha256: 40.0, CAT.sha256: 60.0}
    shard = Shard(one=ASTRONAUT, far=CAT, near=COFFEE)
    similar = {"name": "similar_image", "params": params}
    [reject] = build({"encoders.0": encoder}, row(), shard, perturbations=[similar]).rejects
    assert (reject.reason, reject.field) == ("no_other_image", "similar_image")
    assert message in reject.message


def test_a_row_alone_in_its_shard_is_told_so(scripted: Any) -> None:
    similar = {"name": "similar_image"}
    [reject] = build(
        {"encoders.0": scripted({})}, row(), Shard(one=ASTRONAUT), perturbations=[similar]
    ).rejects
    assert (reject.reason, reject.message) == (
        "no_other_image",
        "similar_image: the shard has no other picture",
    )


def test_a_shards_pictures_are_encoded_once_for_all_its_rows(scripted: Any) -> None:
    encoder, galleries = scripted({}), Galleries()
    encoder.turned = {COFFEE.sha256: 40.0, CAT.sha256: 60.0}
    shard = Shard(one=ASTRONAUT, two=COFFEE, three=CAT)
    params = similar_image.Params(95.0, -100.0, 12, 10)

    async def looked() -> list[list[str]]:
        rows = [
            galleries.look(
                image,
                similar_image.PART,
                params,
                record_id=name,
                neighbours=shard,
                encode=encoder,
                count=2,
            )
            for name, image in shard.kept.items()
        ]
        return [[one.record_id for one in look.found] for look in await asyncio.gather(*rows)]

    assert asyncio.run(looked()) == [["two", "three"], ["three", "one"], ["two", "one"]]
    assert shard.passes == 1
    assert len(encoder.images) == 3 + 3  # the shard once, and each row's own


def test_a_picture_that_several_rows_have_is_one(scripted: Any) -> None:
    encoder = scripted({})
    encoder.turned = {COFFEE.sha256: 40.0, CAT.sha256: 60.0}
    shard = Shard(one=ASTRONAUT, b1=COFFEE, two=ASTRONAUT, b2=COFFEE, c=CAT, b3=COFFEE)
    params = similar_image.Params(95.0, -100.0, 12, 2)

    async def looked(image: Image, record_id: str) -> tuple[list[str], int]:
        look = await Galleries().look(
            image,
            similar_image.PART,
            params,
            record_id=record_id,
            neighbours=shard,
            encode=encoder,
            count=5,
        )
        return [one.record_id for one in look.found], look.others

    assert asyncio.run(looked(ASTRONAUT, "two")) == (["b1", "c"], 2)
    assert asyncio.run(looked(CAT, "b2")) == (
        ["one"],
        1,
    )  # its own first picture is out of the question, in any row


def test_galleries_are_forgotten_with_their_shard(scripted: Any) -> None:
    galleries = Galleries()

    def look() -> None:
        shard = Shard(one=ASTRONAUT, two=COFFEE)
        params = similar_image.Params(100.0, -100.0, 12, 10)
        asyncio.run(
            galleries.look(
                ASTRONAUT,
                similar_image.PART,
                params,
                record_id="one",
                neighbours=shard,
                encode=scripted({}),
            )
        )

    look()
    assert len(galleries._shelves) == 0


def test_broken_pictures_of_other_rows_are_left_out(scripted: Any) -> None:
    broken = read_image(CAT.data[: len(CAT.data) // 2])
    encoder = scripted({})
    encoder.turned = {COFFEE.sha256: 60.0, broken.sha256: 30.0}
    shard = Shard(one=ASTRONAUT, broken=broken, whole=COFFEE)
    [pair] = build({"encoders.0": encoder}, row(), shard, perturbations=[{"name": "similar_image"}]).pairs
    assert json.loads(pair.provenance or "")["negatives"][0]["other"] == "whole"


def test_negatives_of_others_are_measured_and_left_out_by_bounds(scripted: Any, alone: Neighbours) -> None:
    encoder = scripted({"A woman.": 60.0})
    encoder.turned = {COFFEE.sha256: 90.0, CAT.sha256: -90.0}
    before = (
        Judgement("rejected_images[0]", FIRST, "image_text_drop", 1.0),
        Judgement("chosen", FIRST, "image_text", 30.0),
    )
    given = row(rejected="A woman.", rejected_images=(CAT,), scores=before)
    [pair] = build({"encoders.0": encoder}, given, alone).pairs
    assert pair.kind == "image"
    assert pair.rejected_images == (CAT,)
    assert said(pair, FIRST) == {"image_image": 0.0, "image_text_drop": 140.0}
    assert said(pair, FIRST, "chosen") == {"image_text": 30.0}
    assert "ssim" in said(pair, "pixels")
    other = replace(given, rejected_images=(COFFEE,))
    [reject] = build({"encoders.0": encoder}, other, alone, accept={"image_text_drop": {"min": 0}}).rejects
    assert (reject.reason, reject.field) == ("outside_band", "rejected_images")
    text = replace(given, rejected="A man.", rejected_images=None, scores=())
    [kept] = build({"encoders.0": encoder}, text, alone).pairs
    assert (kept.kind, kept.scores) == ("text", ())
    [none] = build({"encoders.0": encoder}, row(), alone).rejects
    assert (none.reason, none.field) == ("no_image", "rejected_images")


def test_a_prompt_with_several_pictures_has_each_measured(scripted: Any, alone: Neighbours) -> None:
    encoder = scripted({"A woman.": 60.0})
    prompt = Prompt("<image>\n<image>\nWhat is it?", (ASTRONAUT, COFFEE))
    both = SourceRow("one", "t", "7", prompt, chosen="A woman.")
    encoder.turned = {COFFEE.sha256: 90.0}
    [pair] = build({"encoders.0": encoder}, both, alone, perturbations=[BLUR]).pairs
    assert said(pair, FIRST, "rejected_images[0]") == {"image_image": 100.0, "image_text_drop": 0.0}
    assert said(pair, FIRST, "rejected_images[1]") == {"image_image": 0.0, "image_text_drop": 20.0}


def test_a_picture_that_is_the_same_on_both_sides_is_no_negative(scripted: Any, alone: Neighbours) -> None:
    encoder = scripted({"A woman.": 60.0})
    encoder.turned = {COFFEE.sha256: 90.0, CAT.sha256: -90.0}
    prompt = Prompt("<image>\n<image>\nWhat is it?", (COFFEE, ASTRONAUT))
    given = replace(row(), prompt=prompt, rejected="A woman.", rejected_images=(COFFEE, CAT))
    bounds = {"image_image": {"max": 50}, "ssim": {"max": 0.9}}
    [pair] = build({"encoders.0": encoder}, given, alone, accept=bounds).pairs
    assert pair.rejected_images == (COFFEE, CAT)
    assert {one.target for one in pair.scores} == {"rejected_images[1]"}
    assert said(pair, FIRST, "rejected_images[1]") == {"image_image": 0.0, "image_text_drop": 140.0}
    same = replace(given, rejected_images=(COFFEE, ASTRONAUT))
    assert [one.reason for one in build({"encoders.0": encoder}, same, alone).rejects] == ["no_op"]


def test_operations_are_drawn_as_elsewhere(scripted: Any, alone: Neighbours) -> None:
    two = [{"name": "blank", "weight": 1}, {"name": "rotate", "weight": 3}]
    names = [
        build({"encoders.0": scripted({})}, row(record_id=str(number)), alone, perturbations=two)
        .pairs[0]
        .rejected_images[0]  # type: ignore[index]
        .edit
        for number in range(40)
    ]
    turned = sum(str(name).startswith("rotate") for name in names)
    assert 20 < turned < 40
    built = build({"encoders.0": scripted({})}, row(), alone, perturbations=two, per_row="all")
    assert len(built.pairs) == 2


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"keep_pairs": False}, "nothing would be measured"),
        ({"accept": {"drop_agreement": {"min": 3}}}, "accept.drop_agreement: 3 encoders are to agree"),
        (
            {"accept": {"image_text_drop": {"min": 300}}},
            "accept.image_text_drop: no negative keeps it; values go from -200 to 200",
        ),
        (
            {"perturbations": [{"name": "gaussian_blur", "until": {"ssim": {"max": -2}}}]},
            r"gaussian_blur\.until\.ssim: no negative keeps it",
        ),
        (
            {"perturbations": [{"name": "gaussian_blur", "until": {"image_text_drop": {"max": 3}}}]},
            "image_text_drop: it rises as gaussian_blur gets stronger, so give min",
        ),
        (
            {"perturbations": [{"name": "gaussian_blur", "until": {"image_image": {"min": 3}}}]},
            "image_image: it falls as gaussian_blur gets stronger, so give max",
        ),
        (
            {"perturbations": [{"name": "similar_image", "until": {"image_image": {"max": 3}}}]},
            "similar_image has no strength",
        ),
        ({"perturbations": [{"name": "similar_image", "encoder": 2}]}, "there is no encoder 2"),
        ({"perturbations": [{"name": "blank", "encoder": 0}]}, "blank needs no encoder; leave it out"),
        (
            {"perturbations": [{"name": "blank", "max_cosine": 0.5}]},
            r"blank\.max_cosine: blank misleads no encoder",
        ),
        ({"perturbations": [{"name": "pgd"}], "encoding": "jpeg"}, "stored as PNG"),
        ({"perturbations": [{"name": "pgd", "params": {"radius": 99}}]}, "radius: 99 .* is outside"),
        ({"encoders": [TWO[0], TWO[0]]}, "stands at encoders.0 already"),
    ],
)
def test_what_cannot_be_built_is_told_before_anything_is_read(
    parameters: dict[str, Any], message: str
) -> None:
    part = ROOM.get("measured_negative")
    settings = part.settings.model_validate({"encoders": TWO, **parameters})
    with pytest.raises(ParameterError, match=message):
        part.prepare(settings, Run("test", 0, "0"))


def test_an_operation_that_does_not_exist_is_told() -> None:
    part = ROOM.get("measured_negative")
    settings = part.settings.model_validate({"encoders": TWO, "perturbations": [{"name": "similar"}]})
    with pytest.raises(UnknownPartError, match="similar_image"):
        part.prepare(settings, Run("test", 0, "0"))


def test_hard_negatives_takes_the_nearest_picture_and_the_weakest_blur_that_both_encoders_see(
    scripted: Any,
) -> None:
    recipe = load_recipe("hard_negatives")
    told = recipe.file.parameters
    assert [one["name"] for one in told["perturbations"]] == ["similar_image", "gaussian_blur"]
    assert told["perturbations"][1]["until"] == {"image_text_drop": {"min": 3}}
    assert told["accept"] == {"image_text_drop": {"min": 2}, "drop_agreement": {"min": 2}}
    assert (told["per_row"], told["per"], len(told["encoders"])) == ("all", "sentence", 2)
    shard = Shard(one=ASTRONAUT, two=COFFEE, three=CAT)
    encodes = {"encoders.0": Sharp(), "encoders.1": Sharp()}
    construct = recipe.construct_encoding()
    built = asyncio.run(construct(row(chosen="A woman. She smiles."), shard, {}, encodes))
    edits = [pair.rejected_images[0].edit for pair in built.pairs if pair.rejected_images]
    assert str(edits[-1]).startswith("gaussian_blur radius=")
    for pair in built.pairs:
        drops = [one for one in pair.scores if one.aspect == "image_text_drop"]
        assert {one.scorer for one in drops} == {
            "ViT-L-14-336-quickgelu/openai",
            "ViT-L-14/laion2b_s32b_b82k",
        }
        assert min(one.value or 0 for one in drops) >= 2
        assert said(pair, "encoders") == {"drop_agreement": 2.0}
    blind = {"encoders.0": Sharp(), "encoders.1": scripted({})}
    refused = asyncio.run(construct(row(), shard, {}, blind))
    assert {one.reason for one in refused.rejects} <= {"outside_band", "no_other_image", "target_not_reached"}
    assert refused.pairs == ()


@pytest.mark.parametrize(
    ("names", "uses"),
    [
        ([{"name": "blank"}], False),
        ([{"name": "pgd"}], False),
        ([{"name": "pgd", "towards": "other_image"}], True),
        ([{"name": "blank"}, {"name": "other_image"}], True),
        ([{"name": "similar_image"}], True),
    ],
)
def test_rows_are_held_together_where_they_look_at_each_other(names: list[Any], uses: bool) -> None:
    part = ROOM.get("measured_negative")
    assert part.uses_neighbours(part.settings.model_validate({"perturbations": names})) is uses


def test_a_row_that_lacks_what_is_needed_is_not_encoded(
    scripted: Any, alone: Neighbours, row: Callable[..., SourceRow]
) -> None:
    encoder = scripted({})
    for given, reason in ((row(prompt=Prompt("What?")), "no_image"), (row(), "no_answer")):
        [reject] = build({"encoders.0": encoder}, given, alone, perturbations=[BLUR]).rejects
        assert reject.reason == reason
    assert encoder.images == []
