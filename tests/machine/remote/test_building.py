"""Runs in an object store, here fsspec's in memory: what is there at the end, and what goes wrong on the way."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import fsspec
import pytest
from click.testing import CliRunner

import pairwright
from pairwright.cli import group
from pairwright.remote import lease as leases
from pairwright.remote import mirror
from pairwright.remote.fetching import fetch
from pairwright.remote.prefix import Prefix
from pairwright.remote.work import run_in, work_folder
from pairwright.runs import manifest
from pairwright.runs.slices import Slice
from pairwright.schemas.errors import ParameterError, RunError

Table = Callable[..., Path]
ROWS = 40


def recipe() -> pairwright.Recipe:
    return pairwright.load_recipe("image_dpo", ["output.shard_rows=7"])


def test_the_card_and_the_manifest_are_those_of_a_local_run(
    table: Table, url: str, prefix: Prefix, tmp_path: Path
) -> None:
    source = table(ROWS)
    local = pairwright.build(recipe(), source=source, out=tmp_path / "run", workers=1).folder
    outcome = pairwright.build(recipe(), source=source, out=url, work=tmp_path / "work", workers=1)
    assert (outcome.url, outcome.counts.rows) == (url, ROWS)

    def lines(card: str) -> list[str]:
        return [line for line in card.splitlines() if not line.startswith("Built ")]

    card = prefix.read("README.md")
    assert card is not None
    assert lines(card.decode()) == lines((local / "README.md").read_text())
    told = prefix.read("run.json")
    assert told is not None
    assert json.loads(told)["recipe"]["output"]["path"] == url
    assert str(tmp_path / "work") not in told.decode()


def test_a_run_that_was_killed_while_it_cleared_away_is_cleared_by_the_next_go(
    table: Table, url: str, prefix: Prefix, tmp_path: Path
) -> None:
    build = partial(
        pairwright.build, recipe(), source=table(ROWS), out=url, work=tmp_path / "work", workers=1
    )

    build()
    whole = prefix.sizes()
    prefix.put("visual_negative/train-00000-00-00000000.parquet", b"of a go that was killed")
    assert build().already_done
    assert {key for key in prefix.sizes() if "lease" not in key} == {
        key for key in whole if "lease" not in key
    }


def test_rejects_are_told_on_the_card(
    csv_with_faults: Path, url: str, prefix: Prefix, tmp_path: Path
) -> None:
    pairwright.build(recipe(), source=csv_with_faults, out=url, work=tmp_path / "work", workers=1)
    card = prefix.read("README.md")
    assert card is not None
    assert b"image_truncated" in card
    assert any(key.startswith("rejects/rejects-") for key in prefix.sizes())


def test_no_more_shards_wait_on_the_disk_than_may(
    table: Table, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "WAITING", 2)
    true, most = Prefix.put_file, 0

    def slowly(prefix: Prefix, key: str, file: Path) -> None:
        nonlocal most
        most = max(most, len(list((tmp_path / "work").rglob("train-*.parquet"))))
        true(prefix, key, file)

    monkeypatch.setattr(Prefix, "put_file", slowly)
    small = pairwright.load_recipe("image_dpo", ["output.shard_rows=1"])
    pairwright.build(small, source=table(ROWS), out=url, work=tmp_path / "work", workers=1)
    assert 0 < most <= 4  # one more is being finished, one waits for a place


def test_a_store_that_fails_keeps_what_is_finished_on_the_disk(
    table: Table, url: str, prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true, left = Prefix.put_file, 2

    def failing(prefix: Prefix, key: str, file: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise RunError("the store is down")
        true(prefix, key, file)

    with monkeypatch.context() as patch:
        patch.setattr(Prefix, "put_file", failing)
        with pytest.raises(RunError, match="the store is down"):
            pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "work", workers=1)
    run = run_in(work_folder(url, tmp_path / "work", None), url)
    there = {key for key in prefix.sizes() if key.startswith("shards/")}
    waiting = list((run / "visual_negative").iterdir())
    assert len(there) == 2
    assert waiting
    assert len(manifest.read(run)) == 2 + len(waiting)
    outcome = pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "work", workers=1)
    assert (outcome.counts.rows, outcome.mended) == (ROWS, 0)


def test_a_prefix_that_was_emptied_is_filled_again(
    table: Table, url: str, prefix: Prefix, tmp_path: Path
) -> None:
    pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "work", workers=1)
    before = prefix.sizes()
    fsspec.filesystem("memory").rm(url, recursive=True)
    outcome = pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "work", workers=1)
    assert outcome.mended == 6
    assert prefix.sizes().keys() == before.keys()


def test_another_run_at_the_address_of_a_work_folder(
    table: Table, url: str, prefix: Prefix, tmp_path: Path
) -> None:
    pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "one", workers=1)
    fsspec.filesystem("memory").rm(url, recursive=True)
    pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "two", workers=1)
    with pytest.raises(RunError, match="holds another run than the work folder"):
        pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "one", workers=1)


def test_orphans_are_not_read_and_go_at_the_end(
    table: Table, url: str, prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan = "visual_negative/train-00003-00-deadbeef.parquet"
    true = mirror.commit

    def commit(prefix: Prefix, entry: manifest.Entry) -> None:
        prefix.put(orphan, b"of a run that was killed before its record")
        true(prefix, entry)

    monkeypatch.setattr(mirror, "commit", commit)
    pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "work", workers=1)
    assert orphan not in prefix.sizes()
    prefix.below("strange").put(orphan, b"")
    with pytest.raises(RunError, match="is not empty and not a run"):
        pairwright.build(recipe(), source=table(ROWS), out=f"{url}/strange", work=tmp_path / "two")


def test_a_slice_that_was_refused_leaves_nothing_that_counts(
    table: Table, url: str, prefix: Prefix, tmp_path: Path
) -> None:
    source = table(ROWS)
    pairwright.build(recipe(), source=source, out=url, work=tmp_path / "a", workers=1, shard="0/2")
    for number in range(2):
        with pytest.raises(RunError, match=r"is being built in 2 slices, and 1/3 is one of 3"):
            pairwright.build(recipe(), source=source, out=url, work=tmp_path / f"b{number}", shard="1/3")
    with pytest.raises(RunError, match="seed was 0, is 5"):
        pairwright.build(recipe(), source=source, out=url, work=tmp_path / "c", shard="1/2", seed=5)
    prefix.put("slices/2-of-3/lease/00000001.json", leases._content(leases.Holder("x", "go", "host", 1)))
    outcome = pairwright.build(recipe(), source=source, out=url, work=tmp_path / "d", workers=1, shard="1/2")
    assert (outcome.slices_left, outcome.counts.rows) == ((), ROWS)
    assert not prefix.sizes("slices")


def test_a_lease_is_waited_for_until_it_is_stale(prefix: Prefix) -> None:
    told: list[str] = []
    first = leases.Holder("one", "go", "host", 1)
    prefix.create("lease/00000001.json", leases._content(first))
    with leases.held(prefix, "two", told.append) as lease:
        assert lease.before == first
        assert list(prefix.sizes("lease")) == ["lease/00000002.json"]
    assert len(told) == 1
    with leases.held(prefix, "three", told.append) as lease:
        assert lease.before is not None
        assert lease.before.released
    assert len(told) == 1


def test_a_lease_that_is_kept_is_not_taken(prefix: Prefix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "REFRESH_S", 0.05)
    with (
        leases.held(prefix, "one", print),
        pytest.raises(RunError, match="another process is building into"),
        leases.held(prefix, "two", print),
    ):
        pass


def test_the_same_work_folder_takes_its_own_lease_at_once(prefix: Prefix) -> None:
    prefix.create("lease/00000041.json", leases._content(leases.Holder("one", "go", "host", 1)))
    told: list[str] = []
    with leases.held(prefix, "one", told.append):
        assert list(prefix.sizes("lease")) == ["lease/00000042.json"]
    assert told == []


def test_a_lease_that_was_taken_over_is_noticed(prefix: Prefix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "REFRESH_S", 0.05)
    with leases.held(prefix, "one", print) as lease:
        prefix.create("lease/00000002.json", leases._content(leases.Holder("two", "go", "host", 2)))
        lease._thread.join(timeout=10)
        with pytest.raises(RunError, match="another process has taken over"):
            lease.check()
    assert leases.read_lease(prefix, "lease/00000002.json") == leases.Holder("two", "go", "host", 2)


def test_a_disk_that_is_full_is_not_taken_for_a_store_that_fails(prefix: Prefix) -> None:
    prefix.put("part", b"1" * 100_000)
    with pytest.raises(RunError, match=r"/dev/full cannot be written .*No space left.*free space"):
        prefix.get_file("part", Path("/dev/full"))


def test_a_copy_that_was_tried_again_is_not_overwritten(
    csv_with_faults: Path,
    url: str,
    photographs: list[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pairwright.executors.local.usable_cores", lambda: 1)
    copy = tmp_path / "copy"
    pairwright.build(recipe(), source=csv_with_faults, out=url, work=tmp_path / "work", workers=1)
    fetch(url, copy)
    (csv_with_faults.parent / "images" / "none.jpg").write_bytes(photographs[9])
    assert pairwright.retry(copy).counts.paired == 9
    patched = sorted(copy.rglob("*.parquet"))
    for _ in range(2):
        with pytest.raises(RunError, match=r"copy has finished more than memory://\S+ \(shard 0\)"):
            fetch(url, copy)
        assert sorted(copy.rglob("*.parquet")) == patched
        assert pairwright.validate(copy) == []
    (copy / manifest.NAME).unlink()
    fetch(url, copy)
    assert manifest.total(manifest.read(copy)).paired == 8


def test_work_folders_lie_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    whole = work_folder("s3://bucket/a/run", None, None)
    assert whole.parent.parent == tmp_path / "pairwright"
    assert whole.parent.name.startswith("run-")
    assert whole != work_folder("s3://bucket/b/run", None, None)
    assert whole.parent == work_folder("s3://bucket/a/run", None, Slice(1, 3)).parent


@pytest.mark.parametrize("verb", ["show", "report", "validate", "export", "push", "pair", "round"])
def test_verbs_that_work_on_folders_name_fetch(verb: str) -> None:
    said = CliRunner().invoke(group, [verb, "s3://bucket/run", *(["x"] if verb in ("pair", "push") else ())])
    assert said.exit_code == 2
    assert "pairwright fetch s3://bucket/run DIR" in said.output


def test_check_and_build_take_the_same_command_line(
    table: Table, url: str, prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = ["image_dpo", "--source", str(table(8)), "--out", url]
    said = CliRunner().invoke(group, ["check", *words])
    assert said.exit_code == 0, said.output
    assert f"into {url}\n" in said.output
    assert not prefix.sizes()
    said = CliRunner().invoke(group, ["build", *words, "--workers", "1"])
    assert said.exit_code == 0, said.output
    assert f"{url} is finished" in said.output
    assert f"pairwright fetch {url} DIR, then pairwright show DIR" in said.output


def test_an_address_is_for_build_alone(table: Table, url: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="work"):
        pairwright.build(recipe(), source=table(8), out=tmp_path / "out", work=tmp_path / "work")
    run = pairwright.build(recipe(), source=table(8), out=tmp_path / "out", workers=1).folder
    with pytest.raises(RunError, match="where build alone can write"):
        pairwright.pair(run, "margin", out=url)


def test_what_an_address_holds_in_place_of_a_run_is_told(table: Table, url: str, tmp_path: Path) -> None:
    def copied(url: str) -> object:
        return fetch(url, tmp_path / "copy")

    for verb in (pairwright.retry, copied):
        with pytest.raises(RunError, match=f"{url} holds no run: there is no run.json in it"):
            verb(url)
    pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "w", workers=1, shard="0/2")
    for verb in (pairwright.retry, copied):
        with pytest.raises(RunError, match=f"pairwright status {url} shows which are left"):
            verb(url)
    with pytest.raises(RunError, match="is being built in slices: give --shard i/n"):
        pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "whole")
