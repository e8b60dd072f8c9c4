"""The tiny model knows its world: what other tests take for granted when they rank captions."""

import random
from types import ModuleType

import open_clip
import PIL.Image
import pytest
import torch

PICTURES = 150


@pytest.mark.parametrize(("width", "height"), [(64, 64), (150, 121), (300, 400)])
def test_the_right_caption_ranks_first(tiny_clip: str, drawing: ModuleType, width: int, height: int) -> None:
    """Chance is 1 in 5 for all, 1 in 2 for one attribute: each wrong caption differs in one attribute."""
    model, _, transform = open_clip.create_model_and_transforms(tiny_clip)
    rng = random.Random(7)
    shown = [rng.choice(drawing.SCENES) for _ in range(PICTURES)]
    told = [(scene, *(drawing.changed(scene, name, rng) for name in drawing.ATTRIBUTES)) for scene in shown]
    pictures = [drawing.draw(scene, number, width, height) for number, scene in enumerate(shown)]
    captions = open_clip.get_tokenizer(tiny_clip)([drawing.caption(scene) for each in told for scene in each])
    with torch.inference_mode():
        seen = torch.stack([transform(PIL.Image.fromarray(picture)) for picture in pictures])
        images = model.eval().encode_image(seen, normalize=True)
        texts = model.encode_text(captions, normalize=True).unflatten(0, (PICTURES, -1))
    cosines = torch.einsum("nd,nkd->nk", images, texts)
    right = cosines[:, :1] > cosines[:, 1:]
    assert right.float().mean(0).min() > 0.8
    assert right.all(1).float().mean() > 0.7


def test_pictures_and_captions_can_be_drawn_again(drawing: ModuleType) -> None:
    scene = drawing.Scene("blue", "triangle", "bottom", 3)
    assert drawing.caption(scene) == "three blue triangles at the bottom"
    picture = drawing.draw(scene, 1, width=90, height=70)
    assert picture.shape == (70, 90, 3)
    assert (picture == drawing.draw(scene, 1, width=90, height=70)).all()
    assert (picture != drawing.draw(scene, 2, width=90, height=70)).any()
    wrong = drawing.changed(scene, "shape", random.Random(1))
    assert (wrong.colour, wrong.place, wrong.count) == ("blue", "bottom", 3)
    assert wrong.shape != "triangle"
