"""The command line as a person meets it: what it prints, and how it ends."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairwright.api import build, validate
from pairwright.cli import VERBS
from pairwright.schemas.arrow import SCHEMA

Table = Callable[..., Path]
Called = Callable[..., "subprocess.CompletedProcess[str]"]


def _pairwright(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run the command line as a process of its own."""
    command = [sys.executable, "-P", "-m", "pairwright", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_help_names_every_verb() -> None:
    told = _pairwright("--help").stdout
    for verb, summary in VERBS.items():
        assert f"  {verb} " in told
        assert summary in " ".join(told.split())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str, called: Called) -> None:
    done = called(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert f"pairwright {verb}" in done.stdout


def test_build_then_show_then_report(csv_with_faults: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = _pairwright("build", "image_dpo", "--source", csv_with_faults, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "12 source rows = 8 with pairs + 4 rejected" in done.stdout
    assert "1 image_missing" in done.stdout
    shown = _pairwright("show", out)
    assert shown.returncode == 0, shown.stderr
    assert "image_truncated" in shown.stdout
    reported = _pairwright("report", out)
    assert reported.returncode == 0, reported.stderr
    assert (out / "report.html").stat().st_size > 10_000
    assert _pairwright("validate", out).returncode == 0


def test_check_tells_what_would_happen_and_changes_nothing(
    csv_with_faults: Path, tmp_path: Path, called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = called("check", "image_dpo", "--source", csv_with_faults)
    assert done.returncode == 0, done.stderr
    for told in (
        "12 rows",
        "question from 'question'",
        "chosen from 'answer'",
        "images from 'image'",
        "1 image_missing",
        "1 image_outside_root",
        "8 image",
        "per source row",
    ):
        assert told in done.stdout, done.stdout
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["build", "image_dop", "--source", "x.csv"], "Did you mean 'image_dpo'"),
        (["build", "image_dpo"], "source.path"),
        (["build", "image_dpo", "--source", "nowhere.csv"], "nowhere.csv"),
        (["build", "image_dpo", "--source", "x.csv", "--set", "per_row=two"], "per_row"),
        (["build", "image_dpo", "--source", "x.csv", "--set", "shard_row=2"], "shard_row"),
        (["show", "nowhere"], "nowhere"),
        (["report", "nowhere"], "nowhere"),
        (["validate", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_end_with_one_message_and_no_traceback(
    arguments: list[str], told: str, tmp_path: Path, called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = called(*arguments)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_interrupted_it_says_how_to_go_on(table: Table, tmp_path: Path) -> None:
    source = table(5000)
    command = [
        sys.executable,
        "-P",
        "-m",
        "pairwright",
        "build",
        "chip",
        "--source",
        source,
        "--out",
        tmp_path / "out",
    ]
    process = subprocess.Popen(
        [*map(str, command), "--set", "output.shard_rows=20"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    manifest = tmp_path / "out" / "manifest.jsonl"
    deadline = time.monotonic() + 120  # a busy machine starts slowly
    while not (manifest.exists() and manifest.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)  # until the first shard is finished
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "the same command goes on" in told
    assert not list((tmp_path / "out").rglob("*.tmp"))


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (None, "perturbations: "),
        ("recipes", "image_dpo"),
        ("builders", "keep_pairs"),
        ("perturbations", "radius"),
        ("measures", "entropy_ratio"),
        ("guards", "near_equal"),
        ("correctors", "image_error_weight"),
        ("reasons", "image_truncated"),
    ],
)
def test_list(what: str | None, told: str, called: Called) -> None:
    done = called("list", *([what] if what else []))
    assert done.returncode == 0, done.stderr
    assert told in done.stdout


def test_validate_takes_the_pixel_limit_of_the_run(
    csv_with_faults: Path, tmp_path: Path, called: Called
) -> None:
    out = tmp_path / "out"
    assert build("image_dpo", source=csv_with_faults, out=out, workers=1).counts.paired == 8
    assert validate(out) == []
    assert "more than 100" in validate(out, max_pixels=100)[0].message
    told = json.loads((out / "run.json").read_text())
    told["recipe"]["source"]["max_pixels"] = 100
    (out / "run.json").write_text(json.dumps(told))
    assert "more than 100" in validate(out)[0].message
    assert validate(out, max_pixels=10**6) == []
    assert called("validate", out).returncode == 1
    assert called("validate", out, "--max-pixels", 10**6).returncode == 0


def test_validate_says_where_it_stopped_counting(tmp_path: Path, called: Called) -> None:
    empty = dict.fromkeys(SCHEMA.names) | {"id": "a"}
    pq.write_table(pa.Table.from_pylist([empty] * 200, schema=SCHEMA), tmp_path / "a.parquet")
    told = called("validate", tmp_path / "a.parquet").stdout.splitlines()
    assert told[-2] == "… and at least 950 more problems"
    assert told[-1].endswith("at least 1,000 problems")


def test_check_says_where_build_would_refuse_the_folder(
    csv_with_faults: Path, tmp_path: Path, called: Called
) -> None:
    base = ["image_dpo", "--source", str(csv_with_faults), "--out", str(tmp_path / "run")]
    assert called("build", *base).returncode == 0
    assert "\nfolder " not in called("check", *base).stdout
    told = called("check", *base, "--set", "seed=5").stdout
    assert "folder   " in told
    assert "seed was 0, is 5" in told
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to-anna.txt").write_text("Dear Anna")
    assert "not a run of pairwright" in called("check", *base[:-1], str(tmp_path / "letters")).stdout
