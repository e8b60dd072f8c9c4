"""The page of faults names a test in every row, every one of them exists, and every test of this folder is named."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = [
    line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| what goes wrong")
]
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def names_in(path: Path) -> set[str]:
    return set(re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_row_names_tests_that_exist(row: str) -> None:
    _, wrong, happens, do, shown, _ = (cell.strip() for cell in row.split("|"))
    assert all((wrong, happens, do))
    named = NAMED.findall(shown)
    assert named
    for path, name in named:
        assert name in names_in(TESTS / path), f"{path} has no {name}"


def test_every_test_of_this_folder_is_in_the_page() -> None:
    here = Path(__file__).parent
    named = {name for path, name in NAMED.findall(PAGE) if path.startswith("machine/faults/")}
    there = [names_in(path) for path in here.glob("test_*.py") if path != Path(__file__)]
    assert named == set().union(*there)
