"""The page about sources says what the code does."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from pairwright.schemas.reasons import Reason
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
    of_builders = {"no_image", "no_op", "outside_band", "target_not_reached", "no_other_image"}
    page = PAGE.read_text(encoding="utf-8")
    assert [
        reason for reason in get_args(Reason) if reason not in of_builders and f"`{reason}`" not in page
    ] == []
