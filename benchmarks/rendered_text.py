"""How often the check of rendered text is right: on photographs, the same with captions drawn in, receipts and tables.

    python benchmarks/rendered_text.py /path/to/shared/data

Prints a row per set: pictures, share with any line found, share above the bound of 0.002, median share, milliseconds.
"""

import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import skimage.data

from pairwright.annotators.rendered_text import PART, Reading
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image, Pixels

BOUND = 0.002
CAPTIONS = (
    "two horses in a green field",
    "NEW COLLECTION",
    "not a dog, but a cat",
    "Call 555-0134 now",
    "Sunday, 4 May",
    "photo: J. Smith",
    "When you see it too late",
)
STYLES = ("white", "black", "yellow", "box", "outline")
SIZES = (0.03, 0.05, 0.08)
"""Heights of letters in shares of the picture's."""


def pictures(files: Iterable[Path]) -> list[Image]:
    """Return the pictures that can be read."""
    found = []
    for file in sorted(files):
        try:
            image = read_image(file.read_bytes())
            decode(image)
        except RowError:
            continue
        found.append(image)
    return found


def captioned(pixels: Pixels, style: str, size: float, rng: Random) -> Image:
    """Return a picture with a caption drawn in at a drawn place."""
    picture = PIL.Image.fromarray(pixels)
    draw, width, height = PIL.ImageDraw.Draw(picture), *picture.size
    font = PIL.ImageFont.load_default(max(10, round(size * height)))
    text, place = (
        CAPTIONS[int(rng.random() * len(CAPTIONS))],
        (0.05 * width, (0.05 + 0.8 * rng.random()) * height),
    )
    if style == "box":
        left, top, right, bottom = draw.textbbox(place, text, font=font)
        draw.rectangle((left - 6, top - 6, right + 6, bottom + 6), fill="black")
    colour = style if style in ("black", "yellow") else "white"
    edge = max(1, round(size * height / 15)) if style == "outline" else 0
    draw.text(place, text, font=font, fill=colour, stroke_width=edge, stroke_fill="black")
    return read_image(encode(np.asarray(picture), "jpeg"))


def told(name: str, images: list[Image]) -> str:
    """Return the row of a set."""
    look = PART.prepare(Reading())
    begun = time.perf_counter()
    shares = [look(one)["rendered_text"] for one in images]
    each = (time.perf_counter() - begun) / len(images) * 1000
    found, above = (sum(share > bound for share in shares) for bound in (0, BOUND))
    median = statistics.median(shares)
    return f"| {name} | {len(images)} | {found} | {above} | {median:.4f} | {each:.0f} |"


def main(shared: Path) -> None:
    """Print the table."""
    photographs = pictures((shared / "cc0-coco-objects" / "images").glob("*.jpg"))
    others = [
        read_image(encode(getattr(skimage.data, name)(), "png"))
        for name in ("coffee", "astronaut", "chelsea", "rocket")
    ]
    others += pictures((shared / "near-duplicates").rglob("ukbench*.jpg"))
    print(
        "| pictures | number | with a line | above 0.002 | median share | ms each |\n|---|---|---|---|---|---|"
    )
    print(told("photographs of things", photographs))
    print(told("other photographs", others))
    print(told("drawn shapes (nlvr)", pictures((shared / "nlvr").rglob("*.png"))))
    rng, plain = Random(7), [decode(one) for one in (*photographs, *others)]
    for size in SIZES:
        drawn = [captioned(one, style, size, rng) for one in plain for style in STYLES]
        print(told(f"photographs with a caption, {size:.0%} high", drawn))
    print(told("receipts", pictures((shared / "sroie-receipts" / "img").glob("*.jpg"))))
    print(told("tables (pubtabnet)", pictures((shared / "pubtabnet").rglob("*.png"))))
    print(told("diagrams (math-v)", pictures((shared / "math-v").rglob("*.jpg"))))
    print(told("formulas on a page", pictures((shared / "im2latex-sample").rglob("*.png"))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
