"""docs/import.md: every layout has its line, and no other."""

import re
from pathlib import Path

from pairwright.layouts import ROOM

PAGE = Path(__file__).resolve().parents[3] / "docs" / "import.md"


def test_every_layout_has_its_line():
    table = PAGE.read_text(encoding="utf-8").partition("## Layouts")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == ROOM.names()
