"""Fixtures of the tests that need an S3 server: they run in an environment of its own (`make test-s3`), elsewhere not."""

import importlib.util
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from drawn import drawn_pictures, write_table
from start import running
from store_proxy import Proxy

import pairwright

if importlib.util.find_spec("s3fs") is None or importlib.util.find_spec("moto") is None:
    collect_ignore_glob = ["test_*.py"]

SECRET = "wJalrXUtnFEMI-a-key-that-is-nowhere"
LIMIT_S = 300.0
"""Seconds that anything may take that is waited for, on a machine that does more than this."""
HURRIED = """
import sys
from pairwright.remote import answers, lease, mirror
lease.REFRESH_S, lease.STALE_S, lease.LOOK_S = 0.3, 2.0, 0.2
answers.BETWEEN_S = mirror.SECONDS_BETWEEN_ANSWERS = 0.2
from pairwright.cli import main
main(sys.argv[1:])
"""
"""The command line with shorter times, so that nobody waits for minutes."""


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """A real S3 server on a socket, a proxy in front of it that can go wrong, and the keys in the environment."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    behind = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    behind.start()
    proxy = Proxy(behind.get_host_and_port()[1])
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": proxy.url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    yield proxy
    proxy.stop()
    behind.stop()


@pytest.fixture
def proxy(server: Any) -> Any:
    """The proxy without faults."""
    server.schedule = type(server.schedule)()
    return server


@pytest.fixture(scope="session")
def store(server: Any) -> Any:
    """The store as s3fs sees it."""
    import s3fs

    return s3fs.S3FileSystem(use_listings_cache=False)


@pytest.fixture
def url(proxy: Any, store: Any) -> str:
    """The address of a run in a bucket of its own."""
    bucket = f"b-{uuid4().hex}"
    store.mkdir(bucket)
    return f"s3://{bucket}/runs/one"


@pytest.fixture(scope="session")
def pictures() -> list[bytes]:
    """Forty pictures, as JPEG files."""
    return drawn_pictures()


@pytest.fixture
def table(tmp_path: Path, pictures: list[bytes]) -> Callable[[int], Path]:
    """Return a function that writes a Parquet source of so many rows."""
    return lambda rows: write_table(tmp_path / "photos.parquet", rows, pictures)


@pytest.fixture(scope="session")
def models() -> Iterator[Any]:
    """The HTTP double of model servers, one process for all tests."""
    with running("--models", "tiny,judge", "--keep", "0") as double:
        yield double


@pytest.fixture
def double(models: Any) -> Any:
    """The HTTP double without faults, rules and statistics of earlier tests."""
    models.reset()
    models.rules([])
    return models


@pytest.fixture
def rated(double: Any, tmp_path: Path) -> list[str]:
    """A recipe that asks models, as the command line takes it."""
    path = tmp_path / "rated.yaml"
    path.write_text(
        "name: rated\nbuilder: judged\nparameters:\n"
        "  samplers: [{n: 3, temperatures: [0.9]}]\n"
        "  judge: {kind: pointwise, params: {aspects: [{name: helpfulness, description: whether it helps}]}}\n"
        "  pairing: {rule: all_unequal}\n"
    )
    told = {
        "output.shard_rows": 4,
        "samplers.0.model": "tiny",
        "samplers.0.base_url": double.url,
        "samplers.0.max_tokens": 40,
        "judge.model": "judge",
        "judge.base_url": double.url,
        "samplers.0.calls.concurrency": 2,
        "judge.calls.concurrency": 2,
    }
    return [str(path), *(word for key, value in told.items() for word in ("--set", f"{key}={value}"))]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts the command line in a process of its own; what is left of them is killed."""
    left: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-c", HURRIED, *map(str, words)]
        cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=os.environ | cache,
        )
        left.append(process)
        return process

    yield start
    for process in left:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def ran(started: Callable[..., subprocess.Popen[str]]) -> Callable[..., str]:
    """Return a function that runs the command line to its end and returns what it said; ``status`` is what it exits with."""

    def run(*words: object, status: int = 0) -> str:
        process = started(*words)
        out, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == status, out + err
        return out + err

    return run


@pytest.fixture
def killed(started: Callable[..., subprocess.Popen[str]], proxy: Any) -> Callable[..., bool]:
    """Return a function that kills the command line at a request of the store, and tells whether it had not ended before.

    Counting requests instead of seconds spreads the kills over the whole run, however fast the machine is.
    """

    def run(requests: int, *words: object) -> bool:
        before = len(proxy.schedule.paths)
        process = started(*words)
        while process.poll() is None:
            if len(proxy.schedule.paths) >= before + requests:
                process.kill()
                process.wait()
                return True
            time.sleep(0.005)
        assert process.returncode == 0, process.communicate()
        return False

    return run


@pytest.fixture
def hashes(store: Any) -> Callable[[str], dict[str, str]]:
    """Return a function: SHA-256 of every part of a run in the store, read there, by the name that it has in a run folder."""
    from hashlib import sha256

    def taken(url: str) -> dict[str, str]:
        root = url.removeprefix("s3://")
        lines = store.cat_file(f"{root}/manifest.jsonl").splitlines()
        named = {file["name"]: file["sha256"] for line in lines for file in json.loads(line)["files"]}
        there = [name.removeprefix(f"{root}/") for name in store.find(root)]
        folders = ("data", "visual_negative", "candidates", "failed", "rejects")
        parts = [name for name in there if name.split("/")[0] in folders]
        assert sorted(parts) == sorted(named), "orphans, or parts that are not there"
        found = {name: sha256(store.cat_file(f"{root}/{name}")).hexdigest() for name in parts}
        assert found == named
        return {name.replace(f"-{value[:8]}.", "."): value for name, value in found.items()}

    return taken


@pytest.fixture
def local_hashes() -> Callable[[Path], dict[str, str]]:
    """Return a function: SHA-256 of every part of a run folder, by its name."""
    from hashlib import sha256

    def taken(folder: Path) -> dict[str, str]:
        lines = (folder / "manifest.jsonl").read_text().splitlines()
        names = [file["name"] for line in lines for file in json.loads(line)["files"]]
        return {name: sha256((folder / name).read_bytes()).hexdigest() for name in names}

    return taken


@pytest.fixture
def built_here(
    table: Callable[[int], Path], tmp_path: Path, local_hashes: Callable[[Path], dict[str, str]]
) -> Callable[[int, int], dict[str, str]]:
    """Return a function: SHA-256 of every part of a run in a folder, over so many rows in shards of so many."""

    def build(rows: int, shard_rows: int) -> dict[str, str]:
        recipe = pairwright.load_recipe("image_dpo", [f"output.shard_rows={shard_rows}"])
        pairwright.build(recipe, source=table(rows), out=tmp_path / "local", workers=1)
        return local_hashes(tmp_path / "local")

    return build


@pytest.fixture
def waited() -> Callable[[Callable[[], bool]], None]:
    """Return a function that waits until something holds."""

    def wait(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    return wait
