"""Write a small folder of pairs with the product's writer, for the checks that other environments run.

Usage: make_run.py FOLDER: makes FOLDER/data (text pairs, with one, two and no images) and FOLDER/visual_negative,
each valid, and a README.md that names them as configs.
"""

import sys
from pathlib import Path

import skimage.data

from pairwright.perturbations import gaussian_blur
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.image import Image
from pairwright.schemas.pair import Pair, PairKind, group_id, pair_id
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.validate_file import require_valid
from pairwright.writer import PAIRS, PartWriter, publish

README = """---
configs:
- config_name: default
  default: true
  data_files: [{split: train, path: data/train-*.parquet}]
- config_name: visual_negative
  data_files: [{split: train, path: visual_negative/train-*.parquet}]
---
"""


def pair(number: int, prompt: Prompt, rejected: str, negatives: tuple[Image, ...] | None) -> Pair:
    """Return a pair whose chosen answer is always the same."""
    chosen = "It is red."
    kind: PairKind = "text" if negatives is None else "image" if chosen == rejected else "both"
    return Pair(
        id=pair_id(f"compat:{number}", prompt, chosen, rejected, negatives),
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        rejected_images=negatives,
        kind=kind,
        source="compat",
        source_id=str(number),
        group_id=group_id(prompt),
    )


def make(folder: Path) -> None:
    """Write both configs; the pictures are a JPEG and a PNG."""
    photographs = skimage.data.astronaut()[::2, ::2], skimage.data.coffee()[::2, ::2]
    jpeg, png = (read_image(encode(photographs[n], kind)) for n, kind in enumerate(("jpeg", "png")))
    blurred = read_image(
        encode(gaussian_blur.apply(photographs[0], gaussian_blur.Params(radius=8.0)), "jpeg")
    )
    prompts = [
        Prompt("<image>\nWhat color is it?", (jpeg,)),
        Prompt("<image>\n<image>\nWhat differs?", (jpeg, png)),
        Prompt("What is the capital of France?"),
        Prompt(
            "Is it red?", (png,), "Describe the image.", (("<image>\nWhat color is it?", "It is green."),)
        ),
    ]
    configs = {
        "data": [pair(n, prompt, "It is blue.", None) for n, prompt in enumerate(prompts)],
        "visual_negative": [
            pair(0, prompts[0], "It is red.", (blurred,)),
            pair(1, prompts[1], "It is blue.", (blurred, png)),
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, pairs in configs.items():
        with PartWriter(folder / name, "train-00000", PAIRS) as parts:
            parts.add(pairs)
            publish([file.name for file in parts.close()], folder / name)
    (folder / "README.md").write_text(README)
    require_valid(folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
