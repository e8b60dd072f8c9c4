"""Hand-made rows in published layouts, written as the files that people have."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairwright.schemas.codec import encode


@pytest.fixture(scope="session")
def pictures() -> list[bytes]:
    """Eight small pictures, each of another colour."""
    return [encode(np.full((12, 16, 3), 20 + 30 * n, np.uint8), "jpeg", 90) for n in range(8)]


@pytest.fixture
def written(tmp_path: Path, pictures: list[bytes]):
    """Return a function that writes a case: its rows to a file, its pictures beside it. It returns the path and the rows."""

    def write(case: Mapping[str, Any]) -> tuple[Path, Any]:
        folder = tmp_path / "source"
        folder.mkdir()
        for name, number in case.get("files", {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(pictures[number])
        rows = _meant(case["rows"], pictures)
        path = folder / case["file"]
        match path.suffix:
            case ".json":
                path.write_text(json.dumps(rows))
            case ".jsonl":
                path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            case ".parquet":
                pq.write_table(pa.Table.from_pylist(rows), path)
                rows = pq.read_table(path).to_pylist()
        return path, rows

    return write


def _meant(value: Any, pictures: list[bytes]) -> Any:
    """Put pictures in place of ``{picture: 3}`` and ``{base64: 3}``, JSON text in place of ``{json: …}``."""
    import base64

    match value:
        case {"picture": int(number)}:
            return {"bytes": pictures[number], "path": f"{number}.jpg"}
        case {"bytes": int(number)}:
            return pictures[number]
        case {"base64": int(number)}:
            return base64.b64encode(pictures[number]).decode()
        case {"json": told}:
            return json.dumps(told)
        case {"json64": told}:
            return base64.b64encode(json.dumps(told).encode()).decode()
        case dict():
            return {name: _meant(member, pictures) for name, member in value.items()}
        case list():
            return [_meant(member, pictures) for member in value]
    return value
