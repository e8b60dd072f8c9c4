"""Runs in an S3 store behind a real socket: the rows of a local run, through kills, lost machines and faults of the store."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

Table = Callable[[int], Path]
Ran = Callable[..., str]
Killed = Callable[..., bool]
Hashes = Callable[[Any], dict[str, str]]
ROWS = 60
PICTURES = ("build", "image_dpo", "--set", "output.shard_rows=7", "--workers", "2", "--source")


@pytest.fixture
def local(built_here: Callable[[int, int], dict[str, str]]) -> dict[str, str]:
    return built_here(ROWS, 7)


def test_the_bytes_of_a_local_run(
    local: dict[str, str], table: Table, url: str, ran: Ran, hashes: Hashes, tmp_path: Path, store: Any
) -> None:
    said = ran(*PICTURES, table(ROWS), "--out", url, "--work", tmp_path / "work")
    assert f"{url} is finished" in said
    assert hashes(url) == local
    assert not list((tmp_path / "work").rglob("*.parquet")), "the disk holds no more than what is under way"
    root = url.removeprefix("s3://")
    told = {name.removeprefix(f"{root}/").split("/")[0] for name in store.find(root)}
    assert told == {"visual_negative", "shards", "lease", "manifest.jsonl", "run.json", "README.md"}
    assert "nothing to do" in ran(*PICTURES, table(ROWS), "--out", url, "--work", tmp_path / "work")
    assert "nothing to do" in ran(*PICTURES, table(ROWS), "--out", url, "--work", tmp_path / "elsewhere")
    rows = pq.ParquetDataset([n for n in store.find(root) if n.endswith(".parquet")], filesystem=store).read()
    assert rows.num_rows == ROWS


@pytest.mark.parametrize("lost", [False, True], ids=["same machine", "machine lost"])
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments(
    seed: int,
    lost: bool,
    local: dict[str, str],
    table: Table,
    url: str,
    killed: Killed,
    hashes: Hashes,
    tmp_path: Path,
) -> None:
    """A run makes some 80 requests, the first twenty of them before it builds anything."""
    rng, source, go, work = random.Random(seed), table(ROWS), 0, tmp_path / "work-0"
    words = (*PICTURES, source, "--out", url, "--work")
    while killed(rng.randint(15, 60) + 8 * go, *words, work):
        go += 1
        work = tmp_path / f"work-{go if lost else 0}"
    assert go
    assert hashes(url) == local
    assert not list(work.rglob("*.parquet"))


def test_slices_with_disks_of_their_own(
    local: dict[str, str], table: Table, url: str, ran: Ran, hashes: Hashes, tmp_path: Path, store: Any
) -> None:
    source = table(ROWS)
    for index in (1, 0):
        said = ran(
            *PICTURES, source, "--out", url, "--work", tmp_path / f"disk-{index}", "--shard", f"{index}/3"
        )
        assert "not finished" in said
    assert "is being built in slices" in ran(*PICTURES, source, "--out", url, status=1)
    assert "is being built in 3 slices" in ran(*PICTURES, source, "--out", url, "--shard", "0/4", status=1)
    said = ran(*PICTURES, source, "--out", url, "--seed", 5, "--shard", "2/3", status=1)
    assert "seed was 0, is 5" in said
    assert "2 finished, 1 not begun" in ran("status", url)
    said = ran(*PICTURES, source, "--out", url, "--work", tmp_path / "disk-2", "--shard", "2/3")
    assert f"{url} is finished. 60 source rows" in said
    assert hashes(url) == local
    assert not store.find(f"{url.removeprefix('s3://')}/slices")
    assert "nothing to do" in ran(*PICTURES, source, "--out", url, "--shard", "1/3")
    assert "nothing to do" in ran(*PICTURES, source, "--out", url)


@pytest.mark.parametrize("seed", range(2))
def test_slices_at_once_killed_at_random_moments(
    seed: int, local: dict[str, str], table: Table, url: str, killed: Killed, hashes: Hashes, tmp_path: Path
) -> None:
    rng, source = random.Random(seed), table(ROWS)

    def whole_slice(index: int, requests: list[int]) -> None:
        for go, number in enumerate(requests):
            work = tmp_path / f"disk-{index}-{go // 2}"  # every other go on a new machine
            words = ("--out", url, "--work", work, "--shard", f"{index}/2")
            if not killed(number, *PICTURES, source, *words):
                return
        raise AssertionError("it never came to its end")

    with ThreadPoolExecutor(2) as threads:
        requests = [[rng.randint(15, 50) + 12 * go for go in range(24)] for _ in range(2)]
        list(threads.map(whole_slice, range(2), requests))
    assert hashes(url) == local


@pytest.mark.parametrize("fault", ["server_error", "slow_down", "cut_before", "cut_after", "slow"])
def test_faults_of_the_store_cost_time_and_no_rows(
    fault: str,
    local: dict[str, str],
    table: Table,
    url: str,
    ran: Ran,
    hashes: Hashes,
    tmp_path: Path,
    proxy: Any,
) -> None:
    proxy.schedule.rates = {fault: 0.2}
    ran(*PICTURES, table(ROWS), "--out", url, "--work", tmp_path / "work")
    assert proxy.schedule.seen[fault] > 3
    proxy.schedule.rates = {}
    assert hashes(url) == local


def test_a_record_that_was_put_although_the_answer_was_lost(
    local: dict[str, str], table: Table, url: str, ran: Ran, hashes: Hashes, tmp_path: Path, proxy: Any
) -> None:
    proxy.schedule.once = [("PUT", f"shards/{shard:05d}", "cut_after") for shard in range(9)]
    ran(*PICTURES, table(ROWS), "--out", url, "--work", tmp_path / "work")
    assert not proxy.schedule.once
    assert hashes(url) == local


def test_a_store_that_is_down_ends_the_run_which_goes_on_later(
    local: dict[str, str],
    table: Table,
    url: str,
    ran: Ran,
    started: Any,
    hashes: Hashes,
    tmp_path: Path,
    proxy: Any,
    waited: Any,
) -> None:
    process = started(*PICTURES, table(ROWS), "--out", url, "--work", tmp_path / "work")
    waited(lambda: any("PUT" in path and "/shards/" in path for path in proxy.schedule.paths))
    proxy.schedule.down = True
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, out + err
    assert "when the store answers again, the same command goes on" in err
    proxy.schedule.down = False
    ran(*PICTURES, table(ROWS), "--out", url, "--work", tmp_path / "work")
    assert hashes(url) == local


@pytest.mark.parametrize("work", ["work", "elsewhere"])
def test_a_part_that_is_lost_or_cut_short_is_built_again(
    work: str,
    local: dict[str, str],
    table: Table,
    url: str,
    ran: Ran,
    hashes: Hashes,
    tmp_path: Path,
    store: Any,
) -> None:
    ran(*PICTURES, table(ROWS), "--out", url, "--work", tmp_path / "work")
    first, second, *_ = sorted(store.find(f"{url.removeprefix('s3://')}/visual_negative"))
    store.rm_file(first)
    store.pipe_file(second, store.cat_file(second)[:-100])
    said = ran(*PICTURES, table(ROWS), "--out", url, "--work", tmp_path / work)
    assert "2 shards had lost a file, or part of one, and was built again" in said
    assert hashes(url) == local


def test_another_recipe_is_refused(table: Table, url: str, ran: Ran, tmp_path: Path) -> None:
    ran(*PICTURES, table(ROWS), "--out", url, "--work", tmp_path / "work", "--limit", 20)
    for work in ("work", "elsewhere"):
        said = ran(*PICTURES, table(ROWS), "--out", url, "--work", tmp_path / work, "--limit", 30, status=1)
        assert "--limit was 20, is 30" in said
