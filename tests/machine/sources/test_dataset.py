"""Sets read through the ``datasets`` library: local folders only, so that the tests need no network."""

import sys
from pathlib import Path
from typing import Any

import pytest

from pairwright.schemas.errors import MissingExtraError, SourceError
from pairwright.sources import Source
from pairwright.sources.dataset import SavedSource, StreamedSource
from pairwright.sources.open import open_source
from pairwright.sources.settings import SourceSettings

from .conftest import image_path, texts, write_table

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.disable_progress_bars()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def opened(path: Path | str, **settings: Any) -> Source:
    return open_source(SourceSettings.model_validate({"path": str(path), **settings}))


@pytest.fixture
def five(pictures: tuple[bytes, ...]) -> Any:
    rows = [
        texts(n) | {"images": [{"bytes": data, "path": f"{n}.x"}], "thumb": {"bytes": data, "path": None}}
        for n, data in enumerate(pictures)
    ]
    text = datasets.Value("string")
    features = {"id": text, "question": text, "chosen": text, "rejected": text}
    features |= {"images": [datasets.Image()], "thumb": datasets.Image()}
    return datasets.Dataset.from_list(rows, features=datasets.Features(features))


def assert_the_five(source: Source, pictures: tuple[bytes, ...]) -> None:
    rows = [source.parse(raw) for raw in source.rows()]
    assert [row.record_id for row in rows] == [f"train:{n}" for n in range(5)]
    assert [row.chosen for row in rows] == [texts(n)["chosen"] for n in range(5)]
    assert [row.prompt.images[0].data for row in rows] == list(pictures)
    for start in (1, 4, 5, 7):
        assert list(source.rows(start)) == list(source.rows())[start:]


@pytest.mark.parametrize("split", [False, True])
def test_saved_folders(split: bool, five: Any, tmp_path: Path, pictures: tuple[bytes, ...]) -> None:
    folder = tmp_path / "saved"
    (datasets.DatasetDict({"train": five}) if split else five).save_to_disk(folder)
    source = opened(folder)
    assert isinstance(source, SavedSource)
    assert source.count() == 5
    assert source.name == "saved"
    assert source.columns()["images"] == "images"
    assert_the_five(source, pictures)
    assert any(mark.name.endswith(".arrow") for mark in source.marks())


def test_a_split_that_is_not_there(five: Any, tmp_path: Path) -> None:
    datasets.DatasetDict({"train": five}).save_to_disk(tmp_path / "saved")
    with pytest.raises(SourceError, match=r"no split 'test'; source\.split can be train"):
        opened(tmp_path / "saved", split="test")


def test_streamed_folders_of_parquet(five: Any, tmp_path: Path, pictures: tuple[bytes, ...]) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    five.to_parquet(folder / "train-00000.parquet")
    source = opened(folder, kind="dataset")
    assert isinstance(source, StreamedSource)
    assert source.count() is None
    assert source.columns()["question"] == "question"
    assert_the_five(source, pictures)
    assert [mark.name for mark in source.marks()] == ["train-00000.parquet"]
    with pytest.raises(SourceError, match=r"source\.split"):
        opened(folder, kind="dataset", split="test")
    with pytest.raises(SourceError, match="nope"):
        opened(folder, kind="dataset", columns={"chosen": "nope"})


def test_streamed_picture_folders(root: Path, pictures: tuple[bytes, ...]) -> None:
    write_table(
        root / "metadata.jsonl", [{"file_name": image_path(n), "text": f"Caption {n}"} for n in range(5)]
    )
    source = opened(root, kind="dataset", question="What?")
    rows = [source.parse(raw) for raw in source.rows()]
    assert sorted(image.data for row in rows for image in row.prompt.images) == sorted(pictures)


def test_a_file_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("question,answer\na,b\n")
    with pytest.raises(SourceError, match=r"leave source\.kind away"):
        opened(tmp_path / "t.csv", kind="dataset")


def test_what_to_install_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"pairwright\[hub\]"):
        opened("org/name")


def test_an_id_of_the_hub_is_passed_on_without_running_code(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}

    def refuse(path: str, subset: str | None, **options: Any) -> None:
        told.update(path=path, subset=subset, **options)
        raise FileNotFoundError("no such set")

    monkeypatch.setattr(datasets, "load_dataset_builder", refuse)
    with pytest.raises(SourceError, match="org/name: datasets cannot open it"):
        opened("org/name", subset="v1", revision="abc")
    assert told == {"path": "org/name", "subset": "v1", "revision": "abc"}
