"""How much slower encoding through pairwright is than the model's bare forward pass, and how often a picture is encoded.

    python benchmarks/clip.py [--model ViT-B-32] [--images 256] [--attacks 16] [--rounds 3] [--json FILE]

Needs the extra ``clip``. Weights are drawn at random: they cost as much as learnt ones. Both contenders encode the same JPEGs
of 640 × 480 pixels in the same process and take turns. The bare forward gets ready tensors, so that decoding, shrinking, batching
and storing are what the ratio tells of.

Attacks (``pgd``, 10 steps) are held against the same number of bare steps on the model's own input, a square of normalised values:
what preprocessing that gradients flow through, checking what is stored, and PNG files cost beside the model.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pairwright.annotators._encoding import EncoderSettings
from pairwright.encoding.service import open_encoders
from pairwright.schemas.attack import Attack, Budget
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.image import Image

PAIRS_PER_IMAGE = 6
WANTED_RATIO = 0.9
"""Of the bare forward's pictures per second."""


def pictures(number: int) -> list[Image]:
    """Return pictures of 640 × 480 pixels, all different."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(number):
        coarse = rng.integers(0, 256, (12, 16, 3), np.uint8)
        found.append(read_image(encode(np.kron(coarse, np.ones((40, 40, 1), np.uint8)), "jpeg", 90)))
    return found


def weights(model: str, folder: Path) -> Path:
    """Write random weights of a model; return their file."""
    import open_clip
    import torch

    path = folder / "random.pt"
    torch.save(open_clip.create_model(model).state_dict(), path)
    return path


def ours(settings: EncoderSettings, images: list[Image], store: Path) -> tuple[float, int]:
    """Return seconds per picture through the service, each asked for by six pairs, and how many pictures were encoded."""

    async def work() -> tuple[float, int]:
        async with open_encoders({"encoders.0": settings}, store=store, run="run") as encoders:
            use = encoders.encodes["encoders.0"]
            await use.image(images[0])  # loads the model
            began = time.perf_counter()
            rows = [image for image in images[1:] for _ in range(PAIRS_PER_IMAGE)]
            await asyncio.gather(*(use.image(image) for image in rows))
            spent = time.perf_counter() - began
            return spent / (len(images) - 1), encoders.done()[0].images

    return asyncio.run(work())


def bare(model: Any, images: Any, batch: int) -> float:
    """Return seconds per picture of the forward pass alone, on tensors that are ready."""
    import torch

    with torch.inference_mode():
        model.encode_image(images[:batch])
        began = time.perf_counter()
        for start in range(0, len(images), batch):
            model.encode_image(images[start : start + batch], normalize=True).cpu()
        return (time.perf_counter() - began) / len(images)


def our_attacks(settings: EncoderSettings, images: list[Image], store: Path) -> float:
    """Return seconds per picture that is attacked through the service, stored files included."""

    async def work() -> float:
        async with open_encoders({"encoder": settings}, store=store, run="run") as encoders:
            use = encoders.encodes["encoder"]
            await use.image(images[0])  # loads the model
            began = time.perf_counter()
            await asyncio.gather(*(use.attacked(Attack(image, 1, Budget())) for image in images[1:]))
            return (time.perf_counter() - began) / (len(images) - 1)

    return asyncio.run(work())


def bare_attacks(model: Any, images: Any, batch: int) -> float:
    """Return seconds per picture of as many steps up the gradient, on tensors that are ready, in a ball of their values."""
    import torch

    budget, level = Budget(), 1 / 255 / 0.27  # a grey level as the model has it, about
    model.requires_grad_(False)
    began = time.perf_counter()
    for start in range(0, len(images), batch):
        clean = images[start : start + batch]
        with torch.no_grad():
            features = model.encode_image(clean)
        moved = clean + level * torch.rand_like(clean)
        for _ in range(budget.steps):
            moved = moved.detach().requires_grad_()
            distance = (model.encode_image(moved) - features).square().sum()
            [gradient] = torch.autograd.grad(distance, moved)
            moved = moved + budget.stride * level * gradient.sign()
            moved = clean + (moved - clean).clamp(-budget.radius * level, budget.radius * level)
        moved.detach().cpu()
    return (time.perf_counter() - began) / len(images)


def measure(name: str, number: int, attacks: int, rounds: int, batch: int) -> dict[str, float]:
    """Return what was measured: medians over rounds, ratios within a round."""
    import open_clip
    import torch

    images = pictures(number + 1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        file = weights(name, folder)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        settings = EncoderSettings(
            params={"model": name, "pretrained": str(file)}, device=device, batch_size=batch
        )
        model, transform = open_clip.create_model_from_pretrained(name, str(file), device=device)
        ready = torch.stack([transform(opened(image)) for image in images[1:]]).to(device)
        few = settings.model_copy(update={"batch_size": min(batch, attacks)})
        ratios, speeds, attacked, encoded = [], [], [], 0
        for number_of_round in range(rounds):
            alone = bare(model.eval(), ready, batch)
            mine, encoded = ours(settings, images, folder / f"{number_of_round}.sqlite")
            ratios.append(alone / mine)
            speeds.append(1 / mine)
            alone = bare_attacks(model, ready[:attacks], few.batch_size)
            attacked.append(
                alone / our_attacks(few, images[: attacks + 1], folder / f"a{number_of_round}.sqlite")
            )
    return {
        "clip_forward_ratio": statistics.median(ratios),
        "images_per_second": statistics.median(speeds),
        "attack_ratio": statistics.median(attacked),
        "encodings_per_image": encoded / len(images),
    }


def opened(image: Image) -> Any:
    """Return a picture as open_clip's preprocessing takes it."""
    import PIL.Image

    from pairwright.schemas.codec import decode

    return PIL.Image.fromarray(decode(image))


def main() -> int:
    """Measure, print, and tell by the exit status whether what is wanted holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="ViT-B-32")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--attacks", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = measure(given.model, given.images, given.attacks, given.rounds, given.batch)
    wanted = {
        "clip_forward_ratio": (f"{WANTED_RATIO} or more", found["clip_forward_ratio"] >= WANTED_RATIO),
        "encodings_per_image": ("1", found["encodings_per_image"] == 1),
    }
    for name, value in found.items():
        told, holds = wanted.get(name, ("", True))
        print(
            f"{name:22} {value:10.2f}  {f'wanted {told}: ' + ('holds' if holds else 'MISSED') if told else ''}"
        )
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0 if all(holds for _, holds in wanted.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
