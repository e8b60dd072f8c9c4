"""What a path is taken for, and what is said when it is nothing."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairwright.schemas.arrow import to_table
from pairwright.schemas.codec import read_image
from pairwright.schemas.errors import RowError, SourceError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair, group_id, pair_id
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.span import Span
from pairwright.sources import Source
from pairwright.sources.folder import FolderSource
from pairwright.sources.open import open_source
from pairwright.sources.settings import SourceSettings
from pairwright.sources.table import TableSource

from .conftest import image_path, table_rows, texts, write_table


def opened(path: Path | str, **settings: Any) -> Source:
    return open_source(SourceSettings.model_validate({"path": str(path), **settings}))


def ids(source: Source) -> list[str]:
    return [raw.record_id for raw in source.rows()]


@pytest.fixture
def tables(root: Path, pictures: tuple[bytes, ...]) -> Path:
    rows = table_rows(pictures, "path")
    (root / "deep").mkdir()
    write_table(root / "b.jsonl", rows[:1])
    write_table(root / "a.jsonl", rows[1:3])
    write_table(root / "deep" / "c.jsonl", rows[3:])
    return root


def test_a_folder_is_its_own_tables_in_order(tables: Path) -> None:
    source = opened(tables)
    assert isinstance(source, TableSource)
    assert ids(source) == ["a.jsonl:0", "a.jsonl:1", "b.jsonl:0"]
    assert source.name == "set"


def test_tables_below_are_found_where_the_folder_has_none(tables: Path, tmp_path: Path) -> None:
    for path in tables.glob("*.jsonl"):
        path.unlink()
    for path in (tables / "imgs").iterdir():
        path.unlink()
    assert ids(opened(tables)) == ["deep/c.jsonl:0", "deep/c.jsonl:1"]
    assert opened(tables, kind="table").name == "set"


def test_kind_folder_reads_the_pictures_beside_tables(tables: Path) -> None:
    source = opened(tables, kind="folder", question="What?")
    assert isinstance(source, FolderSource)
    assert source.count() == 5


def test_a_pattern(tables: Path) -> None:
    assert ids(opened(tables / "*.jsonl")) == ["a.jsonl:0", "a.jsonl:1", "b.jsonl:0"]
    assert ids(opened(f"{tables}/**/c.jsonl")) == ["deep/c.jsonl:0", "deep/c.jsonl:1"]
    with pytest.raises(SourceError, match="no file fits"):
        opened(tables / "*.csv")


def test_tables_of_several_formats_may_be_the_same_rows_twice(
    tables: Path, pictures: tuple[bytes, ...]
) -> None:
    write_table(tables / "a.csv", table_rows(pictures, "path"))
    with pytest.raises(SourceError, match=r"\.csv, \.jsonl files"):
        opened(tables)
    assert len(ids(opened(tables / "*.csv"))) == 5


def test_rows_of_several_files_may_differ_in_their_columns(root: Path) -> None:
    write_table(root / "a.jsonl", [{"question": "What?", "answer": "A."}])
    write_table(
        root / "b.jsonl",
        [{"prompt": "What?", "chosen": "A.", "img": image_path(0)}, {"question": "Q", "answer": "A"}],
    )
    source = opened(root)
    rows = [source.parse(raw) for raw in source.rows()]
    assert [len(row.prompt.images) for row in rows] == [0, 1, 0]


def test_image_paths_start_at_the_image_root(root: Path, tmp_path: Path, pictures: tuple[bytes, ...]) -> None:
    write_table(tmp_path / "elsewhere.jsonl", [texts(0) | {"image": "0.jpeg"}])
    source = opened(tmp_path / "elsewhere.jsonl", image_root=str(root / "imgs"))
    (raw,) = source.rows()
    assert source.parse(raw).prompt.images[0].data == pictures[0]
    with pytest.raises(SourceError, match="image_root"):
        opened(tmp_path / "elsewhere.jsonl", image_root=str(root / "none"))


@pytest.mark.parametrize(
    "path", ["./data/x.csv", "data/x.csv", "data/x", "set/b.csv", "/none/such", "x.jpg/y.png"]
)
def test_a_misspelt_path_is_not_taken_for_an_id_of_the_hub(
    path: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root.parent)
    (root.parent / "data").mkdir()
    with pytest.raises(SourceError, match="no such file or folder"):
        opened(path)


def test_an_address_in_an_object_store_is_no_source() -> None:
    with pytest.raises(SourceError, match=r"^s3://bucket/x\.csv: .*Only --out may be an address"):
        open_source(SourceSettings(path="s3://bucket/x.csv"))


def test_the_nearest_name_is_told(tables: Path) -> None:
    with pytest.raises(SourceError, match=r"Did you mean .*a\.jsonl\?"):
        opened(tables / "aa.jsonl")


def test_folders_without_anything_to_read(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("nothing")
    with pytest.raises(SourceError, match="found neither tables"):
        opened(tmp_path)
    with pytest.raises(SourceError, match="no picture in it"):
        opened(tmp_path, kind="folder")


@pytest.mark.parametrize("name", ["t.csv.gz", "t.xlsx", "t"])
def test_formats_that_are_not_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SourceError, match="extension"):
        opened(tmp_path / name)


def test_no_path() -> None:
    with pytest.raises(SourceError, match=r"source\.path is not set"):
        open_source(SourceSettings())


def test_a_said_column_is_checked_before_the_run(tables: Path) -> None:
    with pytest.raises(SourceError, match="Did you mean 'question'"):
        opened(tables, columns={"question": "qestion"})
    assert opened(tables, columns={"question": "chosen"}).columns()["question"] == "chosen"


def test_names(root: Path, pictures: tuple[bytes, ...]) -> None:
    write_table(root / "t.jsonl", table_rows(pictures, "path"))
    assert opened(root / "t.jsonl").name == "t"
    assert opened(root / "t.jsonl", name="mine").name == "mine"
    source = opened(root / "t.jsonl", name="mine")
    assert {source.parse(raw).source for raw in source.rows()} == {"mine"}


def test_a_file_name_that_is_not_utf8(tmp_path: Path, pictures: tuple[bytes, ...]) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as file:
        file.write(pictures[1])
    source = opened(tmp_path, question="What?")
    (raw,) = source.rows()
    assert raw.record_id == "caf\\udce9.png"
    assert source.marks()[0].size == len(pictures[1])


def a_pair(number: int, pictures: tuple[bytes, ...], *, visual: bool) -> Pair:
    first, second, third = (
        read_image(data, source_uri=f"{n}.x", license="cc0-1.0") for n, data in enumerate(pictures[:3])
    )
    prompt = Prompt(
        question=f"And <image> this, nr {number}?",
        images=(first, second),
        system="Be short.",
        history=(("<image>\nWhat is it?", "A cat."),),
    )
    chosen, rejected = f"A dog {number}.", f"A dog {number}." if visual else "A bird."
    negatives = (first, third.with_edit("gaussian_blur radius=3 px")) if visual else None
    return Pair(
        id=pair_id(f"t:{number}", prompt, chosen, rejected, negatives),
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        rejected_images=negatives,
        kind="image" if visual else "text",
        source="vqa",
        source_id=f"q{number}",
        group_id=group_id(prompt),
        scores=(
            Judgement("rejected_images[1]", "pixels", "ssim", 0.25, -1.0, 1.0, "why"),
            Judgement("pair", "x", "y", None),
        ),
        score_chosen=0.75,
        score_rejected=None,
        ground_truth="a dog",
        chosen_model="model-a",
        rejected_model="model-b",
        license="cc-by-4.0",
        language="en",
        tags=("animals", "two"),
        provenance='{"seed": 0}',
        extra='{"origin": "here"}',
        chosen_spans=(Span(0, 1, 2.5, "changed"), Span(2, 5, 3.0)),
        rejected_spans=() if visual else (Span(2, 6, 5.0, "changed"),),
    )


@pytest.mark.parametrize("visual", [False, True])
@pytest.mark.parametrize("name", ["t.parquet", "run"])
def test_pairs_that_were_written_come_back(
    name: str, visual: bool, tmp_path: Path, pictures: tuple[bytes, ...]
) -> None:
    pairs = [a_pair(number, pictures, visual=visual) for number in range(3)]
    path = tmp_path / name
    if name == "run":
        config = path / ("visual_negative" if visual else "data")
        config.mkdir(parents=True)
        (path / "run.json").write_text("{}")
        (path / "rejects").mkdir()
        pq.write_table(to_table(pairs), config / "train-00000-00.parquet")
    else:
        pq.write_table(to_table(pairs), path)
    source = opened(path)
    rows = [source.parse(raw) for raw in source.rows()]
    for pair, row in zip(pairs, rows, strict=True):
        for field in [
            "prompt",
            "chosen",
            "rejected",
            "rejected_images",
            "source",
            "source_id",
            "scores",
            "chosen_spans",
            "rejected_spans",
            "score_chosen",
            "score_rejected",
            "ground_truth",
            "chosen_model",
            "rejected_model",
            "license",
            "language",
            "tags",
            "provenance",
            "extra",
        ]:
            assert getattr(row, field) == getattr(pair, field), field


def test_a_stored_picture_that_was_exchanged_is_noticed(tmp_path: Path, pictures: tuple[bytes, ...]) -> None:
    (row,) = to_table([a_pair(0, pictures, visual=False)]).to_pylist()
    row["images"][0]["bytes"] = pictures[4]
    pq.write_table(to_table([]).from_pylist([row], schema=to_table([]).schema), tmp_path / "t.parquet")
    source = opened(tmp_path / "t.parquet")
    (raw,) = source.rows()
    with pytest.raises(Exception, match="sha256"):
        source.parse(raw)


SPAN = {"start": 0, "end": 3, "weight": 5.0, "label": None}
SCORE = {"target": "pair", "scorer": "s", "aspect": "a", "value": 0.5, "min": 0.0, "max": 1.0}


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"rejected_text": "A dog 0.\n"}, "equal_answers", "rejected_text"),
        ({"extra": "no JSON"}, "bad_value", "extra"),
        ({"extra": '{"a":' * 600 + "1" + "}" * 600}, "bad_value", "extra"),
        ({"provenance": "{"}, "bad_value", "provenance"),
        ({"scores": [SCORE | {"value": 1.5}]}, "bad_value", "scores.value"),
        ({"scores": [SCORE | {"value": -0.5}]}, "bad_value", "scores.value"),
        ({"chosen_spans": [SPAN | {"end": 99}]}, "bad_value", "chosen_spans"),
        ({"chosen_spans": [SPAN, SPAN]}, "bad_value", "chosen_spans"),
        ({"rejected_spans": [SPAN | {"weight": 0.0}]}, "bad_value", "rejected_spans[0]"),
    ],
)
def test_rows_of_the_shared_schema_that_the_validator_would_refuse(
    change: dict[str, Any], reason: str, field: str, tmp_path: Path, pictures: tuple[bytes, ...]
) -> None:
    with pytest.raises(RowError) as caught:
        read_back(change, tmp_path, pictures)
    assert (caught.value.reason, caught.value.field) == (reason, field)


def test_blank_texts_of_the_shared_schema_are_none(tmp_path: Path, pictures: tuple[bytes, ...]) -> None:
    blank = {"system": " \n", "source": " ", "extra": "\n", "provenance": "", "chosen_text": "\nYes.\n"}
    row = read_back(blank, tmp_path, pictures)
    assert (row.prompt.system, row.source, row.extra, row.provenance) == (None, "t", None, None)
    assert row.chosen == "Yes."


def test_spans_move_with_the_text_that_loses_its_line_breaks(
    tmp_path: Path, pictures: tuple[bytes, ...]
) -> None:
    spans = [SPAN | {"start": 0, "end": 1}, SPAN | {"start": 1, "end": 4}, SPAN | {"start": 4, "end": 6}]
    row = read_back({"chosen_text": "\nYes.\n", "chosen_spans": spans}, tmp_path, pictures)
    assert [(row.chosen or "")[one.start : one.end] for one in row.chosen_spans] == ["Yes", "."]


def test_files_from_before_there_were_spans_are_read(tmp_path: Path, pictures: tuple[bytes, ...]) -> None:
    table = to_table([a_pair(0, pictures, visual=False)]).drop_columns(["chosen_spans", "rejected_spans"])
    pq.write_table(table, tmp_path / "t.parquet")
    source = opened(tmp_path / "t.parquet")
    (raw,) = source.rows()
    row = source.parse(raw)
    assert (row.chosen, row.chosen_spans, row.rejected_spans) == ("A dog 0.", (), ())
    assert row.extra == '{"origin": "here"}'


def read_back(change: dict[str, Any], tmp_path: Path, pictures: tuple[bytes, ...]) -> SourceRow:
    table = to_table([a_pair(0, pictures, visual=False)])
    (row,) = table.to_pylist()
    pq.write_table(pa.Table.from_pylist([row | change], schema=table.schema), tmp_path / "t.parquet")
    source = opened(tmp_path / "t.parquet")
    (raw,) = source.rows()
    return source.parse(raw)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_table_that_is_no_file_is_named(kind: str, tables: Path) -> None:
    odd = tables / "z.jsonl"
    odd.symlink_to("nowhere") if kind == "link" else os.mkfifo(odd)
    with pytest.raises(SourceError, match=r"z\.jsonl: no regular file"):
        opened(tables)


def test_a_run_without_pairs(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(SourceError, match="without pairs"):
        opened(tmp_path)
