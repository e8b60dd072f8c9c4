"""Draws the pictures of measures.md: negatives with what was measured of each, made by pairwright itself.

    .venv/bin/python docs/pictures.py pixels
    .venv-clip/bin/python docs/pictures.py encoders FOLDER

The first takes a photograph of scikit-image. The second takes drawn scenes and the tiny CLIP of the tests, which
``tests/clip/tiny_clip.py FOLDER`` trains: it knows nothing but such scenes, so its scores spread wider than those of a CLIP
that has seen the world.
"""

import argparse
import asyncio
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from pairwright.builders import ROOM, Built, Run
from pairwright.encoding.service import open_encoders
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.image import Image, Pixels
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow

HERE = Path(__file__).resolve().parent
TILE, GAP, LINE, ACROSS = 220, 14, 17, 4
"""Sizes in the drawing, pixels; tiles in a row."""

IN_PIXELS = (
    {"name": "gaussian_blur", "params": {"radius": 3}},
    {"name": "gaussian_blur", "params": {"radius": 20}},
    {"name": "pixelate", "params": {"block": 32}},
    {"name": "gaussian_noise", "params": {"sigma": 49}},
    {"name": "random_resized_crop", "params": {"area": 0.1, "top": 0.2, "left": 0.4}},
    {"name": "rotate", "params": {"angle": 40}},
    {"name": "other_image"},
)
BY_ENCODERS = (
    {"name": "gaussian_blur", "params": {"radius": 2}},
    {"name": "gaussian_blur", "until": {"image_text_drop": {"min": 10}}},
    {"name": "gaussian_blur", "params": {"radius": 40}},
    {"name": "gaussian_noise", "params": {"sigma": 49}},
    {"name": "pgd", "params": {"radius": 4}, "max_cosine": 1.0},
    {"name": "similar_image"},
    {"name": "other_image"},
)


@dataclass(frozen=True)
class Tile:
    """A picture with lines of text below it."""

    pixels: Pixels
    lines: tuple[str, ...]


class Others:
    """Neighbours of the row that is drawn."""

    def __init__(self, images: Sequence[Image]) -> None:
        """Keep them in the order in which they are offered."""
        self.kept = {f"other {number}": image for number, image in enumerate(images)}

    def images(self, record_id: str, rng: Random) -> Iterator[tuple[str, Image]]:
        """Yield all."""
        return iter(self.kept.items())

    def every(self) -> Iterator[tuple[str, Image]]:
        """Yield all."""
        return iter(self.kept.items())

    def image_of(self, record_id: str) -> Image | None:
        """Return one."""
        return self.kept.get(record_id)


def sheet(tiles: Sequence[Tile]) -> PIL.Image.Image:
    """Return the tiles in rows of four."""
    lines = max(len(tile.lines) for tile in tiles)
    height = TILE + lines * LINE + 2 * GAP
    rows = -(-len(tiles) // ACROSS)
    drawn = PIL.Image.new("RGB", (ACROSS * (TILE + GAP) + GAP, rows * height + GAP), "white")
    pencil, font = PIL.ImageDraw.Draw(drawn), PIL.ImageFont.load_default(13)
    for number, tile in enumerate(tiles):
        left, top = GAP + number % ACROSS * (TILE + GAP), GAP + number // ACROSS * height
        picture = PIL.Image.fromarray(tile.pixels)
        picture.thumbnail((TILE, TILE))
        if max(picture.size) < TILE:
            picture = picture.resize((TILE, TILE * picture.height // picture.width))
        drawn.paste(picture, (left, top))
        for row, line in enumerate(tile.lines):
            pencil.text((left, top + TILE + 4 + row * LINE), line, "black" if row == 0 else "#444444", font)
    return drawn


def told(built: Built, names: Sequence[tuple[str, str]]) -> Tile:
    """Return a negative with its measures, each told by its label."""
    if not built.pairs or not built.pairs[0].rejected_images:
        raise SystemExit(f"no negative: {built.rejects}")
    [pair], [image] = built.pairs, built.pairs[0].rejected_images
    values = {one.aspect: one.value for one in pair.scores}
    measured = [f"{label} {values[name]:.3g}" for name, label in names if values.get(name) is not None]
    name = " ".join((image.edit or "").partition(" from ")[0].split()[:2]).rstrip(",")
    return Tile(decode(image), (name, *measured))


def in_pixels() -> list[Tile]:
    """Return a photograph and its negatives, measured in pixels."""
    import skimage.data

    photograph, other = (
        read_image(encode(np.ascontiguousarray(one), "png"))
        for one in (skimage.data.astronaut(), skimage.data.coffee())
    )
    row = SourceRow("a", "a", None, Prompt("<image>\nWho is it?", (photograph,)), chosen="Eileen Collins.")
    part = ROOM.get("visual_negative")
    tiles = [Tile(decode(photograph), ("the true picture",))]
    names = [("changed", "changed"), ("psnr", "PSNR dB"), ("ssim", "SSIM"), ("entropy_ratio", "entropy")]
    for operation in IN_PIXELS:
        settings = part.settings.model_validate({"perturbations": [operation]})
        built = part.prepare(settings, Run("pictures", 3, "0"))(row, Others([other]))
        tiles.append(told(built, names))
    return tiles


async def by_encoders(folder: Path, drawing: ModuleType, store: Path) -> list[Tile]:
    """Return a drawn scene and its negatives, measured by the tiny CLIP."""
    scene = drawing.Scene("red", "triangle", "left", 2)
    others = [scene.__class__("red", "triangle", "left", 3), *drawing.SCENES[100:160:7]]
    pictures = [
        read_image(encode(drawing.draw(one, 5, 240, 240), "png")) for one in (scene, *reversed(others))
    ]
    row = SourceRow(
        "a",
        "a",
        None,
        Prompt("<image>\nWhat is it?", (pictures[0],)),
        chosen=drawing.caption(scene),
    )
    tiles = [Tile(decode(pictures[0]), ("the true picture", f"answer: {row.chosen}"))]
    names = [("image_image", "image-image"), ("image_text_drop", "text drop"), ("ssim", "SSIM")]
    built = [await _built(folder, operation, row, pictures, store) for operation in BY_ENCODERS]
    return [*tiles, *(told(one, names) for one in built)]


async def _built(
    folder: Path, operation: dict[str, Any], row: SourceRow, pictures: Sequence[Image], store: Path
) -> Built:
    part = ROOM.get("measured_negative")
    encoder = {"params": {"model": f"local-dir:{folder}"}, "device": "cpu", "batch_size": 8}
    settings = part.settings.model_validate({"perturbations": [operation], "encoders": [encoder]})
    construct = part.prepare(settings, Run("pictures", 3, "0"))
    async with open_encoders(part.encoders(settings), store=store, run="pictures") as encoders:
        built: Built = await construct(row, Others(pictures[1:]), {}, encoders.encodes)
    return built


def _drawing() -> ModuleType:
    path = HERE.parent / "tests" / "clip" / "tiny_clip.py"
    specification = importlib.util.spec_from_file_location("tiny_clip", path)
    if specification is None or specification.loader is None:
        raise SystemExit(f"cannot be imported: {path}")
    module = importlib.util.module_from_spec(specification)
    sys.modules["tiny_clip"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


def main() -> None:
    """Draw one of the sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("pixels", "encoders"))
    parser.add_argument("folder", type=Path, nargs="?", help="the tiny CLIP, for encoders")
    given = parser.parse_args()
    out = HERE / "pictures" / f"{given.what}.png"
    if given.what == "pixels":
        tiles = in_pixels()
    elif given.folder is None:
        parser.error("name the folder of the tiny CLIP")
    else:
        store = given.folder / "vectors.sqlite"
        tiles = asyncio.run(by_encoders(given.folder.resolve(), _drawing(), store))
        store.unlink()
    sheet(tiles).quantize(256).save(out, optimize=True)
    print(out)


if __name__ == "__main__":
    main()
