"""The encoder clip against open_clip itself, on pictures that the tiny model knows."""

import io
import json
import logging
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import open_clip
import PIL.Image
import pytest
import torch

from pairwright.annotators import OpenEncoder
from pairwright.annotators._similarity import score
from pairwright.annotators.clip import PART, Clip, check, marks, name
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.errors import ModelError, ParameterError
from pairwright.schemas.image import Image

Draw = Callable[..., Image]


@pytest.fixture(scope="module")
def encoder(tiny_clip: str) -> Iterator[OpenEncoder]:
    with PART.open(Clip(model=tiny_clip), "cpu") as opened:
        yield opened


@pytest.fixture(scope="module")
def drawn(drawing: ModuleType) -> Draw:
    """Draws the picture of a scene."""

    def draw(scene: Any, seed: int) -> Image:
        return read_image(encode(drawing.draw(scene, seed, 150, 121), "png"))

    return draw


def test_right_captions_score_above_wrong_ones(
    encoder: OpenEncoder, drawing: ModuleType, drawn: Draw
) -> None:
    rng = random.Random(3)
    scenes = [rng.choice(drawing.SCENES) for _ in range(60)]
    images = encoder.images([encoder.read(drawn(scene, number)) for number, scene in enumerate(scenes)])
    for attribute in drawing.ATTRIBUTES:
        right = encoder.texts([drawing.caption(scene) for scene in scenes]).vectors
        wrong = encoder.texts(
            [drawing.caption(drawing.changed(scene, attribute, rng)) for scene in scenes]
        ).vectors
        above = sum(
            score(*pair[:2]) > score(pair[0], pair[2]) for pair in zip(images, right, wrong, strict=True)
        )
        assert above > 0.75 * len(scenes), attribute


def test_vectors_are_those_of_open_clip(
    encoder: OpenEncoder, tiny_clip: str, drawing: ModuleType, drawn: Draw
) -> None:
    model, _, transform = open_clip.create_model_and_transforms(tiny_clip)
    image, texts = drawn(drawing.SCENES[7], 1), ["two red crosses at the top", "a blue circle on the left"]
    with torch.inference_mode():
        seen = transform(PIL.Image.open(io.BytesIO(image.data)).convert("RGB")).unsqueeze(0)
        own = model.eval().encode_image(seen, normalize=True).numpy()
        said = model.encode_text(open_clip.get_tokenizer(tiny_clip)(texts), normalize=True).numpy()
    assert np.allclose(encoder.images([encoder.read(image)]), own, atol=1e-5)
    assert np.allclose(encoder.texts(texts).vectors, said, atol=1e-5)


def test_pictures_are_upright(encoder: OpenEncoder, drawing: ModuleType) -> None:
    pixels = drawing.draw(drawing.Scene("red", "circle", "top", 1), 5)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # stored turned left; shown turned right by a quarter
    file = io.BytesIO()
    PIL.Image.fromarray(np.rot90(pixels)).save(file, "PNG", exif=exif)
    turned, upright = (read_image(data) for data in (file.getvalue(), encode(pixels, "png")))
    one, other = encoder.images([encoder.read(turned), encoder.read(upright)])
    assert turned.header.orientation == 6
    assert np.array_equal(one, other)


def test_texts_longer_than_the_context_are_told(encoder: OpenEncoder, tiny_clip: str) -> None:
    tokenizer = open_clip.get_tokenizer(tiny_clip)
    texts = [
        *(" ".join(["circle"] * count) for count in range(18, 28)),
        *("! " * count for count in range(18, 28)),  # its token is 0, which is the padding too
        "",
        "naïve 一只猫 🐈 " * 40,
    ]
    longer = [len(tokenizer.encode(text)) + 2 > tokenizer.context_length for text in texts]
    assert sum(longer) > 5
    assert encoder.texts(texts).cut == tuple(longer)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "ViT-B32", "pretrained": "openai"}, r"no 'ViT-B32'\. Did you mean ViT-B-32"),
        ({"model": "ViT-B-32"}, "without it ViT-B-32 would have random weights"),
        ({"model": "ViT-B-32", "pretrained": "opnai"}, "'opnai' is no file and no weights of ViT-B-32"),
        ({"model": "ViT-B-32", "pretrained": "openai"}, "take ViT-B-32-quickgelu"),
        ({"model": "local-dir:/nowhere"}, "no such folder: /nowhere"),
        ({"model": "hf-hub:a/b", "pretrained": "openai"}, "has its own weights; set pretrained to null"),
    ],
)
def test_models_that_cannot_be_meant_are_told(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        check(Clip(**settings))


def test_a_folder_without_weights_is_told_and_a_broken_one_cannot_be_loaded(
    tiny_clip: str, tmp_path: Path
) -> None:
    folder = Path(tiny_clip.removeprefix("local-dir:"))
    shutil.copy(folder / "open_clip_config.json", tmp_path)
    settings = Clip(model=f"local-dir:{tmp_path}")
    with pytest.raises(ParameterError, match="holds no weights"):
        check(settings)
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"nothing")
    check(settings)
    with (
        pytest.raises(ModelError, match=f"open_clip cannot load {tmp_path.name} on cpu"),
        PART.open(settings, "cpu"),
    ):
        pass


def test_weights_that_cannot_be_fetched_say_what_else_there_is(
    tiny_clip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        logging.info("parsing")  # noqa: LOG015, as open_clip does it
        raise RuntimeError("Failed to download weights")

    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(open_clip, "create_model_from_pretrained", unreachable)
    for settings, told in (
        (
            Clip(model="ViT-B-32-quickgelu", pretrained="openai"),
            "set pretrained to a file of these weights, or",
        ),
        (Clip(model="hf-hub:a/b"), "set model to local-dir:FOLDER, with the files of a/b"),
        (Clip(model=tiny_clip), "Failed to download weights$"),
    ):
        with pytest.raises(ModelError, match=told), PART.open(settings, "cpu"):
            pass
    assert logging.getLogger().handlers == []  # with one, the hub would tell everything twice


def test_another_checkpoint_has_another_mark(tiny_clip: str, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_clip.removeprefix("local-dir:"), tmp_path / "tiny")
    settings = Clip(model=f"local-dir:{folder}")
    before = marks(settings)
    assert before == marks(Clip(model=tiny_clip))
    assert name(settings) == "tiny"
    config = json.loads((folder / "open_clip_config.json").read_text())
    (folder / "open_clip_config.json").write_text(json.dumps({**config, "told": "otherwise"}))
    assert marks(settings) != before
