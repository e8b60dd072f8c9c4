"""Drawn pictures, for tests that have no photographs, and a table of questions about them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def drawn_pictures() -> list[bytes]:
    """Return forty soft-edged pictures of 160 × 120 pixels, all different, as JPEG files."""
    rng = np.random.default_rng(5)
    rough = (rng.integers(0, 255, (12, 16, 3), np.uint8) for _ in range(40))
    smooth = (cv2.resize(one, (160, 120), interpolation=cv2.INTER_CUBIC) for one in rough)
    return [cv2.imencode(".jpg", one)[1].tobytes() for one in smooth]


def write_table(path: Path, rows: int, pictures: Sequence[bytes]) -> Path:
    """Write a Parquet source with a question and an answer for each row; return its path."""
    data = {
        "question": [f"What is in picture {n}?" for n in range(rows)],
        "answer": [f"Right answer {n}." for n in range(rows)],
        "image": [{"bytes": pictures[n % len(pictures)], "path": f"{n}.jpg"} for n in range(rows)],
    }
    pq.write_table(pa.table(data), path, row_group_size=16)
    return path
