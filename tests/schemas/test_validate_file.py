"""Files and folders: metadata, layout, ids over files, and what may lie in which folder."""

import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairwright.schemas.arrow import METADATA, to_table
from pairwright.schemas.errors import SchemaError
from pairwright.schemas.validate_file import require_valid, validate_file, validate_folder


def write(path, table, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **{"row_group_size": 100, "write_page_index": True} | options)
    return path


def lines(problems):
    return [str(problem) for problem in problems]


@pytest.mark.parametrize("kind", ["text", "image", "both"])
def test_good_file_passes(tmp_path, make_pairs, kind):
    assert validate_file(write(tmp_path / "a.parquet", to_table(make_pairs(3, kind)))) == []


LIST_SPELLING = {"info": {"features": {"images": {"feature": {"_type": "Image"}, "_type": "List"}}}}
METADATA_MISTAKES = {
    "no huggingface key": ({"pairwright_schema": "1"}, "the metadata key huggingface is missing"),
    "spelling of datasets 4": (
        METADATA | {"huggingface": json.dumps(LIST_SPELLING)},
        "every release of datasets",
    ),
    "not JSON": (METADATA | {"huggingface": "images"}, "huggingface is images"),
    "no version": ({"huggingface": METADATA["huggingface"]}, "pairwright_schema is missing"),
    "later version": (METADATA | {"pairwright_schema": "7"}, "pairwright_schema is '7'; expected '1'"),
}


@pytest.mark.parametrize(("metadata", "words"), METADATA_MISTAKES.values(), ids=METADATA_MISTAKES.keys())
def test_metadata_is_checked(tmp_path, make_pairs, metadata, words):
    path = write(tmp_path / "a.parquet", to_table(make_pairs(1)).replace_schema_metadata(metadata))
    [line] = lines(validate_file(path))
    assert words in line
    assert line.startswith(str(path))


def test_spacing_of_the_metadata_is_free(tmp_path, make_pairs):
    spaced = METADATA | {"huggingface": json.dumps(json.loads(METADATA["huggingface"]), indent=2)}
    assert (
        validate_file(write(tmp_path / "a.parquet", to_table(make_pairs(1)).replace_schema_metadata(spaced)))
        == []
    )


def test_big_row_group_is_named(tmp_path, make_pairs):
    path = write(tmp_path / "a.parquet", to_table(make_pairs(101)), row_group_size=1000)
    [line] = lines(validate_file(path))
    assert "row group 0 has 101 rows; expected at most 100" in line


def test_missing_page_index_is_named(tmp_path, make_pairs):
    path = write(tmp_path / "a.parquet", to_table(make_pairs(1)), write_page_index=False)
    [line] = lines(validate_file(path))
    assert "has no page index for chosen," in line


def test_large_types_are_refused(tmp_path, make_pairs):
    table = to_table(make_pairs(1))
    table = table.set_column(0, "id", table["id"].cast(pa.large_string()))
    [problem] = validate_file(write(tmp_path / "a.parquet", table))
    assert (problem.column, problem.message) == ("id", "has type large_string; expected exactly string")


def test_rows_are_counted_over_row_groups(tmp_path, make_pairs):
    rows = to_table(make_pairs(120)).to_pylist()
    rows[113]["rejected"] = []
    path = write(
        tmp_path / "a.parquet", pa.Table.from_pylist(rows, schema=to_table([]).schema), row_group_size=50
    )
    [problem] = validate_file(path)
    assert (problem.row, problem.id, problem.column) == (113, rows[113]["id"], "rejected")
    assert str(problem).startswith(f"{path}: row 113 (id {rows[113]['id']}): rejected: ")


def test_limit_stops_early(tmp_path, make_pairs):
    table = to_table(make_pairs(30))
    table = table.set_column(table.schema.get_field_index("pair_kind"), "pair_kind", pa.array(["x"] * 30))
    assert len(validate_file(write(tmp_path / "a.parquet", table), limit=7)) == 7


@pytest.mark.parametrize("content", [b"", b"PAR1 no, it is not", None])
def test_a_file_that_is_no_parquet_is_a_problem_not_a_crash(tmp_path, make_pairs, content):
    path = write(tmp_path / "a.parquet", to_table(make_pairs(3)))
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    [line] = lines(validate_file(path))
    assert "cannot be read as Parquet" in line


def test_damage_inside_a_file_is_a_problem_not_a_crash(tmp_path, make_pairs):
    path = write(tmp_path / "a.parquet", to_table(make_pairs(40)), compression="zstd")
    damaged = bytearray(path.read_bytes())
    damaged[4:3000] = b"\xff" * 2996
    path.write_bytes(damaged)
    assert any("cannot be read as Parquet" in line for line in lines(validate_file(path)))


def test_good_folder_passes_and_other_files_are_left_alone(tmp_path, make_pairs):
    write(tmp_path / "data" / "train-00000-00.parquet", to_table(make_pairs(2)))
    write(tmp_path / "data" / "train-00001-00.parquet", to_table(make_pairs(2, start=2)))
    write(tmp_path / "visual_negative" / "train-00000-00.parquet", to_table(make_pairs(2, "image")))
    write(tmp_path / "somebody-elses" / "train-00000-00.parquet", pa.table({"text": ["a"]}))
    assert validate_folder(tmp_path) == []
    require_valid(tmp_path)


def test_kind_in_the_wrong_folder_is_named(tmp_path, make_pairs):
    write(tmp_path / "data" / "train-00000-00.parquet", to_table(make_pairs(1, "image")))
    write(tmp_path / "visual_negative" / "train-00000-00.parquet", to_table(make_pairs(1)))
    first, second = validate_folder(tmp_path)
    assert (first.file, first.column) == ("data/train-00000-00.parquet", "pair_kind")
    assert "only text may be" in first.message
    assert (second.file, second.column) == ("visual_negative/train-00000-00.parquet", "pair_kind")


def test_folder_of_one_config_knows_its_name(tmp_path, make_pairs):
    write(tmp_path / "data" / "train-00000-00.parquet", to_table(make_pairs(1, "both")))
    assert [problem.column for problem in validate_folder(tmp_path / "data")] == ["pair_kind"]


def test_ids_are_unique_over_the_files_of_a_config(tmp_path, make_pairs):
    write(tmp_path / "data" / "train-00000-00.parquet", to_table(make_pairs(3)))
    write(tmp_path / "data" / "train-00001-00.parquet", to_table(make_pairs(3, start=2)))
    [problem] = validate_folder(tmp_path)
    assert (problem.file, problem.row, problem.column) == ("data/train-00001-00.parquet", 0, "id")
    assert "row 2 of data/train-00000-00.parquet" in problem.message


def test_folder_without_pairs_is_a_problem(tmp_path):
    [line] = lines(validate_folder(tmp_path))
    assert "holds no pairs" in line


def test_require_valid_raises_with_every_line(tmp_path, make_pairs):
    rows = to_table(make_pairs(25)).to_pylist()
    for row in rows:
        row["chosen"] = []
    path = write(tmp_path / "a.parquet", pa.Table.from_pylist(rows, schema=to_table([]).schema))
    with pytest.raises(SchemaError, match=r"row 0 .*chosen") as raised:
        require_valid(path)
    assert len(raised.value.problems) == 21
    assert raised.value.problems[-1] == "and 5 more"


def test_memory_follows_the_row_group_not_the_file(tmp_path, make_pairs, monkeypatch):
    rows = to_table(make_pairs(60)).to_pylist()
    for number, row in enumerate(rows):
        row["extra"] = json.dumps(random.Random(number).randbytes(250_000).hex())
    path = write(
        tmp_path / "a.parquet", pa.Table.from_pylist(rows, schema=to_table([]).schema), row_group_size=2
    )
    del rows
    before, held = pa.total_allocated_bytes(), []

    def watched(row, pictures):
        held.append(pa.total_allocated_bytes() - before)
        return iter(())

    monkeypatch.setattr("pairwright.schemas.validate.findings", watched)
    assert validate_file(path) == []
    assert len(held) == 60
    assert max(held) < 8_000_000 < path.stat().st_size
