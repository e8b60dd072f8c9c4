"""The Arrow schema: exact types, portable metadata, and what ``datasets`` makes of a file."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairwright.schemas.arrow import REQUIRED, SCHEMA, to_row, to_table


def test_metadata_is_the_spelling_that_every_release_of_datasets_reads():
    image = [{"_type": "Image"}]
    assert json.loads(SCHEMA.metadata[b"huggingface"]) == {
        "info": {"features": {"images": image, "rejected_images": image}}
    }
    assert SCHEMA.metadata[b"pairwright_schema"] == b"1"


@pytest.mark.parametrize("column", ["images", "rejected_images"])
def test_image_columns_have_the_one_type_that_becomes_pictures(column):
    assert SCHEMA.field(column).type == pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))


def test_no_column_has_a_large_type_or_forbids_null():
    assert "large" not in str(SCHEMA)
    assert all(field.nullable for field in SCHEMA)
    assert set(SCHEMA.names) > REQUIRED


@pytest.mark.parametrize("kind", ["text", "image", "both"])
def test_rows_survive_the_table_and_the_file(tmp_path, make_pairs, kind):
    pairs = make_pairs(3, kind)
    table = to_table(pairs)
    assert table.schema.equals(SCHEMA, check_metadata=True)
    pq.write_table(table, tmp_path / "a.parquet")
    again = pq.read_table(tmp_path / "a.parquet")
    assert again.schema.equals(SCHEMA)
    assert again.to_pylist() == [to_row(pair) for pair in pairs]


def test_empty_table_has_the_schema():
    assert to_table([]).schema.equals(SCHEMA, check_metadata=True)


def test_datasets_gives_pictures_and_untouched_bytes(tmp_path, make_pairs):
    datasets = pytest.importorskip("datasets")
    pairs = make_pairs(3, "image")
    pq.write_table(to_table(pairs), tmp_path / "a.parquet")
    loaded = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "a.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )
    for column, sides in (
        ("images", [pair.prompt.images for pair in pairs]),
        ("rejected_images", [pair.rejected_images for pair in pairs]),
    ):
        raw = loaded.cast_column(column, datasets.Sequence(datasets.Image(decode=False)))
        for number, images in enumerate(sides):
            assert [one.size for one in loaded[number][column]] == [
                (i.header.width, i.header.height) for i in images
            ]
            assert [one["bytes"] for one in raw[number][column]] == [image.data for image in images]
