"""Files that were cut short, overwritten, lost or exchanged between two goes of a run."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sameness import parts

import pairwright
from pairwright.encoding.store import open_vectors
from pairwright.recipe import load_recipe
from pairwright.runs import manifest
from pairwright.runs.standing import standings
from pairwright.schemas.errors import RunError, SourceError

SMALL_SHARDS = ["output.shard_rows=4"]


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def overwrite(path: Path, size: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * size + content[100 + size :])


def unfinished(folder: Path) -> None:
    """Make a finished run one that was stopped before its last shard."""
    entries = manifest.read(folder)
    manifest.replace(folder, entries[:-1])
    told = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(told | {"status": "running"}))


@pytest.fixture
def built(table: Any, tmp_path: Path) -> Callable[[], Path]:
    """Return a function that builds a run of three shards, or what is left of it."""
    recipe, source = load_recipe("image_dpo", SMALL_SHARDS), table(12)

    def build() -> Path:
        return pairwright.build(recipe, source=source, out=tmp_path / "out", workers=1).folder

    return build


@pytest.mark.parametrize("damage", [cut, overwrite])
@pytest.mark.parametrize("size", [3000, 4096])
def test_a_response_store(damage: Any, size: int, own: Any, odd_server: Any) -> None:
    run = own(12)
    whole = parts(run.build().folder)
    store = run.folder / "responses.sqlite"
    kept = store.read_bytes()
    unfinished(run.folder)
    damage(store, size)
    with pytest.raises(RunError, match=r"responses\.sqlite is (damaged|no response store)"):
        run.build()
    assert odd_server.answered.total() == 12, "nothing was asked"
    store.write_bytes(kept)
    run.build()
    assert parts(run.folder) == whole
    assert odd_server.answered.total() == 12


def test_a_response_store_that_is_gone_costs_what_is_left(own: Any, odd_server: Any) -> None:
    """Finished shards need no answers; those of the last one are paid again, and nobody could know them otherwise."""
    run = own(12)
    run.build()
    unfinished(run.folder)
    (run.folder / "responses.sqlite").unlink()
    outcome = run.build()
    assert outcome.counts.rows == 12
    assert odd_server.answered.total() == 12 + 4


@pytest.mark.parametrize("damage", [cut, overwrite])
@pytest.mark.parametrize("size", [3000, 4096])
def test_a_file_of_vectors(damage: Any, size: int, tmp_path: Path) -> None:
    path = tmp_path / "encodings.sqlite"
    numbered(path)
    damage(path, size)
    with pytest.raises(RunError, match=r"encodings\.sqlite is damaged, .*: move it away, .* encoded again"):
        numbered(path)
    path.unlink()
    assert numbered(path) == 1


def numbered(path: Path) -> int:
    with open_vectors(path, "run") as store:
        return store.number_of("identity", "name")


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_a_source_that_is_cut_short(size: int, table: Any, tmp_path: Path) -> None:
    source = table(12)
    cut(source, size)
    with pytest.raises(SourceError, match=r"photos\.parquet"):
        pairwright.build("image_dpo", source=source, out=tmp_path / "out", workers=1)
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_source_that_breaks_off_in_the_middle(table: Any, tmp_path: Path) -> None:
    """Its end is whole, so that it opens; what is wrong comes to light in the second of its row groups."""
    source, out, recipe = table(64), tmp_path / "out", load_recipe("image_dpo", ["output.shard_rows=16"])
    good = source.read_bytes()
    half = len(good) // 2
    source.write_bytes(good[:half] + bytes(len(good) // 4) + good[half + len(good) // 4 :])
    with pytest.raises(
        SourceError, match=r"photos\.parquet: cannot be read to its end .*fetch the file again"
    ):
        pairwright.build(recipe, source=source, out=out, workers=1)
    assert not list(out.rglob("*.tmp"))
    finished = len(manifest.read(out))
    assert finished >= 1
    source.write_bytes(good)
    with pytest.raises(RunError, match=r"source file photos\.parquet has changed"):
        pairwright.build(recipe, source=source, out=out, workers=1)


def test_a_part_that_is_overwritten_is_found_by_validate(built: Callable[[], Path]) -> None:
    """Its size is still right, so that ``build`` takes it for whole: it looks at sizes, and reads nothing again."""
    out = built()
    overwrite(next((out / "visual_negative").glob("*.parquet")), 4000)
    assert pairwright.validate(out) != []


def test_a_line_in_the_middle_of_the_manifest(built: Callable[[], Path]) -> None:
    out = built()
    lines = (out / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    (out / "manifest.jsonl").write_bytes(lines[0] + lines[1][:40] + b"\n" + lines[2])
    for look in (built, lambda: standings(out), lambda: pairwright.validate(out)):
        with pytest.raises(
            RunError, match=r"manifest\.jsonl, line 2: not a manifest line .*restore it, or build"
        ):
            look()


@pytest.mark.parametrize("end", [bytes(512), b'{"shard": 2, "sta', b"\xff\xfe"])
def test_an_end_of_the_manifest_that_a_crash_left(end: bytes, built: Callable[[], Path]) -> None:
    """Among them the zeros that some file systems leave where the power failed."""
    out = built()
    whole, lines = parts(out), (out / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    unfinished(out)
    (out / "manifest.jsonl").write_bytes(b"".join(lines[:2]) + end)
    built()
    assert parts(out) == whole
    assert (out / "manifest.jsonl").read_bytes() == b"".join(lines)


FIELDS = ["status", "recipe", "source", "versions", "ledger", "counts", "name", "total", "slice", "encoded"]


@pytest.mark.parametrize("field", [None, *FIELDS])
def test_run_json(field: str | None, built: Callable[[], Path]) -> None:
    """Whatever stands in it, it is either understood or told, never a traceback."""
    out = built()
    unfinished(out)
    told = json.loads((out / "run.json").read_text())
    for value in (None, 7, "x", [], [1], {}, {"x": 1}):
        changed = value if field is None else told | {field: value}
        (out / "run.json").write_text(json.dumps(changed))
        for look in (built, lambda: standings(out), lambda: pairwright.validate(out)):
            with suppress(RunError):
                look()
            (out / "run.json").write_text(json.dumps(changed))  # a build that went through has replaced it


@pytest.mark.parametrize(("total", "shard_rows"), [(40, 0), (40, -5), (-1, 5)])
def test_run_json_with_sizes_that_cannot_be(total: int, shard_rows: int, built: Callable[[], Path]) -> None:
    out = built()
    unfinished(out)
    told = json.loads((out / "run.json").read_text())
    told["recipe"]["output"]["shard_rows"] = shard_rows
    (out / "run.json").write_text(json.dumps(told | {"total": total}))
    with pytest.raises(RunError, match="is not a run file of pairwright"):
        standings(out)


@pytest.mark.parametrize("size", [0, 50])
def test_run_json_cut_short(size: int, built: Callable[[], Path]) -> None:
    out = built()
    cut(out / "run.json", size)
    for look in (built, lambda: standings(out)):
        with pytest.raises(
            RunError, match=r"run\.json is not a run file of pairwright .*build into another folder"
        ):
            look()
