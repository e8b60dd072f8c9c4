"""Two runs on one address: one waits or is told, and what it could break is refused."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

Ran = Callable[..., str]
PICTURES = ("build", "image_dpo", "--set", "output.shard_rows=7", "--workers", "1", "--source")


def leases(store: Any, url: str) -> list[dict[str, Any]]:
    names = sorted(store.glob(f"{url.removeprefix('s3://')}/lease/*"))
    told = store.cat(names, on_error="omit") if names else {}  # one may be taken over meanwhile
    return [json.loads(told[name]) for name in sorted(told)]


def test_the_second_is_told(
    table: Any, url: str, started: Any, ran: Ran, store: Any, proxy: Any, waited: Any, tmp_path: Path
) -> None:
    proxy.schedule.rates, proxy.schedule.slow_s = {"slow": 1.0}, 0.3  # so that the first is still at it
    words = (*PICTURES, table(400), "--set", "output.shard_rows=1", "--out", url, "--work")
    first = started(*words, tmp_path / "one")
    waited(lambda: bool(leases(store, url)))
    said = ran(*words, tmp_path / "two", status=1)
    assert "is at work or was killed; waiting up to 2 s for a sign of it" in said
    assert f"another process is building into {url}" in said
    assert "another process is building into" in ran(*words, tmp_path / "one", status=1)
    assert "running" in ran("status", url)
    first.kill()


def test_one_that_was_killed_is_waited_for_and_one_that_ended_in_order_is_not(
    table: Any, url: str, started: Any, ran: Ran, store: Any, waited: Any, tmp_path: Path
) -> None:
    first = started(*PICTURES, table(60), "--out", url, "--work", tmp_path / "one")
    waited(lambda: bool(leases(store, url)))
    first.kill()
    said = ran(*PICTURES, table(60), "--out", url, "--work", tmp_path / "two")
    assert "waiting up to 2 s" in said
    assert [(one["released"], one["beat"] > 0) for one in leases(store, url)] == [(True, True)]
    assert "waiting" not in ran(*PICTURES, table(60), "--out", url, "--work", tmp_path / "three")


def test_ctrl_c_lets_go_of_the_lease(
    table: Any, url: str, started: Any, ran: Ran, store: Any, waited: Any, tmp_path: Path
) -> None:
    first = started(*PICTURES, table(400), "--out", url, "--work", tmp_path / "one")
    waited(lambda: bool(store.glob(f"{url.removeprefix('s3://')}/shards/*")))
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "the same command goes on from there" in err
    assert leases(store, url)[0]["released"]
    assert "stopped" in ran("status", url)


def test_one_that_was_stopped_too_long_ends_when_it_goes_on(
    table: Any, url: str, started: Any, ran: Ran, store: Any, waited: Any, tmp_path: Path
) -> None:
    """SIGSTOP stands for a machine that was suspended: its lease was taken over meanwhile."""
    first = started(*PICTURES, table(400), "--out", url, "--work", tmp_path / "one")
    waited(lambda: bool(store.glob(f"{url.removeprefix('s3://')}/shards/*")))
    os.kill(first.pid, signal.SIGSTOP)
    second = started(*PICTURES, table(400), "--out", url, "--work", tmp_path / "two")
    waited(lambda: any(one["beat"] > 2 for one in leases(store, url) if one["process"] == second.pid))
    os.kill(first.pid, signal.SIGCONT)
    _, err = first.communicate(timeout=120)
    assert first.returncode == 1, err
    assert "has taken over" in err
    out, err = second.communicate(timeout=120)
    assert second.returncode == 0, out + err
    ran("fetch", url, tmp_path / "fetched")
    ran("validate", tmp_path / "fetched")


def test_a_record_of_somebody_else_stops_the_run(
    table: Any, url: str, started: Any, ran: Ran, store: Any, waited: Any, tmp_path: Path
) -> None:
    root = url.removeprefix("s3://")
    first = started(*PICTURES, table(400), "--out", url, "--work", tmp_path / "one")
    waited(lambda: store.exists(f"{root}/run.json"))
    content = b'{"shard": 20, "start": 140, "rows": 0, "paired": 0, "rejected": 0, "pairs": {}, "rejects": {}, "files": []}\n'
    store.pipe_file(f"{root}/shards/00020.json", content)
    _, err = first.communicate(timeout=120)
    assert first.returncode == 1, err
    assert "shards/00020.json is there already and names other files" in err
    assert store.cat_file(f"{root}/shards/00020.json") == content
