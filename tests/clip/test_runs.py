"""clip_ranked from the command line: right captions win, every picture is encoded once, and a kill changes nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

import pairwright
from pairwright.schemas.codec import encode
from pairwright.schemas.errors import RecipeError, RunError

ROWS, PICTURES = 90, 30


@pytest.fixture(scope="module")
def source(drawing: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of right and wrong captions; every picture stands in three rows."""
    folder, rng = tmp_path_factory.mktemp("source"), random.Random(5)
    scenes = rng.sample(drawing.SCENES, PICTURES)
    for number, scene in enumerate(scenes):
        (folder / f"{number}.png").write_bytes(encode(drawing.draw(scene, number), "png"))
    rows = []
    for number in range(ROWS):
        scene = scenes[number % PICTURES]
        wrong = [drawing.changed(scene, name, rng) for name in drawing.ATTRIBUTES]
        texts = [drawing.caption(one) for one in rng.sample([scene, *wrong], 5)]
        right = drawing.caption(scene)
        rows.append(
            {
                "image": f"{number % PICTURES}.png",
                "question": "What is it?",
                "candidates": texts,
                "right": right,
            }
        )
    rows[3]["candidates"] = [*rows[3]["candidates"], "a red circle on the left " * 20]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "rows.jsonl"


@pytest.fixture
def recipe(source: Path, tiny_clip: str, tmp_path: Path) -> Callable[..., Path]:
    """Writes a recipe over the source."""

    def write(name: str = "r", **parameters: Any) -> Path:
        encoder = {"params": {"model": tiny_clip}, "device": "cpu", "batch_size": 8}
        told = {
            "name": name,
            "source": {"path": str(source)},
            "builder": "clip_ranked",
            "parameters": {"encoders": [encoder], **parameters},
            "output": {"path": str(tmp_path / name), "shard_rows": 9},
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(told))
        return tmp_path / f"{name}.yaml"

    return write


def files(folder: Path) -> dict[str, bytes]:
    """Return what every executor must write alike: all files of rows."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".parquet", ".jsonl") and path.name != "manifest.jsonl"
    }


def test_right_captions_are_chosen_and_pictures_encoded_once(recipe: Any, tmp_path: Path) -> None:
    outcome = pairwright.build(recipe())
    counts = outcome.counts
    assert counts.rows == ROWS
    table = pq.read_table(tmp_path / "r" / "data").to_pylist()
    assert len(table) > 0.9 * ROWS
    right = sum(row["chosen_text"] == json.loads(row["extra"])["right"] for row in table)
    assert right > 0.6 * len(table)
    assert not any(row["rejected_text"] == json.loads(row["extra"])["right"] for row in table)
    assert all(row["score_chosen"] - row["score_rejected"] >= 2 for row in table)
    run = json.loads((tmp_path / "r" / "run.json").read_text())
    texts = {one for line in source_rows(run) for one in line["candidates"]}
    [encoded] = run["encoded"]
    assert (encoded["encoder"], encoded["images"], encoded["texts"]) == ("tiny", PICTURES, len(texts))
    assert {"open_clip_torch", "torch"} <= set(run["versions"])
    rejects = [one for path in (tmp_path / "r" / "rejects").iterdir() for one in lines(path)]
    assert [one["reason"] for one in rejects if one["scope"] == "candidate"] == ["over_context"]
    assert pairwright.validate(tmp_path / "r") == []


def source_rows(run: dict[str, Any]) -> list[dict[str, Any]]:
    return lines(Path(run["recipe"]["source"]["path"]))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_killed_run_goes_on_to_the_same_bytes(recipe: Any, tmp_path: Path) -> None:
    pairwright.build(recipe("whole"))
    killed = recipe("killed")
    killed.write_text(killed.read_text().replace("name: killed", "name: whole"))
    process = subprocess.Popen([sys.executable, "-P", "-m", "pairwright", "build", str(killed)])
    manifest = tmp_path / "killed" / "manifest.jsonl"
    until = time.monotonic() + 120
    while not (manifest.exists() and manifest.read_bytes()):
        assert process.poll() is None, "done before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(manifest.read_text().splitlines()) < ROWS / 9, "done before it could be killed"
    pairwright.build(killed)
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    [encoded] = json.loads((tmp_path / "killed" / "run.json").read_text())["encoded"]
    [once] = json.loads((tmp_path / "whole" / "run.json").read_text())["encoded"]
    assert (encoded["images"], encoded["texts"]) == (once["images"], once["texts"])


def test_several_encoders_and_sentences(recipe: Any, tiny_clip: str, tmp_path: Path) -> None:
    other = {"params": {"model": tiny_clip, "precision": "bf16"}, "device": "cpu"}
    with pytest.raises(RecipeError, match=r"stands at encoders\.0 already"):
        pairwright.build(recipe(encoders=[other, {"params": {"model": tiny_clip}}]))
    folder = tmp_path / "second"
    folder.symlink_to(tiny_clip.removeprefix("local-dir:"))
    second = {"params": {"model": f"local-dir:{folder}", "precision": "bf16"}, "device": "cpu"}
    first = {"params": {"model": tiny_clip}, "device": "cpu"}
    pairwright.build(recipe(encoders=[first, second], per="sentence", agree=2), limit=20)
    table = pq.read_table(tmp_path / "r" / "data").to_pylist()
    assert table
    for row in table:
        assert [one["scorer"] for one in row["scores"] if one["target"] == "chosen"] == ["tiny", "second"]
        orders = [(one["scorer"], one["value"]) for one in row["scores"] if one["target"] == "pair"]
        assert orders == [("tiny", 1.0), ("second", 1.0)]
        assert json.loads(row["provenance"])["agreement"]["compared"] in (10, 15)


def test_other_pairs_from_the_same_scores(recipe: Any, tmp_path: Path) -> None:
    pairwright.build(recipe())
    outcome = pairwright.pair(tmp_path / "r", "margin", out=tmp_path / "wide", overrides=["at_least=10"])
    table = pq.read_table(outcome.folder / "data").to_pylist()
    assert table
    assert all(row["score_chosen"] - row["score_rejected"] >= 10 for row in table)


def test_check_counts_and_device_may_change(recipe: Any, tmp_path: Path) -> None:
    from pairwright.forecast import check

    forecast = check(recipe())
    [one] = forecast.encodings
    assert (one.name, one.model, forecast.pairs) == ("encoders.0", "tiny", {})
    assert 0 < one.images <= 1
    assert one.texts > one.images
    pairwright.build(recipe(), limit=20)
    text = recipe().read_text()
    recipe().write_text(text.replace("batch_size: 8", "batch_size: 4"))
    assert pairwright.build(tmp_path / "r.yaml", limit=20).already_done
    changed = recipe(min_score=1)
    with pytest.raises(RunError, match="min_score"):
        pairwright.build(changed, limit=20)


@pytest.mark.parametrize("device", ["cuda", "cuda:7"])
def test_check_tells_of_a_device_that_is_not_here(device: str, recipe: Any) -> None:
    path = recipe()
    there = subprocess.run(
        [sys.executable, "-P", "-m", "pairwright", "check", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "is to be loaded on" not in there.stdout
    path.write_text(path.read_text().replace("device: cpu", f"device: {device}"))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pairwright", "check", str(path)],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"note     encoders.0 is to be loaded on {device}, which this machine does not have" in done.stdout


def test_a_model_that_nobody_knows_is_told_before_anything_is_read(recipe: Any) -> None:
    with pytest.raises(RecipeError, match=r"encoders\.0\.params\.model: open_clip has no 'ViT-B32'"):
        pairwright.build(recipe(encoders=[{"params": {"model": "ViT-B32", "pretrained": "openai"}}]))
