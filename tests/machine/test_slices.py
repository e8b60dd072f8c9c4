"""A run in slices: the same bytes as without, whoever finishes last, after kills, and nothing is mixed up."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner

import pairwright
from pairwright import slicing
from pairwright.commands import status
from pairwright.encoding.store import AttackedFile, key_of, open_vectors
from pairwright.runs import folder as run_folder
from pairwright.runs import joining, manifest, run_file
from pairwright.runs.joining import unfinished
from pairwright.runs.slices import Slice, slices_in
from pairwright.runs.summary import summarize
from pairwright.schemas.attack import Figures
from pairwright.schemas.errors import ParameterError, RunError

Table = Callable[..., Path]
ROWS = 60


def recipe(**parameters: object) -> pairwright.Recipe:
    overrides = ["output.shard_rows=7", *(f"{key}={json.dumps(value)}" for key, value in parameters.items())]
    return pairwright.load_recipe("image_dpo", overrides)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every data file of a run, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".parquet", ".jsonl") and path.name != manifest.NAME
    }


@pytest.fixture
def whole(table: Table, tmp_path: Path) -> Path:
    pairwright.build(recipe(), source=table(ROWS), out=tmp_path / "whole", workers=1)
    return tmp_path / "whole"


def test_slices_in_any_order_give_the_bytes_of_one_run(whole: Path, table: Table, tmp_path: Path) -> None:
    out, source = tmp_path / "sliced", table(ROWS)
    for number, index in enumerate((2, 0, 3, 1)):
        outcome = pairwright.build(recipe(), source=source, out=out, workers=1, shard=f"{index}/4")
        assert len(outcome.slices_left) == 3 - number
    assert contents(out) == contents(whole)
    assert slices_in(out) == {}
    assert manifest.read(out) == manifest.read(whole)
    assert outcome.folder == out
    assert outcome.counts.rows == ROWS
    assert pairwright.build(recipe(), source=source, out=out, workers=1).already_done
    assert pairwright.build(recipe(), source=source, out=out, workers=1, shard="1/4").already_done
    assert list(pairwright.validate(out)) == []
    assert "not finished" not in (out / "README.md").read_text()


def test_each_slice_builds_its_own_shards_alone(table: Table, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pairwright.build(recipe(), source=table(ROWS), out=out, workers=2, shard="1/4")
    [(part, place)] = slices_in(out).items()
    assert part == Slice(1, 4)
    assert [entry.shard for entry in manifest.read(place)] == [1, 5]
    assert json.loads((place / "run.json").read_text())["slice"] == "1/4"


def test_more_slices_than_shards(whole: Path, table: Table, tmp_path: Path) -> None:
    out, source = tmp_path / "out", table(ROWS)
    for index in range(12):
        pairwright.build(recipe(), source=source, out=out, workers=1, shard=f"{index}/12")
    assert contents(out) == contents(whole)


def test_a_source_of_unknown_length(table: Table, tmp_path: Path) -> None:
    table(ROWS)
    source = tmp_path / "photos.jsonl"
    (tmp_path / "a.png").write_bytes(b"")
    lines = [{"question": f"What is {n}?", "answer": "Yes.", "image": "a.png"} for n in range(30)]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for index in range(3):
        outcome = pairwright.build(recipe(), source=source, out=tmp_path / "out", shard=f"{index}/3")
    assert outcome.counts.rows == 30
    assert outcome.counts.rejects == {"row": {"image_unreadable": 30}}


@pytest.mark.parametrize(("step", "at"), [("_link", 4), ("summed", 0), ("remove", 0)])
def test_a_join_that_was_killed_is_done_again(
    step: str, at: int, whole: Path, table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, source, true, calls = tmp_path / "out", table(ROWS), getattr(joining, step), count()

    def killed(*given: object) -> object:
        if next(calls) == at:
            raise KeyboardInterrupt
        return true(*given)

    pairwright.build(recipe(), source=source, out=out, workers=1, shard="0/2")
    with monkeypatch.context() as patch:
        patch.setattr(joining, step, killed)
        with pytest.raises(KeyboardInterrupt):
            pairwright.build(recipe(), source=source, out=out, workers=1, shard="1/2")
    pairwright.build(recipe(), source=source, out=out, workers=1, shard="1/2")
    assert contents(out) == contents(whole)
    assert slices_in(out) == {}


def test_the_card_is_written_if_the_join_was_killed_before_it(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(folder: Path) -> None:
        raise KeyboardInterrupt

    out, source = tmp_path / "out", table(ROWS)
    pairwright.build(recipe(), source=source, out=out, workers=1, shard="0/2")
    with monkeypatch.context() as patch:
        patch.setattr(slicing, "write_card", killed)
        with pytest.raises(KeyboardInterrupt):
            pairwright.build(recipe(), source=source, out=out, workers=1, shard="1/2")
    assert not (out / "README.md").exists()
    pairwright.build(recipe(), source=source, out=out, workers=1, shard="1/2")
    assert (out / "README.md").exists()


@pytest.mark.parametrize("moment", ["unfinished", "_joined"])
def test_two_slices_that_finish_at_the_same_moment(
    moment: str, whole: Path, table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, source, true = tmp_path / "out", table(ROWS), getattr(slicing, moment)
    for shard in ("0/3", "2/3") if moment == "_joined" else ("0/3",):
        pairwright.build(recipe(), source=source, out=out, workers=1, shard=shard)

    def meanwhile(*given: object) -> object:
        monkeypatch.setattr(slicing, moment, true)
        assert pairwright.build(recipe(), source=source, out=out, workers=1, shard="2/3").slices_left == ()
        return true(*given)

    monkeypatch.setattr(slicing, moment, meanwhile)
    outcome = pairwright.build(recipe(), source=source, out=out, workers=1, shard="1/3")
    assert (outcome.slices_left, outcome.folder, outcome.counts.rows) == ((), out, ROWS)
    assert contents(out) == contents(whole)
    assert slices_in(out) == {}


def test_a_slice_that_is_finished_is_not_touched_again(
    whole: Path, table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder may be gone: whoever finishes last joins all, as soon as ``run.json`` says that they are finished."""
    out, source, true = tmp_path / "out", table(ROWS), run_file.write
    pairwright.build(recipe(), source=source, out=out, workers=1, shard="0/3")

    def written(folder: Path, *given: object, **told: object) -> None:
        true(folder, *given, **told)  # type: ignore[arg-type]  # handed on as it is
        if folder.name == "1-of-3" and told["status"] == "finished":
            pairwright.build(recipe(), source=source, out=out, workers=1, shard="2/3")

    monkeypatch.setattr(run_file, "write", written)
    outcome = pairwright.build(recipe(), source=source, out=out, workers=1, shard="1/3")
    assert (outcome.slices_left, outcome.counts.rows) == ((), ROWS)
    assert contents(out) == contents(whole)


def test_a_slice_waits_while_another_joins(whole: Path, table: Table, tmp_path: Path) -> None:
    out, source = tmp_path / "out", table(ROWS)
    pairwright.build(recipe(), source=source, out=out, workers=1, shard="0/2")
    with ThreadPoolExecutor(1) as threads:
        with run_folder.locked(out):
            last = threads.submit(pairwright.build, recipe(), source=source, out=out, workers=1, shard="1/2")
            while unfinished(out, 2):
                time.sleep(0.02)
            time.sleep(run_folder._PATIENCE_S + 0.5)
        assert last.result().slices_left == ()
    assert contents(out) == contents(whole)


def test_a_slice_of_another_run_that_began_at_the_same_moment_is_not_joined(
    table: Table, tmp_path: Path
) -> None:
    out, other, source = tmp_path / "out", tmp_path / "other", table(ROWS)
    pairwright.build(recipe(), source=source, out=other, workers=1, shard="1/2", seed=5)

    def meanwhile(progress: object) -> None:
        if (other / "slices").exists():
            (other / "slices" / "1-of-2").rename(out / "slices" / "1-of-2")
            (other / "slices").rmdir()

    with pytest.raises(RunError, match=r"seed was 5, is 0"):
        pairwright.build(recipe(), source=source, out=out, workers=1, shard="0/2", watch=meanwhile)
    assert not (out / "run.json").exists()


def test_what_encoders_did_is_joined(table: Table, tmp_path: Path) -> None:
    """Pictures that were attacked among it: `pairwright retry` must find the same ones."""
    out, source, key = tmp_path / "out", table(ROWS), key_of("encoder", "attack", "picture")
    kept = AttackedFile(b"png", Figures(1.0, 1.0, 0.0, 0.5))
    pairwright.build(recipe(), source=source, out=out, workers=1, shard="0/2")
    with open_vectors(out / "slices" / "0-of-2" / "encodings.sqlite", "slice") as store:
        store.put_attacked(store.number_of("encoder", "name"), {key: kept})
    pairwright.build(recipe(), source=source, out=out, workers=1, shard="1/2")
    with open_vectors(out / "encodings.sqlite", "run") as store:
        assert store.attacked(key) == kept


def test_slices_of_another_run_are_refused(table: Table, tmp_path: Path) -> None:
    out, source = tmp_path / "out", table(ROWS)
    pairwright.build(recipe(), source=source, out=out, workers=1, shard="0/2")
    with pytest.raises(RunError, match=r"is being built in 2 slices, and 1/3 is one of 3"):
        pairwright.build(recipe(), source=source, out=out, shard="1/3")
    with pytest.raises(RunError, match=r"seed was 0, is 5"):
        pairwright.build(recipe(), source=source, out=out, shard="1/2", seed=5)
    with pytest.raises(RunError, match=r"is being built in slices: give --shard i/n"):
        pairwright.build(recipe(), source=source, out=out)
    with pytest.raises(RunError, match=r"--limit was not given, is 9"):
        pairwright.build(recipe(), source=source, out=out, shard="1/2", limit=9)


@pytest.mark.parametrize(
    "verb",
    [
        pairwright.retry,
        pairwright.validate,
        summarize,
        lambda out: pairwright.export(out, "jsonl", out=out.parent / "rows"),
    ],
)
def test_slices_that_are_not_joined_are_told(
    verb: Callable[[Path], object], table: Table, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    pairwright.build(recipe(), source=table(ROWS), out=out, workers=1, shard="0/2")
    with pytest.raises(
        RunError, match=r"is being built in slices, and they are not joined yet: pairwright status"
    ):
        verb(out)


def test_a_folder_with_a_run_of_another_kind_is_refused(whole: Path, table: Table, tmp_path: Path) -> None:
    (whole / "run.json").write_text((whole / "run.json").read_text().replace('"finished"', '"running"', 1))
    with pytest.raises(RunError, match=r"holds a run that is not built in slices"):
        pairwright.build(recipe(), source=table(ROWS), out=whole, shard="0/2")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match=r"is not empty and not a run of pairwright"):
        pairwright.build(recipe(), source=table(ROWS), out=tmp_path / "mine", shard="0/2")


@pytest.mark.parametrize("told", ["3", "a/b", "2/2", "-1/4", "0/0", "1/2/3", ""])
def test_what_is_no_slice_is_told(told: str, table: Table, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="shard"):
        pairwright.build(recipe(), source=table(ROWS), out=tmp_path / "out", shard=told)
    assert not (tmp_path / "out").exists()


def test_a_lost_file_of_a_slice_is_built_again(whole: Path, table: Table, tmp_path: Path) -> None:
    out, source = tmp_path / "out", table(ROWS)
    pairwright.build(recipe(), source=source, out=out, workers=1, shard="0/2")
    next((out / "slices" / "0-of-2").rglob("*.parquet")).unlink()
    assert pairwright.build(recipe(), source=source, out=out, workers=1, shard="0/2").mended == 1
    pairwright.build(recipe(), source=source, out=out, workers=1, shard="1/2")
    assert contents(out) == contents(whole)


def standing(*given: str) -> str:
    result = CliRunner().invoke(status.command, [*given], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_status_of_slices_that_wait_stopped_and_finished(table: Table, tmp_path: Path) -> None:
    out, source = tmp_path / "out", table(ROWS)
    pairwright.build(recipe(), source=source, out=out, workers=1, shard="0/3")
    pairwright.build(recipe(), source=source, out=out, workers=1, shard="1/3")
    place = out / "slices" / "1-of-3"
    lines = (place / manifest.NAME).read_bytes().splitlines(keepends=True)
    (place / manifest.NAME).write_bytes(lines[0])
    (place / "run.json").write_text((place / "run.json").read_text().replace('"finished"', '"running"', 1))
    first, second, third = json.loads(standing(str(out), "--json"))
    assert [first["state"], second["state"], third["state"]] == ["finished", "stopped", "not begun"]
    assert (first["shards"], first["all_shards"], first["rows_left"]) == (3, 3, 0)
    assert (second["shards"], second["all_shards"], second["rows_left"]) == (1, 3, 14)
    assert first["rate"] > 0
    told = " ".join(standing(str(out)).split())
    assert "0/3" in told
    assert "3 of 3" in told
    assert "3 slices: 1 finished, 1 stopped, 1 not begun; 28 rows" in told


def test_status_of_a_run_at_work(table: Table, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [
        *(sys.executable, "-P", "-m", "pairwright", "build", "image_dpo", "--source", str(table(ROWS))),
        *("--out", str(out), "--set", "output.shard_rows=1", "--workers", "1"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (out / manifest.NAME).exists() or len(manifest.read(out)) < 4:
            time.sleep(0.02)
        process.send_signal(signal.SIGSTOP)
        [now] = json.loads(standing(str(out), "--json"))
    finally:
        process.kill()
        process.wait()
    assert now["state"] == "running"
    assert now["all_shards"] == ROWS
    assert now["rows_left"] == ROWS - now["shards"]
    assert now["seconds_left"] == pytest.approx(now["rows_left"] / now["rate"])
    [stopped] = json.loads(standing(str(out), "--json"))
    assert (stopped["state"], stopped["seconds_left"]) == ("stopped", None)


def test_status_of_a_finished_run_and_of_none(whole: Path, tmp_path: Path) -> None:
    assert "finished" in standing(str(whole))
    with pytest.raises(RunError, match=r"holds no run"):
        standing(str(tmp_path))


def test_pairs_are_not_formed_anew_of_slices_that_are_not_joined(table: Table, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pairwright.build("image_dpo", source=table(6), out=out, shard="0/2", workers=1)
    with pytest.raises(
        RunError, match=r"is being built in slices, and they are not joined yet: pairwright status"
    ):
        pairwright.pair(out, "margin", out=tmp_path / "anew")
