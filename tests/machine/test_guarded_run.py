"""A run with guards from its source to what ``pairwright show`` tells: every row is accounted for, by its reason."""

import json
import re
from pathlib import Path

import pytest

import pairwright
from pairwright.cli import main

RECIPE = """
name: guarded
about: candidates with scores, and guards
source: {path: rows.jsonl}
builder: judged
parameters:
  judge: {kind: external}
  pairing: {rule: margin, params: {at_least: 1}}
  guards: [{kind: damage_talk}, {kind: near_equal}, {kind: repetition}, {kind: style, params: {min_pairs: 30}}]
output: {path: run, shard_rows: 40}
"""
LOOP = "The dog lies on the mat near the door. " * 6


def answers(number: int) -> list[tuple[str, int]]:
    """Return the candidates of a row: good ones, but for the first eleven and, in the first shard, their style."""
    good, mark = f"A brown dog, number {number}, runs", "!" if number < 40 else "."
    worse = f"Two cats, number {number}, sleep."
    if number < 4:
        worse = "The image is blurry, and I cannot tell."
    elif number < 9:
        worse = f"a brown dog, number {number},  runs"
    elif number == 9:
        worse = LOOP
    return [(good + (mark if number > 9 else "."), 3), (worse, 1)]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = (
        {
            "id": f"r{number}",
            "question": f"What is in picture {number}?",
            "candidates": [{"text": text, "score": score} for text, score in answers(number)],
        }
        for number in range(60)
    )
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def test_what_guards_catch_is_counted_by_reason(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = pairwright.build(recipe)
    counts = outcome.counts
    assert (counts.rows, counts.paired, counts.rejected) == (60, 20, 40)
    rows = {"damage_talk": 4, "near_equal": 5, "repetition": 1, "style_drift": 30}
    assert counts.rejects == {"row": rows, "pair": {"style_drift": 30}}
    assert _exit(["show", "run"]) == 0
    told = capsys.readouterr().out
    for reason, count in rows.items():
        assert re.search(rf"^ {reason} +{count} ", told, re.MULTILINE)
    assert re.search(r"^ style_drift \(pair\) +30 ", told, re.MULTILINE)


def test_guards_say_the_same_on_any_number_of_workers(recipe: Path) -> None:
    one = pairwright.build(recipe, out="one", workers=1)
    two = pairwright.build(recipe, out="two", workers=2)
    assert one.counts == two.counts
    files = [
        path.relative_to("one")
        for path in sorted(Path("one").rglob("*"))
        if path.suffix in (".parquet", ".jsonl")
    ]
    assert files
    for path in files:
        if path.parts[0] in ("data", "candidates", "failed", "rejects"):
            assert (Path("two") / path).read_bytes() == (Path("one") / path).read_bytes()


def _exit(arguments: list[str]) -> int:
    try:
        main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_pairs_formed_anew_pass_the_guards_of_the_run(recipe: Path, tmp_path: Path) -> None:
    first = pairwright.build(recipe)
    again = pairwright.pair(
        tmp_path / "run", "all_unequal", out=tmp_path / "again", overrides=["output.shard_rows=40"]
    )
    assert again.counts.pairs == first.counts.pairs
    assert again.counts.rejects == first.counts.rejects
    free = pairwright.pair(tmp_path / "run", "all_unequal", out=tmp_path / "free", overrides=["guards=[]"])
    assert free.counts.paired > first.counts.paired
