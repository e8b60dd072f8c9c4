"""measured with a trained encoder: negatives of an earlier run get the values that the builder of negatives gives them."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

import pairwright
from pairwright.forecast import check
from pairwright.schemas.codec import encode

SCENES = 8
BLUR = [{"name": "gaussian_blur", "params": {"radius": [2, 12]}}]


@pytest.fixture
def drawn(drawing: ModuleType, tmp_path: Path) -> Path:
    rows = []
    for number, scene in enumerate(random.Random(3).sample(drawing.SCENES, SCENES)):
        (tmp_path / f"{number}.png").write_bytes(encode(drawing.draw(scene, number, 120, 96), "png"))
        answer = drawing.caption(scene)
        rows.append({"image": f"{number}.png", "question": "What is it?", "chosen": answer})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "rows.jsonl"


@pytest.fixture
def built(tiny_clip: str, tmp_path: Path) -> Callable[..., Path]:
    """Return a way to run a builder with the tiny encoder; returns the recipe's path, its run lies beside it."""

    def write(name: str, builder: str, source: Path, **parameters: Any) -> Path:
        encoders = [{"params": {"model": tiny_clip}, "device": "cpu", "batch_size": 8}]
        told = {
            "name": name,
            "source": {"path": str(source)},
            "builder": builder,
            "parameters": {**({"encoders": encoders} if "measured" in builder else {}), **parameters},
            "output": {"path": str(tmp_path / name)},
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(told))
        return tmp_path / f"{name}.yaml"

    return write


def scores(run: Path) -> list[dict[tuple[str, str], float]]:
    rows = pq.read_table(run / "visual_negative").to_pylist()
    return [{(one["target"], one["aspect"]): one["value"] for one in row["scores"]} for row in rows]


def test_negatives_of_an_earlier_run_measure_the_same(built: Any, drawn: Path, tmp_path: Path) -> None:
    pairwright.build(built("plain", "visual_negative", drawn, perturbations=BLUR))
    pairwright.build(built("seen", "measured_negative", drawn, perturbations=BLUR))
    earlier = tmp_path / "plain" / "visual_negative"
    recipe = built("later", "measured", earlier, blind={"text": []})
    (forecast,) = check(recipe).encodings
    assert (forecast.images, forecast.texts) == (2.0, 1.0)
    pairwright.build(recipe)
    plain, later = scores(tmp_path / "plain"), scores(tmp_path / "later")
    target = ("rejected_images[0]", "image_image")
    assert all(target not in one for one in plain)
    likeness = [one[target] for one in later]
    assert len(set(likeness)) == SCENES
    for before, after in zip(plain, later, strict=True):
        assert before.items() <= after.items()
    assert later == scores(tmp_path / "seen")  # the same blurs are drawn, and the same is seen in them
    middle = sorted(likeness)[SCENES // 2]
    bounded = built(
        "bounded", "measured", earlier, blind={"text": []}, accept={"image_image": {"max": middle}}
    )
    outcome = pairwright.build(bounded)
    assert outcome.counts.paired == SCENES // 2 + 1
    assert outcome.counts.rejects["row"] == {"outside_band": SCENES // 2 - 1}
