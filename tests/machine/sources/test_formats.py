"""The same rows come out of every format, from every starting row."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairwright.schemas.errors import RowError, SourceError
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import Source
from pairwright.sources.open import open_source
from pairwright.sources.settings import SourceSettings

from .conftest import FORMS, image_path, table_rows, texts, write_table

TABLES = ("t.csv", "t.tsv", "t.jsonl", "t.json", "t.parquet", "t.arrow", "t_stream.arrow")


def opened(path: Path, **settings: Any) -> Source:
    return open_source(SourceSettings.model_validate({"path": str(path), **settings}))


def parsed(source: Source, start: int = 0) -> list[SourceRow]:
    return [source.parse(raw) for raw in source.rows(start)]


def assert_the_five(rows: list[SourceRow], pictures: tuple[bytes, ...], *, pairs: bool = True) -> None:
    assert len(rows) == 5
    for number, row in enumerate(rows):
        told = texts(number)
        assert row.prompt.question == "<image>\n" + told["question"]
        assert row.chosen == told["chosen"]
        assert row.rejected == (told["rejected"] if pairs else None)
        assert [image.data for image in row.prompt.images] == [pictures[number]]


IN_TEXT = ("path", "base64", "data_uri", "list_of_paths")
IN_JSON = (*IN_TEXT, "struct_of_path")
CASES = [
    *((name, form) for name in ("t.csv", "t.tsv") for form in IN_TEXT),
    *((name, form) for name in ("t.jsonl", "t.json") for form in IN_JSON),
    *((name, form) for name in ("t.parquet", "t.arrow", "t_stream.arrow") for form in FORMS),
]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_every_table_with_every_form_of_image_it_can_hold(
    name: str, form: str, root: Path, pictures: tuple[bytes, ...]
) -> None:
    write_table(root / name, table_rows(pictures, form))
    source = opened(root / name)
    rows = parsed(source)
    assert_the_five(rows, pictures)
    assert [row.record_id for row in rows] == [f"{name}:{number}" for number in range(5)]
    assert [row.source_id for row in rows] == [f"row-{number}" for number in range(5)]
    assert {row.source for row in rows} == {Path(name).stem}
    if form in ("path", "struct", "struct_of_path", "list_of_paths"):
        assert [row.prompt.images[0].source_uri for row in rows] == [image_path(n) for n in range(5)]


@pytest.mark.parametrize("start", [0, 1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("name", TABLES)
def test_starting_in_the_middle_gives_the_same_rows(
    name: str, start: int, root: Path, pictures: tuple[bytes, ...]
) -> None:
    write_table(root / name, table_rows(pictures, "path"))
    source = opened(root / name)
    assert list(source.rows(start)) == list(source.rows())[start:]


@pytest.mark.parametrize("start", range(11))
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "parquet", "arrow"])
def test_starting_in_the_middle_of_many_files(
    suffix: str, start: int, root: Path, pictures: tuple[bytes, ...]
) -> None:
    rows = table_rows(pictures, "path")
    for name, part in (("a", rows[:2]), ("b", rows[2:3]), ("c", rows * 1)):
        write_table(root / f"{name}.{suffix}", part)
    source = opened(root)
    everything = list(source.rows())
    assert [raw.record_id for raw in everything][:4] == [
        f"a.{suffix}:0",
        f"a.{suffix}:1",
        f"b.{suffix}:0",
        f"c.{suffix}:0",
    ]
    assert list(source.rows(start)) == everything[start:]


def test_llava_json_gives_the_five(root: Path, pictures: tuple[bytes, ...]) -> None:
    rows = [
        {
            "id": texts(n)["id"],
            "image": image_path(n),
            "conversations": [
                {"from": "human", "value": "<image>\n" + texts(n)["question"]},
                {"from": "gpt", "value": texts(n)["chosen"]},
            ],
        }
        for n in range(5)
    ]
    (root / "llava.json").write_text(json.dumps(rows))
    source = opened(root / "llava.json", kind="conversations")
    assert_the_five(parsed(source), pictures, pairs=False)
    assert source.columns() == {"conversations": "conversations", "images": "image", "id": "id"}


def test_conversations_asked_for_and_not_there(root: Path, pictures: tuple[bytes, ...]) -> None:
    write_table(root / "t.jsonl", table_rows(pictures, "path"))
    with pytest.raises(SourceError, match=r"source\.columns\.conversations"):
        opened(root / "t.jsonl", kind="conversations")


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "metadata.parquet"])
def test_imagefolder_with_metadata(name: str, root: Path, pictures: tuple[bytes, ...]) -> None:
    write_table(root / name, [texts(n) | {"file_name": image_path(n)} for n in range(5)])
    assert_the_five(parsed(opened(root)), pictures)
    assert_the_five(parsed(opened(root, kind="folder")), pictures)


def test_metadata_files_in_folders_name_pictures_beside_them(
    tmp_path: Path, pictures: tuple[bytes, ...]
) -> None:
    for number, data in enumerate(pictures):
        folder = tmp_path / "deep" / str(number)
        folder.mkdir(parents=True)
        (folder / "it.png").write_bytes(data)
        write_table(folder / "metadata.jsonl", [texts(number) | {"file_name": "it.png"}])
    rows = parsed(opened(tmp_path / "deep"))
    assert_the_five(rows, pictures)
    assert rows[3].record_id == "3/metadata.jsonl:0"
    assert rows[3].prompt.images[0].source_uri == "3/it.png"


def test_several_files_of_one_row(root: Path, pictures: tuple[bytes, ...]) -> None:
    row = {"file_names": [image_path(0), image_path(1)], "text": "Two pictures."}
    write_table(root / "metadata.jsonl", [row])
    (found,) = parsed(opened(root, question="Describe them."))
    assert found.prompt.question == "<image>\n<image>\nDescribe them."
    assert [image.data for image in found.prompt.images] == list(pictures[:2])
    assert found.chosen == "Two pictures."


def test_folder_with_captions(root: Path, pictures: tuple[bytes, ...]) -> None:
    for number in range(5):
        caption = (root / image_path(number)).with_suffix(".txt")
        caption.write_text(f"\ufeffCaption {number}, é\n", encoding="utf-8")
    source = opened(root, question="Describe the picture.")
    rows = parsed(source)
    assert [row.chosen for row in rows] == [f"Caption {number}, é" for number in range(5)]
    assert {row.prompt.question for row in rows} == {"<image>\nDescribe the picture."}
    assert [row.prompt.images[0].data for row in rows] == list(pictures)
    assert [row.record_id for row in rows] == [image_path(number) for number in range(5)]
    assert source.count() == 5
    assert list(source.rows(3)) == list(source.rows())[3:]


def test_folder_rows_with_a_broken_caption_are_rejects_and_those_without_are_prompts(root: Path) -> None:
    (root / "imgs" / "0.txt").write_text("A caption.")
    (root / "imgs" / "1.txt").write_bytes(b"\xff\xfe not utf-8")
    (root / "imgs" / "odd.heic").write_bytes(b"nothing that is read")
    (root / "imgs" / "odd.txt").write_text("A caption.")
    source = opened(root, question="What?")
    reasons = {}
    for raw in source.rows():
        try:
            assert source.parse(raw).chosen == ("A caption." if raw.record_id == "imgs/0.jpeg" else None)
        except RowError as error:
            reasons[raw.record_id] = error.reason
    assert reasons == {
        "imgs/1.png": "bad_row",
        "imgs/odd.heic": "image_unreadable",
    }


def test_links_into_nothing_and_pipes_in_a_folder_are_rejects(
    tmp_path: Path, pictures: tuple[bytes, ...]
) -> None:
    for name in ("captionless.jpeg", "good.jpeg", "waiting.jpeg"):
        (tmp_path / name).write_bytes(pictures[0])
    (tmp_path / "captionless.txt").symlink_to("nowhere.txt")
    (tmp_path / "good.txt").write_text("A caption.")
    os.mkfifo(tmp_path / "waiting.txt")
    for name in ("gone", "pipe"):
        (tmp_path / f"{name}.txt").write_text("A caption.")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    source = opened(tmp_path, question="What?")
    before = source.marks()
    reasons, told = {}, []
    for raw in source.rows():
        try:
            source.parse(raw)
        except RowError as error:
            reasons[raw.record_id] = error.reason
            told.append(str(error))
    assert reasons == {
        "captionless.jpeg": "bad_row",
        "gone.png": "image_missing",
        "pipe.png": "image_unreadable",
        "waiting.jpeg": "bad_row",
    }
    assert str(tmp_path) not in "".join(told), "rejects must not tell where the source lies"
    assert opened(tmp_path, question="What?").marks() == before
    (tmp_path / "nowhere.txt").write_text("")
    pictures_mark, captions_mark = opened(tmp_path, question="What?").marks()
    assert (pictures_mark == before[0], captions_mark == before[1]) == (True, False)


def test_a_huge_caption_is_not_read_whole(tmp_path: Path, pictures: tuple[bytes, ...]) -> None:
    (tmp_path / "a.jpeg").write_bytes(pictures[0])
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(10**11)  # sparse: reading it would fill the memory
    source = opened(tmp_path, question="What?")
    assert source.marks()[1].size == 10**11
    (raw,) = source.rows()
    assert raw.problem is not None
    assert "more than 1 MiB" in str(raw.problem)


@pytest.mark.parametrize(
    ("name", "count"),
    [("t.parquet", 5), ("t.arrow", 5), ("t_stream.arrow", None), ("t.csv", None), ("t.json", None)],
)
def test_count_is_told_where_it_is_cheap(
    name: str, count: int | None, root: Path, pictures: tuple[bytes, ...]
) -> None:
    write_table(root / name, table_rows(pictures, "path"))
    assert opened(root / name).count() == count


def test_broken_lines_are_rows_with_a_problem_and_keep_the_numbers(root: Path) -> None:
    lines = ['{"question": "a", "answer": "b"}', "{broken", "", "[1]", '{"question": "c", "answer": "d"}']
    (root / "t.jsonl").write_bytes(b"\xef\xbb\xbf" + "\n".join(lines).encode() + b"\n\xff\n")
    source = opened(root / "t.jsonl")
    raws = list(source.rows())
    assert [raw.record_id for raw in raws] == [f"t.jsonl:{n}" for n in range(5)]
    told = [str(raw.problem) if raw.problem else None for raw in raws]
    assert told[0] is None
    assert told[3] is None
    assert "t.jsonl line 2" in (told[1] or "")
    assert "line 4: expected an object, got list" in (told[2] or "")
    assert "line 6" in (told[4] or "")
    for raw in raws:
        if raw.problem:
            with pytest.raises(RowError) as caught:
                source.parse(raw)
            assert caught.value.reason == "bad_row"


def test_csv_rows_of_the_wrong_length_or_encoding_are_bad_rows(root: Path) -> None:
    text = b'\xef\xbb\xbfquestion, answer\n"two\nlines",b\nonly one\n\na,b,c\nc,d\xff\ne,f\n'
    (root / "t.csv").write_bytes(text)
    raws = list(opened(root / "t.csv").rows())
    assert [raw.problem.reason if raw.problem else dict(raw.fields) for raw in raws] == [
        {"question": "two\nlines", "answer": "b"},
        "bad_row",
        "bad_row",
        "bad_row",
        {"question": "e", "answer": "f"},
    ]
    assert str(raws[1].problem) == "t.csv line 4: 1 fields, the header has 2"


def test_csv_cells_beyond_the_csv_modules_limit(root: Path) -> None:
    (root / "t.csv").write_text("question,answer\na," + "x" * 300_000 + "\n")
    (raw,) = opened(root / "t.csv").rows()
    assert len(raw.fields["answer"]) == 300_000


def test_an_open_quote_names_the_lines_it_swallowed(root: Path) -> None:
    (root / "t.csv").write_text('question,answer\n"a,b\nc,d\ne,f\n')
    (raw,) = opened(root / "t.csv").rows()
    assert "line 2 to 4" in str(raw.problem)
    assert "quote" in str(raw.problem)


def test_json_array_with_odd_items(root: Path) -> None:
    (root / "t.json").write_text(
        '[{"question": "a", "answer": "b", "n": 1.5}, 3, {"question": "c", "answer": "d"}]'
    )
    raws = list(opened(root / "t.json").rows())
    assert raws[0].fields["n"] == 1.5
    assert [bool(raw.problem) for raw in raws] == [False, True, False]


def test_a_json_array_that_breaks_off_stops_the_run(root: Path) -> None:
    (root / "t.json").write_text('[{"question": "a", "answer": "b"}, {"question": "c"')
    with pytest.raises(SourceError, match="breaks off after item 0"):
        list(opened(root / "t.json").rows())


def test_json_may_hold_one_object_per_line(root: Path) -> None:
    (root / "t.json").write_text('{"question": "a", "answer": "b"}\n{"question": "c", "answer": "d"}\n')
    assert [row.chosen for row in parsed(opened(root / "t.json"))] == ["b", "d"]


def test_json_of_one_object_is_refused(root: Path) -> None:
    (root / "t.json").write_text(json.dumps({"rows": [{"question": "a"}]}, indent=2))
    with pytest.raises(SourceError, match="JSON array of objects"):
        opened(root / "t.json")


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_files_that_are_not_what_they_say(name: str, root: Path) -> None:
    (root / name).write_bytes(b"not at all")
    with pytest.raises(SourceError, match=name):
        opened(root / name)


def test_parquet_text_that_is_not_utf8_is_one_bad_row(root: Path) -> None:
    answers = pa.array([b"b", b"\xff\xfe", b"d"], pa.binary()).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"question": ["a", "b", "c"], "answer": answers}), root / "t.parquet")
    raws = list(opened(root / "t.parquet").rows())
    assert [raw.problem.reason if raw.problem else None for raw in raws] == [None, "bad_row", None]


def test_columns_named_twice_are_refused(root: Path) -> None:
    (root / "t.csv").write_text("question,answer,answer\na,b,c\n")
    with pytest.raises(SourceError, match="'answer'"):
        opened(root / "t.csv")


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.json"])
def test_empty_files_are_refused(name: str, root: Path) -> None:
    (root / name).write_text("")
    with pytest.raises(SourceError, match=r"no rows|expected"):
        opened(root / name)


@pytest.mark.parametrize("name", TABLES)
def test_marks_notice_a_change(name: str, root: Path, pictures: tuple[bytes, ...]) -> None:
    write_table(root / name, table_rows(pictures, "path"))
    before = opened(root / name).marks()
    assert opened(root / name).marks() == before
    assert before[0].name == name
    assert before[0].size == (root / name).stat().st_size
    rows = table_rows(pictures, "path")
    rows[4]["chosen"] = "A cat, number 5."  # of the same length
    write_table(root / name, rows)
    assert opened(root / name).marks() != before


def test_marks_of_big_files_read_three_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pairwright.sources import marks

    monkeypatch.setattr(marks, "WHOLE", 2**20)
    path = tmp_path / "big.bin"
    data = bytearray(8 * 2**20)
    path.write_bytes(data)
    before = marks.mark_file(path, "big.bin")
    for place, noticed in ((5, True), (4 * 2**20, True), (8 * 2**20 - 1, True), (2 * 2**20, False)):
        data[place] = 1
        path.write_bytes(data)
        assert (marks.mark_file(path, "big.bin") != before) is noticed
        data[place] = 0


def test_marks_of_many_files_read_no_more_than_of_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pairwright.sources import marks

    monkeypatch.setattr(marks, "_TOGETHER", 3 * 2**20)
    files = [(tmp_path / f"{number}.bin", f"{number}.bin") for number in range(8)]
    data = bytearray(2**20)
    for path, _ in files:
        path.write_bytes(data)
    before = marks.mark_files(files)
    assert [mark.size for mark in before] == [2**20] * 8
    for place, noticed in ((5, True), (2**19, True), (2**20 - 1, True), (2**18, False)):
        data[place] = 1
        files[6][0].write_bytes(data)
        assert (marks.mark_files(files) != before) is noticed
        data[place] = 0
    few = files[:2]
    assert marks.mark_files(few) == tuple(marks.mark_file(path, name) for path, name in few)


def test_a_jump_opens_no_file_before_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        table = pa.table({"question": [f"{number}-{row}?" for row in range(10)], "answer": ["So."] * 10})
        pq.write_table(table, tmp_path / f"{number}.parquet", row_group_size=4)
    source = opened(tmp_path)
    assert source.count() == 60
    told: list[str] = []
    real = pq.ParquetFile

    def noted(path: Path, **options: Any) -> Any:
        told.append(path.name)
        return real(path, **options)

    monkeypatch.setattr(pq, "ParquetFile", noted)
    for start in (35, 41, 43, 48, 59):
        raw = next(source.rows(start))
        assert raw.fields["question"] == f"{start // 10}-{start % 10}?"
    # One opening for the rows of each jump, and one for the footer of each file that is new.
    assert told == ["3.parquet"] * 2 + ["4.parquet"] * 4 + ["5.parquet"] * 2


def test_a_file_that_was_written_again_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    for rows in (10, 25, 7):
        pq.write_table(
            pa.table({"question": ["What?"] * rows, "answer": ["So."] * rows}), path, row_group_size=3
        )
        source = opened(path)
        assert source.count() == rows
        assert len(list(source.rows(5))) == rows - 5


def test_marks_of_a_folder_of_pictures(root: Path) -> None:
    source = opened(root, question="What?")
    before = source.marks()
    assert len(before) == 1
    (root / "imgs" / "0.txt").write_text("A")
    with_caption = opened(root).marks()
    assert len(with_caption) == 2
    (root / "imgs" / "0.txt").write_text("B")
    assert opened(root).marks() != with_caption
    (root / "imgs" / "0.jpeg").unlink()
    assert opened(root).marks()[0] != before[0]


def test_parquet_in_one_big_row_group_is_read_in_pieces(tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": "a", "image": bytes(2**20) + bytes([n])} for n in range(24)]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, tmp_path / "t.parquet", use_dictionary=False, write_batch_size=1)
    source = opened(tmp_path / "t.parquet")
    before = pa.total_allocated_bytes()
    raws = source.rows()
    next(raws)
    assert pa.total_allocated_bytes() - before < 16 * 2**20
    assert len(list(raws)) == 23
