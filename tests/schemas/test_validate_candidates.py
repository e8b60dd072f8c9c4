"""The config candidates: what its validator refuses, and that it finds nothing in what the writer writes."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.candidate_table import CANDIDATES_SCHEMA, to_candidate_table
from pairwright.schemas.claim import Claim
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.span import Span
from pairwright.schemas.validate_file import validate_file, validate_folder
from pairwright.writer import CANDIDATES, PartWriter, publish


def source_row(number: int = 0) -> SourceRow:
    pixels = np.random.default_rng(number).integers(0, 256, (16, 20, 3), np.uint8)
    said = Judgement("candidate", "judge", "helpfulness", 4.0, 1.0, 5.0, "It helps.")
    return SourceRow(
        record_id=f"set.csv:{number}",
        source="set",
        source_id=str(number),
        prompt=Prompt("<image>\nWhat is it?", (read_image(encode(pixels, "jpeg")),)),
        candidates=(
            Candidate(
                "A cat.",
                "writer",
                finish="stop",
                score=4.0,
                judgements=(said,),
                round=2,
                claims=(Claim("It is a cat.", "right", "Is it a cat?", 0.9, 0),),
                spans=(Span(2, 5, 5.0, "changed"),),
            ),
            Candidate(""),
        ),
        comparisons=(Comparison(0, 1, "first", "judge"),),
    )


def table_of(change: Callable[[dict[str, Any]], object], rows: int = 1) -> pa.Table:
    """Return a table whose last row was changed."""
    values = to_candidate_table([source_row(number) for number in range(rows)]).to_pylist()
    change(values[-1])
    return pa.Table.from_pylist(values, schema=CANDIDATES_SCHEMA)


def write(path, table, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **{"row_group_size": 100, "write_page_index": True} | options)
    return path


def test_what_the_writer_writes_is_good(tmp_path):
    folder = tmp_path / "candidates"
    with PartWriter(folder, "train-00000", CANDIDATES) as writer:
        writer.add([source_row(number) for number in range(3)])
        written = writer.close()
    publish((file.name for file in written), folder)
    assert validate_folder(tmp_path) == []
    assert validate_folder(folder) == []
    assert validate_file(folder / written[0].name) == []


def first(row: dict[str, Any]) -> dict[str, Any]:
    return row["candidates"][0]


MISTAKES: dict[str, tuple[Callable[[dict[str, Any]], object], str, str]] = {
    "null list": (lambda row: row.update(candidates=None), "candidates", "is null"),
    "no source": (lambda row: row.update(source=" "), "source", "is empty"),
    "marker without image": (
        lambda row: row.update(question="<image><image>"),
        "question",
        "2 <image> markers for 1",
    ),
    "no picture": (lambda row: row["images"][0].update(bytes=None), "images", "has no bytes"),
    "wrong size": (lambda row: row["images_meta"][0].update(width=7), "images_meta", "width is 7"),
    "no text": (lambda row: first(row).update(text=None), "candidates", "candidates[0] has no text"),
    "side": (lambda row: first(row).update(side="left"), "candidates", "side is 'left'"),
    "finish": (lambda row: first(row).update(finish="bored"), "candidates", "finish is 'bored'"),
    "score": (lambda row: first(row).update(score=float("nan")), "candidates", "score is nan"),
    "value out of range": (
        lambda row: first(row)["judgements"][0].update(value=6.0),
        "candidates",
        "candidates[0].judgements[0].value is 6, outside its range 1.0 to 5.0",
    ),
    "nobody judged": (
        lambda row: first(row)["judgements"][0].update(scorer=None),
        "candidates",
        "lacks target, scorer or aspect",
    ),
    "round": (lambda row: first(row).update(round=0), "candidates", "candidates[0].round is 0"),
    "claim without text": (
        lambda row: first(row)["claims"][0].update(text=" "),
        "candidates",
        "candidates[0].claims[0] has no text",
    ),
    "finding": (
        lambda row: first(row)["claims"][0].update(finding="perhaps"),
        "candidates",
        "claims[0].finding is 'perhaps'; expected one of right, wrong",
    ),
    "probability": (
        lambda row: first(row)["claims"][0].update(probability=1.5),
        "candidates",
        "claims[0].probability is 1.5",
    ),
    "span beyond the text": (
        lambda row: first(row)["spans"][0].update(end=8),
        "candidates",
        "candidates[0].spans[0] is 2 to 8 in a text of 6 characters",
    ),
    "no such candidate": (
        lambda row: row["comparisons"][0].update(second=2),
        "comparisons",
        "comparisons[0].second is 2; the row has candidates 0 to 1",
    ),
    "negative number": (lambda row: row["comparisons"][0].update(first=-1), "comparisons", "first is -1"),
    "with itself": (lambda row: row["comparisons"][0].update(second=0), "comparisons", "with itself"),
    "outcome": (lambda row: row["comparisons"][0].update(outcome="maybe"), "comparisons", "is 'maybe'"),
    "strength": (lambda row: row["comparisons"][0].update(strength=-1.0), "comparisons", "strength is -1.0"),
    "no scorer": (lambda row: row["comparisons"][0].update(scorer=None), "comparisons", "has no scorer"),
    "provenance": (lambda row: row.update(provenance="{"), "provenance", "is not JSON"),
}


@pytest.mark.parametrize(("change", "column", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_named(tmp_path, change, column, words):
    path = write(tmp_path / "candidates" / "train-00000-00.parquet", table_of(change, rows=2))
    [problem] = validate_folder(tmp_path)
    assert (problem.row, problem.id, problem.column) == (1, "set.csv:1", column)
    assert words in problem.message
    assert problem.file == "candidates/train-00000-00.parquet"
    assert [str(one).partition(": ")[2] for one in validate_file(path)] == [str(problem).partition(": ")[2]]


def test_one_row_for_each_prompt_over_all_files(tmp_path):
    table = table_of(lambda row: None)
    write(tmp_path / "candidates" / "train-00000-00.parquet", table)
    write(tmp_path / "candidates" / "train-00001-00.parquet", table)
    [problem] = validate_folder(tmp_path)
    assert (problem.column, problem.file) == ("record_id", "candidates/train-00001-00.parquet")
    assert "row 0 of candidates/train-00000-00.parquet" in problem.message


def without_features(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata({"pairwright_candidates": "1"})


def of_a_later_version(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata(dict(table.schema.metadata) | {b"pairwright_candidates": b"7"})


LAYOUTS: dict[str, tuple[Callable[[pa.Table], pa.Table], dict[str, Any], str]] = {
    "features": (without_features, {}, "the metadata key huggingface is missing"),
    "version": (of_a_later_version, {}, "pairwright_candidates is '7'; expected '1'"),
    "column gone": (lambda table: table.drop_columns(["comparisons"]), {}, "comparisons: is missing"),
    "column more": (
        lambda table: table.append_column("label", pa.array([1])),
        {},
        "label: is not a column of the config candidates",
    ),
    "type": (
        lambda table: table.set_column(0, "record_id", table["record_id"].cast(pa.large_string())),
        {},
        "has type large_string; expected exactly string",
    ),
    "page index": (lambda table: table, {"write_page_index": False}, "has no page index"),
}


@pytest.mark.parametrize(("change", "options", "words"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_columns_metadata_and_layout_are_checked(tmp_path, change, options, words):
    write(tmp_path / "candidates" / "train-00000-00.parquet", change(table_of(lambda row: None)), **options)
    [problem] = validate_folder(tmp_path)
    assert words in str(problem)


def test_big_row_groups_are_named(tmp_path):
    values = to_candidate_table([source_row()]).to_pylist()[0]
    rows = [values | {"record_id": f"set.csv:{number}"} for number in range(101)]
    table = pa.Table.from_pylist(rows, schema=CANDIDATES_SCHEMA)
    write(tmp_path / "candidates" / "train-00000-00.parquet", table, row_group_size=1000)
    [problem] = validate_folder(tmp_path)
    assert "row group 0 has 101 rows" in problem.message


def test_pairs_in_the_folder_of_candidates_are_refused(tmp_path, make_pairs):
    from pairwright.schemas.arrow import to_table

    write(tmp_path / "candidates" / "train-00000-00.parquet", to_table(make_pairs(1)))
    assert any(problem.column == "record_id" for problem in validate_folder(tmp_path))


def test_the_pixel_limit_holds_for_candidates_too(tmp_path):
    write(tmp_path / "candidates" / "train-00000-00.parquet", table_of(lambda row: None))
    [problem] = validate_folder(tmp_path, max_pixels=100)
    assert problem.column == "images"


def test_the_metadata_are_what_datasets_reads():
    metadata = CANDIDATES_SCHEMA.metadata
    assert json.loads(metadata[b"huggingface"])["info"]["features"] == {"images": [{"_type": "Image"}]}
