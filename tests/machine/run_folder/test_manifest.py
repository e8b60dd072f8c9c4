"""A manifest that came from somewhere names files of its own run alone."""

import json

import pytest

from pairwright.api import validate
from pairwright.runs import manifest
from pairwright.schemas.errors import RunError


@pytest.mark.parametrize(
    "change",
    [
        {"files": [{"name": name, "rows": 1, "bytes": 1, "sha256": "ab"}]}
        for name in (
            "../data/x.parquet",
            "data/../../x",
            "/etc/passwd",
            "data/.lock",
            "x",
            "data/a/b",
            "data/",
            "",
            3,
        )
    ]
    + [
        {"files": [{"name": "data/a.parquet", "rows": "many", "bytes": 1, "sha256": "ab"}]},
        {"files": [{"name": "data/a.parquet"}]},
        {"files": ["data/a.parquet"]},
        {"rows": 1e999},
        {"pairs": {"text": None}},
        {"pairs": []},
        {"rejects": {"row": 3}},
    ],
    ids=str,
)
def test_what_no_run_writes_is_refused(tmp_path, change):
    line = {
        "shard": 0,
        "start": 0,
        "rows": 1,
        "paired": 1,
        "rejected": 0,
        "pairs": {},
        "rejects": {},
        "files": [],
    }
    path = tmp_path / manifest.NAME
    path.write_text(json.dumps(line) + "\n")
    assert len(manifest.read(tmp_path)) == 1
    path.write_text(json.dumps(line | change) + "\n")
    with pytest.raises(RunError, match="line 1: not a manifest line"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("recipe", [{}, {"source": 3}, {"source": {"max_pixels": "many"}}, [], None])
def test_a_run_file_whose_recipe_says_nothing_is_no_run(small_run, recipe):
    path = small_run / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recipe": recipe}))
    with pytest.raises(RunError, match=r"run\.json"):
        validate(small_run)
