"""re_align from the command line over real photographs: nothing is lost at a kill, and each pair holds what it says."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import pairwright
from pairwright.schemas.errors import RecipeError

QUOTING = {
    "regex": r"prepare a cloze text.*=== begin answer \w+ ===\n(\S+) (\S+) (\S+)",
    "reply": r'{"blanks": [{"kind": "object", "quoted": "\2"}, {"kind": "attribute", "quoted": "\3"}]}',
}
"""Blanks the second and the third word of each answer."""

MODELS = ("samplers.0", "masker", "refiller")
SETS = ("pictures.params={max_similarity: 99.9}", "output.shard_rows=7")


@pytest.fixture
def source(photographs: list[Path], tmp_path: Path) -> Path:
    """One row for each photograph."""
    rows = [{"image": str(path), "question": "What is in the picture?"} for path in photographs]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_re_align(trying: Any, source: Path, photographs: list[Path]) -> None:
    surroundings, trial = trying
    sets = (*SETS, f"source.image_root={photographs[0].parent}")
    told = trial(recipe="re_align", source=source, models=MODELS, sets=sets, rules=(QUOTING,))
    run = surroundings.survive(told)
    texts = pq.read_table(run / "data").to_pylist()
    pictures = pq.read_table(run / "visual_negative").to_pylist()
    assert len(texts) == len(pictures) > len(photographs) / 2
    for row in texts:
        first, _, _, *rest = row["chosen_text"].split(" ")
        assert row["rejected_text"].startswith(first)
        assert row["rejected_text"].endswith(" ".join(rest))
        (likeness,) = [one for one in row["scores"] if one["aspect"] == "text_text"]
        assert (likeness["target"], likeness["scorer"], likeness["value"] < 95) == ("rejected", "tiny", True)
    there = {path.read_bytes(): path.name for path in photographs}
    for row in pictures:
        assert row["chosen_text"] == row["rejected_text"]
        (own,), (similar,) = row["images"], row["rejected_images"]
        assert there[own["bytes"]] != there[similar["bytes"]]
        measured = {one["aspect"]: one["value"] for one in row["scores"] if one["scorer"] == "tiny"}
        assert measured["image_image"] <= 99.9
        assert {"image_text_drop", "image_image"} == set(measured)
    (encoded,) = json.loads((run / "run.json").read_text())["encoded"]
    assert encoded["images"] == len(photographs)
    with pytest.raises(RecipeError, match="a completion pairs with the answer that it was made of"):
        pairwright.pair(run, "sides", out=run.parent / "anew")
    foretold = surroundings.check(told)
    for place, calls in (
        ("samplers.0", 1),
        ("masker", 1),
        ("refiller", 5),
    ):  # of pictures, as many as there may be
        assert f"{place} (tiny, openai): {calls * len(photographs)} calls" in foretold
    assert f"encoder  encoders.0 (tiny): {len(photographs)} images and" in foretold
