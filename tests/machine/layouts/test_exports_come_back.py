"""What is exported for a trainer can be imported again: layouts read what exporters write."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pairwright import export, import_set

COMES_BACK_AS = {
    "align-anything": "plain",
    "internvl": "mmpr",
    "jsonl": "trl",
    "llamafactory": "plain",
    "mm-rlhf": "mm_rlhf",
    "ms-swift": "ms_swift",
    "rlaif-v": "rlaif_v",
    "trl": "trl",
    "unsloth": "trl",
}


def pairs_of(folder: Path) -> list[tuple[Any, ...]]:
    rows = [
        row for path in sorted((folder / "data").glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    return [
        (
            row["question"].replace("<image>\n", "<image>"),
            row["chosen_text"],
            row["rejected_text"],
            [image["bytes"] for image in row["images"]],
        )
        for row in rows
    ]


@pytest.mark.parametrize(("trainer", "layout"), COMES_BACK_AS.items(), ids=COMES_BACK_AS.keys())
def test_pairs_and_pictures_come_back(trainer, layout, written, tmp_path):
    rows = [
        {
            "image": f"{n}.jpg",
            "question": f"What is it, {n}?",
            "chosen": f"A square {n}.",
            "rejected": f"A cat {n}.",
        }
        for n in range(3)
    ]
    path, _ = written({"file": "pairs.jsonl", "files": {f"{n}.jpg": n for n in range(3)}, "rows": rows})
    import_set(path, out=tmp_path / "run", workers=1)
    export(tmp_path / "run", trainer, out=tmp_path / "sent")
    [data] = [one for one in sorted((tmp_path / "sent").rglob("*")) if one.suffix in (".parquet", ".jsonl")]
    import_set(data, out=tmp_path / "back", workers=1)
    recipe = json.loads((tmp_path / "back" / "run.json").read_text(encoding="utf-8"))["recipe"]
    assert recipe["source"]["layout"] == layout
    assert pairs_of(tmp_path / "back") == pairs_of(tmp_path / "run")
