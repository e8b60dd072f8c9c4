"""The same command once more: it goes on after kills and losses, has nothing to do, or is refused."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from going import command, waited
from sameness import digests

import pairwright
from pairwright.recipe import load_recipe
from pairwright.runs import manifest
from pairwright.schemas.errors import RunError

Table = Callable[..., Path]
SMALL_SHARDS = ["output.shard_rows=10"]


def _workers_of(folder: Path) -> list[int]:
    """Return the ids of worker processes whose working directory is ``folder``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
            if b"pairwright.executors.worker" in line and (process / "cwd").readlink() == folder:
                found.append(int(process.name))
        except OSError:
            continue  # it has ended meanwhile
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to look at processes")
def test_workers_die_with_the_run(table: Table, tmp_path: Path) -> None:
    words = ["chip", "--source", table(3000), "--out", "out", "--workers", 3, "--set", "output.shard_rows=20"]
    process = subprocess.Popen(command("build", *words), cwd=tmp_path, stderr=subprocess.DEVNULL)
    waited(lambda: len(_workers_of(tmp_path)) == 2, "two workers", str)
    waited((tmp_path / "out" / "manifest.jsonl").exists, "a finished shard", str)
    process.kill()
    process.wait()
    waited(lambda: not _workers_of(tmp_path), "the workers' end", str)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to look at processes")
def test_a_killed_worker_ends_the_run_which_can_go_on(table: Table, tmp_path: Path) -> None:
    source = table(200)
    words = ["image_dpo", "--source", source, "--out", "out", "--workers", 2, "--set", *SMALL_SHARDS]
    process = subprocess.Popen(command("build", *words), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    waited(lambda: _workers_of(tmp_path), "a worker", str)
    for worker in _workers_of(tmp_path):
        os.kill(worker, signal.SIGKILL)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "a worker process was killed by signal 9" in told
    assert "the same command goes on" in told
    assert "Traceback" not in told
    pairwright.build(load_recipe("image_dpo", SMALL_SHARDS), source=source, out=tmp_path / "out")
    pairwright.build(load_recipe("image_dpo", SMALL_SHARDS), source=source, out=tmp_path / "whole", workers=1)
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")


def test_finished_shards_are_not_built_again(table: Table, tmp_path: Path) -> None:
    recipe, source, out = load_recipe("image_dpo", SMALL_SHARDS), table(35), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        pairwright.build(recipe, source=source, out=out, workers=1, watch=_interrupt_after(22))
    assert [entry.shard for entry in manifest.read(out)] == [0, 1]
    before = {path: path.stat().st_mtime_ns for path in (out / "visual_negative").glob("*")}
    assert not list(out.rglob("*.tmp"))
    outcome = pairwright.build(recipe, source=source, out=out)
    assert outcome.counts.rows == 35
    assert all(path.stat().st_mtime_ns == mtime for path, mtime in before.items())


def _interrupt_after(rows: int) -> Callable[[object], None]:
    def watch(progress: object) -> None:
        if progress.rows >= rows:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    return watch


def test_a_cut_manifest_line_and_stray_files_are_mended(table: Table, tmp_path: Path) -> None:
    recipe, source, out = load_recipe("image_dpo", SMALL_SHARDS), table(35), tmp_path / "out"
    pairwright.build(recipe, source=source, out=out)
    whole = digests(out)
    path = out / "manifest.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    told = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(told | {"status": "running"}))
    (out / "visual_negative" / ".train-00003-00.parquet.tmp").write_bytes(b"half")
    (out / "visual_negative" / "train-00009-00.parquet").write_bytes(b"never entered")
    pairwright.build(recipe, source=source, out=out)
    assert digests(out) == whole


@pytest.mark.parametrize("finished", [True, False])
def test_a_lost_file_is_built_again(finished: bool, table: Table, tmp_path: Path) -> None:
    recipe, source, out = load_recipe("mdpo", SMALL_SHARDS), table(35, pairs=True), tmp_path / "out"
    if finished:
        pairwright.build(recipe, source=source, out=out)
    else:
        with pytest.raises(KeyboardInterrupt):
            pairwright.build(recipe, source=source, out=out, workers=1, watch=_interrupt_after(32))
    lost = sorted((out / "visual_negative").glob("*.parquet"))
    lost[0].unlink()
    lost[1].write_bytes(lost[1].read_bytes()[:1000])
    told = "\n".join(map(str, pairwright.validate(out)))
    assert all(f"visual_negative/{path.name}: is gone or cut short" in told for path in lost[:2])
    assert ("is not finished" in told) is not finished
    outcome = pairwright.build(recipe, source=source, out=out)
    assert outcome.mended == 2
    assert not outcome.already_done
    pairwright.build(recipe, source=source, out=tmp_path / "whole")
    assert digests(out) == digests(tmp_path / "whole")


def test_a_lost_manifest_is_told(table: Table, tmp_path: Path) -> None:
    pairwright.build("mdpo", source=table(3), out=tmp_path / "out")
    (tmp_path / "out" / "manifest.jsonl").unlink()
    with pytest.raises(RunError, match=r"manifest\.jsonl is missing"):
        pairwright.build("mdpo", source=table(3), out=tmp_path / "out")
    assert list((tmp_path / "out").rglob("*.parquet"))


def test_other_versions_matter_only_where_something_is_left_to_build(table: Table, tmp_path: Path) -> None:
    source, out = table(3), tmp_path / "out"
    pairwright.build("mdpo", source=source, out=out)
    told = json.loads((out / "run.json").read_text())
    told["versions"]["pillow"] = "1.0"
    (out / "run.json").write_text(json.dumps(told))
    assert pairwright.build("mdpo", source=source, out=out).already_done
    (out / "run.json").write_text(json.dumps(told | {"status": "running"}))
    with pytest.raises(RunError, match=r"pillow was 1\.0, is"):
        pairwright.build("mdpo", source=source, out=out)


def test_a_run_killed_before_it_began_can_begin(table: Table, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.jsonl").touch()
    assert pairwright.build("mdpo", source=table(3), out=tmp_path / "out").counts.rows == 3


def test_the_card_is_written_if_a_kill_came_before_it(table: Table, tmp_path: Path) -> None:
    pairwright.build("mdpo", source=table(3), out=tmp_path / "out")
    (tmp_path / "out" / "README.md").unlink()
    assert pairwright.build("mdpo", source=table(3), out=tmp_path / "out").already_done
    assert (tmp_path / "out" / "README.md").exists()


def test_when_all_is_done_it_says_so_and_writes_nothing(table: Table, tmp_path: Path) -> None:
    source, out = table(8), tmp_path / "out"
    pairwright.build("image_dpo", source=source, out=out)
    before, times = digests(out), _times(out)
    done = subprocess.run(
        command("build", "image_dpo", "--source", source, "--out", out),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "nothing to do" in done.stdout
    assert (digests(out), _times(out)) == (before, times)


def _times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["seed=5"], "seed was 0, is 5"),
        (["per_row=all"], 'parameters.per_row was "one", is "all"'),
        (["perturbations.1.params.block=16"], "parameters.perturbations.1.params.block was 32, is 16"),
    ],
)
def test_another_recipe_on_the_same_folder_is_refused(
    change: list[str], told: str, table: Table, tmp_path: Path
) -> None:
    source, out = table(4), tmp_path / "out"
    pairwright.build("image_dpo", source=source, out=out)
    with pytest.raises(RunError, match="would mix two data sets") as caught:
        pairwright.build(load_recipe("image_dpo", change), source=source, out=out)
    assert told in str(caught.value)


def test_a_changed_source_or_limit_is_refused(table: Table, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pairwright.build("image_dpo", source=table(6), out=out, limit=4)
    with pytest.raises(RunError, match="--limit was 4, is 5"):
        pairwright.build("image_dpo", source=table(6), out=out, limit=5)
    with pytest.raises(RunError, match=r"source file photos.parquet has changed"):
        pairwright.build("image_dpo", source=table(7), out=out, limit=4)
