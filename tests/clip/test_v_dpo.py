"""v_dpo from the command line over real photographs, with an editor that paints what the tiny CLIP knows."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import pairwright
from pairwright.schemas.errors import RecipeError

EDITOR = '''
import cv2
import numpy as np

def paint(picture, box, instruction, seed):
    """Paint the box grey, and a red disc on its right."""
    if seed % 7 == 0:
        raise ValueError(f"no paint for {instruction}")
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    left, top, right, bottom = box
    pixels[top:bottom, left:right] = 110 + seed % 40, 110 + seed // 40 % 40, 128
    radius = min(right - left, bottom - top) // 8
    middle = ((left + right) // 2 + 2 * radius, (top + bottom) // 2)
    cv2.circle(pixels, middle, radius, (40, 45, 214), cv2.FILLED)
    return cv2.imencode(".png", pixels)[1].tobytes()
'''

RED, NONE = "a red circle on the right", "three green crosses at the top"
QUESTION = "What is painted there?"
RULES = (
    {
        "contains": "You find things in a picture",
        "reply": {"objects": [{"name": "wall", "left": 0, "top": 0, "right": 1000, "bottom": 1000}]},
    },
    {
        "contains": "You think up edits",
        "reply": {
            "object": 1,
            "replacement": "a red circle",
            "question": QUESTION,
            "answer": NONE,
            "edited_answer": RED,
        },
    },
)


@pytest.fixture
def source(photographs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One row for each photograph, and the editor where Python finds it."""
    (tmp_path / "editors").mkdir()
    (tmp_path / "editors" / "my_editors.py").write_text(EDITOR)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "editors"))
    monkeypatch.syspath_prepend(tmp_path / "editors")
    path = tmp_path / "rows.jsonl"
    rows = [{"image": one.name, "question": "What is in the picture?"} for one in photographs]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_v_dpo(trying: Any, source: Path, photographs: list[Path]) -> None:
    surroundings, trial = trying
    told = trial(
        recipe="v_dpo",
        source=source,
        models=("lister", "proposer"),
        sets=(
            f"source.image_root={photographs[0].parent}",
            "editor=my_editors:paint",
            "output.shard_rows=4",
        ),
        rules=RULES,
    )
    check_counts_and_calls_no_editor(surroundings.check(told), len(photographs))
    run = surroundings.survive(told)
    there = {path.read_bytes() for path in photographs}
    texts = pq.read_table(run / "data").to_pylist()
    pictures = pq.read_table(run / "visual_negative").to_pylist()
    for row in texts:
        about = row["tags"][-1]
        sides = (RED, NONE) if about == "edited" else (NONE, RED)
        assert (row["chosen_text"], row["rejected_text"], row["question"]) == (*sides, f"<image>\n{QUESTION}")
        (ratio,) = [one for one in row["scores"] if one["aspect"] == "image_text_ratio"]
        own, other = (float(part.split(" ")[0]) for part in ratio["rationale"].split(", "))
        assert own >= max(0, 1.5 * other)
        assert ratio["value"] == (pytest.approx(own / other, abs=0.01) if other > 0 else None)
    assert Counter(row["tags"][-1] for row in texts)["edited"] > len(photographs) / 2
    assert len(pictures) == len(texts)
    for row in pictures:
        ((own,), (other,)) = (
            [one["bytes"] in there for one in row[side]] for side in ("images", "rejected_images")
        )
        assert (own, other) == (row["tags"][-1] == "original", row["tags"][-1] == "edited")
    assert len({row["group_id"] for row in texts}) == len({row["source_id"] for row in texts})
    rejects = [
        json.loads(one) for path in (run / "rejects").iterdir() for one in path.read_text().splitlines()
    ]
    failed = [one for one in rejects if one["reason"] == "edit_failed"]
    message = "my_editors:paint raised ValueError: no paint for Replace the wall with a red circle."
    assert failed
    assert {(one["scope"], one["message"]) for one in failed} == {("row", message)}
    assert {one["reason"] for one in rejects} == {"edit_failed", "edit_not_seen"}
    (encoded,) = json.loads((run / "run.json").read_text())["encoded"]
    assert (encoded["images"], encoded["texts"]) == (2 * (len(photographs) - len(failed)), 2)
    with pytest.raises(RecipeError, match="each answer belongs to one of two pictures"):
        pairwright.pair(run, "sides", out=run.parent / "anew")


def check_counts_and_calls_no_editor(foretold: str, rows: int) -> None:
    for place in ("lister", "proposer"):
        assert f"{place} (tiny, openai): {rows} calls" in foretold
    assert f"encoder  encoders.0 (tiny): {2 * rows} images and {2 * rows} texts" in foretold
