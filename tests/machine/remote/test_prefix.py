"""Addresses in object stores: what is taken, what is refused, and what stores may answer."""

import json
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from pairwright.recipe import load_recipe
from pairwright.remote import prefix as prefixes
from pairwright.remote.prefix import Prefix, open_prefix
from pairwright.schemas.errors import MissingExtraError, PairwrightError, RunError


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefixes, "PAUSES_S", (0.0, 0.0, 0.0))


class Faulty(MemoryFileSystem):
    """A store in memory that goes wrong."""

    cachable = False
    broken: list[BaseException]
    ignores_create = False
    puts_and_fails = False

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **more: Any) -> None:
        if self.broken:
            raise self.broken.pop()
        if self.puts_and_fails and mode == "create" and not self.exists(path):
            super().pipe_file(path, value)
            raise ConnectionError("the answer was lost")
        super().pipe_file(path, value, mode="overwrite" if self.ignores_create else mode, **more)


def faulty(**ways: Any) -> Prefix:
    system = Faulty()
    system.broken = []
    for name, value in ways.items():
        setattr(system, name, value)
    return Prefix("memory://faulty", system, f"/{uuid4().hex}/run")


def test_objects_come_back(prefix: Prefix, tmp_path: Path) -> None:
    prefix.put("a/one", b"1")
    (tmp_path / "two").write_bytes(b"22")
    prefix.put_file("a/two", tmp_path / "two")
    assert prefix.create("three", b"333")
    assert prefix.sizes() == {"a/one": 1, "a/two": 2, "three": 3}
    assert prefix.sizes("a") == {"a/one": 1, "a/two": 2}
    assert prefix.below("a").sizes() == {"one": 1, "two": 2}
    assert prefix.names() == ["a", "three"]
    assert prefix.read_all(["a/one", "none", "three"]) == {"a/one": b"1", "three": b"333"}
    assert prefix.read("none") is None
    assert prefix.modified("three") is not None
    assert prefix.modified("none") is None
    (tmp_path / "none").write_bytes(b"of before")
    assert not prefix.got_file("none", tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert prefix.got_file("a/two", tmp_path / "deep" / "copy")
    assert (tmp_path / "deep" / "copy").read_bytes() == b"22"
    prefix.remove(["a/one", "none"])
    assert sorted(prefix.sizes()) == ["a/two", "three"]


def test_what_is_there_decides_whether_it_was_created(prefix: Prefix) -> None:
    assert prefix.create("record", b"mine")
    assert prefix.create("record", b"mine")
    assert not prefix.create("record", b"another")
    assert prefix.read("record") == b"mine"


def test_created_although_the_answer_was_lost() -> None:
    prefix = faulty(puts_and_fails=True)
    assert prefix.create("record", b"mine")
    assert prefix.read("record") == b"mine"


def test_a_store_that_lets_a_second_create_through_is_refused(prefix: Prefix) -> None:
    prefix.check()
    assert prefix.sizes() == {}
    with pytest.raises(RunError, match="does not refuse to create an object that is there"):
        faulty(ignores_create=True).check()


def test_a_fault_that_passes_is_lived_through_and_one_that_stays_is_told() -> None:
    prefix = faulty(broken=[OSError("503 SlowDown")] * 3)
    prefix.put("one", b"1")
    assert prefix.read("one") == b"1"
    with pytest.raises(RunError, match=r"memory://faulty/one cannot be written \(OSError: 503 SlowDown\)"):
        faulty(broken=[OSError("503 SlowDown")] * 9).put("one", b"1")


def test_what_time_does_not_mend_is_told_at_once() -> None:
    errors: list[BaseException] = [OSError("never asked"), PermissionError("AccessDenied")]
    with pytest.raises(RunError, match=r"AccessDenied.*see that they allow to list, read, write and remove"):
        faulty(broken=errors).put("one", b"1")
    assert len(errors) == 1
    with pytest.raises(RunError, match="there is no such bucket"):
        faulty(broken=[FileNotFoundError("NoSuchBucket")]).put("one", b"1")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nfs4://host/run", "is no object store that fsspec knows"),
        ("file:///tmp/run", "is a folder of this machine: give its path"),
        ("local:///tmp/run", "is a folder of this machine: give its path"),
        ("simplecache::s3://bucket/run", "chains file systems"),
        ("s3://KEY:SECRET@bucket/run", "keys come from the environment"),
        ("s3://bucket/run?versionId=5", "keys come from the environment"),
        ("s3:///", "names no bucket"),
        ("http://127.0.0.1:9000/bucket/run", "cannot be written to: .*AWS_ENDPOINT_URL"),
        ("S3://bucket/run", "write s3://, in small letters"),
        ("s3:/bucket/run", "write s3://bucket/run"),
        ("runs/one", "is no address in an object store: expected one such as s3://bucket/folder"),
    ],
)
def test_addresses_that_cannot_be(url: str, told: str) -> None:
    with pytest.raises(RunError, match=told) as caught:
        open_prefix(url)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("path", ["s3:/bucket/run", "s3//bucket/run", "s3:bucket/run", "S3:/bucket/run"])
def test_a_misspelt_address_makes_no_folder(path: str) -> None:
    with pytest.raises(RunError, match=r"would be a folder of this machine: write s3://bucket/run, or \./"):
        load_recipe("image_dpo", [f"output.path={json.dumps(path)}"]).folder()
    assert str(load_recipe("image_dpo", ["output.path=s3/bucket"]).folder()) == "s3/bucket"


@pytest.mark.parametrize(
    ("url", "extra"),
    [("s3://b/run", "s3"), ("gs://b/run", "gcs"), ("abfs://c@account.dfs.core.windows.net/run", "azure")],
)
def test_a_package_that_is_missing_is_named(url: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("s3fs", "gcsfs", "adlfs"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"pip install \"pairwright\[{extra}\]\""):
        open_prefix(url)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(PairwrightError, match=extra):
        open_prefix(url)
