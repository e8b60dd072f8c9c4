"""What is said before anything is built, and what never gets out."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ran = Callable[..., str]
PICTURES = ("build", "image_dpo", "--set", "output.shard_rows=7", "--workers", "1", "--source")


def test_a_bucket_that_is_not_there(table: Any, url: str, ran: Ran, tmp_path: Path) -> None:
    said = ran(*PICTURES, table(8), "--out", "s3://no-such-bucket/run", "--work", tmp_path / "work", status=1)
    assert "s3://no-such-bucket/run: there is no such bucket" in said
    assert not list((tmp_path / "work").rglob("*.parquet"))


def test_no_keys(table: Any, url: str, ran: Ran, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    said = ran(*PICTURES, table(8), "--out", url, "--work", tmp_path / "work", status=1)
    assert "set the store's keys in the environment" in said


def test_nobody_at_the_address(
    table: Any, url: str, ran: Ran, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    said = ran(*PICTURES, table(8), "--out", url, "--work", tmp_path / "work", status=1)
    assert f"{url} cannot be listed" in said


def test_strangers_are_refused(table: Any, url: str, ran: Ran, store: Any, tmp_path: Path) -> None:
    store.pipe_file(f"{url.removeprefix('s3://')}/thesis.tex", b"do not touch")
    said = ran(*PICTURES, table(8), "--out", url, "--work", tmp_path / "work", status=1)
    assert f"{url} is not empty and not a run of pairwright (it has thesis.tex)" in said
    assert store.find(url) == [f"{url.removeprefix('s3://')}/thesis.tex"]


def test_a_work_folder_of_another_address(table: Any, url: str, ran: Ran, tmp_path: Path) -> None:
    ran(*PICTURES, table(8), "--out", url, "--work", tmp_path / "work")
    said = ran(*PICTURES, table(8), "--out", f"{url}-2", "--work", tmp_path / "work", status=1)
    assert f"is the work folder of {url}: give another --work" in said


def test_keys_are_nowhere(table: Any, url: str, ran: Ran, store: Any, proxy: Any, tmp_path: Path) -> None:
    proxy.schedule.rates = {"server_error": 0.2}
    said = ran(*PICTURES, table(20), "--out", url, "--work", tmp_path / "work")
    said += ran("fetch", url, tmp_path / "fetched") + ran("status", url)
    proxy.schedule.rates = {}
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    written += [store.cat_file(name) for name in store.find(url)]
    assert len(written) > 20
    for key in (b"AKIAIOSFODNN7EXAMPLE", b"wJalrXUtnFEMI"):
        assert not any(key in content for content in (*written, said.encode()))


def test_fetch_goes_on_and_compares_every_hash(
    table: Any, url: str, ran: Ran, store: Any, tmp_path: Path
) -> None:
    ran(*PICTURES, table(20), "--out", url, "--work", tmp_path / "work")
    to = tmp_path / "fetched"
    assert "3 files, 3 fetched now" in ran("fetch", url, to)
    lost, spoilt, _ = sorted((to / "visual_negative").iterdir())
    lost.unlink()
    content = spoilt.read_bytes()
    spoilt.write_bytes(content[:-1] + b"x")
    assert "3 files, 2 fetched now" in ran("fetch", url, to)
    assert spoilt.read_bytes() == content
    key = next(name for name in store.find(url) if "train-00000" in name)
    lost.unlink()
    store.pipe_file(key, content)
    assert "is not what was written: its SHA-256 is another" in ran("fetch", url, to, status=1)
    assert "the run is not finished" in ran("validate", to, status=1)
    assert "nothing to do" not in ran(*PICTURES, table(20), "--out", to)


def test_this_store_keeps_nothing_of_a_put_that_was_cut_short(proxy: Any, url: str, store: Any) -> None:
    """As no store does: else runs whose processes are killed would find objects here that they never meet elsewhere."""
    path = url.removeprefix("s3:/") + "/half"
    with socket.create_connection(proxy.url.removeprefix("http://").split(":")) as client:
        client.sendall(f"PUT {path} HTTP/1.1\r\nHost: here\r\nContent-Length: 8\r\n\r\nhalf".encode())
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
    assert not store.exists(url + "/half")
