"""adversarial: answers about clean pictures over answers about those that mislead an encoder which is told what to say."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

import numpy as np
import pytest

from pairwright.annotators import Encode
from pairwright.builders import ROOM, Built, EncodingBuilder, Neighbours, Run
from pairwright.builders._attacking import Attacking, prepare_attack
from pairwright.estimate import estimate
from pairwright.recipe import load_recipe
from pairwright.recipe_of_run import pairing_recipe
from pairwright.schemas.arrow import to_table
from pairwright.schemas.attack import Attack, AttackedImage, Figures
from pairwright.schemas.candidate_table import to_candidate_table
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.errors import ParameterError, RecipeError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Request
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.validate import check_table
from pairwright.sources import RawRow

Rows = Callable[..., SourceRow]
Adversarial = Callable[..., Built]

CUP, DOG = "A cup of coffee on a wooden table.", "A dog sleeps on a red sofa."
ONE = [{"model": "w"}]


@pytest.fixture
def adversarial(alone: Neighbours) -> Adversarial:
    """Return a way to run one row through the builder."""

    def run(
        row: SourceRow,
        asks: Mapping[str, Any],
        encoder: Encode,
        *,
        neighbours: Neighbours = alone,
        round: int = 1,
        seed: int = 0,
        **parameters: Any,
    ) -> Built:
        part = ROOM.get("adversarial")
        assert isinstance(part, EncodingBuilder)
        settings = part.settings.model_validate(
            {"encoder": {"params": {"pretrained": "mine"}}, "samplers": ONE, **parameters}
        )
        assert list(part.encoders(settings)) == ["encoder"]
        construct = part.prepare(settings, Run("test", seed, "0", round))

        async def built() -> Built:
            return await construct(row, neighbours, asks, {"encoder": encoder})

        made = asyncio.run(built())
        assert not made.pairs or check_table(to_table(made.pairs)) == []
        assert to_candidate_table(made.candidates).num_rows == 1
        assert len([one for one in made.rejects if one.scope == "row"]) == (0 if made.pairs else 1)
        return made

    return run


@pytest.fixture
def looking(picture: Image, model: Any) -> Callable[..., Any]:
    """Return a way to make a model that says one thing of the picture and another of any other."""

    def make(clean: Any = CUP, attacked: Any = DOG) -> Any:
        def write(request: Request) -> list[Any]:
            said = clean if _images(request) == [picture] else attacked
            if isinstance(said, RowError):
                raise said
            return [said] * request.n

        return model(write)

    return make


@pytest.fixture
def reaching(scripted: Any) -> Callable[[Figures], Any]:
    """Return a way to make an encoder of which attacks reach what they are told to."""

    class Reaching(scripted):  # type: ignore[misc]
        def __init__(
            self, figures: Figures, scores: Mapping[str, float] = {}, cut: tuple[str, ...] = ()
        ) -> None:
            super().__init__(scores, cut)
            self.figures = figures
            self.attacks: list[Attack] = []

        async def attacked(self, attack: Attack) -> AttackedImage:
            self.attacks.append(attack)
            made = await super().attacked(attack)
            return AttackedImage(made.image, self.figures)

    return Reaching


def _images(request: Request) -> list[Image]:
    return [part for message in request.messages for part in message.parts if isinstance(part, Image)]


def _refused(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def test_the_answer_about_the_attacked_picture_is_rejected_and_keeps_it(
    row: Rows, adversarial: Adversarial, looking: Any, scripted: Any, picture: Image
) -> None:
    asked = looking()
    built = adversarial(row(), {"samplers.0": asked}, scripted({}))
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected, pair.kind) == (CUP, DOG, "both")
    assert pair.prompt.images == (picture,)
    [attacked] = pair.rejected_images or ()
    assert np.array_equal(decode(attacked), 255 - decode(picture))
    assert (attacked.header.format, attacked.license) == ("PNG", "cc0-1.0")
    assert [_images(one) for one in asked.requests] == [[picture], [attacked]]
    assert built.rejects == ()
    assert [(one.text, one.side) for one in built.candidates[0].candidates] == [
        (CUP, "chosen"),
        (DOG, "rejected"),
    ]


def test_what_the_attack_was_and_how_far_it_came_is_told(
    row: Rows, adversarial: Adversarial, looking: Any, reaching: Any
) -> None:
    encoder = reaching(Figures(123.456, 130.0, 0.0, 0.25))
    attack = {"params": {"radius": 4, "steps": 7, "noise_seed": 5}}
    [pair] = adversarial(row(), {"samplers.0": looking()}, encoder, attack=attack).pairs
    [asked] = encoder.attacks
    assert (asked.seed, asked.target) == (5, None)
    assert (asked.budget.radius, asked.budget.steps, asked.budget.stride) == (4, 7, 1.0)
    name = "ViT-L-14-336-quickgelu/mine"
    [attacked] = pair.rejected_images or ()
    assert attacked.edit == f"pgd radius=4 grey levels of 255, steps=7 steps, step=0.25 radii on {name}"
    told = json.loads(pair.provenance or "")
    assert (told["builder"], told["rule"]) == ("adversarial", "sides")
    assert told["rejected"]["params"]["images"] == [
        {
            "perturbation": "pgd",
            "params": {"radius": 4, "steps": 7, "step": 0.25, "noise_seed": 5},
            "sha256": attacked.sha256,
            "reached": {"encoder": name, "cosine": 0.25, "squared_distance": 123.5},
        }
    ]
    assert "images" not in told["chosen"]["params"]
    said = {(one.scorer, one.aspect): one.value for one in pair.scores if one.target == "rejected_images[0]"}
    assert said.pop((name, "image_image")) == 25.0
    assert said.pop((name, "squared_distance")) == 123.5
    assert {scorer for scorer, _ in said} == {"pixels"}
    assert said["pixels", "psnr"] < 10  # type: ignore[operator]


def test_each_picture_has_its_draw_and_all_stay_beside_the_answer(
    row: Rows, adversarial: Adversarial, model: Any, reaching: Any, picture: Image
) -> None:
    other = read_image(encode(decode(picture)[:50, :70], "png"))
    two = row(prompt=Prompt("<image><image>\nWhat differs?", (picture, other)))
    encoder = reaching(Figures(2.0, 2.0, 0.0, 0.0))
    asked = model(lambda request: [CUP if _images(request)[0] == picture else DOG])
    [pair] = adversarial(two, {"samplers.0": asked}, encoder, attack={"params": {"radius": [2, 4]}}).pairs
    assert [one.image for one in encoder.attacks] == [picture, other]
    assert len({one.seed for one in encoder.attacks}) == 2
    assert [one.header.width for one in pair.rejected_images or ()] == [picture.header.width, 70]
    again = reaching(Figures(2.0, 2.0, 0.0, 0.0))
    adversarial(two, {"samplers.0": asked}, again, attack={"params": {"radius": [2, 4]}})
    assert again.attacks == encoder.attacks
    adversarial(two, {"samplers.0": asked}, again, attack={"params": {"radius": [2, 4]}}, seed=1)
    assert again.attacks[2].seed != encoder.attacks[0].seed


def test_the_same_answers_also_make_a_pair_about_the_attacked_picture(
    row: Rows, adversarial: Adversarial, looking: Any, scripted: Any
) -> None:
    built = adversarial(row(), {"samplers.0": looking()}, scripted({}), robust=True)
    both, robust = built.pairs
    assert (both.kind, both.tags) == ("both", ("food",))
    assert (robust.kind, robust.tags, robust.rejected_images) == ("text", ("food", "robust"), None)
    assert (robust.chosen, robust.rejected) == (CUP, DOG)
    assert robust.prompt.images == both.rejected_images
    assert robust.prompt.question == both.prompt.question
    assert robust.group_id == both.group_id
    assert robust.id != both.id
    assert not any(one.target.startswith("rejected_images") for one in robust.scores)
    [told] = json.loads(robust.provenance or "")["images"]
    assert (told["perturbation"], told["units"]["radius"]) == ("pgd", "grey levels of 255")
    assert len(built.candidates) == 1


def test_the_rows_own_answer_may_be_the_chosen_one(
    row: Rows, adversarial: Adversarial, looking: Any, scripted: Any, picture: Image
) -> None:
    asked = looking()
    own = row(chosen=CUP, chosen_model="people")
    [pair] = adversarial(own, {"samplers.0": asked}, scripted({}), gold="chosen").pairs
    assert (pair.chosen, pair.chosen_model, pair.rejected, pair.kind) == (CUP, "people", DOG, "both")
    assert [_images(one) != [picture] for one in asked.requests] == [True]
    built = adversarial(row(), {"samplers.0": asked}, encoder := scripted({}), gold="chosen")
    assert (_refused(built), len(asked.requests)) == ([("row", "no_answer")], 1)
    assert encoder.turned == {}


@pytest.mark.parametrize(
    ("guards", "attacked", "told"),
    [
        ([], CUP, [("candidate", "repeated_answer"), ("row", "too_few_answers")]),
        (None, "a cup of coffee on a wooden table", [("row", "near_equal")]),
        (None, "The image is blurry, so I cannot tell what it shows.", [("row", "damage_talk")]),
    ],
)
def test_equal_answers_and_talk_of_damage_make_no_pair(
    row: Rows, adversarial: Adversarial, looking: Any, scripted: Any, guards: Any, attacked: str, told: Any
) -> None:
    more = {} if guards is None else {"guards": guards}
    built = adversarial(row(), {"samplers.0": looking(CUP, attacked)}, scripted({}), **more)
    assert (built.pairs, _refused(built)) == ((), told)


@pytest.mark.parametrize(
    ("figures", "attack", "message"),
    [
        (Figures(1.0, 1.0, 0.0, 0.97), {}, r"finds both pictures alike \(cosine 0.970, more than 0.95\)"),
        (Figures(1.0, 1.0, 0.0, 0.6), {"max_cosine": 0.5}, "more than 0.5"),
        (
            Figures(0.1, 0.2, 0.15, 0.3),
            {"towards": {"text": "a dog"}},
            r"no nearer to the target \(cosine 0.100, 0.150 before\)",
        ),
    ],
)
def test_an_attack_that_failed_costs_no_call(
    row: Rows, adversarial: Adversarial, looking: Any, reaching: Any, figures: Any, attack: Any, message: str
) -> None:
    asked = looking()
    built = adversarial(row(), {"samplers.0": asked}, reaching(figures), attack=attack)
    assert (_refused(built), asked.requests) == ([("row", "attack_failed")], [])
    [reject] = built.rejects
    assert reject.field == "attack"
    assert re.search(message, reject.message)


class Others:
    """Rows of a shard."""

    def __init__(self, *images: Image) -> None:
        self.rows = [(f"t.jsonl:{number}", image) for number, image in enumerate(images)]

    def images(self, record_id: str, rng: Random) -> Iterator[tuple[str, Image]]:
        yield from sorted(self.rows, key=lambda row: rng.random())

    def every(self) -> Iterator[tuple[str, Image]]:
        yield from self.rows

    def image_of(self, record_id: str) -> Image | None:
        return dict(self.rows).get(record_id)


@pytest.mark.parametrize(
    ("towards", "told", "target"),
    [
        ({"text": "a dog"}, {"text": "a dog"}, (0.6, 0.8)),
        ({"text": "a long tale"}, {"text": "a long tale", "cut": True}, (0.8, 0.6)),
        ("rejected", {"rejected": "a cat"}, (0.28, 0.96)),
        ("other_image", {"other_image": "t.jsonl:1"}, (0.0, 1.0)),
    ],
)
def test_an_attack_may_go_towards_a_text_or_another_picture(
    row: Rows,
    adversarial: Adversarial,
    looking: Any,
    reaching: Any,
    picture: Image,
    towards: Any,
    told: Any,
    target: tuple[float, float],
) -> None:
    scores = {"a dog": 60.0, "a long tale": 80.0, "a cat": 28.0}
    encoder = reaching(Figures(0.9, 0.95, 0.25, 0.5), scores, cut=("a long tale",))
    other = read_image(encode(np.zeros((8, 8, 3), np.uint8), "png"))
    encoder.turned[other.sha256] = 90.0
    source = row(rejected="a cat", chosen=CUP)
    [pair] = adversarial(
        source,
        {"samplers.0": looking()},
        encoder,
        neighbours=Others(picture, other, picture),
        attack={"towards": towards},
    ).pairs
    assert encoder.attacks[0].target == pytest.approx(target, abs=1e-6)
    [image] = json.loads(pair.provenance or "")["rejected"]["params"]["images"]
    assert image["reached"] == {
        "encoder": "ViT-L-14-336-quickgelu/mine",
        "cosine": 0.5,
        "towards": told,
        "cosine_with_target": 0.9,
        "cosine_with_target_before": 0.25,
    }
    gain = [one.value for one in pair.scores if one.aspect == "target_gain"]
    assert gain == [65.0]


def test_only_attacks_towards_other_pictures_hold_the_rows_of_a_shard_together() -> None:
    part = ROOM.get("adversarial")
    for towards, wanted in ((None, False), ({"text": "a dog"}, False), ("other_image", True)):
        settings = part.settings.model_validate({"attack": {"towards": towards}})
        assert part.uses_neighbours(settings) is wanted


@pytest.mark.parametrize(
    ("fields", "attack", "reason"),
    [
        ({"prompt": Prompt("What is it?")}, {}, "no_image"),
        ({}, {"towards": "rejected"}, "no_answer"),
        ({}, {"towards": "other_image"}, "no_other_image"),
    ],
)
def test_rows_that_lack_what_the_attack_goes_by_cost_nothing(
    row: Rows, adversarial: Adversarial, looking: Any, reaching: Any, fields: Any, attack: Any, reason: str
) -> None:
    asked, encoder = looking(), reaching(Figures(2.0, 2.0, 0.0, 0.0))
    built = adversarial(row(**fields), {"samplers.0": asked}, encoder, attack=attack)
    assert (_refused(built), asked.requests, encoder.attacks) == ([("row", reason)], [], [])


def test_a_broken_picture_is_a_reject(
    row: Rows, adversarial: Adversarial, looking: Any, scripted: Any
) -> None:
    class Blind(scripted):  # type: ignore[misc]
        async def attacked(self, attack: Attack) -> AttackedImage:
            raise RowError("image_truncated", "images", "cut short")

    built = adversarial(row(), {"samplers.0": looking()}, Blind({}))
    assert _refused(built) == [("row", "image_truncated")]


@pytest.mark.parametrize(
    ("clean", "attacked", "told"),
    [
        (CUP, RowError("call_failed", None, "no"), [("candidate", "call_failed"), ("row", "call_failed")]),
        (RowError("call_failed", None, "no"), DOG, [("candidate", "call_failed"), ("row", "call_failed")]),
        (CUP, RowError("call_refused", None, "no"), [("candidate", "call_refused"), ("row", "call_refused")]),
        (CUP, Answer("A dog that", "length"), [("candidate", "answer_cut"), ("row", "answer_cut")]),
    ],
)
def test_a_side_without_answers_is_told_by_what_failed(
    row: Rows, adversarial: Adversarial, looking: Any, scripted: Any, clean: Any, attacked: Any, told: Any
) -> None:
    built = adversarial(row(), {"samplers.0": looking(clean, attacked)}, scripted({}))
    assert _refused(built) == told
    if isinstance(attacked, RowError):
        assert built.rejects[0].message.startswith("about the attacked picture: ")


def test_an_earlier_round_keeps_its_pictures_and_other_ones_are_told(
    row: Rows, adversarial: Adversarial, looking: Any, scripted: Any
) -> None:
    first = adversarial(row(), {"samplers.0": looking()}, scripted({}))
    after = {"samplers": [{"model": "w2"}], "round": 2}
    asks = {"samplers.0": looking(CUP, "A cat climbs up a green tree.")}
    built = adversarial(first.candidates[0], asks, scripted({}), **after)
    assert {(pair.rejected, pair.kind) for pair in built.pairs} == {
        (DOG, "both"),
        ("A cat climbs up a green tree.", "both"),
    }
    assert len({pair.rejected_images for pair in built.pairs}) == 1

    class Other(scripted):  # type: ignore[misc]
        async def attacked(self, attack: Attack) -> AttackedImage:
            image = read_image(encode(decode(attack.image) // 2, "png"))
            return AttackedImage(image, Figures(2.0, 2.0, 0.0, 0.0))

    asks = {"samplers.0": looking()}
    built = adversarial(first.candidates[0], asks, Other({}), **after)
    assert (_refused(built), asks["samplers.0"].requests) == ([("row", "bad_value")], [])
    assert "pgd gives another picture than it did" in built.rejects[0].message


def test_pairs_are_not_formed_anew_without_the_encoder(
    row: Rows, adversarial: Adversarial, looking: Any, scripted: Any, build: Any, tmp_path: Any
) -> None:
    with pytest.raises(RecipeError, match=r"was built by adversarial: .*encoder"):
        pairing_recipe(tmp_path, "sides", of={"builder": "adversarial", "parameters": {}})
    kept = adversarial(row(), {"samplers.0": looking()}, scripted({})).candidates[0]
    built = build("paired", {"pairing": {"rule": "sides"}}, kept, {})
    assert _refused(built) == [("row", "bad_value")]
    assert "pgd needs an encoder" in built.rejects[0].message


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"samplers": []}, "samplers: nobody answers"),
        ({"samplers": [{"model": "w", "side": "chosen"}]}, r"samplers\.0\.side: .*leave side out"),
        ({"samplers": [{"model": "w", "images": "none"}]}, r"samplers\.0\.images: .*leave images out"),
        ({"attack": {"name": "gaussian_blur"}}, r"attack\.name: gaussian_blur misleads no encoder"),
        ({"attack": {"name": "pdg"}}, r"attack\.name: no 'pdg' .*Did you mean 'pgd'"),
        ({"attack": {"params": {"radius": 99}}}, r"attack\.params: pgd\.radius: 99 .* is outside 1 to 64"),
        ({"attack": {"params": {"eps": 2}}}, r"attack\.params: no 'eps'"),
        ({"encoder": {"kind": "math"}}, r"encoder\.kind: math is no encoder"),
        ({"pairing": {"rule": "margin"}}, r"pairing\.rule: margin goes by scores"),
        ({"guards": [{"kind": "damage"}]}, r"guards\.0\.kind: no 'damage'"),
    ],
)
def test_what_cannot_be_built_is_told_beforehand(parameters: dict[str, Any], message: str) -> None:
    part = ROOM.get("adversarial")
    settings = part.settings.model_validate({"samplers": ONE, **parameters})
    with pytest.raises(ParameterError, match=message):
        part.prepare(settings, Run("test", 0, "0"))


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_attacked_pictures_have_no_other_format(format: str) -> None:
    with pytest.raises(RecipeError, match="encoding"):
        load_recipe("adpo", [f"encoding={format}"])


def test_other_builders_refuse_the_attack() -> None:
    part = ROOM.get("corrupted_input")
    settings = part.settings.model_validate(
        {"samplers": [{"model": "w", "side": "chosen"}, {"images": {"name": "pgd"}}]}
    )
    with pytest.raises(ParameterError, match="pgd needs an encoder"):
        part.prepare(settings, Run("test", 0, "0"))


def test_the_attack_by_default_is_that_of_the_paper() -> None:
    attacker = prepare_attack(Attacking(), "attack")
    budget = attacker.part.budget(attacker.plan.draw(Random(0)))
    assert (budget.radius, budget.steps, budget.stride) == (2, 10, 0.5)
    assert attacker.towards is None


def test_adpo(row: Rows, looking: Any, reaching: Any, alone: Any, picture: Image) -> None:
    recipe = load_recipe("adpo", ["samplers.0.model=policy", "samplers.0.base_url=http://127.0.0.1:1/v1"])
    assert recipe.file.source.question == "What is in the image?"
    asked, encoder = looking(), reaching(Figures(80.0, 81.0, 0.0, 0.3))

    async def built() -> Built:
        return await recipe.construct_encoding()(row(), alone, {"samplers.0": asked}, {"encoder": encoder})

    both, robust = asyncio.run(built()).pairs
    assert (both.kind, both.chosen, both.rejected, both.prompt.images) == ("both", CUP, DOG, (picture,))
    assert (robust.kind, robust.chosen, robust.rejected) == ("text", CUP, DOG)
    assert robust.prompt.images == both.rejected_images
    [attack] = encoder.attacks
    assert (attack.budget.radius, attack.budget.steps, attack.target) == (2, 10, None)
    assert [(one.n, one.sampling.temperature, one.sampling.max_tokens) for one in asked.requests] == [
        (1, 0.0, 512)
    ] * 2
    assert {str(one.messages[-1].parts[-1]) for one in asked.requests} == {"What is it?"}
    parameters: Any = recipe.parameters
    assert parameters.encoder.params == {"model": "ViT-L-14-quickgelu", "pretrained": "openai"}
    assert json.loads(both.provenance or "")["rejected"]["params"]["images"][0]["reached"]["encoder"] == (
        "ViT-L-14-quickgelu/openai"
    )


@pytest.mark.parametrize("towards", [None, {"text": "a dog"}])
def test_a_forecast_counts_attacks_and_both_answers(row: Rows, alone: Neighbours, towards: Any) -> None:
    told = ["samplers.0.model=policy", "samplers.0.base_url=http://127.0.0.1:1/v1", "attack.max_cosine=0.1"]
    recipe = load_recipe("adpo", [*told, f"attack.towards={json.dumps(towards)}"])
    raw = RawRow("t.jsonl:0", {})
    _, [asked], [encoded] = estimate(recipe, [(raw, row())], alone)
    assert (asked.name, asked.calls) == ("samplers.0", 2)
    assert (encoded.name, encoded.attacks, encoded.texts) == ("encoder", 1, 1 if towards else 0)
    assert asked.prompt_tokens > 2 * 300  # both pictures are as large as the row's
