"""adversarial and the recipe adpo from the command line: what is stored misleads the encoder, and nothing is lost at a kill."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import open_clip
import PIL.Image
import pyarrow.parquet as pq
import pytest
import torch
import yaml

import pairwright
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.image import Pixels

ROWS = 10
TOLD = "three blue crosses on the right"


@pytest.fixture
def drawn(drawing: ModuleType, tmp_path: Path) -> Path:
    """Rows of drawn pictures of different sizes, each with a right answer."""
    rows = []
    for number in range(ROWS):
        scene = drawing.SCENES[13 * number]
        picture = drawing.draw(scene, number, 90 + 7 * number, 120)
        (tmp_path / f"{number}.png").write_bytes(encode(picture, "png"))
        rows.append(
            {
                "image": f"{number}.png",
                "question": "What is it?",
                "answer": f"{drawing.caption(scene)} {number}",
            }
        )
    return _written(tmp_path / "rows.jsonl", rows)


@pytest.fixture
def built(drawn: Path, tiny_clip: str, double: Any, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Return a way to build the drawn rows; gives the pairs that keep their attacked picture."""

    def build(attack: dict[str, Any], says: str | None = None, **parameters: Any) -> list[dict[str, Any]]:
        double.reset()
        double.rules([{"reply": says}] if says else [])
        told = {
            "name": "r",
            "source": {"path": str(drawn), "columns": {"chosen": "answer"}},
            "builder": "adversarial",
            "parameters": {
                "samplers": [{"model": "tiny", "base_url": double.url, "temperatures": [0.0]}],
                "encoder": {"params": {"model": tiny_clip}, "device": "cpu", "batch_size": 4},
                "attack": {"max_cosine": 0.99, **attack},
                "guards": [],
                **parameters,
            },
            "output": {"path": str(tmp_path / "r")},
        }
        (tmp_path / "r.yaml").write_text(yaml.safe_dump(told))
        outcome = pairwright.build(tmp_path / "r.yaml")
        assert outcome.counts.rows == ROWS
        assert pairwright.validate(tmp_path / "r") == []
        files = sorted((tmp_path / "r" / "visual_negative").glob("*.parquet"))
        return [row for file in files for row in pq.read_table(file).to_pylist()]

    return build


@pytest.fixture(scope="module")
def seen(tiny_clip: str) -> Callable[[list[Pixels]], torch.Tensor]:
    """Return the features of pictures as anyone computes them who opens the files."""
    model, transform = open_clip.create_model_from_pretrained(tiny_clip)
    model.eval()

    def features(pictures: list[Pixels]) -> torch.Tensor:
        with torch.no_grad():
            return model.encode_image(torch.stack([transform(PIL.Image.fromarray(one)) for one in pictures]))

    return features


def _written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _pictures(rows: list[dict[str, Any]], column: str) -> list[Pixels]:
    """Return the first picture of each row, decoded from what is stored."""
    return [decode(read_image(row[column][0]["bytes"])) for row in rows]


def _reached(row: dict[str, Any]) -> dict[str, Any]:
    [image] = json.loads(row["provenance"])["rejected"]["params"]["images"]
    found: dict[str, Any] = image["reached"]
    return found


def _scores(row: dict[str, Any]) -> dict[str, float]:
    return {one["aspect"]: one["value"] for one in row["scores"] if one["target"] == "rejected_images[0]"}


@pytest.mark.parametrize("radius", [2, 4])
def test_stored_pictures_mislead_far_more_than_noise_of_their_size(
    built: Any, seen: Any, radius: int
) -> None:
    rows = built({"params": {"radius": radius}})
    assert len(rows) == ROWS
    clean, attacked = _pictures(rows, "images"), _pictures(rows, "rejected_images")
    assert all(row["rejected_images"][0]["bytes"].startswith(b"\x89PNG") for row in rows)
    moved = [np.abs(one.astype(int) - other) for one, other in zip(attacked, clean, strict=True)]
    assert {int(one.max()) for one in moved} == {radius}
    rng = np.random.default_rng(1)
    noise = [
        np.clip(one + rng.choice([-radius, radius], one.shape), 0, 255).astype(np.uint8) for one in clean
    ]
    before = seen(clean)
    far, near = ((seen(ones) - before).square().sum(1).numpy() for ones in (attacked, noise))
    assert np.median(far / near) > 500
    cosines = torch.cosine_similarity(seen(attacked), before).numpy()
    told = [_reached(row) for row in rows]
    assert np.allclose([one["squared_distance"] for one in told], far, rtol=1e-2)
    assert np.allclose([one["cosine"] for one in told], cosines, atol=1e-3)
    assert np.allclose([_scores(row)["image_image"] for row in rows], 100 * cosines, atol=0.1)
    assert {one["encoder"] for one in told} == {"tiny"}
    assert all(_scores(row)["ssim"] > 0.9 for row in rows)


def test_a_target_text_fits_better_than_before(built: Any, seen: Any, tiny_clip: str) -> None:
    rows = built({"towards": {"text": TOLD}, "params": {"radius": 4}})
    assert len(rows) > ROWS / 2
    model = open_clip.create_model_from_pretrained(tiny_clip, return_transform=False).eval()
    with torch.no_grad():
        text = model.encode_text(open_clip.get_tokenizer(tiny_clip)([TOLD]))
    before, after = (
        torch.cosine_similarity(seen(_pictures(rows, column)), text).numpy()
        for column in ("images", "rejected_images")
    )
    assert (after - before).min() > 0.2
    told = [_reached(row) for row in rows]
    assert np.allclose([one["cosine_with_target"] for one in told], after, atol=1e-3)
    assert np.allclose([one["cosine_with_target_before"] for one in told], before, atol=1e-3)
    assert {one["towards"]["text"] for one in told} == {TOLD}
    assert np.allclose([_scores(row)["target_gain"] for row in rows], 100 * (after - before), atol=0.2)


def test_another_picture_of_the_shard_is_what_is_seen(built: Any, seen: Any) -> None:
    rows = built({"towards": "other_image", "params": {"radius": 4}}, gold="chosen")
    assert len(rows) > ROWS / 2
    by_id = {f"rows.jsonl:{_number(row)}": row for row in rows}
    named = [(row, by_id[_reached(row)["towards"]["other_image"]]) for row in rows if _other(row) in by_id]
    assert named
    assert all(row is not other for row, other in named)
    target = seen(_pictures([other for _, other in named], "images"))
    before, after = (
        torch.cosine_similarity(seen(_pictures([row for row, _ in named], column)), target).numpy()
        for column in ("images", "rejected_images")
    )
    assert (after - before).min() > 0.1


def _number(row: dict[str, Any]) -> int:
    return int(row["chosen_text"].rpartition(" ")[2])


def _other(row: dict[str, Any]) -> str:
    told: str = _reached(row)["towards"]["other_image"]
    return told


def test_a_model_that_says_the_same_of_both_gives_no_pair(built: Any, tmp_path: Path) -> None:
    assert built({}, says="It is a red thing.") == []
    assert _row_rejects(tmp_path / "r") == ["too_few_answers"] * ROWS


def _row_rejects(run: Path) -> list[str]:
    """Return why rows of a run gave no pair."""
    lines = [line for path in sorted((run / "rejects").iterdir()) for line in path.read_text().splitlines()]
    return [one["reason"] for one in map(json.loads, lines) if one["scope"] == "row"]


def test_a_later_round_asks_about_the_same_attacked_pictures(built: Any, tmp_path: Path) -> None:
    first = built({})
    again = ["samplers.0.ask='{question} Say it again.'", "samplers.0.revision='2'"]
    pairwright.next_round(tmp_path / "r", out=tmp_path / "second", overrides=again)
    rows = pq.read_table(tmp_path / "second" / "visual_negative").to_pylist()
    pictures = {row["images"][0]["bytes"]: row["rejected_images"][0]["bytes"] for row in first}
    assert len(rows) > len(first)
    assert all(pictures[row["images"][0]["bytes"]] == row["rejected_images"][0]["bytes"] for row in rows)
    rounds = {json.loads(row["provenance"])["rejected"]["round"] for row in rows}
    assert rounds == {1, 2}
    [encoded] = json.loads((tmp_path / "second" / "run.json").read_text())["encoded"]
    assert (encoded["attacked"], encoded["stored"]) == (0, ROWS)


@pytest.fixture
def small(photographs: list[Path], tmp_path: Path) -> Path:
    """One row for each photograph, a quarter as wide and high: an attack takes its time."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for path in photographs:
        pixels = decode(read_image(path.read_bytes()), 4)
        (folder / path.name).write_bytes(encode(pixels, "jpeg", 95))
    rows = [{"image": path.name} for path in photographs]
    return _written(folder / "rows.jsonl", rows)


def test_adpo_over_photographs_survives_a_kill(trying: Any, small: Path, photographs: list[Path]) -> None:
    surroundings, trial = trying
    told = trial(
        recipe="adpo",
        source=small,
        models=("samplers.0",),
        sets=("output.shard_rows=4", "guards=[]"),
        encoder="encoder=%s",
    )
    folder = surroundings.survive(told)
    [encoded] = json.loads((folder / "run.json").read_text())["encoded"]
    assert encoded["attacked"] == len(photographs)  # in both goes together
    both = pq.read_table(folder / "visual_negative").to_pylist()
    assert len(both) > 0.7 * len(photographs)
    robust = pq.read_table(folder / "data").to_pylist()
    assert [row["images"] for row in robust] == [row["rejected_images"] for row in both]
    assert [row["group_id"] for row in robust] == [row["group_id"] for row in both]
    assert {row["pair_kind"] for row in both} == {"both"}
    assert all(_reached(row)["cosine"] <= 0.95 for row in both)
    assert _row_rejects(folder) == ["attack_failed"] * (len(photographs) - len(both))
    forecast = surroundings.check(told)
    assert f"samplers.0 (tiny, openai): {2 * len(photographs)} calls" in forecast
