"""The summary of a run folder."""

import json
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairwright.annotators.pixels import MeasureName
from pairwright.runs.contents import Contents, add_file, negatives_told, parsed
from pairwright.runs.files import FilesIn
from pairwright.runs.manifest import FileEntry
from pairwright.runs.spread import BINS, Axis, Tally, axis_over
from pairwright.runs.summary import summarize
from pairwright.schemas.arrow import SCHEMA
from pairwright.schemas.errors import RunError


def scores_of(folder: Path, aspect: str) -> list[float]:
    rows = [
        row
        for path in sorted((folder / "visual_negative").glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]
    return [score["value"] for row in rows for score in row["scores"] if score["aspect"] == aspect]


def test_counts_are_those_of_the_manifest(small_run):
    summary = summarize(small_run)
    assert (summary.rows, summary.paired, summary.rejected, summary.pairs) == (8, 5, 3, 5)
    assert dict(summary.kinds) == {"image": 3, "text": 2}
    assert [(config.name, config.rows, len(config.files)) for config in summary.configs] == [
        ("default", 2, 2),
        ("visual_negative", 3, 2),
    ]
    assert summary.configs[0].bytes == sum(path.stat().st_size for path in (small_run / "data").iterdir())
    assert summary.finished
    assert summary.shards == 2
    assert summary.problems == ()
    assert (summary.run.recipe, summary.run.seed) == ("image_dpo", 7)


@pytest.mark.parametrize(("name", "step"), [("changed", 0.001), ("psnr", 0.01), ("ssim", 0.001)])
def test_five_numbers_are_those_of_numpy(small_run, name: MeasureName, step):
    values = scores_of(small_run, name)
    [blur] = summarize(small_run).perturbations
    spread = blur.measure(name)
    assert spread is not None
    assert (spread.n, sum(spread.bins), len(spread.bins)) == (3, 3, BINS)
    assert (spread.min, spread.max) == (min(values), max(values))
    told = [spread.p5, spread.median, spread.p95]
    assert told == pytest.approx(np.percentile(values, [5, 50, 95]), abs=step)


def test_parameters_are_those_that_were_drawn(small_run):
    [blur] = summarize(small_run).perturbations
    assert (blur.name, blur.negatives) == ("gaussian_blur", 3)
    [radius] = blur.parameters
    assert (radius.name, radius.unit, radius.low, radius.high) == ("radius", "px", 12.0, 30.0)


def test_rejects_are_explained_with_examples(small_run):
    rejects = summarize(small_run).rejects
    assert [(reject.scope, reject.reason, reject.count) for reject in rejects] == [
        ("row", "image_missing", 2),
        ("row", "no_question", 1),
        ("negative", "no_op", 1),
    ]
    assert [example.message for example in rejects[0].examples] == [
        "no such file: cat.jpg",
        "no such file: dog.jpg",
    ]
    assert "does not exist" in rejects[0].explanation


def test_licences_sources_and_pictures(small_run):
    summary = summarize(small_run)
    assert [(one.name, one.pairs, one.share) for one in summary.licenses] == [
        ("cc0-1.0", 5, 1.0),
        ("cc-by-4.0", 1, 0.2),  # a picture's own licence counts beside the row's
    ]
    assert [one.name for one in summary.sources] == ["photos"]
    assert [one.name for one in summary.languages] == ["en"]
    assert summary.pictures.n == 4
    assert summary.pictures.shorter is not None
    assert (summary.pictures.shorter.min, summary.pictures.shorter.max) == (300, 512)
    assert dict(summary.pictures.formats) == {"PNG": 3, "JPEG": 1}


@pytest.mark.parametrize(("default", "expected"), [(None, [None]), ("mit", ["mit"])])
def test_a_row_without_a_licence_has_the_recipes_or_none(make_run, text_pair, default, expected):
    folder = make_run(([text_pair(license=None)], []), license=default)
    assert [one.name for one in summarize(folder).licenses] == expected


def test_a_torn_last_line_is_a_shard_that_is_not_done(small_run):
    manifest = small_run / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-20])
    summary = summarize(small_run)
    assert (summary.shards, summary.pairs) == (1, 3)
    assert any("cut short" in problem for problem in summary.problems)


def test_a_missing_file_is_named(small_run):
    (small_run / "visual_negative" / "train-00001-00.parquet").unlink()
    summary = summarize(small_run)
    assert [
        problem
        for problem in summary.problems
        if "visual_negative/train-00001-00.parquet is missing" in problem
    ]
    assert summary.pairs == 5
    assert sum(one.negatives for one in summary.perturbations) == 2


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"PAR1" * 10])
def test_a_damaged_file_is_named(small_run, damage: Callable[[bytes], bytes]):
    path = small_run / "data" / "train-00000-00.parquet"
    path.write_bytes(damage(path.read_bytes()))
    [problem] = summarize(small_run).problems
    assert problem.startswith("data/train-00000-00.parquet cannot be read as Parquet")


def test_a_changed_file_is_named(small_run):
    path = small_run / "data" / "train-00000-00.parquet"
    pq.write_table(SCHEMA.empty_table(), path)
    [problem] = summarize(small_run).problems
    assert problem.startswith("data/train-00000-00.parquet is not as it was written: 0 rows")


def test_missing_reject_file_is_named(small_run):
    (small_run / "failed" / "failed-00000.jsonl").unlink()  # of a picture that was not there
    summary = summarize(small_run)
    assert "failed/failed-00000.jsonl cannot be read" in summary.problems[0]
    assert summary.rejects[0].count == 2


def test_an_unfinished_run_says_so(make_run):
    summary = summarize(make_run(status="running"))
    assert not summary.finished
    assert (summary.shards, summary.pairs, summary.configs, summary.perturbations) == (0, 0, (), ())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.txt", "", "holds no run: there is no run.json in it"),
        ("run.json", "{", "cannot be read"),
        ("run.json", "[]", "cannot be read"),
        ("run.json", '{"pairwright": "0.1.0"}', "'recipe'"),
    ],
)
def test_a_folder_that_is_no_run_is_a_clear_error(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(RunError, match=message):
        summarize(tmp_path)


def test_a_damaged_manifest_line_is_a_clear_error(small_run):
    manifest = small_run / "manifest.jsonl"
    manifest.write_text("{broken}\n" + manifest.read_text())
    with pytest.raises(RunError, match="line 1"):
        summarize(small_run)


def test_no_picture_is_read(small_run, monkeypatch):
    asked = []
    iterate = pq.ParquetFile.iter_batches

    def spy(self, *args, columns=None, **kwargs):
        asked.extend(columns)
        return iterate(self, *args, columns=columns, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    summarize(small_run)
    assert asked
    assert not {"images", "rejected_images", "prompt", "chosen"} & set(asked)


def test_memory_does_not_follow_the_rows(small_run, tmp_path):
    row = pq.read_table(small_run / "visual_negative" / "train-00000-00.parquet").slice(0, 1).to_pylist()[0]
    row |= {"images": [], "rejected_images": None, "prompt": [], "chosen": [], "rejected": []}
    path = tmp_path / "many.parquet"

    def peak(rows: int) -> int:
        import pyarrow as pa

        pq.write_table(pa.Table.from_pylist([row] * rows, schema=SCHEMA), path)
        contents = Contents(default_license=None)
        tracemalloc.start()
        assert (
            add_file(contents, FilesIn(tmp_path), FileEntry(path.name, rows, path.stat().st_size, "")) is None
        )
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert contents.rows == rows
        return most

    assert peak(24_000) < 1.3 * peak(8_000)


@pytest.mark.parametrize(
    ("provenance", "edit", "name"),
    [
        ('{"negatives": [{"perturbation": "crop", "params": {"keep": 0.1}}]}', "other", "crop"),
        ("not JSON", "pixelate block=32 px", "pixelate"),
        ('{"negatives": "?"}', "pixelate block=32 px", "pixelate"),
        ("[1]", None, "given by the source"),
        (None, None, "given by the source"),
    ],
)
def test_the_perturbation_is_read_from_provenance_or_edit(provenance, edit, name):
    [told] = negatives_told(parsed(provenance), [edit])
    assert told.perturbation == name


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60))
def test_percentiles_agree_with_numpy(points):
    tally = Tally(0.001)
    for point in points:
        tally.add(point / 1000)
    spread = tally.spread(Axis(0.0, 1.0, 0.25))
    assert spread is not None
    expected = np.percentile(np.array(points) / 1000, [5, 50, 95])
    assert [spread.p5, spread.median, spread.p95] == pytest.approx(expected, abs=1e-6)
    assert sum(spread.bins) == spread.n == len(points)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_an_axis_holds_its_values_and_has_few_ticks(low, span):
    axis = axis_over(low, low + span)
    slack = axis.step * 1e-6 + 4 * math.ulp(abs(low) + span)  # what no float of this size can tell apart
    assert axis.start - slack <= low
    assert low + span <= axis.stop + slack
    assert 2 <= len(axis.ticks()) <= 6


def test_values_that_are_not_defined_are_counted_apart():
    tally = Tally(0.001)
    tally.add(None)
    tally.add(float("nan"))
    assert tally.spread(Axis(0.0, 1.0, 0.25)) is None
    tally.add(0.5)
    spread = tally.spread(Axis(0.0, 1.0, 0.25))
    assert spread is not None
    assert (spread.n, spread.undefined) == (1, 2)


def test_it_is_plain_json(small_run):
    from dataclasses import asdict

    assert json.loads(json.dumps(asdict(summarize(small_run))))["kinds"] == [["image", 3], ["text", 2]]
