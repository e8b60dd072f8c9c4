"""Every layout: hand-made rows in its published form go in, give the pairs they should, and come back out unchanged."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from pairwright.api import validate
from pairwright.importing import import_set, restore
from pairwright.layouts import ROOM

FOLDER = Path(__file__).parent / "rows"
CASES = {
    f"{path.stem}-{case['file']}": (path.stem, case)
    for path in sorted(FOLDER.glob("*.yaml"))
    for case in yaml.safe_load(path.read_text(encoding="utf-8"))
}


def rows_of(folder: Path, config: str) -> list[dict[str, Any]]:
    return [
        row for path in sorted((folder / config).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def rejects_of(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for name in ("rejects", "failed")
        for path in sorted((folder / name).glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def assert_like(found: Any, expected: Any, where: str = "") -> None:
    """Compare what the case names, member by member; whatever it does not name may be anything."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, value in expected.items():
            assert_like(found[name], value, f"{where}.{name}")
    elif isinstance(expected, list) and isinstance(found, list):
        assert len(found) == len(expected), (where, found)
        for number, value in enumerate(expected):
            assert_like(found[number], value, f"{where}[{number}]")
    else:
        assert found == expected, where


@pytest.mark.parametrize(("layout", "case"), CASES.values(), ids=CASES.keys())
def test_rows_go_in_give_their_pairs_and_come_back(layout, case, written, tmp_path):
    path, rows = written(case)
    out = tmp_path / "out"
    overrides = tuple(f"{key}={json.dumps(value)}" for key, value in case.get("set", {}).items())
    import_set(path, out=out, layout=case.get("as", "auto"), overrides=overrides, workers=1)
    recipe = json.loads((out / "run.json").read_text())["recipe"]
    assert recipe["source"]["layout"] == layout
    assert validate(out) == []
    lost = case.get("lost", {})
    refused = [one for one in rejects_of(out) if one["scope"] == "row"]
    told = {int(one["record_id"].rpartition(":")[2].partition(".")[0]): one["reason"] for one in refused}
    assert told == lost | case.get("no_pair", {})
    assert_like(rows_of(out, "data") + rows_of(out, "visual_negative"), case.get("pairs", []), "pairs")
    if "said" in case:
        assert_like(rows_of(out, "candidates"), case["said"], "candidates")
    assert list(restore(out)) == case.get(
        "back", [row for number, row in enumerate(rows) if number not in lost]
    )


def test_every_layout_has_rows():
    assert {layout for layout, _ in CASES.values()} == set(ROOM.names())


@pytest.mark.parametrize("name", ROOM.names())
def test_every_layout_tells_what_it_is(name):
    layout = ROOM.get(name)
    assert layout.summary
    assert layout.source
    assert not layout.summary.endswith(".")


@pytest.mark.parametrize("name", ROOM.names())
@pytest.mark.parametrize("row", [{}, {"a": 1}, {"text": 3}, {"image": None, "question": None}])
def test_rows_of_nothing_known_are_nobodys(name, row):
    assert ROOM.get(name).recognise(row) == 0
