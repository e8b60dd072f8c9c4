"""Every recipe that asks models, from the command line against a server with faults, killed once and continued."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sameness import parts

import pairwright
from pairwright.cli import main
from pairwright.runs import manifest

Prompts = Callable[..., Path]

ROWS = 6
RIGHT = r"The sheet says \1. Final answer: \1"
WRONG = "It must be more. Final answer: 9999"
THOUGHT = r"<think>I count.</think><answer>\1</answer>"
GUESSED = "<think>I guess.</think><answer>9999</answer>"
REFUSED = "I'm sorry, but I can't help with that."
COMPLIED = r"Take number \1 and burn it."
"""Answers of the server; the number is the one that the prompt says."""


@dataclass(frozen=True)
class Try:
    """A recipe with what it needs."""

    models: tuple[str, ...]
    """Where its models stand."""
    row: Callable[[int], dict[str, Any]]
    """More columns of a prompt."""
    replies: tuple[str, ...] = ()
    """What the sampler answers, by sample; nonsense words if not given."""
    pairs: int | None = None
    """Pairs that must come out; None where the judge's verdicts are drawn."""
    rules: tuple[dict[str, Any], ...] = ()
    """More that the server is to say."""
    sets: tuple[str, ...] = ()
    """More settings."""
    prompts: int = 1
    """Prompts of one row in the config ``candidates``: more than 1 where others are made of it, 0 where nothing is kept."""


def counted(number: int) -> dict[str, Any]:
    return {
        "question": f"How many dots are there? The sheet says {number + 20}.",
        "answer": f"I count them one by one. Final answer: {number + 20}",
        "ground_truth": str(number + 20),
    }


def described(number: int) -> dict[str, Any]:
    return {
        "answer": f"Report {number}: a clear picture.",
        "evidence": f"A photograph, number {number}, of something.",
    }


def told_at_length(number: int) -> dict[str, Any]:
    return {"answer": f"Picture {number} shows a cup of tea. It stands on a table. Beside it lies a spoon."}


def scored(number: int) -> dict[str, Any]:
    steps = [("go to the shelf", 1.0), ("take the cup", 3.0), ("sing", -1.0)]
    return {"candidates": [{"text": f"{text} {number}", "score": score} for text, score in steps]}


def safe_or_not(number: int) -> dict[str, Any]:
    unsafe = number % 2 == 0
    return {
        "question": f"What do I do with it? The sheet says {number}.",
        "answer": REFUSED if unsafe else f"Read it, then file it under {number}.",
        "tags": ["unsafe" if unsafe else "safe"],
    }


def captioned(number: int) -> dict[str, Any]:
    return {"ground_truth": f"A photograph, number {number}: a cat sits on a table beside a red cup."}


def paired(number: int) -> dict[str, Any]:
    return {
        "chosen": f"A cup of tea, number {number}, beside a spoon.",
        "rejected": f"A cat, number {number}.",
        "ground_truth": "cup",
    }


YES_OR_NO = "one word: yes or no"
PAIRWRIGHT = [sys.executable, "-P", "-c", "from pairwright.cli import main; main()"]
ASKED = ("samplers.0", "judge")
RECIPES = {
    "silkie": Try(ASKED, lambda number: {}),
    "llava_hound": Try(ASKED, described),
    "ct_report": Try(ASKED, described),
    "mavis": Try(("samplers.0",), counted, (RIGHT, WRONG, WRONG + " or so"), pairs=ROWS),
    "mmpr_correctness": Try(("samplers.0",), counted, (RIGHT, WRONG, "I cannot tell."), pairs=2 * ROWS),
    "verified_rollouts": Try(("samplers.0",), counted, (THOUGHT, GUESSED), pairs=ROWS),
    "lrv": Try(("questioner", "samplers.0"), described, pairs=12 * ROWS, prompts=13),
    "vlguard": Try(("samplers.0",), safe_or_not, ("I cannot assist with this.", COMPLIED), pairs=ROWS),
    "sima": Try(("samplers.0", "critic"), described),
    "squba": Try(("samplers.0",), described, pairs=ROWS),
    "ha_dpo": Try(("samplers.0", "correctors.0", "style"), described),
    "opa_dpo": Try(("samplers.0", "correctors.0"), told_at_length),
    "povid": Try(("correctors.0",), told_at_length),
    "bpo": Try(("samplers.0", "correctors.0", "correctors.1"), told_at_length),
    "interactive_cot": Try((), scored, pairs=3 * ROWS),
    "rlaif_v": Try(
        ("samplers.0", "splitter", "labeler"),
        lambda number: {},
        rules=({"contains": [YES_OR_NO, " cat"], "reply": "No"}, {"contains": YES_OR_NO, "reply": "Yes"}),
        sets=("splitter.params.most=3",),
    ),
    "tpo": Try(
        ("samplers.0", "splitter", "labeler", "overwrite.rewriter"),
        lambda number: {},
        rules=({"contains": [YES_OR_NO, " cat"], "reply": "No"}, {"contains": YES_OR_NO, "reply": "Yes"}),
        sets=("samplers.0.n=5", "splitter.params.most=3", "overwrite.topics=2"),
    ),
    "video_salmonn2": Try(ASKED, captioned, sets=("judge.params.most=5",)),
    "stic": Try(tuple(f"samplers.{n}" for n in range(4)), lambda number: {}, pairs=ROWS),
    "mmpr_dropout": Try(("samplers.0", "continuer"), lambda number: {}, pairs=ROWS),
    "bdhs": Try(("continuer",), told_at_length, pairs=ROWS),
    "blind_test": Try(
        ("blind.judge", "blind.answers", "blind.fluency", "dependence"),
        paired,
        pairs=ROWS,
        sets=("blind.answers.verifier={kind: exact}",),
        prompts=0,
    ),
}


def test_every_recipe_that_asks_models_is_tried() -> None:
    from pairwright.builders import Builder
    from pairwright.encoding.of_recipe import encoders_of
    from pairwright.recipe import load_recipe, packaged_names

    recipes = {name: load_recipe(name) for name in packaged_names()}
    asking = {
        name for name, one in recipes.items() if not (isinstance(one.builder, Builder) or encoders_of(one))
    }
    assert asking == set(RECIPES)


def command(name: str, source: Path, out: Path, url: str, *more: str) -> list[str]:
    told = ["output.shard_rows=2", *RECIPES[name].sets, *more]
    for model in RECIPES[name].models:
        told += [f"{model}.model={'judge' if model == 'judge' else 'tiny'}", f"{model}.base_url={url}"]
        told += [f"{model}.calls.concurrency=2", f"{model}.calls.retries=40"]
    sets = [argument for line in told for argument in ("--set", line)]
    return ["build", name, "--source", str(source), "--out", str(out), *sets]


def answers(store: Path) -> int:
    if not store.exists():
        return 0
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as opened:
        try:
            found: int = opened.execute("select count(*) from answers").fetchone()[0]
        except sqlite3.OperationalError:
            return 0
    return found


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.usefixtures("short_waits")
def test_recipe(name: str, prompts: Prompts, double: Any, tmp_path: Path) -> None:
    told = RECIPES[name]
    columns = {key: (lambda number, key=key: told.row(number)[key]) for key in told.row(0)}
    source = prompts(ROWS, **columns)
    scripted = [{"regex": r"sheet says (\d+)", "replies": list(told.replies)}] if told.replies else []
    rules = [*told.rules, *scripted]
    double.rules(rules)
    build(command(name, source, tmp_path / "quiet", double.url))
    double.reset()
    double.rules(rules)
    faults = {
        "rate_limit": 0.05,
        "server_error": 0.1,
        "unavailable": 0.05,
        "cut_middle": 0.05,
        "null_content": 0.05,
    }
    double.faults(rates=faults, seed=5, latency_ms=40, retry_after=0.2)
    faulty = command(name, source, tmp_path / "faulty", double.url)
    if told.models:
        killed_once([*PAIRWRIGHT, *faulty], tmp_path / "faulty" / "responses.sqlite")
    double.faults(latency_ms=0)
    build(faulty)
    assert parts(tmp_path / "quiet") == parts(tmp_path / "faulty")
    stats = double.stats()
    # What was under way at the kill is asked again: two calls of each model, and as many answers on their way to the disk,
    # since the next call begins when an answer is there, and the disk of a busy machine is slow.
    assert stats["paid"] - stats["paid_distinct"] <= 4 * len(told.models)
    counts = manifest.total(manifest.read(tmp_path / "faulty"))
    assert counts.rows == ROWS == counts.paired + counts.rejected
    assert counts.pairs.get("text", 0) == told.pairs if told.pairs is not None else counts.pairs["text"] > 0
    assert pairwright.validate(tmp_path / "faulty") == []
    if told.prompts:
        kept = pq.read_table(tmp_path / "faulty" / "candidates").to_pylist()
        assert len(kept) == ROWS * told.prompts
    assert (tmp_path / "faulty" / "candidates").exists() == bool(told.prompts)
    pairwright.write_report(tmp_path / "faulty")
    card = (tmp_path / "faulty" / "README.md").read_text()
    assert f"`{name}`" in card
    assert str(tmp_path) not in card


def build(arguments: list[str]) -> None:
    """Build in this process: the one that is killed has shown that the command works."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code


def killed_once(build: list[str], store: Path) -> None:
    """Start a build and kill it once some answers are stored; it must not have been done by then."""
    with subprocess.Popen(build, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while answers(store) < 6 and process.poll() is None:
            time.sleep(0.01)
        assert process.poll() is None, "done before it could be killed"
        os.kill(process.pid, signal.SIGKILL)


def test_the_command_line_tells_what_was_spent(prompts: Prompts, double: Any, tmp_path: Path) -> None:
    source, out = prompts(3), tmp_path / "run"
    price = [f"{model}.prices={{input: 100, output: 100}}" for model in ASKED]
    build = [*PAIRWRIGHT, *command("silkie", source, out, double.url, *price)]
    check = subprocess.run(
        ["check" if argument == "build" else argument for argument in build],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "model    samplers.0 (tiny, openai): 3 calls" in check
    assert "model    judge (judge, openai): 3 calls" in check
    assert "money    at most" in check
    assert not out.exists()
    told = subprocess.run(build, capture_output=True, text=True, check=True).stdout
    assert "model tiny: 3 calls, 12 answers" in told
    assert "USD" in told
    ledger = json.loads((out / "run.json").read_text())["ledger"]
    assert [(one["model"], one["calls"], one["usd"] > 0) for one in ledger] == [
        ("judge", 3, True),
        ("tiny", 3, True),
    ]
