"""The demo's photographs and pairs."""

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path
from statistics import mean
from types import ModuleType
from typing import Any

import PIL.Image
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "photographs"
LICENCES = {"cc0-1.0", "public-domain", "no-known-copyright", "bsd-3-clause"}
TEXTS = ("id", "image", "question", "chosen", "rejected", "license", "language")
ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in (FOLDER / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
]
GOOD = [row for row in ROWS if "deliberate-reject" not in row["tags"]]
BROKEN = [row for row in ROWS if "deliberate-reject" in row["tags"]]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_photographs", FOLDER / "make_photographs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written(script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("skimage")
    out = tmp_path_factory.mktemp("demo") / "new" / "demo-in"
    assert script.main([str(out)]) == 0
    return out


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_row_has_every_field(row: dict[str, Any]) -> None:
    assert set(row) == {*TEXTS, "tags"}
    assert all(isinstance(row[field], str) and row[field] == row[field].strip() != "" for field in TEXTS)
    assert row["tags"]
    assert row["license"] in LICENCES
    assert row["language"] == "en"


def test_ids_are_unique() -> None:
    assert [name for name, times in Counter(row["id"] for row in ROWS).items() if times > 1] == []


def test_a_question_is_asked_once_per_picture() -> None:
    asked = Counter((row["image"], row["question"]) for row in ROWS)
    assert max(asked.values()) == 1


def test_every_picture_has_one_licence() -> None:
    assert len({(row["image"], row["license"]) for row in GOOD}) == len({row["image"] for row in GOOD})


def test_answers_differ() -> None:
    assert [row["id"] for row in GOOD if row["chosen"] == row["rejected"]] == []


def test_length_does_not_give_the_wrong_answer_away() -> None:
    right, wrong = (mean(len(row[side]) for row in GOOD) for side in ("chosen", "rejected"))
    assert 0.8 <= wrong / right <= 1.25
    longer = sum(len(row["chosen"]) > len(row["rejected"]) for row in GOOD) / len(GOOD)
    assert 0.3 <= longer <= 0.7


def test_every_image_exists_and_can_be_read(written: Path) -> None:
    assert [row["image"] for row in GOOD if not (written / row["image"]).is_file()] == []
    for image in {row["image"] for row in GOOD}:
        with PIL.Image.open(written / image) as picture:
            picture.load()
            assert (picture.format, min(picture.size) >= 150) == (
                {".jpg": "JPEG", ".png": "PNG"}[Path(image).suffix],
                True,
            )


def test_one_broken_row_lacks_its_image_and_one_has_equal_answers(written: Path) -> None:
    missing = [row for row in BROKEN if not (written / row["image"]).exists()]
    equal = [row for row in BROKEN if row["chosen"] == row["rejected"]]
    assert (len(BROKEN), len(missing), len(equal)) == (2, 1, 1)
    assert missing != equal


def test_rows_come_along_unchanged(written: Path) -> None:
    assert (written / "pairs.jsonl").read_bytes() == (FOLDER / "pairs.jsonl").read_bytes()
    assert {path.name for path in (written / "images").iterdir()} == {Path(row["image"]).name for row in GOOD}


@pytest.mark.parametrize("name", ["rocket.jpg", "page.png"])
def test_photographs_in_their_final_format_are_copied_byte_for_byte(
    script: ModuleType, written: Path, name: str
) -> None:
    assert (written / "images" / name).read_bytes() == (script.photographs_folder() / name).read_bytes()


def test_missing_scikit_image_names_the_extra(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in [name for name in sys.modules if name.split(".")[0] == "skimage"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [_Absent(), *sys.meta_path])
    assert script.main([str(tmp_path)]) == 1
    assert 'pip install "pairwright[demo]"' in capsys.readouterr().err


class _Absent:
    """Import finder for which scikit-image is not installed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".")[0] == "skimage":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
