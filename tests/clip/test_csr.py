"""csr from the command line over real photographs: answers grow, nothing is lost at a kill, the best rank stands over the worst."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

ROWS = 10
ENDINGS = (" It is red.", " It is blue.", " It is small.", " It is large.", " It is in the middle.")
BEGINNINGS = (
    "A red circle is here. And",
    "A blue square is here. And",
    "A green triangle is here. And",
    "A yellow cross is here. And",
    "Nothing is here. And",
)
SECOND = (" A red square is on the left. And", " A blue ring is on the right. And", *ENDINGS[:3])
RULES = (
    {"regex": r"\?\n[^.]+\.[^.]+\.", "replies": list(ENDINGS)},
    {"regex": r"\?\n[^.]+\.", "replies": list(SECOND)},
    {"contains": "happening", "replies": list(BEGINNINGS)},
)
"""What follows two sentences, one, and none."""
WHOLE = (
    {
        "contains": "happening",
        "replies": [f"{one[:-4]}{end}" for one, end in zip(BEGINNINGS, ENDINGS, strict=True)],
    },
)


@pytest.fixture
def source(photographs: list[Path], tmp_path: Path) -> Path:
    """One row for each of some photographs."""
    rows = [
        {"image": one.name, "question": "What do you see happening in this image?"} for one in photographs
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[:ROWS]))
    return path


def rows_of(run: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the pairs, each with its prompt's row of the config candidates."""
    pairs = pq.read_table(run / "data").to_pylist()
    kept = {one["record_id"]: one for one in pq.read_table(run / "candidates").to_pylist()}
    return [(one, kept[json.loads(one["provenance"])["record_id"]]) for one in pairs]


def test_csr(trying: Any, source: Path, photographs: list[Path]) -> None:
    surroundings, trial = trying
    sets = ("output.shard_rows=2", f"source.image_root={photographs[0].parent}")
    told = trial(recipe="csr", source=source, models=("samplers.0",), sets=sets, rules=RULES)
    run = surroundings.survive(told)
    found = rows_of(run)
    assert len(found) == ROWS
    for pair, kept in found:
        answers = kept["candidates"]
        # Of five beginnings three go on, of their fifteen continuations six are open, three of which go on.
        assert len(answers) == 3 * 3 + 3 * 5
        scores = {one["text"]: one["score"] for one in answers}
        assert pair["score_chosen"] == scores[pair["chosen_text"]] == max(scores.values())
        assert pair["score_rejected"] == scores[pair["rejected_text"]] == min(scores.values())
        margin = json.loads(pair["provenance"])["margin"]
        assert margin == pytest.approx(pair["score_chosen"] - pair["score_rejected"], abs=1e-6)
        for one in answers:
            said = {judged["aspect"]: judged for judged in one["judgements"]}
            assert said["rank"]["value"] == -one["score"]
            assert len({judged["rationale"].count(",") for judged in said.values()}) == 1
    assert len({pair["chosen_text"] for pair, _ in found}) > 1
    [encoded] = json.loads((run / "run.json").read_text())["encoded"]
    sentences = {one.removesuffix(" And").strip() for one in (*BEGINNINGS, *SECOND, *ENDINGS)}
    assert (encoded["images"], encoded["texts"]) == (ROWS, len(sentences))
    forecast = surroundings.check(told)
    calls = re.search(r"samplers\.0 \(tiny, openai\): (\d+) calls", forecast)
    assert calls is not None
    assert int(calls[1]) >= 7 * ROWS  # three levels or more: one beginning, then three each
    assert f"encoders.0 ({encoded['encoder']})" in forecast


def test_csr_without_the_tree(trying: Any, source: Path, photographs: list[Path]) -> None:
    surroundings, trial = trying
    sets = (
        "output.shard_rows=2",
        f"source.image_root={photographs[0].parent}",
        "search=whole",
        "logprob_weight=0",
        "samplers.0.max_tokens=1024",
    )
    told = trial(recipe="csr", source=source, models=("samplers.0",), sets=sets, rules=WHOLE)
    run = surroundings.survive(told)
    for pair, kept in rows_of(run):
        scores = {one["text"]: one["score"] for one in kept["candidates"]}
        assert pair["score_chosen"] == max(scores.values())
        assert pair["score_rejected"] == min(scores.values())
        assert {one["aspect"] for one in pair["scores"]} == {"image_text", "rank"}
