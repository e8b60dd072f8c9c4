"""measured_negative with a trained encoder: what is stronger measures stronger, and nothing is lost at a kill."""

import json
import os
import random
import signal
import statistics
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
from pairwright.cli import main
from pairwright.forecast import check
from pairwright.runs import manifest
from pairwright.schemas.codec import decode, encode, read_image

SCENES = 24


@pytest.fixture
def drawn(drawing: ModuleType, tmp_path: Path) -> Path:
    """Rows of drawn pictures of 120 × 96 pixels, each with its caption; every fourth stands there twice, encoded again."""
    rows, rng = [], random.Random(3)
    for number, scene in enumerate(rng.sample(drawing.SCENES, SCENES)):
        rows.append(_row(tmp_path, f"{number}.png", drawing, scene, number))
        for copy in range(number % 4 == 0):
            pixels = decode(read_image((tmp_path / f"{number}.png").read_bytes()))
            (tmp_path / f"copy{number}.jpg").write_bytes(encode(pixels[::2, ::2], "jpeg", 80 - copy))
            rows.append({**rows[-1], "image": f"copy{number}.jpg"})
        for name in ("place", "count"):  # hard ones: all alike but for one attribute
            other = drawing.changed(scene, name, rng)
            rows.append(_row(tmp_path, f"{number}-{name}.png", drawing, other, 1000 + number))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "rows.jsonl"


def _row(folder: Path, name: str, drawing: ModuleType, scene: Any, seed: int) -> dict[str, str]:
    (folder / name).write_bytes(encode(drawing.draw(scene, seed, 120, 96), "png"))
    answer = drawing.caption(scene)
    return {
        "image": name,
        "question": "What is it?",
        "answer": answer,
        "scene": "|".join(map(str, _of(scene))),
    }


def _of(scene: Any) -> tuple[Any, ...]:
    return scene.colour, scene.shape, scene.place, scene.count


@pytest.fixture
def recipe(drawn: Path, tiny_clip: str, tmp_path: Path) -> Callable[..., Path]:
    """Writes a recipe over the drawn pictures."""

    def write(name: str, *perturbations: dict[str, Any], shard_rows: int = 250, **parameters: Any) -> Path:
        told = {
            "name": name,
            "source": {"path": str(drawn), "columns": {"chosen": "answer"}},
            "builder": "measured_negative",
            "parameters": {
                "encoders": [{"params": {"model": tiny_clip}, "device": "cpu", "batch_size": 8}],
                "perturbations": list(perturbations),
                **parameters,
            },
            "output": {
                "path": str(tmp_path / name),
                "shard_rows": shard_rows,
                "responses": str(tmp_path / "answers.sqlite"),
            },
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(told))
        return tmp_path / f"{name}.yaml"

    return write


def pairs(folder: Path) -> list[dict[str, Any]]:
    """Return all image pairs of a run."""
    return [
        row
        for path in sorted((folder / "visual_negative").glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]


def values(folder: Path, name: str) -> list[float]:
    """Return one measure of all negatives of a run."""
    return [one["value"] for row in pairs(folder) for one in row["scores"] if one["aspect"] == name]


@pytest.mark.parametrize(
    ("name", "strengths"),
    [
        ("gaussian_blur", [{"radius": 0.5}, {"radius": 4.0}, {"radius": 30.0}]),
        ("pixelate", [{"block": 2}, {"block": 16}, {"block": 60}]),
        ("gaussian_noise", [{"sigma": 5}, {"sigma": 80}, {"sigma": 500}]),
        ("random_resized_crop", [{"area": 0.9}, {"area": 0.3}, {"area": 0.02}]),
    ],
)
def test_what_is_stronger_measures_stronger(
    recipe: Any, tmp_path: Path, name: str, strengths: list[dict[str, float]]
) -> None:
    alike, drops = [], []
    for number, params in enumerate(strengths):
        pairwright.build(recipe(f"r{number}", {"name": name, "params": params}))
        alike.append(statistics.median(values(tmp_path / f"r{number}", "image_image")))
        drops.append(statistics.median(values(tmp_path / f"r{number}", "image_text_drop")))
    assert alike[0] > alike[1] > alike[2]
    assert drops[0] < drops[1] < drops[2]
    assert alike[0] - alike[2] > 10
    assert drops[2] - drops[0] > 10


def test_an_attack_moves_the_encoder_and_not_the_pixels(recipe: Any, tmp_path: Path) -> None:
    attack = {"name": "pgd", "params": {"radius": 4}, "max_cosine": 1.0}
    noise = {"name": "gaussian_noise", "params": {"sigma": 4}}
    pairwright.build(recipe("attacked", attack))
    pairwright.build(recipe("noisy", noise))
    for folder in (tmp_path / "attacked", tmp_path / "noisy"):
        assert statistics.median(values(folder, "psnr")) > 30
    attacked, noisy = (values(tmp_path / name, "image_text_drop") for name in ("attacked", "noisy"))
    assert statistics.median(attacked) > 10
    assert statistics.median(map(abs, noisy)) < 1


@pytest.mark.parametrize("bound", [3.0, 15.0])
def test_the_weakest_blur_is_found_that_lowers_the_score_enough(
    recipe: Any, tmp_path: Path, bound: float
) -> None:
    blur = {"name": "gaussian_blur", "until": {"image_text_drop": {"min": bound}}}
    outcome = pairwright.build(recipe("searched", blur))
    found = pairs(tmp_path / "searched")
    assert len(found) > 0.7 * outcome.counts.rows
    assert min(values(tmp_path / "searched", "image_text_drop")) >= bound
    radii = {
        json.loads(row["provenance"])["record_id"]: json.loads(row["provenance"])["negatives"][0]["params"][
            "radius"
        ]
        for row in found
    }
    assert max(radii.values()) > 1.5 * min(radii.values())
    for number, (record_id, radius) in enumerate(list(radii.items())[:3]):
        weaker = {"name": "gaussian_blur", "params": {"radius": radius * 0.985}}
        pairwright.build(recipe(f"weaker{number}", weaker))
        [drop] = [
            one["value"]
            for row in pairs(tmp_path / f"weaker{number}")
            if json.loads(row["provenance"])["record_id"] == record_id
            for one in row["scores"]
            if one["aspect"] == "image_text_drop"
        ]
        assert drop < bound


def test_at_most_twelve_pictures_are_encoded_for_a_search(recipe: Any, tmp_path: Path) -> None:
    blur = {"name": "gaussian_blur", "until": {"image_text_drop": {"min": 3}}}
    rows = pairwright.build(recipe("searched", blur)).counts.rows
    [encoded] = json.loads((tmp_path / "searched" / "run.json").read_text())["encoded"]
    assert 2 * rows < encoded["images"] <= 13 * rows


def test_the_most_similar_scene_is_taken_and_never_a_copy(recipe: Any, tmp_path: Path) -> None:
    similar = {"name": "similar_image", "params": {"max_similarity": 99.9, "tries": 20}}
    rows = pairwright.build(recipe("near", similar)).counts.rows
    pairwright.build(recipe("any", {"name": "other_image"}))
    source = {f"rows.jsonl:{number}": row for number, row in enumerate(_source(tmp_path))}
    changed: dict[str, list[int]] = {}
    for name in ("near", "any"):
        for row in pairs(tmp_path / name):
            told = json.loads(row["provenance"])
            own, other = (source[key] for key in (told["record_id"], told["negatives"][0]["other"]))
            assert (
                own["image"].removeprefix("copy").split(".")[0]
                != other["image"].removeprefix("copy").split(".")[0]
            )
            differs = zip(own["scene"].split("|"), other["scene"].split("|"), strict=True)
            changed.setdefault(name, []).append(sum(a != b for a, b in differs))
    assert len(changed["near"]) > 0.9 * rows
    assert sum(count <= 1 for count in changed["near"]) > 0.7 * len(changed["near"])
    assert sum(count <= 1 for count in changed["any"]) < 0.3 * len(changed["any"])
    assert statistics.median(values(tmp_path / "near", "image_image")) > 20 + statistics.median(
        values(tmp_path / "any", "image_image")
    )
    [encoded] = json.loads((tmp_path / "near" / "run.json").read_text())["encoded"]
    assert encoded["images"] == len({path.read_bytes() for path in tmp_path.glob("*.[pj][np]g")})


def _source(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


def test_near_copies_of_photographs_are_not_taken(
    photographs: list[Path], tiny_clip: str, tmp_path: Path
) -> None:
    """The folder knows which of its pictures are one photograph: all but five of them are two photographs' copies."""
    folder = photographs[0].parents[2] / "near-duplicates"
    files = [path for path in sorted(folder.glob("*/*.jpg")) if "corrupt" not in path.name]
    rows = [{"image": str(path.relative_to(folder)), "answer": "A photo."} for path in files]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = {
        "name": "copies",
        "source": {
            "path": str(tmp_path / "rows.jsonl"),
            "image_root": str(folder),
            "question": "What is it?",
            "columns": {"chosen": "answer"},
        },
        "builder": "measured_negative",
        "parameters": {
            "encoders": [{"params": {"model": tiny_clip}, "device": "cpu"}],
            "perturbations": [{"name": "similar_image", "params": {"max_similarity": 100, "tries": 20}}],
        },
        "output": {"path": str(tmp_path / "copies")},
    }
    (tmp_path / "copies.yaml").write_text(yaml.safe_dump(told))
    pairwright.build(tmp_path / "copies.yaml")
    found = pairs(tmp_path / "copies")
    assert len(found) == len(files)
    for row in found:
        told = json.loads(row["provenance"])
        own, other = (
            files[int(key.rpartition(":")[2])] for key in (told["record_id"], told["negatives"][0]["other"])
        )
        assert _photograph(own) != _photograph(other)


def _photograph(path: Path) -> str:
    """Return which photograph a file of the folder shows."""
    return path.parent.name if path.parent.name == "pdq_bridge" else path.stem.split("_")[0]


def test_rows_do_not_depend_on_shards(recipe: Any, tmp_path: Path) -> None:
    blur = {"name": "gaussian_blur", "until": {"image_text_drop": {"min": 3}}}
    for name, size in (("one", 250), ("many", 7)):
        told = recipe(name, blur, shard_rows=size)
        told.write_text(told.read_text().replace(f"name: {name}\n", "name: same\n"))
        pairwright.build(told)
    assert len(manifest.read(tmp_path / "many")) > 5
    assert pairs(tmp_path / "many") == pairs(tmp_path / "one")


def test_a_set_of_others_is_measured_and_what_fits_no_worse_left_out(recipe: Any, tmp_path: Path) -> None:
    weak = {"name": "gaussian_blur", "params": {"radius": [0.1, 12]}}
    pairwright.build(recipe("made", weak))
    drops = values(tmp_path / "made", "image_text_drop")
    told = yaml.safe_load(recipe("measured", accept={"image_text_drop": {"min": 3}}).read_text())
    told["source"] = {"path": str(tmp_path / "made")}
    (tmp_path / "measured.yaml").write_text(yaml.safe_dump(told))
    outcome = pairwright.build(tmp_path / "measured.yaml")
    kept = [drop for drop in drops if drop >= 3]
    assert 0 < len(kept) < len(drops)
    assert values(tmp_path / "measured", "image_text_drop") == kept
    assert outcome.counts.rows - len(kept) == outcome.counts.rejected
    assert pairwright.validate(tmp_path / "measured") == []


def run(*arguments: str) -> None:
    """Run the command line in this process, which has loaded torch already."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert not ended.value.code


def test_show_and_report_tell_what_encoders_say(
    recipe: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairwright.build(recipe("shown", {"name": "gaussian_blur", "params": {"radius": 5}}))
    folder = tmp_path / "shown"
    capsys.readouterr()
    run("show", str(folder))
    shown = capsys.readouterr().out
    assert "image-image" in shown
    assert f"{statistics.median(values(folder, 'image_text_drop')):.1f}" in shown
    page = pairwright.write_report(folder).read_text(encoding="utf-8")
    assert "text drop, tiny" in page
    assert f"image-image, tiny <b>{values(folder, 'image_image')[0]:.1f}</b>" in page


def test_check_tells_what_would_be_encoded(recipe: Any) -> None:
    forecast = check(recipe("foretold", {"name": "similar_image"}, {"name": "gaussian_blur"}, per_row="all"))
    [one] = forecast.encodings
    assert (one.name, one.model) == ("encoders.0", "tiny")
    assert one.images > 1


@pytest.fixture
def command(photographs: list[Path], tiny_clip: str, tmp_path: Path) -> Callable[[Path], list[str]]:
    """Returns the arguments of a build of the recipe over real photographs, with two encoders."""
    second = tmp_path / "second"
    second.symlink_to(tiny_clip.removeprefix("local-dir:"))
    names = [tiny_clip, f"local-dir:{second}"]
    encoders = ", ".join(f"{{params: {{model: '{name}'}}, device: cpu, batch_size: 8}}" for name in names)
    sets = [
        f"encoders=[{encoders}]",
        "accept={drop_agreement: {min: 1}}",
        "perturbations.0.params={max_similarity: 99.9}",
        f"source.image_root={photographs[0].parent}",
        "output.shard_rows=7",
    ]
    rows = [
        {"image": path.name, "question": "What is it?", "answer": f"A {path.stem.split('_')[0]}."}
        for path in photographs
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def told(out: Path) -> list[str]:
        given = [word for one in sets for word in ("--set", one)]
        source = ["--source", str(tmp_path / "rows.jsonl"), "--set", "source.columns.chosen=answer"]
        return ["build", "hard_negatives", *source, "--out", str(out), *given]

    return told


def test_hard_negatives_over_photographs_survive_a_kill(
    command: Any, photographs: list[Path], tmp_path: Path
) -> None:
    run(*command(tmp_path / "whole"))
    killed = tmp_path / "killed"
    _kill_at_the_first_shard(command(killed), killed / "manifest.jsonl")
    assert 0 < len(manifest.read(killed)) < 3
    run(*command(killed))
    assert _files(killed) == _files(tmp_path / "whole")
    found = pairs(killed)
    assert len(found) > len(photographs) / 2
    edits = [row["rejected_images_meta"][0]["edit"].partition(" ")[0] for row in found]
    assert {"similar_image", "gaussian_blur"} == set(edits)
    for row in found:
        agreed = [one["value"] for one in row["scores"] if one["aspect"] == "drop_agreement"]
        drops = {one["value"] for one in row["scores"] if one["aspect"] == "image_text_drop"}
        assert agreed == [2.0]  # the two are one and the same
        assert len(drops) == 1
        assert min(drops) > 0
    first, second = (
        json.loads((folder / "run.json").read_text())["encoded"] for folder in (killed, tmp_path / "whole")
    )
    assert [(one["images"], one["texts"]) for one in first] == [
        (one["images"], one["texts"]) for one in second
    ]
    assert pairwright.validate(killed) == []
    assert pairwright.write_report(killed).is_file()


def _kill_at_the_first_shard(arguments: list[str], entries: Path) -> None:
    command = [sys.executable, "-P", "-m", "pairwright", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (entries.exists() and entries.read_bytes()):
            assert process.poll() is None, "done before it could be killed"
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in ("data", "visual_negative", "rejects")
        for path in sorted((folder / name).glob("*"))
    }
