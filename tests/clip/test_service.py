"""Each distinct picture and text is encoded once, by whoever asks first, and always to the same vector."""

import asyncio
import random
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pairwright.annotators._encoding import EncoderSettings
from pairwright.encoding import service
from pairwright.encoding.service import Encoded, open_encoders
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.errors import ModelError, RowError, RunError
from pairwright.schemas.image import Image

PICTURES = 21


@pytest.fixture(scope="module")
def images(drawing: ModuleType) -> list[Image]:
    return [read_image(encode(drawing.draw(scene, 1), "png")) for scene in drawing.SCENES[:PICTURES]]


@pytest.fixture
def settings(tiny_clip: str) -> EncoderSettings:
    return EncoderSettings(params={"model": tiny_clip}, device="cpu", batch_size=8)


def encoded(settings: EncoderSettings, store: Path, asked: list[Any]) -> tuple[list[Any], Encoded]:
    """Return the vectors of pictures and texts that are asked for all at once, and what was done for them."""

    async def work() -> tuple[list[Any], Encoded]:
        async with open_encoders({"encoders.0": settings}, store=store, run="run") as encoders:
            encode = encoders.encodes["encoders.0"]
            coming = [encode.text(one) if isinstance(one, str) else encode.image(one) for one in asked]
            found = await asyncio.gather(*coming, return_exceptions=True)
            return list(found), encoders.done()[0]

    return asyncio.run(work())


def test_every_picture_and_text_is_encoded_once(
    settings: EncoderSettings, images: list[Image], tmp_path: Path
) -> None:
    asked = [*images, *(f"text {n % 5}" for n in range(40))] * 6
    found, done = encoded(settings, tmp_path / "e.sqlite", asked)
    assert (done.encoder, done.images, done.texts) == ("tiny", PICTURES, 5)
    assert done.stored == len(asked) - PICTURES - 5
    assert np.array_equal(found[0], found[PICTURES + 40])
    again, done = encoded(settings, tmp_path / "e.sqlite", asked)
    assert (done.images, done.texts, done.stored) == (PICTURES, 5, len(asked))
    assert all(np.array_equal(a, b) for a, b in zip(found[:PICTURES], again[:PICTURES], strict=True))


def test_vectors_do_not_depend_on_who_else_asks(
    settings: EncoderSettings, images: list[Image], tmp_path: Path
) -> None:
    texts = [f"a picture of number {n}" for n in range(PICTURES)]
    whole, _ = encoded(settings, tmp_path / "whole.sqlite", [*images, *texts])
    alone = []
    for one in (images[4], texts[4]):
        alone += encoded(settings, tmp_path / "alone.sqlite", [one])[0]
    shuffled = random.Random(1).sample([*images, *texts], 2 * PICTURES)
    mixed, _ = encoded(settings, tmp_path / "mixed.sqlite", shuffled)
    assert np.array_equal(alone[0], whole[4])
    assert np.array_equal(alone[1].vector, whole[PICTURES + 4].vector)
    assert np.array_equal(mixed[shuffled.index(images[9])], whole[9])


def test_a_broken_picture_is_told_to_its_row_alone(
    settings: EncoderSettings, images: list[Image], tmp_path: Path
) -> None:
    broken = read_image(images[0].data[: len(images[0].data) // 2])
    found, done = encoded(settings, tmp_path / "e.sqlite", [images[1], broken, images[2]])
    assert isinstance(found[1], RowError)
    assert found[1].reason == "image_truncated"
    assert isinstance(found[0], np.ndarray)
    assert done.images == 2


def test_a_model_that_cannot_be_loaded_is_told_to_everyone(
    settings: EncoderSettings, tiny_clip: str, images: list[Image], tmp_path: Path
) -> None:
    other = settings.model_copy(update={"device": "cuda:99"})
    found, _ = encoded(other, tmp_path / "e.sqlite", images[:3])
    assert {type(one) for one in found} == {ModelError}
    assert "on cuda:99" in str(found[0])


def test_encoders_of_other_settings_do_not_share_vectors(
    settings: EncoderSettings, tiny_clip: str, tmp_path: Path
) -> None:
    exact, _ = encoded(settings, tmp_path / "e.sqlite", ["a red circle"])
    half = settings.model_copy(update={"params": {"model": tiny_clip, "precision": "bf16"}})
    rough, done = encoded(half, tmp_path / "e.sqlite", ["a red circle"])
    assert (done.texts, done.stored) == (1, 0)
    assert not np.array_equal(exact[0].vector, rough[0].vector)
    assert np.allclose(exact[0].vector, rough[0].vector, atol=0.05)


@pytest.mark.parametrize("package", ["torchvision", "pillow", "opencv-python-headless"])
def test_other_versions_do_not_share_vectors(
    package: str,
    settings: EncoderSettings,
    images: list[Image],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Runs that share a store may be of different days; pictures are decoded and shrunk by these."""
    encoded(settings, tmp_path / "e.sqlite", images[:2])
    monkeypatch.setattr(service, "version", lambda name: "0.1" if name == package else version(name))
    _, done = encoded(settings, tmp_path / "e.sqlite", images[:2])
    assert (done.images, done.stored) == (2, 0)


def test_another_file_is_not_taken_for_vectors(settings: EncoderSettings, tmp_path: Path) -> None:
    (tmp_path / "e.sqlite").write_bytes(b"SQLite format 3" + bytes(1000))
    with pytest.raises(RunError, match=r"is damaged, or no file of vectors .*nothing in it was paid for"):
        encoded(settings, tmp_path / "e.sqlite", ["a"])
