"""Failed rows and what ``retry`` makes of them: patches beside finished files, counted as a run without failures."""

import csv
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from killing import killed_until_done
from sameness import stamped

import pairwright
from pairwright.building import Outcome
from pairwright.cli import main
from pairwright.recipe import Recipe, load_recipe
from pairwright.runs import manifest
from pairwright.schemas.errors import ParameterError, RunError

ROWS, SIZE = 23, 5
LOST = (0, 6, 7, 14, 22)
"""Rows whose pictures are not there at first: in all shards but one, and in the last."""
Row = dict[str, Any]


@pytest.fixture
def source(tmp_path: Path, photographs: list[bytes]) -> Path:
    """A CSV of which some pictures are missing."""
    (tmp_path / "images").mkdir()
    path = tmp_path / "photos.csv"
    with path.open("w", newline="") as file:
        rows = [(f"images/{n}.jpg", f"What is in picture {n}?", f"This is {n}.") for n in range(ROWS)]
        csv.writer(file).writerows([("image", "question", "answer"), *rows])
    put_back(path, photographs, [n for n in range(ROWS) if n not in LOST])
    return path


def put_back(source: Path, photographs: list[bytes], numbers: Any = LOST) -> None:
    for number in numbers:
        (source.parent / "images" / f"{number}.jpg").write_bytes(photographs[number])


def blurred(source: Path, out: str, *more: str) -> Recipe:
    recipe = load_recipe("image_dpo", [f"output.shard_rows={SIZE}", "per_row=all", *more])
    return recipe.placed(source=source, out=source.parent / out, seed=None)


def built(source: Path, out: str, *more: str) -> Outcome:
    return pairwright.build(blurred(source, out, *more), workers=1)


def rows_of(folder: Path) -> dict[str, Row]:
    """All pairs by id."""
    paths = [path for name in ("data", "visual_negative") for path in (folder / name).glob("*.parquet")]
    rows = [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]
    found = {row["id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def record_of(row: Row) -> str:
    return str(json.loads(row["provenance"])["record_id"])


def failed_files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "failed").glob("*"))


def test_rows_that_failed_lie_beside_the_data(source: Path) -> None:
    outcome = built(source, "run")
    assert outcome.counts.rejects == {"row": {"image_missing": len(LOST)}}
    assert failed_files(outcome.folder) == [f"failed-{n:05d}.jsonl" for n in (0, 1, 2, 4)]
    assert "5 rejects; 5 rows wait for pairwright retry." in (outcome.folder / "README.md").read_text()
    lines = [
        json.loads(line)
        for path in sorted((outcome.folder / "failed").iterdir())
        for line in path.read_text().splitlines()
    ]
    assert [(one["row"], one["record_id"], one["reason"]) for one in lines] == [
        (n, f"photos.csv:{n}", "image_missing") for n in LOST
    ]
    assert not (outcome.folder / "rejects").exists()


@pytest.mark.parametrize("workers", [1, 3])
def test_patches_hold_what_a_run_without_failures_holds(
    workers: int, source: Path, photographs: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = built(source, "run").folder
    before, lines = stamped(run), (run / manifest.NAME).read_text()
    put_back(source, photographs)
    monkeypatch.setattr("pairwright.executors.local.usable_cores", lambda: workers)
    outcome = pairwright.retry(run)
    whole = built(source, "whole")
    assert rows_of(run) == rows_of(whole.folder)
    assert (outcome.counts, outcome.retried, outcome.mended) == (whole.counts, len(LOST), 0)
    now = stamped(run)
    assert {name: now[name] for name in before} == before
    assert sorted(now.keys() - before.keys()) == [
        f"visual_negative/train-{n:05d}-p01-00.parquet" for n in (0, 1, 2, 4)
    ]
    assert failed_files(run) == []
    assert (run / manifest.NAME).read_text().startswith(lines)
    assert [entry.patches for entry in manifest.read(run)] == [1, 1, 1, 0, 1]
    assert pairwright.validate(run) == []


def test_a_row_that_fails_again_is_in_the_next_generation(source: Path, photographs: list[bytes]) -> None:
    run = built(source, "run").folder
    put_back(source, photographs, [6])
    with pytest.raises(ParameterError, match="work: w is of use with an address in an object store alone"):
        pairwright.retry(run, work="w")
    first = pairwright.retry(run)
    assert (first.retried, first.counts.rejects) == (len(LOST), {"row": {"image_missing": 4}})
    names = [
        "failed-00000-p01.jsonl",
        "failed-00001-p01.jsonl",
        "failed-00002-p01.jsonl",
        "failed-00004-p01.jsonl",
    ]
    assert failed_files(run) == names
    assert [json.loads(line)["row"] for line in (run / "failed" / names[1]).read_text().splitlines()] == [7]
    put_back(source, photographs)
    before = stamped(run)
    second = pairwright.retry(run)
    assert (second.retried, second.counts.rejects) == (4, {})
    assert failed_files(run) == []
    assert before.items() <= stamped(run).items()
    assert rows_of(run) == rows_of(built(source, "whole").folder)
    third = pairwright.retry(run)
    assert (third.already_done, third.retried) == (True, 0)
    assert [entry.patches for entry in manifest.read(run)] == [2, 2, 2, 0, 2]


def test_what_is_told_of_failed_rows(
    source: Path, photographs: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    run = source.parent / "run"
    build = [
        "build",
        "image_dpo",
        "--source",
        str(source),
        "--out",
        str(run),
        "--set",
        f"output.shard_rows={SIZE}",
    ]
    told(build, capsys, f"5 rows wait for: pairwright retry {run}")
    put_back(source, photographs, LOST[:4])
    told(["retry", str(run)], capsys, "tried 5 failed rows again", f"1 row waits for: pairwright retry {run}")
    put_back(source, photographs)
    assert "wait" not in told(["retry", str(run)], capsys, "tried 1 failed row again", f"{run} is finished")
    told(["retry", str(run)], capsys, f"nothing to do: {run} is finished")


def told(arguments: list[str], capsys: pytest.CaptureFixture[str], *lines: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code in (0, None)
    captured = capsys.readouterr()
    said = captured.out + captured.err
    for line in lines:
        assert line in said
    return said


def test_readers_count_a_patched_run_right(source: Path, photographs: list[bytes], tmp_path: Path) -> None:
    run = built(source, "run").folder
    assert [one.message for one in pairwright.summarize(run).rejects[0].examples] != []
    put_back(source, photographs)
    pairwright.retry(run)
    whole = built(source, "whole").folder
    patched, plain = pairwright.summarize(run), pairwright.summarize(whole)
    for name in (
        "rows",
        "paired",
        "rejected",
        "pairs",
        "kinds",
        "rejects",
        "problems",
        "finished",
        "licenses",
    ):
        assert getattr(patched, name) == getattr(plain, name), name
    assert [config.rows for config in patched.configs] == [config.rows for config in plain.configs]
    assert {one.name: one.negatives for one in patched.perturbations} == {
        one.name: one.negatives for one in plain.perturbations
    }
    pairwright.write_report(run)
    exported = [
        pairwright.export(place, "jsonl", out=tmp_path / f"{place.name}.jsonl") for place in (run, whole)
    ]
    assert exported[0].splits == exported[1].splits
    assert pairwright.load(run, config="visual_negative").num_rows == len(rows_of(whole))


def test_the_neighbours_of_failed_rows_are_all_rows(source: Path, photographs: list[bytes]) -> None:
    """A row draws the same other picture as in a run without failures; rows that are written keep the one they drew."""
    other = ["perturbations=[{name: other_image}]", "per_row=one"]
    run = built(source, "run", *other).folder
    before = rows_of(run)
    put_back(source, photographs)
    outcome = pairwright.retry(run)
    whole = rows_of(built(source, "whole", *other).folder)
    now = rows_of(run)
    records = {f"photos.csv:{number}" for number in LOST}
    wanted = {key: row for key, row in whole.items() if record_of(row) in records}
    assert len(wanted) == len(LOST)
    assert now == before | wanted
    assert outcome.counts.paired == ROWS


def test_a_damaged_shard_loses_its_patches_and_is_built_anew(source: Path, photographs: list[bytes]) -> None:
    run = built(source, "run").folder
    put_back(source, photographs)
    pairwright.retry(run)
    whole = built(source, "whole").folder
    patch = run / "visual_negative" / "train-00001-p01-00.parquet"
    patch.write_bytes(patch.read_bytes()[:-7])
    outcome = built(source, "run")
    assert (outcome.mended, outcome.counts) == (1, built(source, "whole").counts)
    assert not patch.exists()
    assert rows_of(run) == rows_of(whole)
    assert [entry.patches for entry in manifest.read(run)] == [1, 0, 1, 0, 1]
    same = "visual_negative/train-00001-00.parquet"
    assert (run / same).read_bytes() == (whole / same).read_bytes()


def test_what_is_missing_is_built_first(source: Path, photographs: list[bytes]) -> None:
    run = built(source, "run").folder
    lost = run / "visual_negative" / "train-00003-00.parquet"
    lost.unlink()
    put_back(source, photographs)
    outcome = pairwright.retry(run)
    assert (outcome.mended, outcome.retried) == (1, len(LOST))
    assert rows_of(run) == rows_of(built(source, "whole").folder)


@pytest.mark.parametrize("joined", [False, True], ids=["slice", "joined"])
def test_slices_are_retried_in_their_folder_and_joined_runs_too(
    joined: bool, source: Path, photographs: list[bytes]
) -> None:
    run = source.parent / "run"
    pairwright.build(blurred(source, "run"), shard="0/2")
    if joined:
        pairwright.build(blurred(source, "run"), shard="1/2")
    put_back(source, photographs)
    outcome = pairwright.retry(run if joined else run / "slices" / "0-of-2")
    assert outcome.retried == (len(LOST) if joined else 3)
    if not joined:
        assert pairwright.build(blurred(source, "run"), shard="0/2").already_done
        assert pairwright.build(blurred(source, "run"), shard="1/2").folder == run
    whole = built(source, "whole")
    assert rows_of(run) == rows_of(whole.folder)
    assert manifest.total(manifest.read(run)) == whole.counts
    assert pairwright.validate(run) == []
    assert pairwright.retry(run).already_done


CRASHES = {
    "before its files have their names": "commit.publish = end",
    "before it is in the manifest": "commit.manifest.append = end",
    "before the generation before it is gone": "Path.unlink = end",
}


@pytest.mark.parametrize("code", CRASHES.values(), ids=CRASHES)
def test_a_retry_that_dies_while_a_patch_is_entered(
    code: str, source: Path, photographs: list[bytes]
) -> None:
    run = built(source, "run").folder
    before = stamped(run)
    put_back(source, photographs)
    script = (
        "import os, sys; from pathlib import Path; import pairwright; from pairwright.executors import local\n"
        "from pairwright.runs import commit, folder\n"
        "def end(*given, **named): os._exit(9)\n"
        f"folder.clean = lambda place: None\n{code}\nlocal.usable_cores = lambda: 1\npairwright.retry(sys.argv[1])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-P", "-c", script, run], check=False, capture_output=True, text=True
    )
    assert ended.returncode == 9, ended.stderr
    with pytest.raises(RunError, match="not finished"):
        pairwright.export(run, "jsonl", out=source.parent / "exported")
    outcome = pairwright.retry(run)
    whole = built(source, "whole")
    assert outcome.counts == whole.counts
    assert rows_of(run) == rows_of(whole.folder)
    assert before.items() <= stamped(run).items()
    assert failed_files(run) == []
    assert list(run.rglob("*.tmp")) == []


@pytest.mark.parametrize("seed", range(2))
def test_a_retry_is_killed_again_and_again(seed: int, source: Path, photographs: list[bytes]) -> None:
    run = built(source, "run").folder
    before = stamped(run)
    put_back(source, photographs)
    kills = killed_until_done(["retry", str(run)], run, random.Random(seed), longest_s=0.5)
    assert kills
    whole = built(source, "whole")
    assert rows_of(run) == rows_of(whole.folder)
    assert manifest.total(manifest.read(run)) == whole.counts
    assert before.items() <= stamped(run).items()
    assert (failed_files(run), pairwright.validate(run)) == ([], [])


def test_a_file_of_failed_rows_that_names_others(source: Path) -> None:
    run = built(source, "run").folder
    path = run / "failed" / "failed-00002.jsonl"
    path.write_text(path.read_text().replace('"row": 14', '"row": 99'))
    with pytest.raises(pairwright.PairwrightError, match="0 of the 1 failed rows of shard 2"):
        pairwright.retry(run)
    path.write_text("x" * path.stat().st_size)
    with pytest.raises(RunError, match=r"failed-00002\.jsonl cannot be read"):
        pairwright.retry(run)


def test_a_run_of_an_earlier_pairwright_is_built_as_it_was(source: Path, photographs: list[bytes]) -> None:
    """Its rejects lie in one file, so that its shards are built again as a whole."""
    run = built(source, "run").folder
    (run / "failed").rename(run / "rejects")
    for path in (run / "rejects").iterdir():
        path.rename(path.with_name(path.name.replace("failed", "rejects")))
    lines = (run / manifest.NAME).read_text().replace("failed/failed-", "rejects/rejects-")
    (run / manifest.NAME).write_text(lines)
    assert pairwright.summarize(run).problems == ()
    assert built(source, "run").already_done
    put_back(source, photographs)
    outcome = pairwright.retry(run)
    whole = built(source, "whole")
    assert (outcome.retried, outcome.counts) == (len(LOST), whole.counts)
    assert rows_of(run) == rows_of(whole.folder)
    assert not any((run / "rejects").iterdir())
