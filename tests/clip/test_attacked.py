"""Attacks through the service: done once, in full batches, stored, and the same for a run that goes on."""

import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pairwright.annotators._encoding import EncoderSettings
from pairwright.encoding.service import Encoded, open_encoders
from pairwright.perturbations import _pgd
from pairwright.schemas.attack import Attack, AttackedImage, Budget
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image


@pytest.fixture(scope="module")
def images(drawing: ModuleType) -> list[Image]:
    return [read_image(encode(drawing.draw(scene, 1, 90, 70), "png")) for scene in drawing.SCENES[:5]]


@pytest.fixture
def settings(tiny_clip: str) -> EncoderSettings:
    return EncoderSettings(params={"model": tiny_clip}, device="cpu", batch_size=3)


def attacked(
    settings: EncoderSettings, store: Path, attacks: list[Attack]
) -> tuple[list[AttackedImage | RowError], Encoded]:
    async def work() -> tuple[list[AttackedImage | RowError], Encoded]:
        async with open_encoders({"encoder": settings}, store=store, run="run") as encoders:
            encode = encoders.encodes["encoder"]
            found = await asyncio.gather(*map(encode.attacked, attacks), return_exceptions=True)
            return list(found), encoders.done()[0]  # type: ignore[arg-type]  # other errors fail the tests

    return asyncio.run(work())


def test_each_is_done_once_stays_in_the_ball_and_is_stored(
    settings: EncoderSettings, images: list[Image], tmp_path: Path
) -> None:
    attacks = [Attack(image, seed, Budget()) for seed, image in enumerate(images)] * 2
    found, done = attacked(settings, tmp_path / "e.sqlite", attacks)
    assert (done.attacked, done.stored) == (5, 5)
    for attack, one in zip(attacks, found, strict=True):
        assert isinstance(one, AttackedImage)
        assert one.image.header.format == "PNG"
        moved = np.abs(decode(one.image).astype(int) - decode(attack.image).astype(int))
        assert 0 < moved.max() <= 2
        assert one.figures.cosine < 0.95
    again, done = attacked(settings, tmp_path / "e.sqlite", attacks)
    assert (done.attacked, done.stored) == (5, 10)
    assert again == found


def test_bytes_do_not_depend_on_who_else_asks(
    settings: EncoderSettings, images: list[Image], tmp_path: Path
) -> None:
    attacks = [Attack(image, 7, Budget(radius=4)) for image in images]
    together, _ = attacked(settings, tmp_path / "one.sqlite", attacks)
    alone, _ = attacked(settings, tmp_path / "two.sqlite", [attacks[3]])
    assert alone[0] == together[3]


def test_attacks_share_a_batch_whatever_their_radius_and_step(
    settings: EncoderSettings, images: list[Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both may be drawn from a range, or searched: a batch for each value would be full of copies of one picture."""
    budgets = [Budget(radius=1), Budget(radius=4), Budget(radius=4, step=0.5), Budget(steps=3)]
    attacks = [Attack(images[0], 1, budget) for budget in budgets]
    batches: list[list[Budget]] = []
    true = _pgd.attack

    def counted(pictures: Any, seeds: Any, encoder: Any, budget: list[Budget], **target: Any) -> Any:
        batches.append(budget)
        return true(pictures, seeds, encoder, budget, **target)

    monkeypatch.setattr(_pgd, "attack", counted)
    together, _ = attacked(settings, tmp_path / "one.sqlite", attacks)
    few, more = sorted(batches, key=lambda one: one[0].steps)
    assert few == budgets[3:] * 3
    assert set(more) == set(budgets[:3])
    alone = [
        attacked(settings, tmp_path / f"{number}.sqlite", [one])[0][0] for number, one in enumerate(attacks)
    ]
    assert alone == together


def test_attacks_with_a_target_and_without_do_not_share_a_batch(
    settings: EncoderSettings, images: list[Image], tmp_path: Path
) -> None:
    target = tuple(float(value) for value in np.eye(64)[0])
    attacks = [
        Attack(images[0], 1, Budget()),
        Attack(images[0], 1, Budget(radius=4)),
        Attack(images[0], 1, Budget(), target),
    ]
    weak, strong, aimed = (one for one in attacked(settings, tmp_path / "e.sqlite", attacks)[0])
    assert isinstance(weak, AttackedImage)
    assert isinstance(strong, AttackedImage)
    assert isinstance(aimed, AttackedImage)
    assert strong.figures.objective > weak.figures.objective
    assert aimed.figures.objective > aimed.figures.clean
    assert len({attack.key for attack in attacks}) == 3


def test_a_broken_picture_is_told_to_its_row_alone(
    settings: EncoderSettings, images: list[Image], tmp_path: Path
) -> None:
    broken = read_image(images[0].data[: len(images[0].data) // 2])
    attacks = [Attack(image, 1, Budget()) for image in (images[1], broken, images[2])]
    found, done = attacked(settings, tmp_path / "e.sqlite", attacks)
    assert isinstance(found[1], RowError)
    assert found[1].reason == "image_truncated"
    assert done.attacked == 2
