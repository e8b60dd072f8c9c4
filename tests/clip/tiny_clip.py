"""Trains a tiny CLIP on drawn pictures: real enough for open_clip, made offline, and right about what it was taught.

    python tests/clip/tiny_clip.py FOLDER

Its world is a scene: one to three shapes of one colour in one half of the picture. It reads 64 × 64 pixels and 24 tokens
of open_clip's own tokenizer, knows the captions below, and nothing else. The folder is one that open_clip loads as
``local-dir:FOLDER``: ``open_clip_config.json`` and ``open_clip_model.safetensors``, as in its repositories on the Hub.
"""

import argparse
import json
import random
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw

SIDE = 64
COLOURS = {"red": (214, 45, 40), "green": (40, 160, 70), "blue": (40, 80, 210), "yellow": (240, 205, 40)}
SHAPES = ("circle", "square", "triangle", "cross")
PLACES = {"left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom"}
COUNTS = {1: "a", 2: "two", 3: "three"}
ATTRIBUTES = ("colour", "shape", "place", "count")

MODEL: dict[str, Any] = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": SIDE, "layers": 3, "width": 128, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}
STEPS, BATCH, RATE = 400, 96, 2e-3


@dataclass(frozen=True)
class Scene:
    """What a picture shows."""

    colour: str
    shape: str
    place: str
    count: int


SCENES = [Scene(*values) for values in product(COLOURS, SHAPES, PLACES, COUNTS)]


def caption(scene: Scene) -> str:
    """Return what is true of a picture of the scene.

    >>> caption(Scene("red", "cross", "top", 2))
    'two red crosses at the top'
    """
    plural = "" if scene.count == 1 else "es" if scene.shape == "cross" else "s"
    return f"{COUNTS[scene.count]} {scene.colour} {scene.shape}{plural} {PLACES[scene.place]}"


def changed(scene: Scene, attribute: str, rng: random.Random) -> Scene:
    """Return the scene with another value of one attribute: a negative that differs in one word or two."""
    values = {"colour": COLOURS, "shape": SHAPES, "place": PLACES, "count": COUNTS}[attribute]
    others = [value for value in values if value != getattr(scene, attribute)]
    return replace(scene, **{attribute: rng.choice(others)})


def draw(scene: Scene, seed: int, width: int = SIDE, height: int = SIDE) -> np.ndarray:
    """Return a picture of the scene, uint8 height × width × 3; positions, sizes, shades and grain hang on the seed.

    The shapes lie in the square in the middle, which is what is left when open_clip crops the picture.
    """
    rng = np.random.default_rng((seed, SCENES.index(scene)))
    ground = rng.integers(90, 200) + rng.integers(-12, 13, 3)
    image = PIL.Image.new("RGB", (2 * width, 2 * height), tuple(int(level) for level in ground))
    pencil = PIL.ImageDraw.Draw(image)
    shade = tuple(int(level) for level in np.array(COLOURS[scene.colour]) + rng.integers(-20, 21, 3))
    side = 2 * min(width, height)
    for x, y in _centres(scene, rng):
        centre = (width + (x - 0.5) * side, height + (y - 0.5) * side)
        _draw_shape(pencil, scene.shape, centre, rng.uniform(0.1, 0.13) * side, shade)
    small = np.asarray(image.resize((width, height), PIL.Image.Resampling.BOX), np.float32)
    grain = rng.normal(0, rng.uniform(0, 6), small.shape)
    return np.clip(np.rint(small + grain), 0, 255).astype(np.uint8)


def _centres(scene: Scene, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return the middles of the shapes, from 0 to 1 along the sides of the square."""
    across = 0.27 if scene.place in ("left", "top") else 0.73
    slots = rng.permutation(3)[: scene.count]
    points = [
        (across + rng.uniform(-0.06, 0.06), 0.2 + 0.3 * slot + rng.uniform(-0.03, 0.03)) for slot in slots
    ]
    return points if scene.place in ("left", "right") else [(y, x) for x, y in points]


def _draw_shape(
    pencil: Any, shape: str, centre: tuple[float, float], radius: float, colour: tuple[int, ...]
) -> None:
    x, y = centre
    box = (x - radius, y - radius, x + radius, y + radius)
    if shape == "circle":
        pencil.ellipse(box, fill=colour)
    elif shape == "square":
        pencil.rectangle(box, fill=colour)
    elif shape == "triangle":
        pencil.polygon([(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)], fill=colour)
    else:
        pencil.rectangle((x - radius, y - radius / 3, x + radius, y + radius / 3), fill=colour)
        pencil.rectangle((x - radius / 3, y - radius, x + radius / 3, y + radius), fill=colour)


def make(folder: Path) -> Path:
    """Train the model and write it into ``folder``; one minute on two cores. Return the folder."""
    import open_clip
    import safetensors.torch
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = open_clip.CLIP(**MODEL)
        train(model)
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    preprocess = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}
    config = {"model_cfg": MODEL, "preprocess_cfg": {**preprocess, "interpolation": "bicubic"}}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2))
    return folder


def train(model: Any) -> None:
    """Train on pictures and captions drawn for each step, by open_clip's contrastive loss."""
    import open_clip
    import torch

    tokens = open_clip.SimpleTokenizer(context_length=MODEL["text_cfg"]["context_length"])
    loss_of = open_clip.ClipLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS, pct_start=0.1)
    normalise = open_clip.transform.Normalize(open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    rng = random.Random(1)
    for step in range(STEPS):
        scenes = rng.sample(SCENES, BATCH)
        pictures = np.stack([draw(scene, 1_000_000 + step) for scene in scenes])
        images = normalise(torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255)
        loss = loss_of(*model(images, tokens([caption(scene) for scene in scenes])))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    print(make(parser.parse_args().folder))
