"""The example of an editor keeps the protocol, and stands in the page as it is."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pairwright.schemas.codec import decode, encode, read_image

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "examples" / "editors" / "painting.py"
BOX = (40, 30, 100, 90)


@pytest.fixture(scope="module")
def painting() -> ModuleType:
    spec = importlib.util.spec_from_file_location("painting", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_stood_in_the_box_is_gone_and_all_else_stays(painting: ModuleType) -> None:
    wall = np.full((120, 160, 3), (90, 140, 200), np.uint8)
    before = wall.copy()
    before[35:85, 45:95] = 255
    made = painting.disc(encode(before, "png"), BOX, "Replace the sheet with a disc.", 7)
    after = decode(read_image(made))
    left, top, right, bottom = BOX
    outside = np.ones(after.shape[:2], bool)
    outside[top : bottom + 1, left : right + 1] = False
    assert (after[outside] == before[outside]).all()
    assert len(np.unique(after[55:65, 65:75].reshape(-1, 3), axis=0)) == 1
    assert not (after[60, 70] == before[60, 70]).all()
    assert (np.abs(after[36, 46].astype(int) - wall[0, 0]) < 3).all()  # a corner of the sheet is wall again


def test_the_seed_alone_decides(painting: ModuleType) -> None:
    picture = encode(np.full((120, 160, 3), 90, np.uint8), "png")
    one, again, other = (painting.disc(picture, BOX, "", seed) for seed in (1, 1, 2))
    assert one == again != other


def test_the_page_shows_it_as_it_is() -> None:
    page = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    code = FILE.read_text(encoding="utf-8").partition('"""\n\n')[2]
    assert f"```python\n{code}```" in page
