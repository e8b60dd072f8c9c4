"""The visual_negative builder, row by row."""

import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import numpy as np
import pytest
import skimage.data

from pairwright.builders import ROOM, Built, Construct, Run
from pairwright.schemas.arrow import to_table
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.image import Image, Pixels
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.span import Span
from pairwright.schemas.validate import check_table

RUN = Run("test", 0, "0")


class Others:
    """Neighbours with given pictures."""

    def __init__(self, *images: Image) -> None:
        self.kept = images

    def images(self, record_id: str, rng: Random) -> Iterator[tuple[str, Image]]:
        for number in rng.sample(range(len(self.kept)), len(self.kept)):
            yield f"other:{number}", self.kept[number]

    def every(self) -> Iterator[tuple[str, Image]]:
        return ((f"other:{number}", image) for number, image in enumerate(self.kept))

    def image_of(self, record_id: str) -> Image | None:
        return dict(self.every()).get(record_id)


def _image(pixels: Pixels, encoding: str = "jpeg") -> Image:
    return read_image(encode(pixels, encoding), license="cc0-1.0")  # type: ignore[arg-type]


ASTRONAUT, COFFEE, CAT = (
    _image(getattr(skimage.data, name)()) for name in ("astronaut", "coffee", "chelsea")
)


def _row(*images: Image, rejected: str | None = None, record_id: str = "t.csv:0") -> SourceRow:
    question = "<image>\n" * len(images) + "What is it?"
    return SourceRow(record_id, "t", "7", Prompt(question, images), chosen="A photo.", rejected=rejected)


def _construct(run: Run = RUN, **parameters: object) -> Construct:
    part = ROOM.get("visual_negative")
    prepared: Construct = part.prepare(part.settings.model_validate(parameters), run)
    return prepared


BLUR = {"name": "gaussian_blur", "params": {"radius": 20}}


def _one(**parameters: object) -> Built:
    return _construct(**parameters)(_row(ASTRONAUT), Others())


def test_an_answered_prompt_gives_an_image_pair() -> None:
    built = _one(perturbations=[BLUR])
    [pair] = built.pairs
    assert built.rejects == ()
    assert (pair.kind, pair.chosen, pair.rejected) == ("image", "A photo.", "A photo.")
    assert pair.prompt.images == (ASTRONAUT,)
    [negative] = pair.rejected_images or ()
    assert negative.edit == "gaussian_blur radius=20 px"
    assert negative.license == "cc0-1.0"
    assert negative.header == read_image(negative.data).header
    assert (negative.header.width, negative.header.height) == (512, 512)
    told = json.loads(pair.provenance or "")
    assert told["negatives"] == [
        {"perturbation": "gaussian_blur", "params": {"radius": 20.0}, "units": {"radius": "px"}}
    ]
    assert told["seed"] == 0
    assert check_table(to_table(built.pairs)) == []


def test_measures_are_those_of_the_negative() -> None:
    built = _one(perturbations=[BLUR])
    scores = {score.aspect: score.value for score in built.pairs[0].scores}
    assert set(scores) == {"changed", "psnr", "ssim", "entropy_ratio"}
    assert 0.2 < (scores["ssim"] or 0) < 0.7
    weaker = _one(perturbations=[{"name": "gaussian_blur", "params": {"radius": 5}}]).pairs[0].scores
    assert {s.aspect: s.value for s in weaker}["ssim"] > scores["ssim"]  # type: ignore[operator]


def test_own_pair_comes_first_and_can_be_left_out() -> None:
    row = _row(ASTRONAUT, rejected="A painting.")
    kinds = [pair.kind for pair in _construct(perturbations=[BLUR])(row, Others()).pairs]
    assert kinds == ["text", "image"]
    alone = _construct(perturbations=[BLUR], keep_pairs=False)(row, Others())
    assert [pair.kind for pair in alone.pairs] == ["image"]


def test_own_pair_keeps_its_spans() -> None:
    spans = (Span(2, 7, 5.0, "changed"),)
    row = replace(_row(ASTRONAUT, rejected="A painting."), chosen_spans=spans, rejected_spans=spans)
    own, negative = _construct(perturbations=[BLUR])(row, Others()).pairs
    assert (own.chosen_spans, own.rejected_spans) == (spans, spans)
    assert (negative.chosen_spans, negative.rejected_spans) == ((), ())


def test_every_operation_for_every_row() -> None:
    names = ["gaussian_blur", "pixelate", "blank", "rotate"]
    built = _one(perturbations=[{"name": name} for name in names], per_row="all")
    assert [(pair.rejected_images or ())[0].edit.split()[0] for pair in built.pairs] == names  # type: ignore[union-attr]
    assert len({pair.id for pair in built.pairs}) == len(names)
    assert len({pair.group_id for pair in built.pairs}) == 1


def test_operations_are_drawn_by_weight() -> None:
    construct = _construct(perturbations=[{"name": "blank", "weight": 3}, {"name": "rotate", "weight": 1}])
    small = _image(skimage.data.coffee()[::8, ::8].copy())
    drawn = [
        (construct(_row(small, record_id=f"t:{n}"), Others()).pairs[0].rejected_images or ())[0].edit or ""
        for n in range(200)
    ]
    share = sum(edit.startswith("blank") for edit in drawn) / len(drawn)
    assert 0.65 < share < 0.85


def test_draws_follow_seed_record_and_name_only() -> None:
    parameters = {"perturbations": [{"name": "gaussian_blur"}]}
    first = _construct(**parameters)(_row(ASTRONAUT), Others()).pairs[0]
    assert _construct(**parameters)(_row(ASTRONAUT), Others()).pairs[0] == first
    other_record = _construct(**parameters)(_row(ASTRONAUT, record_id="t.csv:1"), Others()).pairs[0]
    other_seed = _construct(Run("test", 1, "0"), **parameters)(_row(ASTRONAUT), Others()).pairs[0]
    edits = {(pair.rejected_images or ())[0].edit for pair in (first, other_record, other_seed)}
    assert len(edits) == 3


def test_every_image_of_the_prompt_is_changed() -> None:
    [pair] = _construct(perturbations=[{"name": "gaussian_blur"}])(_row(ASTRONAUT, COFFEE), Others()).pairs
    negatives = pair.rejected_images or ()
    assert [n.header.width for n in negatives] == [512, 600]
    assert {score.target for score in pair.scores} == {"rejected_images[0]", "rejected_images[1]"}
    assert negatives[0].edit != negatives[1].edit


def test_a_no_op_is_a_reject() -> None:
    grey = _image(np.full((200, 200, 3), 128, np.uint8))
    built = _construct(perturbations=[BLUR])(_row(grey), Others())
    assert built.pairs == ()
    [reject] = built.rejects
    assert (reject.reason, reject.scope, reject.field) == ("no_op", "row", "gaussian_blur")


def test_a_failed_negative_beside_a_pair_is_counted_apart() -> None:
    grey = _image(np.full((200, 200, 3), 128, np.uint8))
    built = _construct(perturbations=[BLUR, {"name": "blank"}], per_row="all")(_row(grey), Others())
    assert [pair.kind for pair in built.pairs] == ["image"]
    assert [(reject.reason, reject.scope) for reject in built.rejects] == [("no_op", "negative")]


@pytest.mark.parametrize(
    ("accept", "refused"),
    [
        ({"ssim": {"max": 0.2}}, "ssim"),
        ({"ssim": {"min": 0.9}}, "ssim"),
        ({"changed": {"min": 0.999}}, "changed"),
        ({"ssim": {"min": 0.1, "max": 0.9}}, None),
    ],
)
def test_accept_band(accept: dict[str, object], refused: str | None) -> None:
    built = _one(perturbations=[BLUR], accept=accept)
    if refused is None:
        assert len(built.pairs) == 1
    else:
        [reject] = built.rejects
        assert reject.reason == "outside_band"
        assert refused in reject.message


@pytest.mark.parametrize("image", [ASTRONAUT, COFFEE, CAT, _image(skimage.data.astronaut(), "png")])
def test_strength_is_searched_per_picture(image: Image) -> None:
    construct = _construct(perturbations=[{"name": "gaussian_blur", "until": {"ssim": {"max": 0.5}}}])
    [pair] = construct(_row(image), Others()).pairs
    ssim = next(score.value for score in pair.scores if score.aspect == "ssim")
    assert ssim is not None
    assert 0.47 < ssim <= 0.5  # the weakest that does


def test_a_target_out_of_reach_is_a_reject() -> None:
    built = _one(perturbations=[{"name": "jpeg", "until": {"ssim": {"max": -0.5}}}])
    assert [reject.reason for reject in built.rejects] == ["target_not_reached"]


def test_other_image_takes_the_other_picture_as_it_is() -> None:
    construct = _construct(perturbations=[{"name": "other_image"}])
    shrunk = _image(skimage.data.astronaut()[::2, ::2].copy())
    [pair] = construct(_row(ASTRONAUT), Others(ASTRONAUT, shrunk, COFFEE)).pairs
    [negative] = pair.rejected_images or ()
    assert negative.data == COFFEE.data
    assert (negative.edit or "").startswith("other_image from other:2")
    assert json.loads(pair.provenance or "")["negatives"][0]["other"] == "other:2"


def test_other_image_without_another_picture_is_a_reject() -> None:
    built = _construct(perturbations=[{"name": "other_image"}])(_row(ASTRONAUT), Others(ASTRONAUT))
    assert [reject.reason for reject in built.rejects] == ["no_other_image"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (_row(), "no_image"),
        (SourceRow("t:0", "t", "0", Prompt("<image>\nWhat?", (ASTRONAUT,))), "no_answer"),
    ],
)
def test_rows_that_lack_something(row: SourceRow, reason: str) -> None:
    assert [reject.reason for reject in _construct(perturbations=[BLUR])(row, Others()).rejects] == [reason]


def test_a_text_pair_without_image_stays_and_its_negative_is_counted() -> None:
    built = _construct(perturbations=[BLUR])(_row(rejected="No."), Others())
    assert [pair.kind for pair in built.pairs] == ["text"]
    assert [(reject.reason, reject.scope) for reject in built.rejects] == [("no_image", "negative")]


def test_lossless_originals_get_lossless_negatives() -> None:
    png = _image(skimage.data.coffee(), "png")
    for encoding, wanted in (("auto", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")):
        [pair] = _construct(perturbations=[{"name": "rotate"}], encoding=encoding)(_row(png), Others()).pairs
        assert (pair.rejected_images or ())[0].header.format == wanted


def test_reduced_decoding_gives_the_same_picture_as_full_decoding() -> None:
    """A JPEG takes the reduced path, the PNG of its pixels the full one."""
    png = _image(decode(COFFEE), "png")
    pixels = []
    for image in (COFFEE, png):
        [pair] = _construct(perturbations=[BLUR], encoding="png")(_row(image), Others()).pairs
        pixels.append(decode((pair.rejected_images or ())[0]).astype(float))
    error = ((pixels[0] - pixels[1]) ** 2).mean()
    assert 10 * np.log10(255**2 / error) > 45


def test_a_broken_second_picture_takes_the_whole_row_along() -> None:
    flat = _image(np.full((200, 200, 3), 128, np.uint8))
    cut = read_image(ASTRONAUT.data[:5000])
    with pytest.raises(RowError, match="truncated"):
        _construct(perturbations=[BLUR])(_row(flat, cut, rejected="No."), Others())


def test_the_sources_own_negative_is_measured_too() -> None:
    same = _image(decode(ASTRONAUT), "png")
    for negative, kinds in ((COFFEE, ["both", "image"]), (same, ["image"])):
        row = replace(_row(ASTRONAUT, rejected="No."), rejected_images=(negative,))
        built = _construct(perturbations=[BLUR])(row, Others())
        assert [pair.kind for pair in built.pairs] == kinds
        assert all({score.aspect for score in pair.scores} >= {"ssim", "psnr"} for pair in built.pairs)
        assert [reject.reason for reject in built.rejects] == ([] if negative is COFFEE else ["no_op"])


def test_the_same_negative_twice_is_one() -> None:
    built = _one(perturbations=[{"name": "pixelate"}, {"name": "pixelate"}], per_row="all")
    assert len(built.pairs) == 1
    assert [(reject.reason, reject.scope) for reject in built.rejects] == [("no_op", "negative")]


@pytest.mark.parametrize(
    "choice",
    [
        {"name": "gaussian_blur", "params": {"radius": 3}, "until": {"ssim": {"max": 0.5}}},
        {"name": "gaussian_blur", "until": {"ssim": {"min": 0.5}}},
        {"name": "gaussian_blur", "until": {"changed": {"max": 0.5}}},
        {"name": "gaussian_blur", "until": {"ssim": {"max": 0.5}, "psnr": {"max": 20}}},
        {"name": "other_image", "until": {"ssim": {"max": 0.5}}},
    ],
)
def test_targets_that_mean_nothing_are_refused(choice: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        _construct(perturbations=[choice])
