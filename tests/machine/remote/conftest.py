"""An address in fsspec's store in memory, and leases that run out in tenths of a second."""

from collections.abc import Iterator
from uuid import uuid4

import fsspec
import pytest

from pairwright.remote import lease
from pairwright.remote.prefix import Prefix, open_prefix


@pytest.fixture
def url() -> Iterator[str]:
    """The address of a run that is not there yet; what a test puts there is gone afterwards."""
    url = f"memory://{uuid4().hex}/run"
    yield url
    system = fsspec.filesystem("memory")
    if system.exists(url):
        system.rm(url, recursive=True)


@pytest.fixture
def prefix(url: str) -> Prefix:
    """The prefix at ``url``."""
    return open_prefix(url)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for minutes for a lease."""
    monkeypatch.setattr(lease, "STALE_S", 0.6)
    monkeypatch.setattr(lease, "LOOK_S", 0.1)
