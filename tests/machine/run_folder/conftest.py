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
from pairwright.responses.ledger import Spent, to_json
from pairwright.runs.commit import ShardWriter, enter
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.codec import encode, read_image, shrink
from pairwright.schemas.image import Image, Pixels
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair, group_id, pair_id
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.reject import Reject
from pairwright.schemas.source_row import SourceRow

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
    writer.add(enumerate(results, shard * 1000))
    enter(folder, writer.finish())


def write_run_file(
    folder: Path, *, status: str, license: str | None, pretty_name: str | None, ledger: Sequence[Spent] = ()
) -> None:
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
        "name": "5f0c",
        "pairwright": "0.1.0",
        "schema": "1",
        "status": status,
        "recipe_fingerprint": "ab" * 32,
        "recipe": recipe,
        "source": {"name": "photos", "path": path, "rows": 3, "files": files},
        "limit": None,
        "counts": {},
        "versions": {"python": "3.11.0", "numpy": "2.4.0"},
        "ledger": to_json(ledger),
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


JUDGE = "judge-vlm"
PROMPT = "listwise v1 #0c1d2e3f"
ENDPOINT = "https://me:pass-word-1@api.judge.example.com/v1?key=sk-secret-2"
SPENT = (
    Spent(
        "judge-vlm",
        ENDPOINT,
        "openai",
        calls=6,
        answers=6,
        prompt_tokens=48_230,
        completion_tokens=1_200,
        usd=0.0123,
    ),
    Spent(
        "/home/somebody/models/writer-a",
        "http://10.1.2.3:8000/v1",
        "openai",
        calls=7,
        answers=18,
        failed=1,
        replayed=3,
    ),
)


def make_candidate(
    text: str, score: float | None, *, model: str | None = "writer-a", **more: object
) -> Candidate:
    """An answer as the judge rated it: on two aspects, with reasons."""
    said = (
        ()
        if score is None
        else (
            Judgement("candidate", JUDGE, "helpfulness", score + 0.5, 1.0, 5.0, f"It says {text[:30]!r}."),
            Judgement(
                "candidate", JUDGE, "visual_faithfulness", score - 0.5, 1.0, 5.0, "As far as can be seen."
            ),
        )
    )
    return replace(Candidate(text, model, score=score, judgements=said), **more)  # type: ignore[arg-type]


def make_judged(
    candidates: Sequence[Candidate],
    *,
    number: int = 0,
    question: str = "What is on the table?",
    images: Sequence[Image] = (),
    comparisons: Sequence[Comparison] = (),
    rejects: Sequence[Reject] = (),
    judged_by: Sequence[dict[str, str]] = ({"name": JUDGE, "kind": "listwise", "prompt": PROMPT},),
) -> Built:
    """What the best over the worst of some candidates gives, as a builder writes it; no pair where two lack scores."""
    prompt = Prompt("<image>\n" * len(images) + question, tuple(images))
    record_id = f"questions.jsonl:{number}"
    row = SourceRow(
        record_id,
        "questions",
        str(number),
        prompt,
        candidates=tuple(candidates),
        comparisons=tuple(comparisons),
        ground_truth="two cups",
        license="cc0-1.0",
        language="en",
    )
    scored = sorted((one for one in candidates if one.score is not None), key=lambda one: one.score or 0.0)
    if len(scored) < 2:
        return Built((), (*rejects, Reject(record_id, "too_few_answers", "row")), (row,))
    worse, better = scored[0], scored[-1]
    sides = (("chosen", better), ("rejected", worse))
    told = {"builder": "judged", "record_id": record_id, "rule": "best_worst", "judged_by": list(judged_by)}
    pair = Pair(
        id=pair_id(record_id, prompt, better.text, worse.text, None),
        prompt=prompt,
        chosen=better.text,
        rejected=worse.text,
        rejected_images=None,
        kind="text",
        source="questions",
        source_id=str(number),
        group_id=group_id(prompt),
        scores=tuple(replace(one, target=side) for side, answer in sides for one in answer.judgements),
        score_chosen=better.score,
        score_rejected=worse.score,
        chosen_model=better.model,
        rejected_model=worse.model,
        license="cc0-1.0",
        language="en",
        provenance=json.dumps(told),
    )
    return Built((pair,), tuple(rejects), (row,))


@pytest.fixture
def candidate() -> Callable[..., Candidate]:
    return make_candidate


@pytest.fixture
def judged() -> Callable[..., Built]:
    return make_judged


@pytest.fixture
def make_judged_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a run folder from the results of each shard's rows."""

    def make(*shards: Sequence[Built], ledger: Sequence[Spent] = SPENT, name: str = "judged") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        write_run_file(folder, status="finished", license=None, pretty_name=None, ledger=ledger)
        for shard, results in enumerate(shards):
            writer = ShardWriter(folder, shard, shard * 1000)
            writer.add(enumerate(results, shard * 1000))
            enter(folder, writer.finish())
        return folder

    return make


@pytest.fixture
def judged_run(make_judged_run: Callable[..., Path]) -> Path:
    """Five prompts with answers of two models and one unknown, judged; four pairs; candidates and pairs refused."""
    photo = read_image(encode(photograph("coffee"), "jpeg"), license="cc-by-4.0")
    long = "There is a cup of coffee on a saucer, with a spoon beside it, on a wooden table."
    first = [
        make_judged(
            [
                make_candidate("A cup.", 2.0, model="writer-a", finish="stop"),
                make_candidate(long, 4.5, model="writer-b", finish="stop"),
                make_candidate("Tea, I think.", 1.0, model=None, finish="length"),
            ],
            images=[photo],
            number=number,
            rejects=[
                Reject(
                    f"questions.jsonl:{number}", "cannot_judge", "candidate", "judge", "answer 3: no verdict"
                )
            ],
        )
        for number in range(2)
    ]
    second = [
        make_judged(
            [
                make_candidate(long, 3.0),
                make_candidate("Nothing.", 3.0, model="writer-b"),
                make_candidate("x", 1.5),
            ],
            number=1000,
        ),
        make_judged(
            [make_candidate("A cup.", 4.0), make_candidate("No cup.", 3.0, model="writer-b")],
            number=1001,
            rejects=[Reject("questions.jsonl:1001", "length_ratio", "pair", "pairing", "3 pairs")],
        ),
        make_judged([make_candidate("A cup.", None)], number=1002),
    ]
    return make_judged_run(first, second)
