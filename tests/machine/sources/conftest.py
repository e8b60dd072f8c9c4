"""Small pictures and the same five rows, written in every way a source can hold them."""

import base64
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairwright.sources import RawRow
from pairwright.sources.pictures import Pictures
from pairwright.sources.rows import Reading, parse_row
from pairwright.sources.settings import SourceSettings

KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")


def _picture(number: int) -> bytes:
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, (12 + number, 20, 3), np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, KINDS[number])
    return file.getvalue()


@pytest.fixture(scope="session")
def pictures() -> tuple[bytes, ...]:
    """Five pictures, each of another format."""
    return tuple(_picture(number) for number in range(5))


@pytest.fixture
def root(tmp_path: Path, pictures: tuple[bytes, ...]) -> Path:
    """A folder that holds the five pictures as imgs/0.jpeg and so on."""
    folder = tmp_path / "set"
    (folder / "imgs").mkdir(parents=True)
    for number, data in enumerate(pictures):
        (folder / image_path(number)).write_bytes(data)
    return folder


def image_path(number: int) -> str:
    return f"imgs/{number}.{KINDS[number].lower()}"


def texts(number: int) -> dict[str, Any]:
    return {
        "id": f"row-{number}",
        "question": f'What is "it", nr {number}?\nSay, é 漢',
        "chosen": f"A cat, number {number}.",
        "rejected": f"A dog; number {number}",
    }


FORMS: dict[str, Callable[[int, bytes], Any]] = {
    "path": lambda number, data: image_path(number),
    "bytes": lambda number, data: data,
    "base64": lambda number, data: base64.b64encode(data).decode(),
    "data_uri": lambda number, data: f"data:image/png;base64,{base64.b64encode(data).decode()}",
    "struct": lambda number, data: {"bytes": data, "path": image_path(number)},
    "struct_of_path": lambda number, data: {"bytes": None, "path": image_path(number)},
    "list_of_paths": lambda number, data: [image_path(number)],
    "list_of_structs": lambda number, data: [{"bytes": data, "path": "x.png"}],
}


def table_rows(pictures: tuple[bytes, ...], form: str) -> list[dict[str, Any]]:
    return [texts(n) | {"image": FORMS[form](n, data)} for n, data in enumerate(pictures)]


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="," if path.suffix == ".csv" else "\t")
            writer.writeheader()
            for row in rows:
                writer.writerow({k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()})
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
    else:
        table = pa.Table.from_pylist(rows)
        new = pa.ipc.new_stream if "stream" in path.stem else pa.ipc.new_file
        with new(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)


@pytest.fixture
def parse(root: Path) -> Callable[..., Any]:
    """Parse one row of columns with the five pictures' folder as image root."""

    def parsed(fields: dict[str, Any], **settings: Any) -> Any:
        made = SourceSettings.model_validate(settings)
        place = Pictures(root.resolve(), True, made.max_pixels, int(made.max_file_mb * 1e6), made.min_side)
        return parse_row(RawRow("t.jsonl:0", fields), Reading(made.name or "t", made, place))

    return parsed
