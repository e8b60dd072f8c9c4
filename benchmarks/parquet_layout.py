"""Compare ways of laying pairs out in Parquet: size, time, and how much of a changed file is found again.

Two data sets are made from scikit-image's photographs: six image negatives of each picture, and one. Each is written
in every layout. Then the data set is changed in three ways (one row more at the front, another text in every row,
one column more), written again, and both files are cut by a content-defined chunker like the one behind the Hub's
storage (a gear hash, chunks of 8 to 128 KiB, 64 KiB in the mean): the share of the new file's bytes in chunks that
the old file has is what an upload does not send again.

Run: python benchmarks/parquet_layout.py [--json FILE]    (under two minutes on two cores)
"""

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import skimage.data
from numpy.typing import NDArray

from pairwright import writer
from pairwright.schemas.arrow import to_table
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.image import Image, Pixels
from pairwright.schemas.pair import Pair, group_id, pair_id
from pairwright.schemas.prompt import Prompt

ROWS = 240
REPEATS = 7
PICTURES = ("images.list.element.bytes", "rejected_images.list.element.bytes")


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to write the file."""

    name: str
    dictionaries: tuple[str, ...] = ()
    """Columns of picture bytes that are stored once per row group and distinct value."""
    chunked: bool = False
    """Arrow's content-defined chunking of pages."""
    compressed: bool = False
    """zstd for the picture bytes too."""


LAYOUTS = (
    Layout("plain"),
    Layout("plain_cdc", chunked=True),
    Layout("plain_zstd", compressed=True),
    Layout("dict_images", dictionaries=PICTURES[:1]),
    Layout("dict_both", dictionaries=PICTURES),
    Layout("dict_both_cdc", dictionaries=PICTURES, chunked=True),
    Layout("dict_both_zstd", dictionaries=PICTURES, compressed=True),
)

EDITS: dict[str, Callable[[pa.Table], pa.Table]] = {}
"""How a data set changes between two releases."""


def edit(change: Callable[[pa.Table], pa.Table]) -> Callable[[pa.Table], pa.Table]:
    """Register a change under its name."""
    EDITS[change.__name__] = change
    return change


@edit
def row_at_front(table: pa.Table) -> pa.Table:
    """Put the last row first as well, as a row with a picture the start of the file does not have."""
    return pa.concat_tables([table.slice(table.num_rows - 1), table])


@edit
def other_text(table: pa.Table) -> pa.Table:
    """Change one text in every row."""
    column = pa.array([f"{text} (checked)" for text in table["provenance"].to_pylist()])
    return table.set_column(table.schema.get_field_index("provenance"), "provenance", column)


@edit
def column_more(table: pa.Table) -> pa.Table:
    """Add a column of numbers."""
    return table.append_column("aesthetic", pa.array(np.random.default_rng(1).random(table.num_rows)))


def photographs(count: int) -> Iterator[Pixels]:
    """Yield ``count`` different 800 × 600 views of colour photographs, with a camera's noise."""
    rng = np.random.default_rng(0)
    photos = [
        getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea", "rocket", "retina")
    ]
    for number in range(count):
        photo = photos[number % len(photos)]
        height, width = (int(side * rng.uniform(0.5, 0.9)) for side in photo.shape[:2])
        top, left = rng.integers(photo.shape[0] - height), rng.integers(photo.shape[1] - width)
        part = photo[top : top + height, left : left + width]
        view = cv2.resize(part, (800, 600), interpolation=cv2.INTER_CUBIC)
        yield np.clip(view + rng.normal(0, 6, view.shape), 0, 255).astype(np.uint8)


def pairs(pictures: Sequence[Pixels], per_picture: int) -> list[Pair]:
    """Return ``ROWS`` image-negative pairs, ``per_picture`` neighbours sharing a picture; negatives all differ."""
    made: list[Pair] = []
    for number, pixels in enumerate(pictures[: ROWS // per_picture]):
        prompt = Prompt(
            f"<image>\nWhat is shown in picture {number}?", (read_image(encode(pixels, "jpeg", 90)),)
        )
        for k in range(per_picture):
            blurred: Pixels = cv2.GaussianBlur(pixels, (0, 0), 2 + 2 * k)  # type: ignore[assignment]  # uint8 in, uint8 out
            negative = read_image(encode(blurred, "jpeg", 95)).with_edit(
                f"gaussian_blur radius={2 + 2 * k} px"
            )
            made.append(_pair(prompt, negative, f"bench.csv:{number}/{k}"))
    return made


def _pair(prompt: Prompt, negative: Image, record_id: str) -> Pair:
    answer = "A view of the scene, with the main subject a little left of the centre. " * 4
    return Pair(
        id=pair_id(record_id, prompt, answer, answer, (negative,)),
        prompt=prompt,
        chosen=answer,
        rejected=answer,
        rejected_images=(negative,),
        kind="image",
        source="bench",
        source_id=record_id,
        group_id=group_id(prompt),
        provenance=json.dumps({"operation": "gaussian_blur", "record": record_id}),
    )


def write(table: pa.Table, path: Path, layout: Layout) -> None:
    """Write a table in row groups of 100 rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(table.schema.empty_table(), sink)
    columns = pq.ParquetFile(sink.getvalue()).schema
    texts = [columns.column(n).path for n in range(len(columns)) if columns.column(n).path not in PICTURES]
    zstd = [*texts, *PICTURES] if layout.compressed else texts
    pq.write_table(
        table,
        path,
        row_group_size=100,
        compression=dict.fromkeys(zstd, "zstd"),
        use_dictionary=[*texts, *layout.dictionaries],
        dictionary_pagesize_limit=2**30,
        write_statistics=["id", "pair_kind", "source", "group_id"],
        write_page_index=True,
        use_content_defined_chunking=layout.chunked,
    )


_GEAR = np.random.default_rng(64).integers(0, 2**32, 256, dtype=np.uint32)
_SMALLEST, _LARGEST, _MASK = 8 * 1024, 128 * 1024, np.uint32(0xFFFF0000)


def chunks(data: bytes) -> Iterator[bytes]:
    """Cut data where the gear hash of the last 32 bytes has 16 zero bits, within the size bounds."""
    start = 0
    for cut in [*_candidates(np.frombuffer(data, np.uint8)), len(data)]:
        while cut - start > _LARGEST:
            yield data[start : start + _LARGEST]
            start += _LARGEST
        if cut - start >= _SMALLEST or cut == len(data):
            yield data[start:cut]
            start = cut


def _candidates(data: NDArray[np.uint8]) -> list[int]:
    """Return every place where the hash says "cut", ignoring sizes.

    The gear hash is the sum of ``table[byte] << age`` over the last 32 bytes. Doubling the window five times gives it
    for all places at once.
    """
    found: list[int] = []
    block, reach = 1 << 22, 32
    for first in range(0, len(data), block):
        begin = max(0, first - reach)
        hashes = _GEAR[data[begin : first + block]]
        for shift in (1, 2, 4, 8, 16):
            hashes[shift:] += hashes[:-shift].copy() << np.uint32(shift)
        cuts = np.flatnonzero((hashes & _MASK) == 0) + begin + 1
        found += cuts[cuts > first].tolist()
    return found


def found_again(old: set[bytes], data: bytes) -> float:
    """Return the share of bytes in chunks that are among the old ones."""
    known = sum(len(chunk) for chunk in chunks(data) if hashlib.sha256(chunk).digest() in old)
    return known / len(data)


def measure(table: pa.Table, layout: Layout, folder: Path) -> dict[str, float]:
    """Return size, times and shares of one layout."""
    path = folder / "old.parquet"
    seconds = min(_seconds(lambda: write(table, path, layout)) for _ in range(REPEATS))
    read = min(_seconds(lambda: pq.ParquetFile(path).read_row_group(0)) for _ in range(REPEATS))
    group = pq.ParquetFile(path).metadata.row_group(0)
    found = {
        "file_mb": path.stat().st_size / 1e6,
        "write_cpu_ms_per_row": seconds / table.num_rows * 1e3,
        "read_group_cpu_ms": read * 1e3,
        "group_mb": group.total_byte_size / 1e6,
    }
    old = {hashlib.sha256(chunk).digest() for chunk in chunks(path.read_bytes())}
    for name, change in EDITS.items():
        write(change(table), folder / "new.parquet", layout)
        found[f"again_{name}"] = found_again(old, (folder / "new.parquet").read_bytes())
    return found


def measure_writer(rows: Sequence[Pair], folder: Path) -> float:
    """Return milliseconds per row of the product's writer: records in, hashed and published file out."""

    def publish() -> None:
        with writer.PartWriter(folder, "part", writer.PAIRS) as parts:
            parts.add(rows)
            writer.publish(parts.close(), folder)

    return min(_seconds(publish) for _ in range(REPEATS)) / len(rows) * 1e3


def _seconds(run: Callable[[], object]) -> float:
    """Return processor time, all threads together: other work on the machine then hardly shows."""
    start = time.process_time()
    run()
    return time.process_time() - start


def compare(pictures: Sequence[Pixels], per_picture: int, folder: Path) -> dict[str, float]:
    """Measure and print every layout for one data set; return the numbers under ``layout.measure``."""
    rows = pairs(pictures, per_picture)
    table = to_table(rows)
    print(f"\n{per_picture} pairs per picture, {len(rows)} rows of {table.nbytes / len(rows) / 1e3:.0f} KB")
    numbers: dict[str, float] = {}
    for layout in LAYOUTS:
        found = measure(table, layout, folder)
        _print(layout.name, found)
        numbers |= {f"{layout.name}.{name}": value for name, value in found.items()}
    convert = min(_seconds(lambda: to_table(rows)) for _ in range(REPEATS)) / len(rows) * 1e3
    whole = measure_writer(rows, folder)
    print(f"to_table {convert:.3f} ms/row; PartWriter, all together, {whole:.3f} ms/row")
    return numbers | {"to_table_cpu_ms_per_row": convert, "part_writer_cpu_ms_per_row": whole}


def main() -> None:
    """Measure both data sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="also write the numbers to this file, as one flat object")
    json_file = parser.parse_args().json
    pictures = list(photographs(ROWS))
    numbers: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for per_picture in (6, 1):
            found = compare(pictures, per_picture, Path(folder))
            numbers |= {f"pairs_{per_picture}.{name}": round(value, 4) for name, value in found.items()}
    if json_file:
        json_file.write_text(json.dumps(numbers, indent=1) + "\n")


def _print(name: str, found: dict[str, float]) -> None:
    if name == LAYOUTS[0].name:
        print(f"{'layout':<16}" + "".join(f"{column:>21}" for column in found))
    print(f"{name:<16}" + "".join(f"{value:>21.3f}" for value in found.values()))


if __name__ == "__main__":
    main()
