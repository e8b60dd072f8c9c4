"""Adversarial pictures against a real encoder: as strong as a plain implementation, inside the ball, true of the file."""

import random
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import open_clip
import PIL.Image
import pytest
import torch

from pairwright.perturbations._pgd import Attacked, _viewed, attack
from pairwright.perturbations._random_fields import LEVELS, uniform
from pairwright.schemas.attack import Budget, VisionEncoder
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.errors import ModelError
from pairwright.schemas.image import Pixels

MEAN = torch.tensor(open_clip.OPENAI_DATASET_MEAN).view(3, 1, 1)
STD = torch.tensor(open_clip.OPENAI_DATASET_STD).view(3, 1, 1)
SIDE = 64


@pytest.fixture(scope="module")
def model(tiny_clip: str) -> Any:
    return open_clip.create_model_from_pretrained(tiny_clip, return_transform=False).eval()


@pytest.fixture(scope="module")
def encoder(tiny_clip: str, model: Any) -> VisionEncoder:
    return VisionEncoder(model.encode_image, open_clip.create_model_from_pretrained(tiny_clip)[1])


@pytest.fixture(scope="module")
def pictures(drawing: ModuleType) -> Callable[..., list[Pixels]]:
    """Draws pictures of different scenes: how many, width, height."""

    def make(count: int, width: int = SIDE, height: int = SIDE) -> list[Pixels]:
        return [drawing.draw(drawing.SCENES[13 * number], number, width, height) for number in range(count)]

    return make


def features(pictures: list[Pixels], encoder: VisionEncoder) -> torch.Tensor:
    """Return the features as anyone computes them who opens the files."""
    with torch.no_grad():
        return encoder.features(torch.stack([encoder.transform(PIL.Image.fromarray(x)) for x in pictures]))


def distances(ones: list[Pixels], others: list[Pixels], encoder: VisionEncoder) -> np.ndarray:
    """Return the squared distance of features, picture by picture."""
    return (features(ones, encoder) - features(others, encoder)).square().sum(1).numpy()


def farthest(ones: list[Pixels], others: list[Pixels]) -> int:
    """Return the greatest change of a channel of a pixel."""
    return max(int(np.abs(x.astype(int) - y).max()) for x, y in zip(ones, others, strict=True))


def reference(
    model: Any, clean: np.ndarray, noise: np.ndarray, radius: float, step: float, height: int, width: int
) -> np.ndarray:
    """Return squared distances by the textbook: values from 0 to 1, the change as the variable, no rounding."""
    scale = SIDE / min(height, width)
    size = (int(height * scale), int(width * scale))
    top, left = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    x = torch.from_numpy(clean).permute(0, 3, 1, 2).float() / 255

    def see(picture: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.interpolate(picture, size, mode="bicubic", antialias=True).clamp(0, 1)
        return model.encode_image((small[..., top : top + SIDE, left : left + SIDE] - MEAN) / STD)

    start = see(x).detach()
    change = torch.from_numpy(noise).float() / 255
    for _ in range(10):
        change = torch.max(torch.min(x + change, torch.ones(())), torch.zeros(())) - x
        change = change.detach().requires_grad_()
        torch.nn.functional.mse_loss(see(x + change), start, reduction="sum").backward()
        with torch.no_grad():
            change = change + step / 255 * torch.where(change.grad > 0, 1.0, -1.0)
            change = change.clamp(-radius / 255, radius / 255)
    with torch.no_grad():
        return ((see((x + change).clamp(0, 1)) - start) ** 2).sum(1).numpy()


@pytest.mark.parametrize("radius", [2, 4])
@pytest.mark.parametrize(("width", "height"), [(64, 64), (120, 90)])
def test_it_is_as_strong_as_a_plain_implementation(
    model: Any, encoder: VisionEncoder, pictures: Any, width: int, height: int, radius: int
) -> None:
    clean, seeds = pictures(8, width, height), range(8)
    fields = [uniform((3, height, width), seed) for seed in seeds]
    noise = radius * (2 * (np.stack(fields) + 0.5) / LEVELS - 1)
    expected = reference(model, np.stack(clean), noise, radius, radius / 4, height, width)
    attacked = attack(clean, seeds, encoder, Budget(radius=radius))
    assert np.allclose([each.figures.unrounded for each in attacked], expected, rtol=0.03)
    assert np.allclose([each.figures.objective for each in attacked], expected, rtol=0.05)


@pytest.mark.parametrize("radius", [2, 4])
@pytest.mark.parametrize(("width", "height", "factor"), [(64, 64, 500), (150, 121, 2000), (400, 300, 5000)])
def test_it_moves_features_much_farther_than_noise(
    encoder: VisionEncoder, pictures: Any, width: int, height: int, factor: float, radius: int
) -> None:
    """Measured: 2,000, 8,000 and 30,000 times as far as random changes by the whole radius."""
    clean = pictures(8, width, height)
    rng = np.random.default_rng(1)
    noise = [np.clip(x + rng.choice([-radius, radius], x.shape), 0, 255).astype(np.uint8) for x in clean]
    attacked = attack(clean, range(8), encoder, Budget(radius=radius))
    moved = np.array([each.figures.objective for each in attacked])
    assert np.median(moved / distances(noise, clean, encoder)) > factor
    assert np.mean([each.figures.cosine for each in attacked]) < 0.8


def test_the_model_takes_attacked_pictures_for_others(
    tiny_clip: str, model: Any, encoder: VisionEncoder, drawing: ModuleType
) -> None:
    rng = random.Random(3)
    shown = [rng.choice(drawing.SCENES) for _ in range(40)]
    told = [(scene, *(drawing.changed(scene, name, rng) for name in drawing.ATTRIBUTES)) for scene in shown]
    words = open_clip.get_tokenizer(tiny_clip)([drawing.caption(scene) for each in told for scene in each])
    with torch.no_grad():
        texts = model.encode_text(words, normalize=True).unflatten(0, (len(shown), -1))

    def right(pictures: list[Pixels]) -> float:
        cosines = torch.einsum("nd,nkd->nk", features(pictures, encoder), texts)
        return float((cosines[:, 0] > cosines[:, 1:].amax(1)).float().mean())

    clean = [drawing.draw(scene, number, 100, 80) for number, scene in enumerate(shown)]
    attacked = [each.pixels for each in attack(clean, range(40), encoder, Budget(radius=4))]
    assert right(clean) > 0.8
    assert right(attacked) < 0.3


def test_what_is_told_is_true_of_the_stored_file(encoder: VisionEncoder, pictures: Any) -> None:
    clean = pictures(4, 97, 140)
    attacked = attack(clean, range(4), encoder, Budget())
    files = [decode(read_image(encode(each.pixels, "png"))) for each in attacked]
    assert np.allclose(
        [each.figures.objective for each in attacked], distances(files, clean, encoder), rtol=1e-4
    )
    cosines = torch.cosine_similarity(features(files, encoder), features(clean, encoder))
    assert np.allclose([each.figures.cosine for each in attacked], cosines, atol=1e-5)
    assert [each.figures.clean for each in attacked] == [0.0] * 4
    assert all(each.pixels.flags.c_contiguous for each in attacked)


@pytest.mark.parametrize(
    "budget", [Budget(1), Budget(2), Budget(4), Budget(3, step=50.0), Budget(2, steps=1)], ids=str
)
def test_it_never_leaves_the_ball(encoder: VisionEncoder, pictures: Any, budget: Budget) -> None:
    rng = np.random.default_rng(0)
    ends = rng.choice([0, 1, 254, 255], (70, 90, 3)).astype(np.uint8)
    clean = [*pictures(3, 90, 70), ends]
    before = [picture.copy() for picture in clean]
    attacked = [each.pixels for each in attack(clean, range(4), encoder, budget)]
    assert farthest(attacked, clean) == budget.radius
    assert all((x == y).all() for x, y in zip(clean, before, strict=True))
    assert all(each.dtype == np.uint8 for each in attacked)


def test_levels_are_rounded_to_the_nearest(encoder: VisionEncoder) -> None:
    """Hardly a step: what is stored is the start, even over the ball. Cut off, it would be half a level darker."""
    grey = np.full((64, 64, 3), 120, np.uint8)
    [each] = attack([grey], [1], encoder, Budget(radius=4, steps=1, step=1e-6))
    change = each.pixels.astype(int) - grey
    assert abs(change.mean()) < 0.1
    assert set(np.unique(change)) == set(range(-4, 5))


@pytest.mark.parametrize(("side", "least", "most"), [(64, 0.1, 0.5), (320, 0.7, 1.05)])
def test_jpeg_leaves_the_ball_and_undoes_what_is_fine(
    encoder: VisionEncoder, pictures: Any, side: int, least: float, most: float
) -> None:
    """Measured at quality 95: a third of the distance is left of a picture of the encoder's size, most of a large one."""
    clean = pictures(8, side, side)
    attacked = attack(clean, range(8), encoder, Budget())
    files = [decode(read_image(encode(each.pixels, "jpeg", 95))) for each in attacked]
    left = distances(files, clean, encoder).mean() / np.mean([each.figures.objective for each in attacked])
    assert least < left < most
    assert farthest(files, clean) > 4


def test_any_picture_can_be_attacked_and_sizes_can_be_mixed(encoder: VisionEncoder) -> None:
    rng = np.random.default_rng(4)
    sizes = [(1, 1), (1, 7), (7, 1), (3, 500), (500, 3), (37, 53), (64, 64), (65, 63)]
    clean = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    attacked = attack(clean, range(len(sizes)), encoder, Budget(radius=4))
    assert [each.pixels.shape[:2] for each in attacked] == sizes
    assert farthest([each.pixels for each in attacked], clean) <= 4
    assert all(each.figures.objective > 0 for each in attacked)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_grey_pictures(encoder: VisionEncoder, level: int) -> None:
    flat = np.full((48, 33, 3), level, np.uint8)
    ramp = np.repeat(np.linspace(0, 255, 80 * 60).astype(np.uint8).reshape(60, 80, 1), 3, axis=2)
    attacked = attack([flat, ramp], [1, 2], encoder, Budget())
    assert farthest([each.pixels for each in attacked], [flat, ramp]) == 2
    assert all(each.figures.objective > 0.1 for each in attacked)


def test_what_the_encoder_crops_away_stays_as_it_is(encoder: VisionEncoder, pictures: Any) -> None:
    [wide] = pictures(1, 160, 64)
    [each] = attack([wide], [1], encoder, Budget())
    changed = (each.pixels != wide).any(axis=(0, 2))
    assert not changed[:48].any()
    assert not changed[112:].any()
    assert changed[48:112].all()


def test_a_seed_decides(encoder: VisionEncoder, pictures: Any) -> None:
    clean = pictures(3, 90, 70)
    one, again = (attack(clean, [5, 6, 7], encoder, Budget()) for _ in range(2))
    other = attack(clean, [8, 9, 10], encoder, Budget())
    for x, y, z in zip(one, again, other, strict=True):
        assert (x.pixels == y.pixels).all()
        assert (x.figures.objective, x.figures.unrounded, x.figures.cosine) == (
            y.figures.objective,
            y.figures.unrounded,
            y.figures.cosine,
        )
        assert (x.pixels != z.pixels).any()


def test_a_batch_equals_one_by_one_but_for_the_last_bits(encoder: VisionEncoder, pictures: Any) -> None:
    """Measured on one CPU: no pixel differs. Other ones may sum in another order."""
    clean = pictures(5, 90, 70) + pictures(3, 64, 64)
    together = attack(clean, range(8), encoder, Budget())
    alone = [attack([picture], [seed], encoder, Budget())[0] for seed, picture in enumerate(clean)]
    for x, y in zip(together, alone, strict=True):
        assert (x.pixels != y.pixels).mean() < 0.02
        assert x.figures.objective == pytest.approx(y.figures.objective, rel=0.05)


def test_each_picture_may_have_a_budget_of_its_own(encoder: VisionEncoder, pictures: Any) -> None:
    clean, budgets = pictures(3, 90, 70), [Budget(radius=1), Budget(radius=4), Budget(radius=4, step=0.5)]
    together = attack(clean, range(3), encoder, budgets)
    for number, budget in enumerate(budgets):
        alone = attack(clean, range(3), encoder, budget)[number]
        assert (together[number].pixels == alone.pixels).all()
        assert together[number].figures == alone.figures


@pytest.mark.parametrize("radius", [2, 4])
def test_towards_a_text_and_towards_a_picture(
    tiny_clip: str, model: Any, encoder: VisionEncoder, drawing: ModuleType, radius: int
) -> None:
    scene = drawing.Scene("red", "circle", "left", 1)
    clean = [drawing.draw(scene, number, 100, 80) for number in range(4)]
    words = open_clip.get_tokenizer(tiny_clip)(["three blue crosses on the right"])
    with torch.no_grad():
        text = model.encode_text(words).expand(4, -1).numpy()
    picture = features([drawing.draw(drawing.Scene("blue", "cross", "right", 3), 1)] * 4, encoder).numpy()
    for target in (text, picture):
        attacked = attack(clean, range(4), encoder, Budget(radius=radius), target=target)
        before, after = (
            torch.cosine_similarity(features(shown, encoder), torch.tensor(target)).numpy()
            for shown in (clean, [each.pixels for each in attacked])
        )
        assert np.allclose([each.figures.clean for each in attacked], before, atol=1e-5)
        assert np.allclose([each.figures.objective for each in attacked], after, atol=1e-5)
        assert (after - before).min() > 0.1 * radius
        assert farthest([each.pixels for each in attacked], clean) == radius


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("shown", ["noise", "stripes"])
@pytest.mark.parametrize("size", [(64, 64), (150, 121), (37, 90), (500, 333), (20, 300)], ids=str)
def test_gradients_flow_through_the_preprocessing_that_the_encoder_has(
    mode: str, interpolation: str, size: tuple[int, int], shown: str
) -> None:
    """Pillow rounds to 8 bits after each of its two passes, so one level, or two, is all that may differ.

    Where a bicubic resize goes beyond black and white, both stop there: stripes. Pillow stops after each pass, which only
    differs where both passes go beyond; so the noise keeps off both ends.
    """
    transform = open_clip.image_transform(
        SIDE, is_train=False, resize_mode=mode, interpolation=interpolation, fill_color=127
    )
    picture = np.random.default_rng(2).integers(60, 196, (*size, 3), np.uint8)
    if shown == "stripes":
        picture[:] = (np.arange(size[0]) // 5 % 2 * 255)[:, None, None]
    real = transform(PIL.Image.fromarray(picture))
    ours = _viewed(torch.tensor(picture).permute(2, 0, 1).float(), transform)
    assert ours.shape == real.shape
    assert ((ours - real) * STD * 255).abs().max() < 2


def test_the_model_stays_as_it_is(model: Any, encoder: VisionEncoder, pictures: Any) -> None:
    model.zero_grad(set_to_none=True)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    expected = attack(pictures(2), [1, 2], encoder, Budget())
    with torch.inference_mode():
        inside = attack(pictures(2), [1, 2], encoder, Budget())
    assert [(x.pixels == y.pixels).all() for x, y in zip(expected, inside, strict=True)] == [True, True]
    assert all((before[name] == weight).all() for name, weight in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())


def test_half_precision(tiny_clip: str, encoder: VisionEncoder, pictures: Any) -> None:
    rough, transform = open_clip.create_model_from_pretrained(tiny_clip, precision="bf16")
    halved = VisionEncoder(rough.eval().encode_image, transform, dtype=torch.bfloat16)
    clean = pictures(4, 90, 70)
    attacked: list[Attacked] = attack(clean, range(4), halved, Budget())
    in_full = distances([each.pixels for each in attacked], clean, encoder)
    exact = np.mean([each.figures.objective for each in attack(clean, range(4), encoder, Budget())])
    assert in_full.mean() > 0.7 * exact


def test_numbers_that_are_not_finite_are_an_error(encoder: VisionEncoder, pictures: Any) -> None:
    broken = VisionEncoder(lambda views: encoder.features(views) * float("inf"), encoder.transform)
    with pytest.raises(ModelError, match="not finite"):
        attack(pictures(1), [1], broken, Budget())
