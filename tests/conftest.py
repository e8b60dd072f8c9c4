"""Fixtures that several rooms' tests share."""

from contextlib import suppress
from pathlib import Path

import pytest

with suppress(ModuleNotFoundError):  # tests/vllm, tests/clip and tests/ray do without it
    from hypothesis import settings

    # A fifth of a second, its own limit for an example, is soon over on a busy machine and says nothing of the code.
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real pictures and labels beside the checkout; tests that need them skip where they are not."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared data beside this checkout")
    return folder
