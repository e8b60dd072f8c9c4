"""The writer: layout, part boundaries, equal bytes for equal pairs, and nothing left behind."""

import hashlib
import resource
import signal

import numpy as np
import pyarrow.parquet as pq
import pytest

from pairwright import writer
from pairwright.schemas.arrow import to_row
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.errors import RunError
from pairwright.schemas.pair import Pair, group_id, pair_id
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.validate_file import validate_file
from pairwright.writer import PAIRS, PartWriter, publish

BYTES = "images.list.element.bytes"


def picture(seed, side=16):
    return read_image(encode(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8), "png"))


def make(number, clean, negative=None):
    prompt = Prompt(f"<image>\nQuestion {number}?", (clean,))
    negatives = None if negative is None else (negative,)
    return Pair(
        id=pair_id(f"set.csv:{number}", prompt, "Yes.", "No.", negatives),
        prompt=prompt,
        chosen="Yes.",
        rejected="No.",
        rejected_images=negatives,
        kind="text" if negative is None else "both",
        source="set",
        source_id=str(number),
        group_id=group_id(prompt),
    )


def write(folder, pairs, stem="train-00000", step=None):
    with PartWriter(folder, stem, PAIRS) as parts:
        for start in range(0, len(pairs), step or len(pairs) or 1):
            parts.add(pairs[start : start + (step or len(pairs))])
        written = parts.close()
    publish([file.name for file in written], folder)
    return written


@pytest.fixture(scope="module")
def pairs():
    return [make(number, picture(number // 3), picture(1000 + number)) for number in range(230)]


def test_rows_come_back_in_order_and_valid(tmp_path, pairs):
    [file] = write(tmp_path, pairs)
    path = tmp_path / file.name
    assert (file.name, file.rows, file.bytes) == ("train-00000-00.parquet", 230, path.stat().st_size)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert pq.read_table(path).to_pylist() == [to_row(pair) for pair in pairs]
    assert validate_file(path) == []


def test_layout_of_the_file(tmp_path, pairs):
    [file] = write(tmp_path, pairs)
    metadata = pq.ParquetFile(tmp_path / file.name).metadata
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [100, 100, 30]
    group = metadata.row_group(0)
    chunks = {(chunk := group.column(n)).path_in_schema: chunk for n in range(group.num_columns)}
    assert all(chunk.has_offset_index for chunk in chunks.values())
    assert chunks[BYTES].compression == chunks["rejected_" + BYTES].compression == "UNCOMPRESSED"
    assert chunks["provenance"].compression == chunks["images_meta.list.element.sha256"].compression == "ZSTD"
    assert chunks["id"].statistics.min == min(pair.id for pair in pairs[:100])
    assert chunks[BYTES].statistics is None


def test_a_repeated_picture_is_stored_once_per_row_group_however_big(tmp_path):
    big = [picture(seed, side=800) for seed in range(3)]  # noise: beyond Arrow's own limit of 1 MiB together
    together = sum(len(image.data) for image in big)
    assert together > 2**22
    [file] = write(tmp_path, [make(number, big[number // 10]) for number in range(30)])
    assert file.bytes < together * 1.02
    group = pq.ParquetFile(tmp_path / file.name).metadata.row_group(0)
    assert group.total_byte_size < together * 1.02


@pytest.mark.parametrize("step", [1, 7, 100, 230])
def test_same_pairs_give_the_same_bytes_however_they_come(tmp_path, pairs, step):
    assert write(tmp_path / "a", pairs, step=step) == write(tmp_path / "b", pairs)


def test_row_group_ends_at_its_bytes(tmp_path, pairs, monkeypatch):
    size = len(pairs[0].prompt.images[0].data)
    monkeypatch.setattr(writer, "GROUP_BYTES", 40 * size)  # each pair brings a negative, each third a picture
    [file] = write(tmp_path, pairs[:90])
    metadata = pq.ParquetFile(tmp_path / file.name).metadata
    groups = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert groups == [30, 30, 30]
    monkeypatch.setattr(writer, "GROUP_BYTES", 10**9)
    monkeypatch.setattr(writer, "GROUP_BYTES_IN_MEMORY", 40 * size)  # here repeats count: two pictures a pair
    [file] = write(tmp_path, pairs[:90])
    metadata = pq.ParquetFile(tmp_path / file.name).metadata
    assert metadata.row_group(0).num_rows == 20


def test_parts_are_split_and_numbered(tmp_path, pairs, monkeypatch):
    monkeypatch.setattr(writer, "PART_BYTES", 1)
    written = write(tmp_path, pairs)
    assert [(file.name, file.rows) for file in written] == [
        ("train-00000-00.parquet", 100),
        ("train-00000-01.parquet", 100),
        ("train-00000-02.parquet", 30),
    ]
    ids = [id_ for file in written for id_ in pq.read_table(tmp_path / file.name)["id"].to_pylist()]
    assert ids == [pair.id for pair in pairs]


def test_parts_sort_by_name_as_they_were_written(tmp_path, pairs, monkeypatch):
    monkeypatch.setattr(writer, "PART_BYTES", 1)
    monkeypatch.setattr(writer, "GROUP_ROWS", 1)
    names = [
        file.name for stem in ("train-00000", "train-00001") for file in write(tmp_path, pairs[:12], stem)
    ]
    assert len(names) == 24
    assert sorted(names) == names


def test_no_pairs_leave_no_file_and_no_folder(tmp_path):
    assert write(tmp_path / "data", []) == ()
    assert not (tmp_path / "data").exists()


def test_a_folder_that_was_removed_does_not_come_back(tmp_path, pairs):
    with pytest.raises(RunError, match="No such file"):
        write(tmp_path / "gone" / "data", pairs[:5])
    assert list(tmp_path.iterdir()) == []


def test_names_appear_only_on_publishing(tmp_path, pairs):
    parts = PartWriter(tmp_path, "train-00000", PAIRS)
    parts.add(pairs[:150])
    written = parts.close()
    assert [path.name for path in tmp_path.iterdir()] == [".train-00000-00.parquet.tmp"]
    publish([file.name for file in written], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["train-00000-00.parquet"]


def test_publishing_replaces_what_a_killed_run_left(tmp_path, pairs):
    (tmp_path / ".train-00000-00.parquet.tmp").write_bytes(b"half a file")
    (tmp_path / "train-00000-00.parquet").write_bytes(b"older")
    [file] = write(tmp_path, pairs[:5])
    assert (tmp_path / file.name).stat().st_size == file.bytes


@pytest.mark.parametrize("rows", [1, 150, 230])
def test_abort_removes_everything(tmp_path, pairs, rows, monkeypatch):
    monkeypatch.setattr(writer, "PART_BYTES", 1)
    parts = PartWriter(tmp_path, "train-00000", PAIRS)
    parts.add(pairs[:rows])
    parts.abort()
    parts.abort()
    assert list(tmp_path.iterdir()) == []
    assert parts.close() == ()


def test_abort_after_close_removes_what_was_not_published(tmp_path, pairs):
    parts = PartWriter(tmp_path, "train-00000", PAIRS)
    parts.add(pairs[:3])
    parts.close()
    parts.abort()
    assert list(tmp_path.iterdir()) == []


def _fail_after(parts, pairs):
    with parts:
        parts.add(pairs)
        raise KeyboardInterrupt


def test_a_failing_block_removes_its_files(tmp_path, pairs):
    with pytest.raises(KeyboardInterrupt):
        _fail_after(PartWriter(tmp_path, "train-00000", PAIRS), pairs)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def full_disk():
    """No file of this process may grow beyond 50 kB, as on a disk that runs full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("rows", [40, 230])
def test_full_disk_says_which_file_and_leaves_nothing(tmp_path, pairs, full_disk, rows):
    with pytest.raises(RunError, match=r"\.train-00000-00\.parquet\.tmp cannot be written .*free space"):
        write(tmp_path, pairs[:rows])
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_a_file_is_named(tmp_path, pairs):
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(RunError, match="data"):
        write(tmp_path / "data", pairs[:1])
