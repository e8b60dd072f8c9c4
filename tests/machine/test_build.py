"""What comes of a run, built by the local executor: rows and rejects, the same bytes whoever builds, and clear errors."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sameness import digests

import pairwright
from pairwright.executors.shards import ShardRows
from pairwright.recipe import load_recipe
from pairwright.runs import manifest
from pairwright.schemas.errors import ParameterError, RunError, SourceError

Table = Callable[..., Path]
SMALL_SHARDS = ["output.shard_rows=10"]


def _rows(folder: Path, config: str) -> list[dict[str, object]]:
    return [
        row for path in sorted((folder / config).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def test_rows_are_pairs_and_rejects(csv_with_faults: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = pairwright.build("image_dpo", source=csv_with_faults, out=out)
    counts = outcome.counts
    assert (counts.rows, counts.paired, counts.rejected) == (12, 8, 4)
    assert counts.rejects == {
        "row": {"image_missing": 1, "image_outside_root": 1, "image_truncated": 1, "image_unreadable": 1}
    }
    told = {name: out / name / f"{name}-00000.jsonl" for name in ("failed", "rejects")}
    lines = {
        name: [json.loads(line) for line in path.read_text().splitlines()] for name, path in told.items()
    }
    assert [reject["row"] for reject in lines["failed"]] == [
        2,
        3,
    ]  # a picture may be put there, or the root be moved
    rejects = [*lines["failed"], *lines["rejects"]]
    assert [reject["record_id"] for reject in rejects] == [f"photos.csv:{n}" for n in (2, 3, 7, 8)]
    assert all(reject["message"] and reject["field"] for reject in rejects)
    written = {json.loads(str(row["provenance"]))["record_id"] for row in _rows(out, "visual_negative")}
    assert written | {reject["record_id"] for reject in rejects} == {f"photos.csv:{n}" for n in range(12)}
    assert pairwright.validate(out) == []


def test_original_bytes_are_untouched(table: Table, tmp_path: Path, photographs: list[bytes]) -> None:
    pairwright.build("mdpo", source=table(30, pairs=True), out=tmp_path / "out")
    for config in ("data", "visual_negative"):
        rows = _rows(tmp_path / "out", config)
        assert [row["images"][0]["bytes"] for row in rows] == photographs[:30]  # type: ignore[index]


@pytest.mark.parametrize("recipe", ["image_dpo", "mdpo", "chip"])
def test_packaged_recipes_make_valid_sets(recipe: str, table: Table, tmp_path: Path) -> None:
    outcome = pairwright.build(recipe, source=table(12, pairs=True), out=tmp_path / recipe)
    assert outcome.counts.pairs == {"image": 12, "text": 12}
    assert pairwright.validate(tmp_path / recipe) == []


def test_another_seed_gives_other_negatives_of_the_same_originals(table: Table, tmp_path: Path) -> None:
    for seed in (0, 1):
        pairwright.build("mdpo", source=table(5), out=tmp_path / str(seed), seed=seed)
    first, second = (_rows(tmp_path / str(seed), "visual_negative") for seed in (0, 1))
    assert [row["images"] for row in first] == [row["images"] for row in second]
    assert all(a["rejected_images"] != b["rejected_images"] for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("limit", [None, 23])
def test_workers_share_sources_of_every_kind(
    kind: str, limit: int | None, table: Table, tmp_path: Path, photographs: list[bytes]
) -> None:
    """Text files cannot be entered in the middle; each process reads over the rows of the others."""
    source = table(42) if kind == "parquet" else tmp_path / f"photos.{kind}"
    (tmp_path / "images").mkdir()
    if kind != "parquet":
        for number, data in enumerate(photographs[:42]):
            (tmp_path / "images" / f"{number}.jpg").write_bytes(data)
        rows = [{"image": f"images/{n}.jpg", "question": "What?", "answer": f"This {n}."} for n in range(42)]
        lines = [json.dumps(row) for row in rows]
        if kind == "csv":
            lines = ["image,question,answer", *(",".join(row.values()) for row in rows)]
        source.write_text("\n".join(lines) + "\n")
    for perturbations in ("[{name: gaussian_blur}]", "[{name: other_image}]"):
        recipe = load_recipe("image_dpo", [f"perturbations={perturbations}", *SMALL_SHARDS])
        outs = [tmp_path / f"{perturbations[8:12]}{workers}" for workers in (1, 3)]
        for out, workers in zip(outs, (1, 3), strict=True):
            outcome = pairwright.build(recipe, source=source, out=out, limit=limit, workers=workers)
            assert outcome.counts.rows == (limit or 42)
        assert digests(outs[0]) == digests(outs[1])


def test_nothing_that_belongs_to_the_caller_is_left_changed(table: Table, tmp_path: Path) -> None:
    import cv2

    before = cv2.getNumThreads()
    pairwright.build("mdpo", source=table(3), out=tmp_path / "out")
    assert cv2.getNumThreads() == before


def test_a_folder_of_somebody_else_is_left_alone(table: Table, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("x")
    with pytest.raises(RunError, match="not a run of pairwright"):
        pairwright.build("image_dpo", source=table(2), out=tmp_path / "thesis")


def test_a_folder_that_cannot_be_written(table: Table, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="cannot write"):
        pairwright.build("image_dpo", source=table(2), out=tmp_path / "file" / "out")


def test_limit_and_wrong_numbers(table: Table, tmp_path: Path) -> None:
    outcome = pairwright.build("image_dpo", source=table(30), out=tmp_path / "out", limit=7)
    assert outcome.counts.rows == 7
    with pytest.raises(ParameterError, match="limit: expected 1 or more, got 0"):
        pairwright.build("image_dpo", source=table(3), out=tmp_path / "none", limit=0)
    with pytest.raises(SourceError):
        pairwright.build("image_dpo", source=tmp_path / "missing.csv", out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_other_image_stays_in_the_shard_and_a_short_rest_joins_the_last(table: Table, tmp_path: Path) -> None:
    recipe = load_recipe("chip", ["perturbations=[{name: other_image}]", *SMALL_SHARDS])
    outcome = pairwright.build(recipe, source=table(32), out=tmp_path / "out")
    assert [entry.counts.rows for entry in manifest.read(tmp_path / "out")] == [10, 10, 12]
    assert outcome.counts.rows == 32
    for row in _rows(tmp_path / "out", "visual_negative"):
        [told] = json.loads(str(row["provenance"]))["negatives"]
        own, other = (int(str(at).rpartition(":")[2]) for at in (row["source_id"], told["other"]))
        assert own != other
        assert min(own // 10, 2) == min(other // 10, 2)


def test_a_run_folder_is_a_source(table: Table, tmp_path: Path) -> None:
    pairwright.build("mdpo", source=table(6, pairs=True), out=tmp_path / "first")
    outcome = pairwright.build("image_dpo", source=tmp_path / "first", out=tmp_path / "second")
    assert outcome.counts.pairs == {"image": 6, "text": 6}
    first, second = (_rows(tmp_path / name, "data") for name in ("first", "second"))
    for key in ("images", "prompt", "chosen", "rejected", "group_id"):
        assert [row[key] for row in first] == [row[key] for row in second]


def test_run_json_tells_what_was_done(table: Table, tmp_path: Path) -> None:
    source = table(5)
    pairwright.build("image_dpo", source=source, out=tmp_path / "out", seed=3)
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert told["status"] == "finished"
    assert told["recipe"]["seed"] == 3
    assert told["recipe"]["parameters"]["quality"] == 95
    assert told["source"]["files"] == [
        {
            "name": source.name,
            "size": source.stat().st_size,
            "sha256": sha256(source.read_bytes()).hexdigest(),
        }
    ]
    assert told["counts"] == {"rows": 5, "paired": 5, "rejected": 0, "pairs": {"image": 5}, "rejects": {}}
    assert set(told["versions"]) >= {"python", "numpy", "opencv-python-headless", "pillow", "pyarrow"}
    assert told["work_s"] > 0


def test_memory_follows_the_shards_in_flight(table: Table, tmp_path: Path) -> None:
    """Ten times as many rows take no more than 1.2 times the memory."""
    peaks = [_peak_mb(table(rows, name=f"{rows}.parquet"), tmp_path / str(rows)) for rows in (300, 3000)]
    assert peaks[1] < 1.2 * peaks[0], peaks


def _peak_mb(source: Path, out: Path) -> float:
    code = (
        "import sys, resource, pairwright\n"
        "from pairwright.recipe import load_recipe\n"
        "pairwright.build(load_recipe('image_dpo', ['output.shard_rows=100']), source=sys.argv[1], out=sys.argv[2], workers=2)\n"
        "who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)\n"
        "print(sum(resource.getrusage(one).ru_maxrss for one in who) / 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, source, out], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def test_a_bug_names_the_row_and_stops_the_run(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pairwright.builders import visual_negative

    def broken(*arguments: object, **named: object) -> Iterator[object]:
        raise ZeroDivisionError("bug")

    monkeypatch.setattr(visual_negative, "make_negative", broken)
    with pytest.raises(ZeroDivisionError) as caught:
        pairwright.build("image_dpo", source=table(3), out=tmp_path / "out")
    assert any("photos.parquet:" in note for note in caught.value.__notes__)
    assert not [*(tmp_path / "out").rglob("*.parquet"), *(tmp_path / "out").rglob("*.tmp")]


@pytest.mark.parametrize("slices", [None, 2])
def test_a_short_read_is_no_finished_run(
    slices: int | None, table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, whole = table(60), ShardRows._coming
    monkeypatch.setattr(ShardRows, "_coming", lambda rows: islice(whole(rows), 5))
    recipe = load_recipe("image_dpo", ["output.shard_rows=7"])
    shards = [None] if slices is None else [f"{number}/{slices}" for number in range(slices)]
    for shard in shards[:-1]:
        pairwright.build(recipe, source=source, out=tmp_path / "out", workers=1, shard=shard)
    with pytest.raises((SourceError, RunError), match=r"has 60 rows, and \d+ came of it"):
        pairwright.build(recipe, source=source, out=tmp_path / "out", workers=1, shard=shards[-1])
    run = tmp_path / "out" / "run.json"
    assert not run.exists() or json.loads(run.read_text())["status"] == "running"


def test_a_lock_that_is_a_link_is_not_followed(table: Table, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".lock").symlink_to(tmp_path / "letter")
    with pytest.raises(RunError, match="cannot write to"):
        pairwright.build("image_dpo", source=table(4), out=tmp_path / "out")
    assert (tmp_path / "letter").read_text() == "dear"
