"""The recipes of labelled sets give the pairs that an import of the same file gives."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from pairwright.api import build
from pairwright.importing import import_set
from pairwright.recipe import load_recipe

RECIPES = ("align_anything", "emmoe", "llava_rlhf", "mm_rlhf", "rlhf_v")


def pairs_of(folder: Path) -> list[dict[str, Any]]:
    rows = [row for path in sorted((folder / "data").iterdir()) for row in pq.read_table(path).to_pylist()]
    for row in rows:
        row["provenance"] = {
            key: value for key, value in json.loads(row["provenance"]).items() if key != "recipe"
        }
    return rows


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_gives_the_pairs_of_an_import(name, written, tmp_path):
    case = yaml.safe_load((Path(__file__).parent / "rows" / f"{name}.yaml").read_text(encoding="utf-8"))[0]
    path, _ = written(case)
    build(load_recipe(name), source=path, out=tmp_path / "built", workers=1)
    import_set(path, layout=name, out=tmp_path / "imported", workers=1)
    assert pairs_of(tmp_path / "built") == pairs_of(tmp_path / "imported")
    assert [pair["chosen_text"] for pair in pairs_of(tmp_path / "built")] == [
        pair["chosen_text"] for pair in case["pairs"]
    ]


def test_the_weight_of_rlhf_v_is_that_of_its_paper():
    assert load_recipe("rlhf_v").file.parameters["weight"] == 5
