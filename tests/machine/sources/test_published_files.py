"""Files as published sets have them: objects of rows, and pictures under other names."""

import pytest

from pairwright.schemas.errors import RowError, SourceError
from pairwright.sources import RawRow
from pairwright.sources.pictures import Pictures
from pairwright.sources.rows import Reading, parse_row
from pairwright.sources.settings import SourceSettings
from pairwright.sources.text_files import read_keyed

KEYED = {
    "an object of rows": ('{"7": {"a": 1}, "8": {"a": 2}}', [{"key": "7", "a": 1}, {"key": "8", "a": 2}]),
    "an object of lists": ('{"7": [{"a": 1}, {"a": 2}]}', [{"key": "7", "a": 1}, {"key": "7", "a": 2}]),
    "over several lines": ('{\n "7":\n {"a": 1}\n}', [{"key": "7", "a": 1}]),
    "an array": ('[{"a": 1}]', [{"a": 1}]),
    "one object per line": ('{"m": {"b": 1}}\n{"m": {"b": 2}}\n', [{"m": {"b": 1}}, {"m": {"b": 2}}]),
    "one line, one row": ('{"conversations": [{"from": "human"}]}', [{"conversations": [{"from": "human"}]}]),
}


@pytest.mark.parametrize(("text", "rows"), KEYED.values(), ids=KEYED.keys())
def test_json_files_of_every_form(tmp_path, text, rows):
    path = tmp_path / "rows.json"
    path.write_text(text)
    assert list(read_keyed(path)) == list(enumerate(rows))
    assert [row for _, row in read_keyed(path, 1)][1:] == rows[1:]


def test_a_value_that_is_no_row_is_a_reject_and_a_broken_file_an_error(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('{"7": {"a": 1}, "8": 3}')
    assert [isinstance(row, RowError) for _, row in read_keyed(path)] == [False, True]
    path.write_text('{"7": {"a": 1}, "8": {"a"')
    with pytest.raises(SourceError, match="breaks off after row 0"):
        list(read_keyed(path))


NAMES = {
    "another ending": ("images/a.png", "images/a.jpg"),
    "COCO's long name": ("COCO_train2014_000000000009.jpg", "train2017/000000000009.jpg"),
    "COCO's short name": ("000000000009.jpg", "COCO_val2014_000000000009.jpg"),
    "COCO under coco": ("000000000009.jpg", "coco/val2017/000000000009.jpg"),
    "Visual Genome": ("2412112.jpg", "VG_100K_2/2412112.jpg"),
    "another folder": ("./data/coco/a.jpg", "a.jpg"),
}


@pytest.mark.parametrize(("told", "there"), NAMES.values(), ids=NAMES.keys())
def test_pictures_are_found_under_the_names_that_sets_have_for_them(tmp_path, photographs, told, there):
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).write_bytes(photographs[0])
    pictures = Pictures(tmp_path, True, 10**6, 10**6, 1, searched=True)
    image = pictures.read(told, field="image")
    assert (image.data, image.source_uri) == (photographs[0], there)
    with pytest.raises(RowError, match=r"no .* under the image root"):
        Pictures(tmp_path, True, 10**6, 10**6, 1).read(told, field="image")


def test_no_picture_outside_of_the_root_is_found(tmp_path, photographs):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "a.jpg").write_bytes(photographs[0])
    (root / "b.jpg").symlink_to(tmp_path / "a.jpg")
    pictures = Pictures(root, True, 10**6, 10**6, 1, searched=True)
    for told in ("../a.png", "b.png", "../a.jpg"):
        with pytest.raises(RowError):
            pictures.read(told, field="image")


@pytest.mark.parametrize("question", ["<image>\nWhat?", "<image1>\nWhat?", "What?"])
def test_rows_without_their_pictures_where_that_is_wanted(tmp_path, question):
    pictures = Pictures(tmp_path, True, 10**6, 10**6, 1)
    fields = {"image": "gone.jpg", "question": question, "chosen": "This.", "rejected": "That."}
    raw = RawRow("t:0", fields)
    row = parse_row(raw, Reading("t", SourceSettings(missing_pictures="leave_out"), pictures))
    assert (row.prompt.question, row.prompt.images, row.tags) == ("What?", (), ("no_picture",))
    with pytest.raises(RowError, match="gone"):
        parse_row(raw, Reading("t", SourceSettings(), pictures))


def test_broken_pictures_are_rejects_all_the_same(tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    pictures = Pictures(tmp_path, True, 10**6, 10**6, 1)
    raw = RawRow("t:0", {"image": "a.jpg", "question": "What?", "chosen": "This."})
    with pytest.raises(RowError, match=r"a\.jpg") as caught:
        parse_row(raw, Reading("t", SourceSettings(missing_pictures="leave_out"), pictures))
    assert caught.value.reason == "image_unreadable"
