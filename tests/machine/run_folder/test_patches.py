"""A manifest whose shards have patches: shard and patches are read as one, and what does not follow is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from pairwright.runs import manifest
from pairwright.schemas.errors import RunError


def line(**change: Any) -> str:
    plain = {"shard": 0, "start": 0, "rows": 3, "paired": 1, "rejected": 2, "pairs": {"text": 1}}
    return json.dumps({**plain, "rejects": {"row": {"call_failed": 2}}, "files": []} | change)


def patch(number: int, **change: Any) -> str:
    plain = {"shard": 0, "patch": number, "rows": 0, "paired": 1, "rejected": -1, "pairs": {"text": 2}}
    return json.dumps({**plain, "rejects": {"row": {"call_failed": -1}}, "files": []} | change)


def file(name: str) -> dict[str, Any]:
    return {"name": name, "rows": 1, "bytes": 1, "sha256": "ab"}


def test_a_shard_and_its_patches_are_read_as_one(tmp_path: Path) -> None:
    names = ["data/train-00000-00.parquet", "failed/failed-00000.jsonl"]
    patched = ["data/train-00000-p01-00.parquet", "failed/failed-00000-p01.jsonl"]
    last = ["data/train-00000-p02-00.parquet"]
    told = [
        line(files=[file(name) for name in names]),
        line(shard=1, start=3),
        patch(1, files=[file(name) for name in patched]),
        patch(2, files=[file(name) for name in last]),
    ]
    (tmp_path / manifest.NAME).write_text("\n".join(told) + "\n")
    first, second = manifest.read(tmp_path)
    assert [one.name for one in first.files] == [names[0], patched[0], last[0]]
    assert (first.patches, first.counts.pairs, first.counts.rejects) == (2, {"text": 5}, {})
    assert (first.counts.rows, first.counts.paired, first.counts.rejected) == (3, 3, 0)
    assert (second.patches, second.counts.rejects) == (0, {"row": {"call_failed": 2}})
    manifest.replace(tmp_path, [first, second])
    assert manifest.read(tmp_path) == (first, second)
    assert [
        json.loads(one).get("patches") for one in (tmp_path / manifest.NAME).read_text().splitlines()
    ] == [2, None]
    manifest.drop(tmp_path, [first])
    assert manifest.read(tmp_path) == (second,)


@pytest.mark.parametrize(
    "lines",
    [
        [patch(1)],
        [line(), patch(2)],
        [line(), patch(1), patch(1)],
        [line(patches=1), patch(1)],
        [line(), patch(1, rejected=-3)],
        [line(), patch(1, rejects={"row": {"tie": -1}})],
        [line(), patch(1, pairs={"text": -2})],
    ],
)
def test_patches_that_do_not_follow_what_is_there(lines: list[str], tmp_path: Path) -> None:
    (tmp_path / manifest.NAME).write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match=f"line {len(lines)}: not a manifest line"):
        manifest.read(tmp_path)
