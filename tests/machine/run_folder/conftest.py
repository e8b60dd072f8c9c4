"""Small run folders: real pictures, a real perturbation and the real shard writer, without source and executor."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from pairwright.annotators.pixels import measure, scale
from pairwright.builders import Built
from pairwright.perturbations import gaussian_blur
from pairwright.runs.commit import ShardWriter, enter
from pairwright.schemas.codec import encode, read_image, shrink
from pairwright.schemas.image import Image, Pixels
from pairwright.schemas.pair import Pair, group_id, pair_id
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.reject import Reject

MakePair = Callable[..., Pair]
MakeRun = Callable[..., Path]
Shard = tuple[Sequence[Pair], Sequence[Reject]]


def photograph(name: str) -> Pixels:
    data = pytest.importorskip("skimage.data")
    pixels = getattr(data, name)()
    return pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)


def make_image_pair(
    name: str = "astronaut",
    radius: float = 12.0,
    *,
    number: int = 0,
    question: str = "What is in the picture?",
    answer: str = "A person in an orange suit.",
    license: str | None = "cc0-1.0",
    perturbation: str = "gaussian_blur",
) -> Pair:
    """An image negative as the builder writes it."""
    pixels = photograph(name)
    blurred = gaussian_blur.apply(pixels, gaussian_blur.Params(radius))
    original = read_image(encode(pixels, "png"), source_uri=f"{name}.png")
    negative = replace(read_image(encode(blurred, "jpeg")), edit=f"{perturbation} radius={radius:.4g} px")
    factor = scale(pixels.shape[1], pixels.shape[0])
    prompt = Prompt(f"<image>\n{question}", (original,))
    record_id = f"photos.csv:{number}"
    negatives = [{"perturbation": perturbation, "params": {"radius": radius}, "units": {"radius": "px"}}]
    told = {"builder": "visual_negative", "recipe": "image_dpo", "seed": 7, "record_id": record_id}
    return Pair(
        id=pair_id(record_id, prompt, answer, answer, (negative,)),
        prompt=prompt,
        chosen=answer,
        rejected=answer,
        rejected_images=(negative,),
        kind="image",
        source="photos",
        source_id=str(number),
        group_id=group_id(prompt),
        scores=measure(shrink(pixels, factor), shrink(blurred, factor)).judgements("rejected_images[0]"),
        license=license,
        language="en",
        provenance=json.dumps(told | {"negatives": negatives}),
    )


def make_text_pair(
    chosen: str = "There are two cups of coffee.",
    rejected: str = "There are three cups of tea.",
    *,
    number: int = 0,
    question: str = "How many cups?",
    images: Sequence[Image] = (),
    license: str | None = "cc0-1.0",
    source: str = "photos",
) -> Pair:
    """A pair of kind text."""
    prompt = Prompt("<image>\n" * len(images) + question, tuple(images))
    return Pair(
        id=pair_id(f"pairs.jsonl:{number}", prompt, chosen, rejected, None),
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        rejected_images=None,
        kind="text",
        source=source,
        source_id=str(number),
        group_id=group_id(prompt),
        license=license,
        language="en",
    )


def write_shard(folder: Path, shard: int, pairs: Sequence[Pair], rejects: Sequence[Reject]) -> None:
    """Write one shard: a source row for each pair and each reject of scope row."""
    of_negatives = tuple(reject for reject in rejects if reject.scope == "negative")
    results = [Built((pair,), () if number else of_negatives) for number, pair in enumerate(pairs)]
    results += [Built((), (reject,)) for reject in rejects if reject.scope == "row"]
    writer = ShardWriter(folder, shard, shard * 1000)
    writer.add(results)
    enter(folder, writer.finish())


def write_run_file(folder: Path, *, status: str, license: str | None, pretty_name: str | None) -> None:
    path = "/home/somebody/secret-project/photos.csv"
    recipe = {
        "name": "image_dpo",
        "about": "Blurred pictures.",
        "source": {"kind": "auto", "path": path, "license": license},
        "builder": "visual_negative",
        "parameters": {"per_row": "one", "perturbations": [{"name": "gaussian_blur"}]},
        "output": {"path": "/home/somebody/out", "shard_rows": 500, "pretty_name": pretty_name},
        "seed": 7,
    }
    files = [{"name": "photos.csv", "size": 12, "sha256": "cd" * 32}]
    told = {
        "pairwright": "0.1.0",
        "schema": "1",
        "status": status,
        "recipe_fingerprint": "ab" * 32,
        "recipe": recipe,
        "source": {"name": "photos", "path": path, "rows": 3, "files": files},
        "limit": None,
        "counts": {},
        "versions": {"python": "3.11.0", "numpy": "2.4.0"},
        "ledger": [],
        "started": "2026-11-21T22:00:00Z",
        "finished": "2026-11-21T22:03:04Z" if status == "finished" else None,
        "work_s": 184.0,
    }
    (folder / "run.json").write_text(json.dumps(told))


@pytest.fixture
def image_pair() -> MakePair:
    return make_image_pair


@pytest.fixture
def text_pair() -> MakePair:
    return make_text_pair


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that writes a run folder from (pairs, rejects) of each shard."""

    def make(
        *shards: Shard,
        status: str = "finished",
        license: str | None = None,
        pretty_name: str | None = None,
        name: str = "run",
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        write_run_file(folder, status=status, license=license, pretty_name=pretty_name)
        for shard, (pairs, rejects) in enumerate(shards):
            write_shard(folder, shard, pairs, rejects)
        return folder

    return make


@pytest.fixture
def small_run(make_run: MakeRun) -> Path:
    """Three image negatives and two text pairs in two shards, with rejects of both scopes."""
    photo = read_image(encode(photograph("coffee"), "jpeg"), license="cc-by-4.0")
    return make_run(
        (
            [make_image_pair(), make_image_pair("coffee", 20.0, number=1), make_text_pair(images=[photo])],
            [Reject("photos.csv:7", "image_missing", "row", "image", "no such file: cat.jpg", "7")],
        ),
        (
            [make_image_pair("chelsea", 30.0, number=1000), make_text_pair(number=1)],
            [
                Reject("photos.csv:1003", "image_missing", "row", "image", "no such file: dog.jpg", "3"),
                Reject("photos.csv:1004", "no_question", "row", "question", "", "4"),
                Reject("photos.csv:1000", "no_op", "negative", "gaussian_blur", "PSNR 70.1 dB", "0"),
            ],
        ),
    )
