"""The page about sources says what the code does."""

import re
from pathlib import Path

import pytest
import yaml

import pairwright.sources
from pairwright.sources.columns import NAMES
from pairwright.sources.settings import ColumnMap, SourceSettings

PAGE = Path(__file__).resolve().parents[3] / "docs" / "sources.md"


def test_the_table_of_names_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (`.*`) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {field: tuple(re.findall(r"`([^`]+)`", names)) for field, names in rows}
    assert told == NAMES
    assert list(told) == list(NAMES)


def test_every_field_of_the_column_map_is_recognised_by_some_name() -> None:
    assert set(NAMES) == set(ColumnMap.model_fields)


@pytest.mark.parametrize(
    "block", re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
)
def test_examples_are_source_blocks(block: str) -> None:
    SourceSettings.model_validate(yaml.safe_load(block)["source"])


def test_every_reason_of_a_source_is_explained() -> None:
    sources = Path(pairwright.sources.__file__).parent.glob("*.py")
    raised = {one for path in sources for one in re.findall(r'RowError\(\s*"(\w+)"', path.read_text())}
    assert raised > {"bad_row", "no_question", "image_missing"}
    page = PAGE.read_text(encoding="utf-8")
    assert [reason for reason in sorted(raised) if f"`{reason}`" not in page] == []
