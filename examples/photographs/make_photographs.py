"""Lay out a small preference data set of real photographs, without a download.

The questions and answers in ``pairs.jsonl`` were written for this project while looking at the photographs. The
photographs are those that scikit-image ships inside its wheel::

    pip install "pairwright[demo]"
    python examples/photographs/make_photographs.py demo-in
    pairwright build image_dpo --source demo-in/pairs.jsonl --out demo-out

Their licences stand in the rows' ``license`` and come from the notes in ``skimage.data``: ``cc0-1.0``,
``public-domain``, ``no-known-copyright`` (the museum or laboratory that published the picture knows of none) and
``bsd-3-clause`` (a page of scikit-image's own manual). Photographs without such a note are left out.

Two rows are broken on purpose, so that a run has something to reject. They are tagged ``deliberate-reject``: one names
a picture that is not there, the other has the same answer twice.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import PIL.Image

PAIRS = Path(__file__).with_name("pairs.jsonl")
"""The rows: id, image, question, chosen, rejected, license, language, tags."""

DELIBERATE = "deliberate-reject"
"""Tag of rows that a run must reject."""

_QUALITY = 95


def wanted_images(pairs: Path = PAIRS) -> list[str]:
    """Return the images that rows name, each once, in order; those of deliberately broken rows are left out."""
    with pairs.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return list(dict.fromkeys(row["image"] for row in rows if DELIBERATE not in row["tags"]))


def photographs_folder() -> Path:
    """Return the folder of photographs in scikit-image's wheel.

    Raises:
        ModuleNotFoundError: scikit-image is not installed; the message has the line that installs it.
    """
    try:
        import skimage.data
    except ModuleNotFoundError as error:
        if error.name != "skimage":
            raise
        raise ModuleNotFoundError(
            'the demo photographs come with scikit-image: pip install "pairwright[demo]"', name=error.name
        ) from error
    return Path(skimage.data.data_dir)


def write_photographs(out: Path) -> int:
    """Write the photographs and ``pairs.jsonl`` to a folder; return how many photographs there are.

    A photograph whose name in ``pairs.jsonl`` has the suffix that it has in the wheel is copied byte for byte. The
    other ones, photographs that the wheel stores as PNG, are written as JPEG, as photographs mostly are.

    Raises:
        ModuleNotFoundError: scikit-image is not installed.
        FileNotFoundError: the installed scikit-image lacks one of the photographs.
    """
    folder = photographs_folder()
    images = wanted_images()
    for name in images:
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        stored = _stored(folder, target)
        if stored.suffix == target.suffix:
            shutil.copyfile(stored, target)
        else:
            with PIL.Image.open(stored) as picture:
                picture.save(target, quality=_QUALITY)
    shutil.copyfile(PAIRS, out / PAIRS.name)
    return len(images)


def _stored(folder: Path, target: Path) -> Path:
    """Return the wheel's file for a photograph: same stem, the same suffix if there is one."""
    for suffix in (target.suffix, ".png"):
        stored = folder / f"{target.stem}{suffix}"
        if stored.is_file():
            return stored
    raise FileNotFoundError(
        f"no photograph {target.stem} in {folder}; pairs.jsonl expects scikit-image 0.22 or later"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Write the demo photographs and their preference pairs to a folder."
    )
    parser.add_argument(
        "out", type=Path, metavar="OUT_DIR", help="folder to write to; made where it is missing"
    )
    out: Path = parser.parse_args(arguments).out
    try:
        number = write_photographs(out)
    except (ModuleNotFoundError, FileNotFoundError) as error:
        print(f"make_photographs: {error}", file=sys.stderr)
        return 1
    rows = len(PAIRS.read_text(encoding="utf-8").splitlines())
    print(f"wrote {number} photographs to {out / 'images'} and {rows} rows to {out / PAIRS.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
